/** `cosell close lock | diff | reopen`: months of a close pack that stay as they are. Nothing is contacted: files in, files out. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { formulaRestored } from "../domain/csv.ts";
import type { Json } from "../domain/deal.ts";
import { amountOf, amountText } from "../domain/finance/amount.ts";
import { dayOf, monthOf } from "../domain/finance/day.ts";
import { isMarketplace } from "../domain/finance/marketplace.ts";
import { accounts, movementKinds, postings } from "../domain/finance/pack/movements.ts";
import { type BlockingException, lockRefusals, type Refusal } from "../domain/finance/period.ts";
import { type PeriodLockFile, periodLockFile, periodLockOf, signPeriodLock } from "../domain/finance/period-lock.ts";
import { differenceOf, owedBy, type PostedPeriod, type Posting } from "../domain/finance/posting.ts";
import type { Arguments } from "./arguments.ts";
import { hashOfFile, periodLocksName, readLocks, readSigningKey, verifyClosePack } from "./close-pack.ts";
import { type Command, type Flag, listFlag, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { readRows } from "./csv-file.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { jsonOf } from "./json.ts";
import { renderTable } from "./table.ts";
import { writeWhole } from "./whole-file.ts";

const linesShownMax = 50;

const monthFlags: readonly Flag[] = [
  textFlag("marketplace", "aws|azure|gcp", "whose month it is"),
  textFlag("month", "YYYY-MM", "the month"),
];

export const closeLockCommand: Command = {
  name: "close lock",
  summary: "Lock a month of a close pack, so that nothing that becomes known later changes it",
  operands: "<pack>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [
    ...monthFlags,
    textFlag("key", "file", "a private key of rules keygen: signs the lock"),
    listFlag("accept", "exception", "an exception above the policy's threshold that may stay open; may be repeated"),
    textFlag("reason", "text", "why those are accepted"),
    switchFlag("dry-run", "say what refuses, and write nothing"),
  ],
  about: `
Writes ${periodLocksName} into the pack. Put it into the folder of every later close: the month's journals stay the same bytes,
and what becomes known of it is posted into the first open month and names it as adjusts_period. A lock is refused while the
month is not over, an earlier month is open, a control total breaks, an expected file is missing, the tolerance cap is exceeded,
or an exception above the policy's unassigned_exceptions_above is nobody's.`,
  examples: ["cosell close lock close-2026-06 --marketplace aws --month 2026-06 --key ada.key.json"],
  run: (shell, typed) => runLock(shell, typed),
};

export const closeDiffCommand: Command = {
  name: "close diff",
  summary: "Show what a locked month would post by now more or less than it did",
  operands: "<pack>",
  operandsMin: 1,
  operandsMax: 1,
  flags: monthFlags,
  about:
    "The pack is one that was closed with the lock in its folder. What a later locked month has posted already is left out.",
  examples: ["cosell close diff close-2026-07 --marketplace aws --month 2026-06"],
  run: async (_shell, typed) => {
    const pack = await openPack(typed);
    needLock(pack);
    return differenceReport(pack, await differences(pack), "");
  },
};

export const closeReopenCommand: Command = {
  name: "close reopen",
  summary: "Open a locked month again, showing the exact difference",
  operands: "<pack>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [...monthFlags, switchFlag("dry-run", "show the difference, and write nothing")],
  about: `Takes the lock out of ${periodLocksName} in the pack. The next close with that file posts the month by what is known.`,
  examples: ["cosell close reopen close-2026-07 --marketplace aws --month 2026-06"],
  run: async (_shell, typed) => {
    const pack = await openPack(typed);
    const lock = needLock(pack);
    const found = await differences(pack);
    const left = pack.locks.filter((other) => other !== lock);
    if (!typed.on("dry-run")) await writeLocks(pack, left);
    const told = typed.on("dry-run")
      ? ""
      : `${nameOf(pack)} is open again: put ${join(pack.directory, periodLocksName)} into the folder\n`;
    return differenceReport(pack, found, told);
  },
};

interface Pack {
  readonly directory: string;
  readonly marketplace: "aws" | "azure" | "gcp";
  readonly period: string;
  readonly asOfDay: number;
  readonly manifest: z.infer<typeof manifestPartSchema>;
  readonly locks: readonly PeriodLockFile[];
}
const nameOf = ({ marketplace, period }: Pick<Pack, "marketplace" | "period">): string => `${marketplace} ${period}`;

/** What of a pack's manifest a lock reads. */
const manifestPartSchema = z.looseObject({
  as_of: z.string(),
  unassigned_exceptions_above: z.record(z.string(), z.string()),
  period_locks: z.array(z.looseObject({ marketplace: z.string(), period: z.string() })),
});

