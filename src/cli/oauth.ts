/** `cosell connections oauth`: the OAuth client with which a partner fetches tokens for our webhook. */
import * as z from "zod";
import type { Client } from "./client.ts";
import { problemFailure, withClient } from "./client.ts";
import { type Command, type Report, switchFlag, textFlag } from "./command.ts";
import { exitCodes, usageFailure } from "./failure.ts";
import { findConnection, type ListedConnection } from "./find-connection.ts";
import { whereabouts } from "./shares.ts";
import { counted } from "./table.ts";

const shownSchema = z.looseObject({
  tokenUrl: z.string(),
  hookUrl: z.string(),
  clientId: z.string(),
  liveSecrets: z.number(),
  tokenSeconds: z.number(),
  clientSecret: z.string().nullish(),
});
type Shown = z.infer<typeof shownSchema>;

export const oauthCommand: Command = {
  name: "connections oauth",
  summary: "The OAuth client of a connection's webhook: make, show, rotate, revoke",
  operands: "[label]",
  operandsMin: 0,
  operandsMax: 1,
  about: `
The first time it makes the client and shows its secret once, with what to type into EventBridge. After that it shows the
client without secret. --rotate makes a new secret; the one before it stays valid until the next, or until
--revoke-previous. --revoke ends the client: its tokens are refused at once.`,
  flags: [
    switchFlag("rotate", "make a new secret"),
    switchFlag("revoke-previous", "end the older of two secrets"),
    switchFlag("revoke", "end the client"),
    textFlag("token-minutes", "15 to 60", "how long a token lives; default as before, or 30"),
  ],
  examples: [
    'cosell connections oauth "AWS production"',
    'cosell connections oauth "AWS production" --rotate',
    'cosell connections oauth "AWS production" --revoke-previous',
  ],
  run: (shell, typed) => {
    const wishes = (["rotate", "revoke-previous", "revoke"] as const).filter((name) => typed.on(name));
    if (wishes.length > 1) throw usageFailure(`--${wishes[0]} and --${wishes[1]} contradict`, "give one of them");
    const minutes = typed.text("token-minutes");
    if (minutes !== undefined && !/^(1[5-9]|[2-5]\d|60)$/.test(minutes))
      throw usageFailure(`--token-minutes ${minutes} is out of range`, "give 15 to 60");
    return withClient(shell, whereabouts(typed), async (client) => {
      const connection = await findConnection(client, typed.operands[0]);
      const [wish] = wishes;
      if (wish === "revoke" || wish === "revoke-previous") return revoke(client, connection, wish);
      const known = wish === "rotate" || minutes !== undefined ? null : await read(client, connection);
      if (known !== null) return report(connection, known);
      const body = minutes === undefined ? {} : { tokenSeconds: Number(minutes) * 60 };
      return report(connection, await client.post(`/v1/connections/${connection.id}/oauth`, body, shownSchema));
    });
  },
};

const read = async (client: Client, connection: ListedConnection): Promise<Shown | null> => {
  const answer = await client.attempt("GET", `/v1/connections/${connection.id}/oauth`);
  if (answer.status === 404) return null;
  if (answer.status >= 400) throw problemFailure(answer, client.where);
  return shownSchema.parse(answer.body);
};

const revoke = async (client: Client, connection: ListedConnection, wish: string): Promise<Report> => {
  const which = wish === "revoke" ? "all" : "previous";
  await client.remove(`/v1/connections/${connection.id}/oauth?which=${which}`);
  const text =
    which === "all"
      ? `${connection.label}: the OAuth client is revoked; its tokens are refused from now on\n`
      : `${connection.label}: only the newest secret is taken now\n`;
  return { exitCode: exitCodes.ok, text, json: { connection: connection.id, revoked: which } };
};

const report = (connection: ListedConnection, shown: Shown): Report => {
  const { clientSecret = null, ...rest } = shown;
  const head =
    clientSecret === null
      ? `${connection.label}: ${counted(shown.liveSecrets, "secret")} taken now; --rotate makes a new one\n`
      : `${connection.label}: ${counted(shown.liveSecrets, "secret")} taken now; this one is shown once\n`;
  return {
    exitCode: exitCodes.ok,
    text: `${head}\n${setupText(connection, shown)}`,
    json: { connection: connection.id, ...z.record(z.string(), z.json()).parse(rest), clientSecret },
  };
};

/** What to set up so that the partner's events reach us with tokens. */
const setupText = (connection: ListedConnection, shown: Shown): string => {
  const secret = shown.clientSecret ?? "(shown once, when it was made)";
  const head = `token URL      ${shown.tokenUrl}\nclient id      ${shown.clientId}\nclient secret  ${secret}\nhook URL       ${shown.hookUrl}\ntokens live    ${Math.round(shown.tokenSeconds / 60)} minutes\n`;
  if (connection.marketplace !== "aws") return head;
  return `${head}
In the AWS account ${connection.account}, region us-east-1, default event bus:
  1. EventBridge, API destinations, Connections: authorization OAuth Client Credentials; authorization endpoint
     ${shown.tokenUrl}, method POST, the client id and secret above;
     OAuth HTTP parameters: body field grant_type = client_credentials.
  2. EventBridge, API destinations: endpoint ${shown.hookUrl}, method POST, that connection.
  3. EventBridge, Rules: event pattern {"source":["aws.partnercentral-selling"]}, with private offers
     {"source":["aws.partnercentral-selling","aws.marketplacecatalog","aws.agreement-marketplace"]}, target that API destination,
     retry for 24 hours (a token that expired is renewed on the retry), with an SQS queue as dead-letter queue.
  4. Once events arrive: cosell connections hook-keys ${JSON.stringify(connection.label)} --revoke ends the key in a header, if there was one.
`;
};
