/** `cosell connect gcp`: a partner of Google Cloud Partner Network, checked before it is saved; by hand where the role is lacking. */
import * as z from "zod";
import { environments, type JsonObject, jsonObjectSchema } from "../domain/deal.ts";
import type { Arguments } from "./arguments.ts";
import { type Command, listFlag, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import {
  asked,
  type Connecting,
  type ConnectionFile,
  connect,
  connectFlags,
  environmentOf,
  readConnectionFile,
  readDefaults,
  settingsFileSays,
  type Wanted,
} from "./connecting.ts";
import { Failure, usageFailure } from "./failure.ts";
import { readSmallFile } from "./import.ts";

const surfaces = ["channel", "crm_partners"];
const orderWays = ["accept", "ask"];
const planChangeWays = ["accept", "refuse", "ask"];

export const connectGcpCommand: Command = {
  name: "connect gcp",
  summary: "Connect a partner of Google Cloud Partner Network",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about: `
Credentials: the key file of a service account that Google has invited with the role Integrator (--key, or
GOOGLE_APPLICATION_CREDENTIALS, or asked for), or --key-ref with a variable of the service that holds it. Without that role
connect with --assisted: deals become tasks that a person carries out in Partner Network Hub. The connection is tried with
one read before it is saved. The same partner and environment again changes the settings. --project adds private offers
and orders, with the same service account once it is linked in Producer Portal, also beside --assisted. ${settingsFileSays}`,
  flags: [
    textFlag("label", "text", 'how you call it; default "Google Cloud"'),
    textFlag("partner", "id", "the partner id of the Hub's Account page"),
    textFlag("environment", environments.join("|"), "default production; Google has no vendor_test"),
    textFlag("key", "file.json", "the service account's key file"),
    textFlag("key-ref", "env:NAME", "a variable of the service that holds the key file's text, instead of --key"),
    switchFlag("assisted", "by hand in Partner Network Hub: no service account is needed"),
    textFlag("surface", surfaces.join("|"), "channel, or the older Cloud CRM Partners API; default channel"),
    textFlag("endpoint", "address", "another address of Google's APIs, for example a simulator"),
    textFlag("poll-minutes", "number", "how often Google is asked what changed; default: at each sweep"),
    listFlag(
      "product",
      "WORD",
      "product family where a deal names none; default GOOGLE_CLOUD_PLATFORM; may be repeated",
    ),
    textFlag("project", "id", "the project of your marketplace products, for private offers and orders"),
    textFlag("provider", "id", "the provider of the Procurement API; default: the project"),
    textFlag("push-email", "address", "the service account that Pub/Sub's pushes are signed as"),
    textFlag("push-audience", "text", "the audience of the pushes' tokens, as the subscription has it"),
    textFlag("orders", orderWays.join("|"), "what becomes of a buyer's account and order; default ask"),
    textFlag("plan-changes", planChangeWays.join("|"), "what becomes of a change of plan; default ask"),
    textFlag("report-bucket", "name", "the bucket of your marketplace reports: reports of money are fetched from it"),
    textFlag("report-prefix", "text", "where in the bucket they lie; default: at its top"),
    switchFlag("accept-terms", "you accept the programme's legal terms for every deal that does not say otherwise"),
    ...connectFlags,
  ],
  examples: [
    "cosell connect gcp --partner aBcDeFgHiJ --key key.json --accept-terms --dry-run",
    "cosell connect gcp --partner aBcDeFgHiJ --assisted --accept-terms",
    "cosell connect gcp --partner aBcDeFgHiJ --key key.json --accept-terms --project example-public --orders accept",
    "cosell connect gcp --settings gcp.json",
  ],
  run: async (shell, typed) => {
    const wanted = await readWanted(shell, typed);
    try {
      return await connect(shell, typed, { wanted, about: connecting(wanted) });
    } catch (error) {
      return assistedInstead(shell, typed, { wanted, error });
    }
  },
};

/** Where the role is lacking, a person at the terminal may go on by hand. */
const assistedInstead = async (
  shell: Shell,
  typed: Arguments,
  { wanted, error }: { readonly wanted: Wanted; readonly error: unknown },
): Promise<Report> => {
  const isRefused = error instanceof Failure && error.message.includes("role Integrator");
  if (!isRefused || !shell.interactive || wanted.settings.mode === "assisted") throw error;
  const answer = await shell.ask(`${error.message}\nConnect in assisted mode for now (yes or no)? `, false);
  if (!/^y(es)?$/i.test(answer.trim())) throw error;
  const byHand = { ...wanted, settings: { ...wanted.settings, mode: "assisted" } };
  return connect(shell, typed, { wanted: byHand, about: connecting(byHand) });
};

const readWanted = async (shell: Shell, typed: Arguments): Promise<Wanted> => {
  const file = await readConnectionFile(typed, "gcp");
  const environment = environmentOf(typed, file);
  if (environment === "vendor_test")
    throw usageFailure("Google has no test environment for co-sell", "use --environment simulated, or production");
  const account =
    typed.text("partner") ?? file.account ?? (await asked(shell, "partner id of the Hub's Account page", "--partner"));
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(account))
    throw usageFailure(`the partner id ${account} is none`, "give the id alone, without partners/");
  const isAssisted = typed.on("assisted") || file.settings.mode === "assisted";
  const marketplace = marketplaceOf(typed, jsonObjectSchema.catch({}).parse(file.settings.marketplace));
  const reports = reportsOf(typed, jsonObjectSchema.catch({}).parse(file.settings.reports));
  const isKeyless = isAssisted && marketplace === null && reports === null;
  const credentials = isKeyless ? null : await readCredentials(shell, typed, file);
  return {
    label: typed.text("label") ?? file.label ?? "Google Cloud",
    account,
    environment,
    settings: {
      ...file.settings,
      partnerId: account,
      ...(isAssisted ? { mode: "assisted" } : {}),
      ...optionalOf(typed),
      ...(marketplace === null ? {} : { marketplace }),
      ...(reports === null ? {} : { reports }),
      ...(credentials === null ? {} : { credentials: credentials.settings }),
      defaults: defaultsOf(typed, jsonObjectSchema.catch({}).parse(file.settings.defaults)),
    },
    secrets: { ...file.secrets, ...credentials?.secrets },
  };
};

