/** `cosell connect aws`: a seller account at AWS Partner Central, checked before it is saved, and what to set up at AWS. */
import { z } from "zod";
import { environments, type Json, type JsonObject, jsonObjectSchema } from "../domain/deal.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, problemFailure, problemSchema, withClient } from "./client.ts";
import { type Command, listFlag, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { readSmallFile } from "./import.ts";
import { readField } from "./programme-fields.ts";
import { whereabouts } from "./shares.ts";

export const connectAwsCommand: Command = {
  name: "connect aws",
  summary: "Connect a seller account at AWS Partner Central",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about: `
Credentials: access keys (flags, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or asked for without echo), a profile of
this machine, or a role. What is missing is asked for on a terminal. The connection is tried with one read before it is
saved. The same account and environment again changes the settings. --settings gives everything as a file: the members
label, account, environment, settings and secrets of POST /v1/connections; flags overlay it.`,
  flags: [
    textFlag("label", "text", 'how you call it; default "AWS"'),
    textFlag("account", "12 digits", "the AWS account that is linked to Partner Central"),
    textFlag("environment", environments.join("|"), "default production; vendor_test with catalog Sandbox"),
    textFlag("catalog", "AWS|Sandbox", "Sandbox holds test deals; default AWS, for vendor_test Sandbox"),
    textFlag("endpoint", "address", "another address of the Selling API, for example a simulator"),
    textFlag("region", "name", "us-east-1 is the only one"),
    textFlag("access-key-id", "id", "of an IAM user"),
    textFlag(
      "secret-access-key",
      "key",
      "better from AWS_SECRET_ACCESS_KEY or asked for: flags stay in the shell's history",
    ),
    textFlag("profile", "name", "a profile of this machine's AWS configuration"),
    textFlag("role-arn", "arn", "a role to take on"),
    textFlag("external-id", "text", "the external id that the role demands"),
    listFlag("solution", "S-0000000", "a solution to associate where a deal names none; may be repeated"),
    textFlag(
      "involvement",
      "Co-Sell|For Visibility Only",
      "what a deal asks of AWS where it does not say; default Co-Sell",
    ),
    textFlag("visibility", "Full|Limited", "who at AWS sees a deal where it does not say; default Full"),
    listFlag("default", "field=value", "any other programme field for deals that do not state it; may be repeated"),
    textFlag("settings", "file.json", "everything from a file"),
    switchFlag("dry-run", "check, save nothing"),
    switchFlag("no-check", "save without asking AWS"),
  ],
  examples: [
    "cosell connect aws --account 123456789012 --profile partner --solution S-0000001 --dry-run",
    "cosell connect aws --account 123456789012 --environment vendor_test --profile partner",
    "cosell connect aws --settings aws.json",
  ],
  run: (shell, typed) => runConnect(shell, typed),
};

const fileSchema = z.strictObject({
  marketplace: z.literal("aws").optional(),
  label: z.string().optional(),
  account: z.string().optional(),
  environment: z.enum(environments).optional(),
  settings: jsonObjectSchema.default({}),
  secrets: z.record(z.string(), z.string()).default({}),
});

interface Wanted {
  readonly label: string;
  readonly account: string;
  readonly environment: string;
  readonly settings: JsonObject;
  readonly secrets: Readonly<Record<string, string>>;
}

const savedSchema = z.looseObject({
  connection: z.looseObject({ id: z.string(), hookUrl: z.string().default("") }).nullish(),
  outcome: z.string(),
  facts: jsonObjectSchema.nullish(),
});

const runConnect = async (shell: Shell, typed: Arguments): Promise<Report> => {
  const wanted = await readWanted(shell, typed);
  return withClient(shell, whereabouts(typed), async (client) => {
    const dryRun = typed.on("dry-run");
    shell.progress(typed.on("no-check") ? "" : "asking AWS …");
    const answer = await client.attempt("POST", "/v1/connections", {
      marketplace: "aws",
      ...wanted,
      dryRun,
      check: !typed.on("no-check"),
    });
    shell.progress("");
    if (answer.status >= 400) throw refusal(answer, client, wanted);
    const saved = savedSchema.parse(answer.body);
    const facts = Object.entries(saved.facts ?? {}).map(
      ([name, value]) => `  ${name}: ${typeof value === "string" ? value : JSON.stringify(value)}\n`,
    );
    const checked = saved.facts === null || saved.facts === undefined ? "not checked" : "AWS accepts it";
    const head = `${wanted.label} (account ${wanted.account}, ${wanted.environment}): ${checked}; ${dryRun ? `would be ${saved.outcome} (dry run: nothing was saved)` : saved.outcome}\n`;
    const next = saved.connection ? nextSteps(wanted, saved.connection.hookUrl) : "";
    return {
      exitCode: exitCodes.ok,
      text: [head, ...facts, next].join(""),
      json: {
        outcome: saved.outcome,
        dryRun,
        connection: saved.connection?.id ?? null,
        hookUrl: saved.connection?.hookUrl ?? null,
        facts: saved.facts ?? null,
      },
    };
  });
};

const readWanted = async (shell: Shell, typed: Arguments): Promise<Wanted> => {
  const file = await readFileSettings(typed.text("settings"));
  const environment = typed.text("environment") ?? file.environment ?? "production";
  if (!environments.some((known) => known === environment))
    throw usageFailure(`--environment ${environment} is unknown`, `use ${environments.join(", ")}`);
  const account =
    typed.text("account") ??
    file.account ??
    (await asked(shell, "AWS account linked to Partner Central (12 digits)", "--account"));
  if (!/^\d{12}$/.test(account))
    throw usageFailure(`the account ${account} is not twelve digits`, "give the AWS account number");
  const credentials = await readCredentials(shell, typed, file.settings.credentials !== undefined);
  const optional = { catalog: typed.text("catalog"), endpoint: typed.text("endpoint"), region: typed.text("region") };
  return {
    label: typed.text("label") ?? file.label ?? "AWS",
    account,
    environment,
    settings: {
      ...file.settings,
      accountId: account,
      ...jsonObjectSchema.parse(JSON.parse(JSON.stringify(optional))),
      ...(credentials === null ? {} : { credentials: credentials.settings }),
      defaults: readDefaults(typed, jsonObjectSchema.catch({}).parse(file.settings.defaults)),
    },
    secrets: { ...file.secrets, ...credentials?.secrets },
  };
};

/** What AWS always asks for and few deals state: flags over the file over the usual answers. */
const readDefaults = (typed: Arguments, inFile: JsonObject): JsonObject => {
  const given: Record<string, Json> = {};
  for (const text of typed.list("default")) {
    const [, name, value] = /^(?:aws\.)?([A-Za-z]+)=(.*)$/s.exec(text) ?? [];
    const read = name === undefined || value === undefined ? null : readField("text", value);
    if (name === undefined || read === null)
      throw usageFailure(`--default ${text} is not field=value`, 'write for example --default competitor="On-Prem"');
    given[name] = read.value;
  }
  const solutions = typed.list("solution");
  const involvementType = typed.text("involvement");
  const visibility = typed.text("visibility");
  return {
    involvementType: "Co-Sell",
    visibility: "Full",
    marketing: { source: "None" },
    ...inFile,
    ...given,
    ...(solutions.length > 0 ? { solutions: [...solutions] } : {}),
    ...(involvementType === undefined ? {} : { involvementType }),
    ...(visibility === undefined ? {} : { visibility }),
  };
};

const readFileSettings = async (path: string | undefined) => {
  if (path === undefined) return fileSchema.parse({});
  const text = await readSmallFile(path);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Failure(`${path} is not JSON`, { fix: "see the example in cosell help connect aws" });
  }
  const parsed = fileSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new Failure(`the settings file ${path} is not valid`, {
    rows: parsed.error.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message })),
    fix: "its members are label, account, environment, settings and secrets",
  });
};