/** The pack as its manifest has it. Throws a `Failure` when a file of it was changed. */
const openPack = async (typed: Arguments): Promise<Pack> => {
  const [directory = ""] = typed.operands;
  const marketplace = typed.text("marketplace") ?? "";
  const period = typed.text("month") ?? "";
  if (!isMarketplace(marketplace)) throw usageFailure("--marketplace is aws, azure or gcp", "cosell help close lock");
  if (monthOf(period) === null) throw usageFailure("--month is a month such as 2026-06", "cosell help close lock");
  const { wrong } = await verifyClosePack(directory, []);
  if (wrong.length > 0)
    throw new Failure(`${directory} is not the pack that its manifest states: ${wrong[0]}`, {
      fix: "close the folder again",
    });
  const manifest = manifestPartSchema.safeParse(await readJson(join(directory, "manifest.json")));
  if (!manifest.success)
    throw new Failure(`${directory} was closed by an older version`, { fix: "close the folder again" });
  const locks = await readLocks(directory);
  const asOfDay = dayOf(manifest.data.as_of) ?? 0;
  return { directory, marketplace, period, asOfDay, manifest: manifest.data, locks };
};

const lockIn = ({ locks, marketplace, period }: Pack): PeriodLockFile | undefined =>
  locks.find((lock) => lock.marketplace === marketplace && lock.period === period);

const needLock = (pack: Pack): PeriodLockFile => {
  const lock = lockIn(pack);
  if (lock === undefined)
    throw new Failure(`${nameOf(pack)} is not locked in ${pack.directory}`, {
      fix: `locked are: ${pack.locks.map(nameOf).join(", ") || "none"}`,
    });
  return lock;
};

const runLock = async (shell: Shell, typed: Arguments): Promise<Report> => {
  const pack = await openPack(typed);
  const accepted = typed.list("accept");
  const reason = typed.text("reason") ?? "";
  if (accepted.length > 0 && reason === "") throw usageFailure("--accept needs --reason", "cosell help close lock");
  if (lockIn(pack) !== undefined)
    throw new Failure(`${nameOf(pack)} is locked already`, {
      fix: "cosell close diff shows what has become known since",
    });
  const key = await readSigningKey(typed.text("key"));
  const refusals = await refusalsOf(pack, new Set(accepted));
  if (refusals.length > 0 || typed.on("dry-run")) return refusalReport(pack, refusals);
  const made = periodLockFile({
    marketplace: pack.marketplace,
    period: pack.period,
    asOfDay: pack.asOfDay,
    manifestSha256: await hashOfFile(join(pack.directory, "manifest.json")),
    decisions: accepted.map((exception) => ({ exception, by: key?.name ?? "", reason })),
    postings: await postedIn(pack, (one) => one.period === pack.period),
  });
  const lock = key === null ? made : await signPeriodLock(made, key, shell.now().toISOString().slice(0, 10));
  await writeLocks(pack, [...pack.locks, lock]);
  return {
    exitCode: exitCodes.ok,
    text: `${nameOf(pack)} is locked with ${lock.postings.length} postings as of ${lock.as_of}, ${key === null ? "not signed (--key)" : `signed by ${key.name}`}\nput ${join(pack.directory, periodLocksName)} into the folder of every later close\n`,
    json: {
      marketplace: pack.marketplace,
      month: pack.period,
      postings: lock.postings.length,
      signedBy: key?.name ?? null,
    },
  };
};

const refusalReport = (pack: Pack, refusals: readonly Refusal[]): Report => ({
  exitCode: refusals.length === 0 ? exitCodes.ok : exitCodes.failed,
  text:
    refusals.length === 0
      ? `nothing stands against locking ${nameOf(pack)}\n`
      : `${nameOf(pack)} cannot be locked:\n${refusals
          .slice(0, linesShownMax)
          .map(({ code, message, fix }) => `  ${code}: ${message}\n    fix: ${fix}\n`)
          .join("")}${refusals.length > linesShownMax ? `  and ${refusals.length - linesShownMax} more\n` : ""}`,
  json: { marketplace: pack.marketplace, month: pack.period, refusals: jsonOf(refusals) },
});

