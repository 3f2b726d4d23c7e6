/** `cosell connect aws`: a seller account at AWS Partner Central, checked before it is saved, and what to set up at AWS. */
import { environments, type JsonObject, jsonObjectSchema } from "../domain/deal.ts";
import type { Arguments } from "./arguments.ts";
import { type Command, listFlag, type Shell, switchFlag, textFlag } from "./command.ts";
import {
  asked,
  type Connecting,
  connect,
  connectFlags,
  environmentOf,
  readConnectionFile,
  readDefaults,
  settingsFileSays,
  type Wanted,
} from "./connecting.ts";
import { usageFailure } from "./failure.ts";

export const connectAwsCommand: Command = {
  name: "connect aws",
  summary: "Connect a seller account at AWS Partner Central",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about: `
Credentials: access keys (flags, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or asked for without echo), a profile of
this machine, or a role. What is missing is asked for on a terminal. The connection is tried with one read before it is
saved. The same account and environment again changes the settings. ${settingsFileSays}`,
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
    switchFlag("offers", "private offers at AWS Marketplace too: the account sells there"),
    textFlag(
      "report-bucket",
      "name",
      "the S3 bucket of your Marketplace data feeds: reports of money are fetched from it",
    ),
    textFlag("report-prefix", "text", "where in the bucket they lie; default: at its top"),
    textFlag("report-region", "name", "the bucket's region; default us-east-1"),
    ...connectFlags,
  ],
  examples: [
    "cosell connect aws --account 123456789012 --profile partner --solution S-0000001 --dry-run",
    "cosell connect aws --account 123456789012 --environment vendor_test --profile partner",
    "cosell connect aws --settings aws.json",
  ],
  run: async (shell, typed) => {
    const wanted = await readWanted(shell, typed);
    return connect(shell, typed, { wanted, about: connecting(wanted) });
  },
};

const readWanted = async (shell: Shell, typed: Arguments): Promise<Wanted> => {
  const file = await readConnectionFile(typed, "aws");
  const environment = environmentOf(typed, file);
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
      ...(typed.on("offers") ? { offers: jsonObjectSchema.catch({}).parse(file.settings.offers) } : {}),
      ...reportsOf(typed, jsonObjectSchema.catch({}).parse(file.settings.reports)),
      defaults: defaultsOf(typed, jsonObjectSchema.catch({}).parse(file.settings.defaults)),
    },
    secrets: { ...file.secrets, ...credentials?.secrets },
  };
};

/** Where reports of money lie: flags over the file. */
const reportsOf = (typed: Arguments, inFile: JsonObject): JsonObject => {
  const given = {
    bucket: typed.text("report-bucket"),
    prefix: typed.text("report-prefix"),
    region: typed.text("report-region"),
  };
  const whole = { ...inFile, ...jsonObjectSchema.parse(JSON.parse(JSON.stringify(given))) };
  if (Object.keys(whole).length === 0) return {};
  if (whole.bucket === undefined)
    throw usageFailure(
      "the bucket of your data feeds is missing",
      "give --report-bucket, as the Marketplace Management Portal shows it",
    );
  return { reports: whole };
};

/** What AWS always asks for and few deals state: flags over the file over the usual answers. */
const defaultsOf = (typed: Arguments, inFile: JsonObject): JsonObject => {
  const solutions = typed.list("solution");
  const involvementType = typed.text("involvement");
  const visibility = typed.text("visibility");
  return {
    involvementType: "Co-Sell",
    visibility: "Full",
    marketing: { source: "None" },
    ...inFile,
    ...readDefaults(typed, "aws", 'competitor="On-Prem"'),
    ...(solutions.length > 0 ? { solutions: [...solutions] } : {}),
    ...(involvementType === undefined ? {} : { involvementType }),
    ...(visibility === undefined ? {} : { visibility }),
  };
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

const connecting = (wanted: Wanted): Connecting => ({
  marketplace: "aws",
  partner: "AWS",
  remedies: (fault) => remedies(fault, wanted),
  next: (hookUrl) => nextSteps(wanted, hookUrl),
});

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
  3. EventBridge, Rules: event pattern {"source":["aws.partnercentral-selling"]}, with private offers
     {"source":["aws.partnercentral-selling","aws.marketplacecatalog","aws.agreement-marketplace"]}, target that API destination,
     retry for 24 hours, with an SQS queue as dead-letter queue.
With the simulator: cosell simulator --destination ${hook.url} --header ${hook.headerName} --key <key>
`;
};
