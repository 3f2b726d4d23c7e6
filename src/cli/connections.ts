/** `cosell connections`: which seller identities are set up, whether they work, and the keys of their webhooks. */
import * as z from "zod";
import { withClient } from "./client.ts";
import { type Command, switchFlag, textFlag } from "./command.ts";
import { hookSetup } from "./connect-aws.ts";
import { exitCodes, type Failure } from "./failure.ts";
import { findConnection, listConnections } from "./find-connection.ts";
import { jsonOf } from "./json.ts";
import { whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";

export const connectionsCommand: Command = {
  name: "connections",
  summary: "List connections to marketplaces",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [],
  examples: ["cosell connections", "cosell connections --json"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const all = await listConnections(client);
      const table = renderTable(
        all,
        [
          { title: "label", cell: (one) => one.label, shrink: true },
          { title: "marketplace", cell: (one) => one.marketplace },
          { title: "account", cell: (one) => one.account },
          { title: "environment", cell: (one) => one.environment },
          { title: "state", cell: (one) => one.state },
          { title: "why", cell: (one) => one.parkedReason ?? "", shrink: true },
          { title: "id", cell: (one) => one.id },
        ],
        shell.columns,
      );
      const text =
        all.length === 0
          ? "no connections; cosell connect aws (or gcp) makes one\n"
          : `${table}\n${counted(all.length, "connection")}\n`;
      return { exitCode: exitCodes.ok, text, json: { connections: jsonOf(all) } };
    }),
};

const one = { operands: "[label]", operandsMin: 0, operandsMax: 1 } as const;

export const connectionCheckCommand: Command = {
  ...one,
  name: "connections check",
  summary: "Ask marketplaces whether the connections work",
  flags: [],
  examples: ["cosell connections check", 'cosell connections check "AWS production"'],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [name] = typed.operands;
      const chosen = name === undefined ? await listConnections(client) : [await findConnection(client, name)];
      const results: { readonly label: string; readonly ok: boolean; readonly message: string }[] = [];
      for (const connection of chosen) {
        const message = await client
          .post(`/v1/connections/${connection.id}/check`, undefined, z.unknown())
          .then(() => null)
          .catch((error: Failure) => error.message);
        results.push({ label: connection.label, ok: message === null, message: message ?? "works" });
      }
      return {
        exitCode: results.every((result) => result.ok) ? exitCodes.ok : exitCodes.failed,
        text: results.map((result) => `${result.label}: ${result.message}\n`).join(""),
        json: { connections: jsonOf(results) },
      };
    }),
};

export const connectionResumeCommand: Command = {
  ...one,
  name: "connections resume",
  summary: "Take up a parked connection again, after a check",
  flags: [],
  examples: ['cosell connections resume "AWS production"'],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const connection = await findConnection(client, typed.operands[0]);
      await client.post(`/v1/connections/${connection.id}/check`, undefined, z.unknown());
      await client.post(`/v1/connections/${connection.id}/resume`, undefined, z.unknown());
      const text = `${connection.label} is active; interrupted work goes on by itself\n`;
      return { exitCode: exitCodes.ok, text, json: { connection: connection.id, state: "active" } };
    }),
};

const hookKeySchema = z.looseObject({
  secret: z.string().nullable(),
  headerName: z.string(),
  url: z.string(),
  liveKeys: z.number(),
});

export const hookKeysCommand: Command = {
  ...one,
  name: "connections hook-keys",
  summary: "Make a new webhook key; the one before it stays valid until the next",
  flags: [
    textFlag("header", "name", "header in which the sender puts the key; default as before"),
    switchFlag("revoke", "end all keys: deliveries then come by OAuth token or from the queue"),
  ],
  examples: ['cosell connections hook-keys "AWS production"'],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const connection = await findConnection(client, typed.operands[0]);
      if (typed.on("revoke")) {
        await client.remove(`/v1/connections/${connection.id}/hook-keys`);
        const text = `${connection.label}: no webhook key is taken any more\n`;
        return { exitCode: exitCodes.ok, text, json: { connection: connection.id, liveKeys: 0 } };
      }
      const headerName = typed.text("header");
      const made = await client.post(
        `/v1/connections/${connection.id}/hook-keys`,
        headerName === undefined ? {} : { headerName },
        hookKeySchema,
      );
      const text = hookSetup({ ...made, account: connection.account, marketplace: connection.marketplace });
      const { secret, url, liveKeys } = made;
      return {
        exitCode: exitCodes.ok,
        text: `${connection.label}: ${counted(liveKeys, "key")} taken now; this one is shown once\n\n${text}`,
        json: { connection: connection.id, url, headerName: made.headerName, secret, liveKeys },
      };
    }),
};
