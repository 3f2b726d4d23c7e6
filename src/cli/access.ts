/** `cosell keys`, `cosell forget`: who may call the API, and the right to be forgotten. */
import * as z from "zod";
import { withClient } from "./client.ts";
import { type Command, listFlag, switchFlag, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";

const keysMax = 500;
const keySchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  prefix: z.string().default(""),
  scopes: z.array(z.string()).default([]),
  createdAt: z.string().default(""),
  expiresAt: z.string().nullish(),
  revokedAt: z.string().nullish(),
  lastUsedAt: z.string().nullish(),
});
const day = (iso: string | null | undefined): string => (iso ?? "").slice(0, 10);

export const keysCommand: Command = {
  name: "keys",
  summary: "List API keys",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [switchFlag("all", "revoked ones too")],
  examples: ["cosell keys"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const keys: z.infer<typeof keySchema>[] = [];
      for await (const key of client.each("/v1/keys", keySchema, {}, keysMax))
        if (typed.on("all") || !key.revokedAt) keys.push(key);
      const table = renderTable(
        keys,
        [
          { title: "name", cell: (key) => key.name, shrink: true },
          { title: "scopes", cell: (key) => key.scopes.join(", ") },
          { title: "begins", cell: (key) => key.prefix },
          { title: "made", cell: (key) => day(key.createdAt) },
          { title: "last used", cell: (key) => day(key.lastUsedAt) },
          { title: "ends", cell: (key) => (key.revokedAt ? `revoked ${day(key.revokedAt)}` : day(key.expiresAt)) },
          { title: "id", cell: (key) => key.id },
        ],
        shell.columns,
      );
      return {
        exitCode: exitCodes.ok,
        text: `${table}\n${counted(keys.length, "key")}\n`,
        json: { keys: z.json().parse(JSON.parse(JSON.stringify(keys))) },
      };
    }),
};

export const keyCreateCommand: Command = {
  name: "keys create",
  summary: "Make an API key; it is shown once",
  operands: "<name>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [
    listFlag("scope", "read|write|admin", "may be repeated; default read"),
    textFlag("expires", "YYYY-MM-DD", "the day on which it ends; default never"),
  ],
  examples: ['cosell keys create "nightly import" --scope read --scope write --expires 2027-12-31'],
  run: (shell, typed) => {
    const expires = typed.text("expires");
    if (expires !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(expires))
      throw usageFailure(`--expires ${expires} is not a day`, "write it as 2027-12-31");
    const scopes = typed.list("scope").length === 0 ? ["read"] : [...typed.list("scope")];
    return withClient(shell, whereabouts(typed), async (client) => {
      const made = await client.post(
        "/v1/keys",
        { name: typed.operands[0], scopes, ...(expires === undefined ? {} : { expiresAt: `${expires}T00:00:00Z` }) },
        z.looseObject({ key: keySchema, secret: z.string().nullable() }),
      );
      shell.tell("The key is shown once; keep it like a password.");
      return {
        exitCode: exitCodes.ok,
        text: `${made.secret ?? ""}\n`,
        json: { id: made.key.id, name: made.key.name, scopes: made.key.scopes, secret: made.secret },
      };
    });
  },
};

export const keyRevokeCommand: Command = {
  name: "keys revoke",
  summary: "Make an API key useless, at once",
  operands: "<key_…>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [],
  examples: ["cosell keys revoke key_0199c0de00007000800000000000a001"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const id = typed.operands[0] ?? "";
      if (!/^key_[0-9a-f]{32}$/.test(id)) throw usageFailure(`${id} is no id of a key`, "cosell keys lists them");
      await client.remove(`/v1/keys/${id}`);
      return { exitCode: exitCodes.ok, text: `${id} is revoked\n`, json: { key: id, revoked: true } };
    }),
};

export const forgetCommand: Command = {
  name: "forget",
  summary: "Erase a person: contacts and every kept text that may name them",
  operands: "<email>",
  operandsMin: 1,
  operandsMax: 1,
  about:
    "Deals, shares, history and money stay. It cannot be undone, and it reaches only this service: ask the partners too.",
  flags: [switchFlag("yes", "do not ask")],
  examples: ["cosell forget person@customer.example"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const email = typed.operands[0] ?? "";
      if (!/^[^@\s]+@[^@\s]+$/.test(email))
        throw usageFailure(`${JSON.stringify(email)} is no e-mail address`, "write name@host");
      if (!typed.on("yes")) {
        if (!shell.interactive)
          throw usageFailure("erasing a person cannot be undone", "add --yes to do it without a question");
        const answer = await shell.ask(`Erase everything that names ${email}? It cannot be undone. Type yes: `, false);
        if (answer.trim().toLowerCase() !== "yes") throw new Failure("nothing was erased");
      }
      const erased = await client.post(
        "/v1/forget",
        { email },
        z.looseObject({ contacts: z.number(), bodies: z.number(), requests: z.number() }),
      );
      const { contacts, bodies, requests } = erased;
      const text = `erased: ${counted(contacts, "contact")}, ${counted(bodies, "kept answer")}, ${counted(requests, "kept request")}\n`;
      return { exitCode: exitCodes.ok, text, json: { contacts, bodies, requests } };
    }),
};