const optionalOf = (typed: Arguments): JsonObject => {
  const [surface, endpoint, minutes] = [typed.text("surface"), typed.text("endpoint"), typed.text("poll-minutes")];
  if (surface !== undefined && !surfaces.includes(surface))
    throw usageFailure(`--surface ${surface} is unknown`, `use ${surfaces.join(" or ")}`);
  if (minutes !== undefined && !/^[1-9]\d{0,3}$/.test(minutes))
    throw usageFailure(`--poll-minutes ${minutes} is no number of minutes`, "give 1 to 1440");
  return {
    ...(surface === undefined ? {} : { surface }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(minutes === undefined ? {} : { pollMinutes: Number(minutes) }),
  };
};

const oneOf = (typed: Arguments, flag: string, values: readonly string[]): string | undefined => {
  const value = typed.text(flag);
  if (value !== undefined && !values.includes(value))
    throw usageFailure(`--${flag} ${value} is unknown`, `use ${values.join(" or ")}`);
  return value;
};
/** The marketplace's part: flags over the file; null: the connection is for co-sell alone. */
const marketplaceOf = (typed: Arguments, inFile: JsonObject): JsonObject | null => {
  const [project, providerId] = [typed.text("project"), typed.text("provider")];
  const [email, audience] = [typed.text("push-email"), typed.text("push-audience")];
  const orders = oneOf(typed, "orders", orderWays);
  const planChanges = oneOf(typed, "plan-changes", planChangeWays);
  const given: JsonObject = {
    ...(project === undefined ? {} : { project }),
    ...(providerId === undefined ? {} : { providerId }),
    ...(orders === undefined ? {} : { orders }),
    ...(planChanges === undefined ? {} : { planChanges }),
    ...(email === undefined && audience === undefined ? {} : { push: pushOf(email, audience, inFile) }),
  };
  const whole = { ...inFile, ...given };
  if (Object.keys(whole).length === 0) return null;
  if (whole.project === undefined)
    throw usageFailure(
      "the project of your marketplace products is missing",
      "give --project, as Producer Portal shows it",
    );
  return whole;
};
/** Where reports of money lie: flags over the file; null: nowhere. */
const reportsOf = (typed: Arguments, inFile: JsonObject): JsonObject | null => {
  const [bucket, prefix] = [typed.text("report-bucket"), typed.text("report-prefix")];
  const whole = {
    ...inFile,
    ...(bucket === undefined ? {} : { bucket }),
    ...(prefix === undefined ? {} : { prefix }),
  };
  if (Object.keys(whole).length === 0) return null;
  if (!("bucket" in whole))
    throw usageFailure(
      "the bucket of your marketplace reports is missing",
      "give --report-bucket, as Producer Portal shows it",
    );
  return whole;
};
const pushOf = (email: string | undefined, audience: string | undefined, { push }: JsonObject): JsonObject => {
  const whole = {
    ...jsonObjectSchema.catch({}).parse(push),
    ...(email === undefined ? {} : { email }),
    ...(audience === undefined ? {} : { audience }),
  };
  if (!("email" in whole) || !("audience" in whole))
    throw usageFailure(
      "a push is proved by both --push-email and --push-audience",
      "infra/gcp/setup.sh --offers prints both",
    );
  return whole;
};

/** What Google always asks for and few deals state: flags over the file over the usual answers. Terms are accepted only in words. */
const defaultsOf = (typed: Arguments, inFile: JsonObject): JsonObject => {
  const products = typed.list("product");
  return {
    productFamily: ["GOOGLE_CLOUD_PLATFORM"],
    ...inFile,
    ...readDefaults(typed, "gcp", "deliveryModel=SAAS_ON_GOOGLE_CLOUD"),
    ...(products.length > 0 ? { productFamily: [...products] } : {}),
    ...(typed.on("accept-terms") ? { legalLanguageAccepted: true } : {}),
  };
};

interface GivenKey {
  readonly settings: JsonObject;
  readonly secrets: Readonly<Record<string, string>>;
}
const secretName = "service-account-key";
const keyFileSchema = z.looseObject({
  type: z.literal("service_account"),
  client_email: z.string().min(3),
  private_key: z.string().min(20),
});

/** The service account's key; null: the settings file has one. */
const readCredentials = async (shell: Shell, typed: Arguments, file: ConnectionFile): Promise<GivenKey | null> => {
  const [given, ref] = [typed.text("key"), typed.text("key-ref")];
  if (given !== undefined && ref !== undefined)
    throw usageFailure("more than one key", "give either --key or --key-ref");
  if (ref !== undefined) {
    if (!/^(env|secret):.+$/.test(ref))
      throw usageFailure(`--key-ref ${ref} is no reference`, "write env:NAME for a variable of the service");
    return { settings: { keyRef: ref }, secrets: {} };
  }
  if (given === undefined && file.settings.credentials !== undefined) return null;
  const path =
    given ??
    shell.environment.GOOGLE_APPLICATION_CREDENTIALS ??
    (await asked(shell, "key file of the service account", "--key, --key-ref or --assisted"));
  const text = await readSmallFile(path);
  if (!isKeyFile(text))
    throw new Failure(`${path} is no key file of a service account`, {
      fix: "make one in Google Cloud: IAM, Service accounts, Keys, Add key, JSON",
    });
  return { settings: { keyRef: `secret:${secretName}` }, secrets: { [secretName]: text } };
};

const isKeyFile = (text: string): boolean => {
  try {
    return keyFileSchema.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
};

const connecting = (wanted: Wanted): Connecting => ({
  marketplace: "gcp",
  partner: "Google",
  remedies: (fault) => remedies(fault, wanted),
  next: (hookUrl) => nextSteps(wanted, hookUrl),
});

/** What most often stands behind a refusal by Google, and how it is mended. */
const remedies = (fault: string, { account }: Wanted) =>
  fault === "denied"
    ? [
        {
          path: "role",
          message: "the service account may not have the role Integrator in Partner Network Hub",
          fix: "ask your Google partner manager to invite its address as Integrator; until then connect with --assisted",
        },
        {
          path: "partner",
          message: `${account} may not be the partner id`,
          fix: "compare with the Account page of Partner Network Hub",
        },
        {
          path: "key",
          message: "the key may be deleted, or the API not enabled in the service account's project",
          fix: "compare with infra/gcp, which sets both up",
        },
      ]
    : [];

/** What the marketplace lacks still; nothing where the connection is for co-sell alone. */
const marketSteps = ({ settings }: Wanted, hookUrl: string): string => {
  const { marketplace } = settings;
  if (marketplace === undefined) return "";
  const { push, orders } = jsonObjectSchema.catch({}).parse(marketplace);
  const pushes =
    push === undefined
      ? `Orders are found by sweeps, and within seconds once Pub/Sub pushes to ${hookUrl}: infra/gcp/setup.sh --offers\n`
      : "";
  const approvals =
    orders === "accept" ? "" : "Buyers' accounts and orders wait for your approval; to give it here: --orders accept\n";
  return `\n${pushes}${approvals}`;
};

const nextSteps = (wanted: Wanted, hookUrl: string): string => {
  const { label, settings } = wanted;
  const says = `Deals that do not say otherwise ask with ${JSON.stringify(settings.defaults)}.\n`;
  const name = JSON.stringify(label);
  const terms =
    jsonObjectSchema.catch({}).parse(settings.defaults).legalLanguageAccepted === true
      ? ""
      : "No deal is sent before it says gcp.legalLanguageAccepted: true; for all of them: --accept-terms.\n";
  const way =
    settings.mode === "assisted"
      ? `\nDeals become tasks: a person types them into Partner Network Hub and gives the deal number here.\n  cosell tasks   shows them\n`
      : `\nGoogle sends no word of changes: its answers come by polling${typeof settings.pollMinutes === "number" ? ` every ${settings.pollMinutes} minutes` : ""}.\n`;
  return `${says}${terms}${way}${marketSteps(wanted, hookUrl)}  cosell doctor ${name}   tries key, role and partner\n`;
};
