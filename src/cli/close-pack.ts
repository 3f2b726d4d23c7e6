/** Writes the close pack: what a close found, for people, for the ledger and for auditors. The same facts give the same bytes. */
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import type { JsonObject } from "../domain/deal.ts";
import { amountText, roundToMinor } from "../domain/finance/amount.ts";
import { answerOf, linkRows } from "../domain/finance/answer.ts";
import { ruleName } from "../domain/finance/attribution-rule.ts";
import type { Close } from "../domain/finance/close.ts";
import { dayText } from "../domain/finance/day.ts";
import {
  ageingTable,
  dueTable,
  forecastTable,
  linesTable,
  payoutsTable,
  summaryTable,
} from "../domain/finance/pack/balances.ts";
import {
  creditLocksTable,
  creditPeriodsTable,
  disputesTable,
  overlapTable,
} from "../domain/finance/pack/credit-tables.ts";
import {
  attributionTable,
  claims,
  creditsTable,
  exceptionsTable,
  feesTable,
  suggestionsTable,
  toleranceTable,
} from "../domain/finance/pack/findings.ts";
import { incentivesTable } from "../domain/finance/pack/incentives.ts";
import { indicatorsTable } from "../domain/finance/pack/indicators.ts";
import {
  type AccountNames,
  defaultAccountNames,
  genericJournals,
  journalsOf,
  netsuiteJournals,
  quickbooksJournals,
} from "../domain/finance/pack/journals.ts";
import {
  type ManifestVerdict,
  manifestOf,
  manifestSchema,
  manifestText,
  signManifest,
  verifyManifest,
} from "../domain/finance/pack/manifest.ts";
import { accounts, movementsOf } from "../domain/finance/pack/movements.ts";
import { periodsTable } from "../domain/finance/pack/periods.ts";
import { csvRows, type PackTable } from "../domain/finance/pack/table.ts";
import {
  type LockVerdict,
  type PeriodLockFile,
  periodLockSchema,
  verifyPeriodLock,
} from "../domain/finance/period-lock.ts";
import { postingsOf } from "../domain/finance/posting.ts";
import { plainText } from "../domain/finance/versions.ts";
import { type PrivateKey, type PublicKey, privateKeySchema } from "../domain/signed-rule.ts";
import { Failure } from "./failure.ts";
import { pathsOf, type ReadFolder } from "./report-folder.ts";
import { type Chart, pageOf } from "./report-page.ts";
import { type Written, writeWhole } from "./whole-file.ts";
import { workbookOf } from "./workbook.ts";

/** More lines than these stand in lines.csv alone. */
const workbookLinesMax = 20_000;
const barsMax = 12;

export interface PackOptions {
  readonly accounts: AccountNames;
  /** Signs the manifest; null: it stays unsigned. */
  readonly key: PrivateKey | null;
  readonly now: Date;
}
export interface WrittenPack {
  readonly files: number;
  readonly signedBy: string | null;
}
interface Closed {
  readonly read: ReadFolder;
  readonly close: Close;
}

/** Writes everything into `out`. Files that are there are replaced, each as a whole. */
export const writeClosePack = async (out: string, closed: Closed, options: PackOptions): Promise<WrittenPack> => {
  const { read, close } = closed;
  const outputs: ({ readonly path: string } & Written)[] = [];
  const write = async (path: string, pieces: Iterable<string> | Uint8Array): Promise<void> => {
    await mkdir(dirname(join(out, path)), { recursive: true });
    outputs.push({ path, ...(await writeWhole(join(out, path), pieces)) });
  };
  const posted = postingsOf(movementsOf(close), close.periodLocks);
  const tables = [...tablesOf(closed), periodsTable(posted, close.periodLocks)];
  const lines = linesTable(close, pathsOf(read.files));
  const journals = journalsOf(posted, close.asOfDay);
  const entries = genericJournals(journals, options.accounts);
  await write("answer.json", [`${JSON.stringify(answerOf(close), null, 1)}\n`]);
  await write("links.csv", linkRows(close));
  for (const table of [...tables, entries, netsuiteJournals(journals, options.accounts)])
    await write(`${table.name}.csv`, csvRows(table));
  for (const table of quickbooksJournals(journals, options.accounts)) await write(`${table.name}.csv`, csvRows(table));
  await write("lines.csv", csvRows(lines));
  for (const { name, text } of claims(close)) await write(`claims/${name}.md`, [text]);
  const isSmall = close.lines.length <= workbookLinesMax;
  const sheets: readonly PackTable[] = [
    ...tables,
    entries,
    ...(isSmall
      ? [
          {
            ...linesTable(close, pathsOf(read.files)),
            rows: [...lineRows(closed)],
          },
        ]
      : []),
  ];
  await write("workbook.xlsx", workbookOf(sheets));
  await write("report.html", [
    pageOf({
      title: `Close as of ${dayText(close.asOfDay)}`,
      told: toldOf(closed),
      tables: [...tables, entries],
      charts: chartsOf(close),
    }),
  ]);
  const manifest = manifestOfClose(closed, outputs);
  // What is locked stays so: the file is ready for the next folder, with or without a month more.
  const locks = read.facts.periodLocks.map(({ document }) => document);
  if (locks.length > 0) await writeWhole(join(out, periodLocksName), [`${JSON.stringify(locks, null, 1)}\n`]);
  const today = options.now.toISOString().slice(0, 10);
  const signed = options.key === null ? manifest : await signManifest(manifest, options.key, today);
  await writeWhole(join(out, "manifest.json"), [manifestText(signed)]);
  return { files: outputs.length + 1, signedBy: options.key?.name ?? null };
};