const refusalsOf = async (pack: Pack, accepted: ReadonlySet<string>): Promise<readonly Refusal[]> => {
  const exceptions: BlockingException[] = [];
  for await (const row of rowsOf(join(pack.directory, "exceptions.csv"))) {
    const id = row("id");
    exceptions.push({
      id,
      type: row("type"),
      subjectType: row("subject_type"),
      subjectId: row("subject"),
      marketplace: row("marketplace") === "" ? null : row("marketplace"),
      amount: amountOf(row("amount")) ?? 0n,
      currency: row("currency"),
      sinceDay: dayOf(row("since")),
      state: accepted.has(id) ? "accepted" : "open",
    });
  }
  const unknown = [...accepted].filter((id) => !exceptions.some((one) => one.id === id));
  if (unknown.length > 0)
    throw new Failure(`the pack has no exception ${unknown[0]}`, { fix: "take an id from exceptions.csv" });
  return lockRefusals({
    marketplace: pack.marketplace,
    period: pack.period,
    asOfDay: pack.asOfDay,
    exceptions,
    locked: pack.locks.filter((lock) => lock.marketplace === pack.marketplace).map((lock) => lock.period),
    unassignedAbove: new Map(
      Object.entries(pack.manifest.unassigned_exceptions_above).map(([currency, text]) => [
        currency,
        amountOf(text) ?? 0n,
      ]),
    ),
  });
};

const differences = async (pack: Pack): Promise<readonly Posting[]> => {
  const knows = pack.manifest.period_locks.some(
    (lock) => lock.marketplace === pack.marketplace && lock.period === pack.period,
  );
  if (!knows)
    throw new Failure(`${pack.directory} was closed without the lock of ${nameOf(pack)}`, {
      fix: `put ${periodLocksName} into the folder and close it again`,
    });
  const locks: readonly PostedPeriod[] = pack.locks.map(periodLockOf);
  return differenceOf(await postedIn(pack, (one) => one.adjusts === pack.period), pack, locks);
};

const differenceReport = (pack: Pack, found: readonly Posting[], told: string): Report => {
  const totals = new Map<string, bigint>();
  for (const one of found) totals.set(one.currency, (totals.get(one.currency) ?? 0n) + owedBy(one));
  const table = renderTable(
    found.slice(0, linesShownMax),
    [
      { title: "agreement", cell: (one) => one.agreementId ?? "payouts", shrink: true },
      { title: "movement", cell: (one) => one.kind.replaceAll("_", " ") },
      { title: "difference", cell: (one) => amountText(one.amount, one.currency), right: true },
      { title: "currency", cell: (one) => one.currency },
      { title: "posted in", cell: (one) => one.period },
    ],
    120,
  );
  const owed = [...totals].map(([currency, sum]) => `${amountText(sum, currency)} ${currency}`).join(", ");
  const difference: Json = found.map((one) => ({
    agreement: one.agreementId,
    movement: one.kind,
    amount: amountText(one.amount, one.currency),
    currency: one.currency,
    postedIn: one.period,
  }));
  return {
    exitCode: exitCodes.ok,
    text: `${
      found.length === 0
        ? `${nameOf(pack)} would post today what it did\n`
        : `${table}\n${found.length > linesShownMax ? `and ${found.length - linesShownMax} more\n` : ""}what would be posted now, less what was: ${found.length} postings, owed by the marketplace ${owed}\n`
    }${told}`,
    json: { marketplace: pack.marketplace, month: pack.period, difference },
  };
};

const writeLocks = async ({ directory }: Pack, locks: readonly PeriodLockFile[]): Promise<void> => {
  await writeWhole(join(directory, periodLocksName), [`${JSON.stringify(locks, null, 1)}\n`]);
};

/** Postings of the pack's marketplace, from journals.csv: each is a debit and a credit. */
const postedIn = async (
  pack: Pack,
  wanted: (one: Pick<Posting, "period" | "adjusts">) => boolean,
): Promise<Posting[]> => {
  const found: Posting[] = [];
  for await (const row of rowsOf(join(pack.directory, "journals.csv"))) {
    if (row("marketplace") !== pack.marketplace || row("debit") === "") continue;
    const at = { period: row("period"), adjusts: row("adjusts_period") === "" ? null : row("adjusts_period") };
    if (!wanted(at)) continue;
    const kind = z.enum(movementKinds).parse(row("movement"));
    const isForward = postings[kind].debit === z.enum(accounts).parse(row("account_role"));
    const size = amountOf(row("debit")) ?? 0n;
    const agreementId = row("agreement_id") === "" ? null : row("agreement_id");
    const currency = row("currency");
    found.push({ ...at, marketplace: pack.marketplace, currency, agreementId, kind, amount: isForward ? size : -size });
  }
  return found;
};

type Row = (column: string) => string;
async function* rowsOf(path: string): AsyncGenerator<Row> {
  let header: ReadonlyMap<string, number> | null = null;
  for await (const { cells } of readRows(path, () => {})) {
    if (header === null) {
      header = new Map(cells.map((name, index) => [name, index]));
      continue;
    }
    const at = header;
    yield (column) => formulaRestored(cells[at.get(column) ?? -1] ?? "");
  }
}

const readJson = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, "utf8"));
