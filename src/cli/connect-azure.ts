/** `cosell connect azure`: an organization at Microsoft Partner Center: what it is, who signs in for it, and the sign-in renewed. */
import * as z from "zod";
import { environments, type Json, type JsonObject, jsonObjectSchema } from "../domain/deal.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, problemFailure, withClient } from "./client.ts";
import { type Command, listFlag, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import {
  asked,
  type ConnectionFile,
  environmentOf,
  readConnectionFile,
  type Standing,
  settingsFileSays,
  standingOf,
  type Wanted,
} from "./connecting.ts";
import { finishSignIn, type SignedIn } from "./consent.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { whereabouts } from "./shares.ts";

const certificateHost = "3psostorageacct.blob.core.windows.net";

export const connectAzureCommand: Command = {
  name: "connect azure",
  summary: "Connect an organization at Microsoft Partner Center, or renew its sign-in",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about: `
The settings are saved, then a person signs in at Microsoft: the address is printed, and this waits until the browser came back.
Where the browser cannot reach the service, give --code the address it was sent to. The same command renews: --renew changes no
setting. The same organization and environment again changes what the flags name and keeps the rest; a file of --settings stands
for all of it. ${settingsFileSays} The Entra application is made with infra/azure.`,
  flags: [
    textFlag("label", "text", 'how you call it; default "Microsoft"'),
    textFlag("organization", "id", "your organization at Partner Center, as referrals state it"),
    textFlag("tenant", "id", "your Microsoft Entra tenant: its id or a domain"),
    textFlag("environment", environments.join("|"), "default production"),
    textFlag("endpoint", "address", "a simulator that stands for Microsoft's hosts"),
    textFlag("client-id", "id", "the Entra application's client id"),
    textFlag(
      "client-secret",
      "secret",
      "better from AZURE_CLIENT_SECRET or asked for: flags stay in the shell's history",
    ),
    listFlag("solution", "SOL-00000-XXX=name", "a co-sell-ready solution of yours; may be repeated"),
    textFlag(
      "offers",
      "e-mail",
      "private offers and SaaS subscriptions too: who stands as having prepared an offer and is told of it",
    ),
    switchFlag("reports", "reports of money too: marketplace analytics, and the exports of earnings and payments"),
    textFlag("settings", "file.json", "everything from a file"),
    textFlag("renew", "label", "sign in again for a connection that is set up; nothing else changes"),
    textFlag("code", "address", "the address that Microsoft sent the browser to, after you signed in"),
    switchFlag("dry-run", "check the settings, save nothing, sign nobody in"),
    switchFlag("no-sign-in", "save the settings only"),
  ],
  examples: [
    "cosell connect azure --organization 7d23e5ca-… --tenant contoso.onmicrosoft.com --client-id 0f7d0e0a-…",
    "cosell connect azure --settings azure.json --offers alliances@example.com --no-sign-in",
    'cosell connect azure --renew "Microsoft"',
    'cosell connect azure --renew "Microsoft" --code "https://…/consent/callback?code=…&state=…"',
    "cosell connect azure --settings azure.json --dry-run",
  ],
  run: (shell, typed) => {
    const renew = typed.text("renew");
    return renew === undefined ? connect(shell, typed) : renewSignIn(shell, typed, renew);
  },
};

const savedSchema = z.looseObject({
  connection: z.looseObject({ id: z.string() }).nullish(),
  outcome: z.string(),
});

const connect = async (shell: Shell, typed: Arguments): Promise<Report> => {
  const seller = await readSeller(shell, typed);
  return withClient(shell, whereabouts(typed), async (client) => {
    const wanted = await readWanted(shell, typed, { ...seller, standing: await standingFor(client, typed, seller) });
    if (typed.on("dry-run")) return rehearsed(client, wanted);
    // Before somebody has signed in nothing can be asked of Microsoft: the sign-in itself checks.
    const body = { marketplace: "azure", ...wanted, check: false };
    const saved = await client.post("/v1/connections", body, savedSchema);
    const id = saved.connection?.id;
    if (id === undefined) throw new Failure("the service saved nothing and said nothing", { fix: "look at its log" });
    const head = `${wanted.label} (organization ${wanted.account}, ${wanted.environment}): ${saved.outcome}\n`;
    const signed = typed.on("no-sign-in")
      ? null
      : await finishSignIn(shell, client, { id, pasted: typed.text("code") });
    return report(head, { id, label: wanted.label, outcome: saved.outcome }, signed);
  });
};

const renewSignIn = (shell: Shell, typed: Arguments, name: string): Promise<Report> =>
  withClient(shell, whereabouts(typed), async (client) => {
    const { id, label, marketplace } = await findConnection(client, name);
    if (marketplace !== "azure")
      throw usageFailure(`${label} is no connection to Microsoft`, "name one with --renew <label>");
    const signed = await finishSignIn(shell, client, { id, pasted: typed.text("code") });
    return report("", { id, label, outcome: "renewed" }, signed);
  });

const report = (
  head: string,
  at: { readonly id: string; readonly label: string; readonly outcome: string },
  signed: SignedIn | null,
): Report => {
  const label = JSON.stringify(at.label);
  const next =
    signed === null
      ? `Nobody has signed in yet: cosell connect azure --renew ${label}\n`
      : `${signed.text}\nNews come by polling every 15 minutes, and within seconds once Partner Center delivers webhooks:\n  cosell connections webhooks ${label} --register\n  cosell doctor ${label}   tries everything that the connection needs\n`;
  return {
    exitCode: signed?.trouble === null || signed === null ? exitCodes.ok : exitCodes.failed,
    text: head + next,
    json: {
      connection: at.id,
      outcome: at.outcome,
      signedIn: signed !== null,
      lapsesAt: signed?.lapsesAt ?? null,
      trouble: signed?.trouble ?? null,
    },
  };
};

/** The settings are held against the marketplace's own schema, as the service states it; nothing is saved and nobody asked. */
const rehearsed = async (client: Client, wanted: Wanted): Promise<Report> => {
  const answer = await client.attempt("POST", "/v1/connections", { marketplace: "azure", ...wanted, dryRun: true });
  const problem = z.looseObject({ fault: z.string() }).safeParse(answer.body).data;
  // Microsoft's refusal for want of a sign-in is what a first rehearsal must find: the settings themselves were taken.
  const isSound = answer.status < 400 || problem?.fault === "denied";
  if (!isSound) throw problemFailure(answer, client.where);
  const signIn = answer.status < 400 ? "somebody has signed in" : "then somebody must sign in";
  const text = `${wanted.label} (organization ${wanted.account}, ${wanted.environment}): the settings fit; ${signIn} (dry run: nothing was saved)\n`;
  return { exitCode: exitCodes.ok, text, json: { outcome: "rehearsed", dryRun: true, connection: null } };
};

interface Seller {
  readonly file: ConnectionFile;
  readonly account: string;
  readonly environment: string;
}
const readSeller = async (shell: Shell, typed: Arguments): Promise<Seller> => {
  const file = await readConnectionFile(typed, "azure");
  const environment = environmentOf(typed, file);
  const account =
    typed.text("organization") ??
    file.account ??
    (await asked(shell, "id of your organization at Partner Center", "--organization"));
  return { file, account, environment };
};

/** What is set up already, where flags alone are given: they change it. */
const standingFor = async (client: Client, typed: Arguments, { account, environment }: Seller) =>
  typed.text("settings") === undefined ? standingOf(client, { marketplace: "azure", account, environment }) : null;

const readWanted = async (
  shell: Shell,
  typed: Arguments,
  given: Seller & { readonly standing: Standing | null },
): Promise<Wanted> => {
  const { account, environment, standing } = given;
  const file = { ...given.file, settings: { ...standing?.settings, ...given.file.settings } };
  const textIn = (value: Json | undefined): string | undefined => (typeof value === "string" ? value : undefined);
  const tenant =
    typed.text("tenant") ??
    textIn(file.settings.tenantId) ??
    (await asked(shell, "Entra tenant (its id or a domain)", "--tenant"));
  const endpoint = typed.text("endpoint") ?? textIn(file.settings.endpoint);
  const consent = await readConsent(shell, typed, { account, environment, inFile: file.settings.consent });
  const solutions = typed.list("solution").map(readSolution);
  const contact = typed.text("offers");
  const reports = jsonObjectSchema.catch({}).parse(file.settings.reports);
  return {
    label: typed.text("label") ?? file.label ?? standing?.label ?? "Microsoft",
    account,
    environment,
    settings: {
      hooks: { certificateHosts: [certificateHost] },
      ...file.settings,
      organizationId: account,
      tenantId: tenant,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(consent.settings === null ? {} : { consent: consent.settings }),
      ...(solutions.length === 0 ? {} : { solutions }),
      ...(typed.on("reports") ? { ...applicationOf(consent.settings, file.settings), reports } : {}),
      ...(contact === undefined
        ? {}
        : sellingAs(contact, { tenant, consent: consent.settings, settings: file.settings })),
    },
    secrets: { ...file.secrets, ...consent.secrets },
  };
};

/** The application that signs in alone: the one that a person signs in with, unless the file names another or it has no secret. */
const applicationOf = (consent: JsonObject | null, settings: JsonObject): JsonObject => {
  const { clientId = null, clientSecretRef = null } = consent ?? jsonObjectSchema.catch({}).parse(settings.consent);
  if (settings.app !== undefined || clientId === null || clientSecretRef === null) return {};
  return { app: { kind: "secret", clientId, clientSecretRef } };
};

interface Selling {
  readonly tenant: string;
  readonly consent: JsonObject | null;
  readonly settings: JsonObject;
}
/** The marketplace takes the application alone, without a person: the same one, unless the file names another. */
const sellingAs = (contact: string, { tenant, consent, settings }: Selling): JsonObject => {
  const own = consent ?? jsonObjectSchema.catch({}).parse(settings.consent);
  const { clientId = null } = own;
  const application = applicationOf(consent, settings);
  if (settings.app === undefined && application.app === undefined)
    throw usageFailure(
      "--offers needs an application with a client secret",
      "give --client-id, or settings.app in the file",
    );
  const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
  const canTell = typeof clientId === "string" && isId.test(clientId) && isId.test(tenant);
  return {
    ...application,
    marketplace: {
      ...(canTell ? { webhook: { audience: clientId, tenantId: tenant } } : {}),
      ...jsonObjectSchema.catch({}).parse(settings.marketplace),
      preparedBy: contact,
      notificationContacts: [contact],
    },
  };
};

const readSolution = (text: string): JsonObject => {
  const [, id, name] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (id === undefined || name === undefined)
    throw usageFailure(
      `--solution ${text} is not id=name`,
      'write for example --solution "SOL-34104-EBA=Order platform"',
    );
  return { id: id.trim(), name: name.trim() };
};

interface ConsentAsked {
  readonly account: string;
  readonly environment: string;
  readonly inFile: Json | undefined;
}
/** The application that a person signs in to. Its refresh token has a name of its own for each organization, and is kept when settings change. */
const readConsent = async (
  shell: Shell,
  typed: Arguments,
  { account, environment, inFile }: ConsentAsked,
): Promise<{ readonly settings: JsonObject | null; readonly secrets: Readonly<Record<string, string>> }> => {
  const clientId = typed.text("client-id");
  if (clientId === undefined && inFile !== undefined) return { settings: null, secrets: {} };
  const id = clientId ?? (await asked(shell, "client id of the Entra application", "--client-id"));
  const secret =
    typed.text("client-secret") ??
    shell.environment.AZURE_CLIENT_SECRET ??
    (await asked(shell, "client secret (not shown)", "AZURE_CLIENT_SECRET", true));
  return {
    settings: {
      clientId: id,
      clientSecretRef: "secret:client-secret",
      refreshTokenRef: `secret:connection:azure:${account}:${environment}:refresh-token`,
    },
    secrets: { "client-secret": secret },
  };
};
