/** `cosell rules keygen | sign | verify`: attribution rules as signed documents. Nothing is contacted: files in, files out. */
import { readFile, writeFile } from "node:fs/promises";
import * as z from "zod";
import { type JsonObject, jsonObjectSchema } from "../domain/deal.ts";
import {
  makeKey,
  type PublicKey,
  privateKeySchema,
  publicHalf,
  publicKeySchema,
  publicKeysSchema,
  RuleError,
  type RuleVerdict,
  type SignatureVerdict,
  sides,
  signRule,
  verifyRule,
} from "../domain/signed-rule.ts";
import { withClient } from "./client.ts";
import { type Command, listFlag, type Shell, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { jsonOf } from "./json.ts";
import { whereabouts } from "./shares.ts";
import { renderTable } from "./table.ts";

const fileCharactersMax = 10_000_000;

export const ruleKeygenCommand: Command = {
  name: "rules keygen",
  summary: "Make the key with which an officer signs attribution rules",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [
    textFlag("side", "us|partner", "whose officer it is"),
    textFlag("name", "name", "the officer, as it will stand on every signature"),
    textFlag("role", "role", "the officer's role; default CRO"),
    textFlag(
      "out",
      "file",
      "where the private key goes, readable by its owner alone; the public half goes beside it as <file>.pub",
    ),
  ],
  about:
    "The private key stays with the officer. Give <file>.pub to the other company: with it anybody verifies, offline.",
  examples: ['cosell rules keygen --side us --name "Ada Example" --out ada.key.json'],
  run: async (shell, typed) => {
    const side = z.enum(sides).safeParse(typed.text("side"));
    if (!side.success) throw usageFailure("--side is us or partner", "cosell help rules keygen");
    const out = needed(typed.text("out"), "--out names no file");
    const key = await makeKey({
      side: side.data,
      name: needed(typed.text("name"), "--name names no officer"),
      role: typed.text("role") ?? "CRO",
    });
    await writeNew(out, JSON.stringify(key, null, 2), 0o600);
    await writeNew(`${out}.pub`, JSON.stringify(publicHalf(key), null, 2), 0o644);
    shell.tell(`${out} is the private key: it stays with ${key.name}. ${out}.pub is for everybody.`);
    return { exitCode: exitCodes.ok, text: `${key.key_id}\n`, json: jsonOf(publicHalf(key)) };
  },
};

export const ruleSignCommand: Command = {
  name: "rules sign",
  summary: "Sign an attribution rule document for one side",
  operands: "<rule.json>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [
    textFlag("key", "file", "the officer's private key, from rules keygen"),
    textFlag("out", "file", "where the signed document goes; default: in the place of the document"),
  ],
  about: "What is signed: the content in canonical form, who signs, and today's date. A changed text is a new version.",
  examples: ["cosell rules sign rule.json --key ada.key.json"],
  run: async (shell, typed) => {
    const [path = ""] = typed.operands;
    const keyPath = needed(typed.text("key"), "--key names no file");
    const key = privateKeySchema.safeParse(await readJson(keyPath));
    if (!key.success)
      throw new Failure(`${keyPath} is no private key of rules keygen`, { fix: "cosell rules keygen makes one" });
    const document = await readDocument(path);
    const today = shell.now().toISOString().slice(0, 10);
    const signed = await signRule(document, key.data, today).catch((error: unknown) => {
      if (error instanceof RuleError) throw new Failure(`${path}: ${error.message}`);
      throw error instanceof z.ZodError ? notARule(path, error) : error;
    });
    const out = typed.text("out") ?? path;
    await writeFile(out, `${JSON.stringify(signed, null, 2)}\n`);
    return {
      exitCode: exitCodes.ok,
      text: `${out}: signed for ${key.data.side} by ${key.data.name} on ${today}\n`,
      json: signed,
    };
  },
};

export const ruleVerifyCommand: Command = {
  name: "rules verify",
  summary: "Verify the signatures of attribution rules with public keys alone",
  operands: "<rules.json>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [listFlag("keys", "file", "a public key, or a list of them; may be repeated")],
  about:
    "One document or a list of them. Ends with code 1 unless each carries a verified signature of both sides. A date without a signature is told as recorded: the service does not accept it.",
  examples: ["cosell rules verify rule.json --keys ada.key.json.pub --keys bob.key.json.pub"],
  run: async (shell, typed) => {
    const [path = ""] = typed.operands;
    const keys = await readKeys(typed.list("keys"));
    const found = await readJson(path);
    const documents = Array.isArray(found) ? found : [found];
    const rows: Row[] = [];
    for (const [index, given] of documents.entries()) {
      const document = jsonObjectSchema.safeParse(given);
      const at = Array.isArray(found) ? `${path}[${index}]` : path;
      if (!document.success) throw notARule(at, document.error);
      const verdict = await verifyRule(document.data, keys).catch((error: unknown) => {
        throw error instanceof z.ZodError ? notARule(at, error) : error;
      });
      rows.push({ rule: `${String(document.data.rule_id)} v${String(document.data.version)}`, verdict });
    }
    const isGood = rows.every(({ verdict }) => verdict.isVerified);
    return {
      exitCode: isGood ? exitCodes.ok : exitCodes.failed,
      text: render(shell, rows),
      json: { verified: isGood, rules: jsonOf(rows) },
    };
  },
};