interface GivenCredentials {
  readonly settings: JsonObject;
  readonly secrets: Readonly<Record<string, string>>;
}

/** The one way to sign that was chosen; null: the settings file has one. */
const readCredentials = async (shell: Shell, typed: Arguments, inFile: boolean): Promise<GivenCredentials | null> => {
  const profile = typed.text("profile");
  const roleArn = typed.text("role-arn");
  const keyId = typed.text("access-key-id");
  if ([profile, roleArn, keyId].filter((given) => given !== undefined).length > 1)
    throw usageFailure("more than one kind of credentials", "give either --profile, --role-arn or --access-key-id");
  if (profile !== undefined) return { settings: { profile }, secrets: {} };
  if (roleArn !== undefined) {
    const externalId = typed.text("external-id");
    return { settings: { roleArn, ...(externalId === undefined ? {} : { externalId }) }, secrets: {} };
  }
  if (keyId === undefined && inFile) return null;
  const { environment } = shell;
  const id =
    keyId ??
    environment.AWS_ACCESS_KEY_ID ??
    (await asked(shell, "access key id", "--access-key-id, --profile or --role-arn"));
  const fromEnvironment = keyId === undefined || keyId === environment.AWS_ACCESS_KEY_ID;
  const secret =
    typed.text("secret-access-key") ??
    environment.AWS_SECRET_ACCESS_KEY ??
    (await asked(shell, "secret access key (not shown)", "AWS_SECRET_ACCESS_KEY", true));
  const session = fromEnvironment ? environment.AWS_SESSION_TOKEN : undefined;
  return {
    settings: {
      accessKeyIdRef: "secret:access-key-id",
      secretAccessKeyRef: "secret:secret-access-key",
      ...(session === undefined ? {} : { sessionTokenRef: "secret:session-token" }),
    },
    secrets: {
      "access-key-id": id,
      "secret-access-key": secret,
      ...(session === undefined ? {} : { "session-token": session }),
    },
  };
};