const lineRows = ({ read, close }: Closed) => linesTable(close, pathsOf(read.files)).rows;

const tablesOf = ({ read, close }: Closed): readonly PackTable[] => {
  const movements = movementsOf(close);
  return [
    summaryTable(close, movements),
    exceptionsTable(close),
    suggestionsTable(close),
    toleranceTable(close),
    feesTable(close),
    ageingTable(close, movements),
    dueTable(close, movements),
    forecastTable(close),
    payoutsTable(close),
    creditsTable(close),
    creditPeriodsTable(close),
    creditLocksTable(close),
    disputesTable(close),
    incentivesTable(close),
    attributionTable(close),
    overlapTable(close, read.facts),
    indicatorsTable(close, read.facts),
    filesTable(read),
  ];
};

const filesTable = (read: ReadFolder): PackTable => ({
  name: "files",
  title: "Files",
  about: "What was read, with the SHA-256 of its bytes. A refused file counts for nothing.",
  columns: [
    ...(["file", "format", "status"] as const).map((name) => ({ name, kind: "text" as const })),
    ...(["rows", "bytes"] as const).map((name) => ({ name, kind: "count" as const })),
    ...(["problem", "sha256"] as const).map((name) => ({ name, kind: "text" as const })),
  ],
  rows: read.files.map((file) => [
    file.path,
    file.format?.title ?? "",
    file.status,
    file.rows,
    file.bytes,
    file.problems
      .map(
        ({ line, column, message }) =>
          `${line === null ? "" : `line ${line}: `}${column === null ? "" : `${column}: `}${message}`,
      )
      .join("; "),
    file.digest,
  ]),
});

const toldOf = ({ read, close }: Closed): readonly string[] => {
  const refused = read.files.filter(({ status }) => status === "refused").length;
  return [
    `${read.files.length} files with ${read.rows.toLocaleString("en")} rows; ${close.lines.length.toLocaleString("en")} money lines, ${close.exceptions.length} exceptions, ${close.credits.length} credits.`,
    `Signatures of attribution rules: ${close.policy.signatures}.${close.policy.signatures === "recorded" ? " Dates only, as the folder declares; nothing was verified." : ` Each was verified against the ${close.publicKeys} public keys of the folder; what was not credits nobody.`}`,
    ...(close.blocks.length === 0
      ? []
      : [
          `${close.blocks.length} exceptions block the close: ${close.blocks
            .slice(0, 5)
            .map(({ type, subjectId }) => `${type} ${subjectId}`)
            .join("; ")}.`,
        ]),
    ...(refused === 0 ? [] : [`${refused} files were refused and count for nothing: see Files.`]),
  ];
};

const chartsOf = (close: Close): readonly Chart[] => {
  const byCurrency = new Map<string, { name: string; micros: bigint; label: string }[]>();
  for (const [marketplace, currencies] of close.totals)
    for (const [currency, figures] of currencies)
      for (const measure of ["invoiced", "refund", "fee", "disbursed_net", "bank_deposited"] as const) {
        const micros = figures.get(measure) ?? 0n;
        if (micros === 0n) continue;
        const bars = byCurrency.get(currency) ?? [];
        byCurrency.set(currency, bars);
        bars.push({
          name: `${marketplace} ${measure.replaceAll("_", " ")}`,
          micros,
          label: amountText(micros, currency),
        });
      }
  const open = new Map<string, bigint>();
  for (const { type, amount, currency } of close.exceptions)
    if (currency === "USD") open.set(type, (open.get(type) ?? 0n) + (amount < 0n ? -amount : amount));
  const exceptions = [...open]
    .toSorted(([, a], [, b]) => (a < b ? 1 : -1))
    .slice(0, barsMax)
    .map(([name, micros]) => ({
      name: name.toLowerCase().replaceAll("_", " "),
      micros,
      label: barLabel(micros, "USD"),
    }));
  return [
    ...[...byCurrency].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([unit, bars]) => ({ title: "Money", unit, bars })),
    ...(exceptions.length === 0 ? [] : [{ title: "Exceptions by amount", unit: "USD", bars: exceptions }]),
  ];
};

/** Beside a bar cents are enough, and thousands are parted for the eye. */
const barLabel = (micros: bigint, currency: string): string =>
  amountText(roundToMinor(micros, currency), currency).replace(/\B(?=(?:\d{3})+(?!\d)(?=\.|$))/g, ",");