export const ruleTrustCommand: Command = {
  name: "rules trust",
  summary: "Register officers' public keys in the service, which verifies signed rules with them",
  operands: "<key.pub>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [],
  about: "The .pub file of rules keygen, or a list of keys. Needs a key of the service with the scope admin.",
  examples: ["cosell rules trust ada.key.json.pub"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const keys = await readKeys(typed.operands);
      for (const key of keys) await client.post("/v1/attribution/keys", key, z.unknown());
      const named = keys.map(({ name, side }) => `${name} (${side})`).join(", ");
      return { exitCode: exitCodes.ok, text: `registered: ${named}\n`, json: { keys: jsonOf(keys) } };
    }),
};

export const rulePushCommand: Command = {
  name: "rules push",
  summary: "Bring signed attribution rules, or decisions about disputes, into force in the service",
  operands: "<rule.json>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [],
  about:
    "One document or a list of them. The service takes only what an officer of each side signed with a key that it trusts (rules trust), and says of everything else which signature does not hold.",
  examples: ["cosell rules push rule.json"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [path = ""] = typed.operands;
      const found = await readJson(path);
      const lines: string[] = [];
      for (const given of Array.isArray(found) ? found : [found]) {
        const document = jsonObjectSchema.safeParse(given);
        if (!document.success) throw notARule(path, document.error);
        const kind = "dispute_id" in document.data ? "decisions" : "rules";
        const kept = await client.post(`/v1/attribution/${kind}`, document.data, pushedSchema);
        lines.push(`${kept.id}: verified for both sides, sha256 ${kept.contentSha256}`);
      }
      return { exitCode: exitCodes.ok, text: `${lines.join("\n")}\n`, json: { documents: lines } };
    }),
};
const pushedSchema = z.looseObject({ id: z.string(), contentSha256: z.string() });

interface Row {
  readonly rule: string;
  readonly verdict: RuleVerdict;
}

const says: Readonly<Record<SignatureVerdict, string>> = {
  verified: "verified",
  recorded: "a date without a signature",
  unknown_key: "signed with a key that --keys does not have",
  not_their_key: "the key belongs to another officer or side",
  key_not_valid_then: "the key was not valid on that day",
  forged: "FORGED: the signature does not fit",
  content_changed: "CHANGED: the content is not what was signed",
};

const render = (shell: Shell, rows: readonly Row[]): string => {
  const lines = rows.flatMap(({ rule, verdict }) =>
    verdict.signatures.length === 0
      ? [{ rule, side: "", name: "", signedAt: "", told: "nobody has signed it" }]
      : verdict.signatures.map((one) => ({ rule, ...one, told: says[one.verdict] })),
  );
  const table = renderTable(
    lines,
    [
      { title: "rule", cell: (line) => line.rule },
      { title: "side", cell: (line) => line.side },
      { title: "officer", cell: (line) => line.name, shrink: true },
      { title: "signed", cell: (line) => line.signedAt },
      { title: "verdict", cell: (line) => line.told },
    ],
    shell.columns,
  );
  const verified = rows.filter(({ verdict }) => verdict.isVerified).length;
  return `${table}\n${verified} of ${rows.length} rules verified for both sides\n`;
};

const needed = (value: string | undefined, message: string): string => {
  if (value === undefined || value === "") throw usageFailure(message, "cosell help rules");
  return value;
};

/** Never writes over a key. */
const writeNew = async (path: string, text: string, mode: number): Promise<void> => {
  try {
    await writeFile(path, `${text}\n`, { flag: "wx", mode });
  } catch {
    throw new Failure(`${path} cannot be written, or is there already`, { fix: "name another file with --out" });
  }
};

const readJson = async (path: string): Promise<unknown> => {
  const text = await readFile(path, "utf8").catch(() => {
    throw new Failure(`${path} cannot be read`, { fix: "name a file that is there" });
  });
  if (text.length > fileCharactersMax) throw new Failure(`${path} is larger than 10 MB`);
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure(`${path} is no JSON`);
  }
};

const readDocument = async (path: string): Promise<JsonObject> => {
  const document = jsonObjectSchema.safeParse(await readJson(path));
  if (!document.success) throw notARule(path, document.error);
  return document.data;
};

/** Public keys from files, each one or a list. Throws a `Failure` on anything else. */
export const readKeys = async (paths: readonly string[]): Promise<readonly PublicKey[]> => {
  const keys: PublicKey[] = [];
  for (const path of paths) {
    const found = await readJson(path);
    const read = z.union([publicKeySchema.transform((key) => [key]), publicKeysSchema]).safeParse(found);
    if (!read.success)
      throw new Failure(`${path} is no public key, nor a list of them`, { fix: "give the .pub file of rules keygen" });
    keys.push(...read.data);
  }
  return keys;
};

const notARule = (path: string, error: z.ZodError): Failure => {
  const [issue] = error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "its root" : issue.path.join(".");
  return new Failure(`${path} is no rule document: at ${where}: ${issue?.message ?? "it does not fit"}`);
};