const asked = async (shell: Shell, question: string, flag: string, hidden = false): Promise<string> => {
  if (!shell.interactive) throw usageFailure(`the ${question} is missing`, `give ${flag}`);
  const answer = (await shell.ask(`${question}: `, hidden)).trim();
  if (answer === "") throw usageFailure(`the ${question} is missing`, `give ${flag}`);
  return answer;
};

const refusal = (
  answer: { readonly status: number; readonly body: unknown },
  client: Client,
  wanted: Wanted,
): Failure => {
  const failure = problemFailure(answer, client.where);
  const problem = problemSchema.safeParse(answer.body);
  const fault = problem.success && typeof problem.data.fault === "string" ? problem.data.fault : null;
  if (fault === null) return failure;
  return new Failure(failure.message, { rows: [...failure.rows, ...remedies(fault, wanted)] });
};

/** What most often stands behind a refusal by AWS, and how it is mended. */
const remedies = (fault: string, { account, environment }: Wanted) => {
  if (fault === "denied") {
    return [
      {
        path: "permissions",
        message: "the user or role may not use partnercentral:GetOpportunity and its siblings",
        fix:
          environment === "vendor_test"
            ? "attach the managed policy AWSPartnerCentralSandboxFullAccess to it"
            : "attach the managed policy AWSPartnerCentralOpportunityManagement to it",
      },
      {
        path: "account",
        message: `the AWS account ${account} may not be linked to your Partner Central account`,
        fix: "link it in Partner Central: Settings, Account linking, by the alliance lead; then try again",
      },
      {
        path: "credentials",
        message: "the keys may be wrong, revoked, or of another account",
        fix: "compare with: aws sts get-caller-identity",
      },
    ];
  }
  if (fault === "unavailable" || fault === "ambiguous")
    return [{ path: "network", message: "AWS gave no usable answer", fix: "try again; check proxies and --endpoint" }];
  return [];
};

const nextSteps = (wanted: Wanted, hookUrl: string): string =>
  `Deals that do not say otherwise ask with ${JSON.stringify(wanted.settings.defaults)}.\n` +
  `\nAWS's answers come by polling every 15 minutes, and within seconds once EventBridge delivers to ${hookUrl} or to a queue:\n` +
  `  cosell connections oauth ${JSON.stringify(wanted.label)}       short-lived tokens for an API destination, and what to set up\n` +
  `  cosell connections hook-keys ${JSON.stringify(wanted.label)}   the same with a fixed key in a header\n` +
  `  cosell connections queue ${JSON.stringify(wanted.label)}       an SQS queue instead: nothing of yours is exposed\n` +
  `  cosell doctor ${JSON.stringify(wanted.label)}                  tries every permission and way in\n`;

/** What to set up so that the partner's events reach us. */
export const hookSetup = (hook: {
  readonly url: string;
  readonly headerName: string;
  readonly secret: string | null;
  readonly account: string;
  readonly marketplace: string;
}): string => {
  const secret = hook.secret ?? "(shown once, before)";
  const head = `address  ${hook.url}\nheader   ${hook.headerName}\nkey      ${secret}\n`;
  if (hook.marketplace !== "aws") return head;
  return `${head}
In the AWS account ${hook.account}, region us-east-1, default event bus:
  1. EventBridge, API destinations, Connections: authorization API key, name ${hook.headerName}, value the key.
  2. EventBridge, API destinations: endpoint ${hook.url}, method POST, that connection.
  3. EventBridge, Rules: event pattern {"source":["aws.partnercentral-selling"]}, target that API destination,
     retry for 24 hours, with an SQS queue as dead-letter queue.
With the simulator: cosell simulator --destination ${hook.url} --header ${hook.headerName} --key <key>
`;
};