const manifestOfClose = (
  { read, close }: Closed,
  outputs: readonly ({ readonly path: string } & Written)[],
): JsonObject =>
  manifestOf({
    ...{ asOfDay: close.asOfDay, policy: close.policy, policySha256: hashOf(plainText(close.policy)) },
    periodLocks: close.periodLocks,
    rules: new Map(read.facts.rules.map((rule) => [ruleName(rule), close.hashOf(rule)])),
    decisions: new Map(read.facts.decisions.map((decision) => [ruleName(decision), close.hashOf(decision)])),
    inputs: read.files.map(({ path, digest, bytes, status, format }) => ({
      ...{ path, sha256: digest, bytes, status },
      format: format?.id ?? null,
    })),
    outputs,
  });
const hashOf = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");

export const hashOfFile = async (path: string): Promise<string> => hashOf(await readFile(path));

export interface VerifiedPack {
  readonly files: number;
  /** Files that are missing or are not what the manifest states. */
  readonly wrong: readonly string[];
  readonly verdict: ManifestVerdict;
  readonly signedBy: string | null;
  /** Of each lock beside it: whose month, and whether its signature holds. */
  readonly locks: readonly { readonly name: string; readonly verdict: LockVerdict }[];
}
/** Hashes the files again. Throws a `Failure` where there is no manifest. */
export const verifyClosePack = async (directory: string, keys: readonly PublicKey[]): Promise<VerifiedPack> => {
  const manifest = manifestSchema.safeParse(await readJson(join(directory, "manifest.json")));
  if (!manifest.success) throw new Failure(`${join(directory, "manifest.json")} is no manifest of a close`);
  const { outputs, signature, locked } = manifest.data;
  const wrong: string[] = [];
  for (const { path, sha256 } of outputs) {
    if (path.startsWith("/") || path.split("/").includes("..")) wrong.push(`${path}: lies outside the pack`);
    else {
      const content = await readFile(join(directory, path)).catch(() => null);
      if (content === null) wrong.push(`${path}: is missing`);
      else if (createHash("sha256").update(content).digest("hex") !== sha256) wrong.push(`${path}: was changed`);
    }
  }
  const locks = await readLocks(directory);
  const own = locked === undefined ? undefined : locks.find((lock) => isOf(lock, locked));
  if (locked !== undefined) {
    const name = `${periodLocksName}: ${locked.marketplace} ${locked.period}`;
    if (own === undefined) wrong.push(`${name} is not in it`);
    else if (own.manifest_sha256 !== (await hashOfFile(join(directory, "manifest.json"))))
      wrong.push(`${name} is the lock of another manifest`);
  }
  const judged: VerifiedPack["locks"][number][] = [];
  for (const lock of locks)
    judged.push({ name: `${lock.marketplace} ${lock.period}`, verdict: await verifyPeriodLock(lock, keys) });
  return {
    ...{ files: outputs.length, wrong, locks: judged },
    verdict: await verifyManifest(manifest.data, keys),
    signedBy: signature?.name ?? null,
  };
};

const isOf = (lock: PeriodLockFile, name: Pick<PeriodLockFile, "marketplace" | "period">): boolean =>
  lock.marketplace === name.marketplace && lock.period === name.period;

export const periodLocksName = "period-locks.json";
/** The locks in a directory. Throws a `Failure` on a file that holds none. */
export const readLocks = async (directory: string): Promise<readonly PeriodLockFile[]> => {
  const path = join(directory, periodLocksName);
  const text = await readFile(path, "utf8").catch(() => "[]");
  try {
    return z.array(periodLockSchema).parse(JSON.parse(text));
  } catch {
    throw new Failure(`${path} holds no locks`, { fix: "close the folder again" });
  }
};

/** Names of accounts, the user's over ours. Throws a `Failure` on a role that there is not. */
export const readAccountNames = async (path: string | undefined): Promise<AccountNames> => {
  if (path === undefined) return defaultAccountNames;
  const read = z.partialRecord(z.enum(accounts), z.string().trim().min(1).max(200)).safeParse(await readJson(path));
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new Failure(`${path}: ${issue?.path.join(".") || "its root"}: ${issue?.message ?? "it does not fit"}`, {
      fix: `name accounts by what they are: ${accounts.join(", ")}`,
    });
  }
  return { ...defaultAccountNames, ...read.data };
};

export const readSigningKey = async (path: string | undefined): Promise<PrivateKey | null> => {
  if (path === undefined) return null;
  const key = privateKeySchema.safeParse(await readJson(path));
  if (!key.success) throw new Failure(`${path} is no private key`, { fix: "cosell rules keygen makes one" });
  return key.data;
};

const readJson = async (path: string): Promise<unknown> => {
  const text = await readFile(path, "utf8").catch(() => {
    throw new Failure(`${path} cannot be read`, { fix: "name a file that is there" });
  });
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure(`${path} is no JSON`);
  }
};
