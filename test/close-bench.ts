/**
 * `npm run bench:close`: a close against a DuckDB script on the same files in the same run, as ratios. Absolute times are printed beside
 * them. `--lines 1000000` (default) is finance's own size; `--small` is the size of CI. The ledger lies in the PostgreSQL of
 * TEST_DATABASE_URL (default: the one on this machine); with `--embedded` only the embedded database is measured.
 */
import { execFile } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import postgres from "postgres";
import { reportFormats } from "../adapters/report-formats.ts";
import { closeIntoLedger, createKeeper, openLedger } from "../src/cli/ledger-folder.ts";
import { listFolder, readFolder } from "../src/cli/report-folder.ts";
import { closeBooks } from "../src/domain/finance/close.ts";
import { dayOf } from "../src/domain/finance/day.ts";
import { writeCloseData } from "./bench/close-data.ts";
import { runDuck, wallOf } from "./bench/close-duck.ts";
import { writeNews } from "./bench/close-news.ts";
import { createVerdict, quantile } from "./bench/verdict.ts";

const { values } = parseArgs({
  options: {
    lines: { type: "string" },
    small: { type: "boolean", default: false },
    news: { type: "string" },
    /** Of a process of its own, so that its memory is not ours: `duck <folder>` or `core <folder>`. */
    part: { type: "string" },
    folder: { type: "string", default: "" },
  },
});
const lines = Number(values.lines ?? (values.small ? 10_000 : 1_000_000));
const newsLines = Number(values.news ?? Math.max(50, Math.round(lines / 200)));
const embeddedLines = Math.min(lines, values.small ? 2_000 : 100_000);
const asOfDay = dayOf("2026-06-30") ?? 0;
const server = process.env.TEST_DATABASE_URL ?? "postgres://postgres@127.0.0.1:5432/postgres";
const root = join(tmpdir(), `cosell-close-bench-${process.pid}`);
const verdict = createVerdict(1);
/** At CI's size what every question costs weighs more than what it is about: CI only guards against a collapse. */
const loose = values.small ? 10 : 1;
const never = new AbortController().signal;
const shell = {
  environment: {} as Readonly<Record<string, string | undefined>>,
  now: () => new Date(),
  progress: () => {},
  tell: () => {},
  stopped: never,
};

const withServer = async <Result>(use: (url: string) => Promise<Result>): Promise<Result> => {
  const admin = postgres(server, { max: 1, onnotice: () => {} });
  const name = `cosell_close_bench_${process.pid}_${Date.now().toString(36)}`;
  await admin.unsafe(`create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  try {
    return await use(url.href);
  } finally {
    await admin.unsafe(`drop database if exists ${name} with (force)`);
    await admin.end();
  }
};

/** A folder closed into a database, from its files to the last row. */
const closeFresh = async (folder: string, url: string | null, data: string) => {
  const opened = await openLedger({ ...shell, environment: url === null ? {} : { DATABASE_URL: url } }, data);
  const { ms, cpuMs } = await wallOf(() => closeIntoLedger(shell, opened, { folder, asOfDay }));
  // What was concluded goes: whoever is told of one more day does not hold a year of lines in memory.
  return { opened, full: { ms, cpuMs } };
};

// Asking for the whole of `memoryUsage` twenty times a second would cost a percent of what is measured.
const megabytes = (): number => process.memoryUsage.rss() / 1_048_576;
let peak = 0;
const watch = setInterval(() => {
  peak = Math.max(peak, megabytes());
}, 50);
watch.unref();

interface Took {
  readonly ms: number;
  readonly loadMs: number;
  readonly cpuMs: number;
}

/** The close in memory alone, of facts that were read before. */
const core = async (folder: string): Promise<Took> => {
  const read = await readFolder(folder, await listFolder(folder), {
    formats: reportFormats,
    stopped: never,
    watcher: { read: () => {} },
  });
  const { ms, cpuMs } = await wallOf(async () => closeBooks(read.facts, { asOfDay }));
  return { ms, cpuMs, loadMs: 0 };
};
const duck = async (folder: string): Promise<Took> => {
  // Once before, so that the files are warm.
  await runDuck(folder, 2);
  const { loadMs, matchMs, cpuMs } = await runDuck(folder, 2);
  return { ms: loadMs + matchMs, loadMs, cpuMs };
};
if (values.part !== undefined) {
  process.stdout.write(JSON.stringify(await (values.part === "duck" ? duck : core)(values.folder)));
  process.exit(0);
}
const inOwnProcess = async (part: "duck" | "core", folder: string): Promise<Took> => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    import.meta.filename,
    "--part",
    part,
    "--folder",
    folder,
  ]);
  return JSON.parse(stdout) as Took;
};

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
mkdirSync(root, { recursive: true });
try {
  const folder = join(root, "all");
  writeCloseData(folder, { lines, seed: 1 });
  const yardstick = await inOwnProcess("duck", folder);
  const matched = await inOwnProcess("core", folder);
  verdict.tell(
    `${lines} lines: DuckDB ${seconds(yardstick.ms)} (load ${seconds(yardstick.loadMs)}; ${seconds(yardstick.cpuMs)} of processor), our core alone ${seconds(matched.ms)} (${seconds(matched.cpuMs)})`,
  );
  verdict.atMost("matching in memory against DuckDB's load and match", matched.ms / yardstick.ms, 1);
  globalThis.gc?.();
  await withServer(async (url) => {
    peak = 0;
    const { opened, full } = await closeFresh(folder, url, root);
    try {
      verdict.tell(
        `files to rows on PostgreSQL ${seconds(full.ms)} (${seconds(full.cpuMs)} of this process), peak ${Math.round(peak)} MB`,
      );
      verdict.atMost("everything, rows written, against DuckDB", full.ms / yardstick.ms, 5);
      verdict.atMost("peak memory of this process in MB", peak, 1_536);
      const news = join(root, "news");
      writeNews(news, { of: lines, lines: newsLines, seed: 1 });
      await opened.db.sql`analyze`;
      globalThis.gc?.();
      const increment = await wallOf(async () => {
        const read = await keepNews(news, opened);
        return {
          read,
          ...(await opened.ledger.reconcile(opened.db, { id: opened.nextId(), asOfDay, mode: "increment" })),
        };
      });
      verdict.tell(
        `${newsLines} lines more: ${increment.result.mode} in ${seconds(increment.ms)} (${seconds(increment.cpuMs)} of this process)`,
      );
      verdict.atMost(
        "an increment against the whole, times 20",
        (increment.ms / full.ms) * 20,
        increment.result.mode === "increment" ? loose : 0,
      );
      await explainSome(opened);
    } finally {
      await opened.close();
    }
  });
  if (!values.small) {
    const few = Math.max(1_000, Math.round(lines / 100));
    writeCloseData(join(root, "hundredth"), { lines: few, seed: 1 });
    const less = await inOwnProcess("core", join(root, "hundredth"));
    verdict.tell(`${few} lines: our core alone ${seconds(less.ms)} (${seconds(less.cpuMs)} of processor)`);
    verdict.atMost("growth of the core's processor time, exponent", Math.log10(matched.cpuMs / less.cpuMs) / 2, 1.1);
  }
  writeCloseData(join(root, "few"), { lines: embeddedLines, seed: 2 });
  const { opened, full } = await closeFresh(join(root, "few"), null, join(root, "data"));
  await opened.close();
  verdict.tell(
    `${embeddedLines} lines in the embedded database: ${seconds(full.ms)} (${seconds(full.cpuMs)} of processor)`,
  );
  verdict.atMost(
    "seconds for 100,000 lines in the embedded database",
    (full.ms / 1_000) * (values.small ? 1 : 100_000 / embeddedLines),
    30,
  );
} finally {
  rmSync(root, { recursive: true, force: true });
}
process.exit(verdict.holds() ? 0 : 1);

async function keepNews(folder: string, opened: Awaited<ReturnType<typeof openLedger>>): Promise<number> {
  const keeper = createKeeper(opened, { folder, holds: () => false, knew: () => {} });
  const read = await readFolder(folder, await listFolder(folder), {
    formats: reportFormats,
    stopped: never,
    watcher: { read: () => {} },
    keeper,
  });
  return read.rows;
}

/** Lines, agreements, credits and exceptions, evenly over the ledger; payouts apart, whose evidence names every line of theirs. */
async function explainSome({ db, ledger }: Awaited<ReturnType<typeof openLedger>>): Promise<void> {
  const asked = values.small ? 20 : 100;
  const sample = async (text: string): Promise<readonly string[]> =>
    (await db.sql.unsafe<{ id: string }[]>(`${text} limit ${asked}`)).map(({ id }) => id);
  const ids = [
    ...(await sample("select key as id from ledger_line where part <> 'payout' and n % 97 = 3")),
    ...(await sample("select agreement_id as id from agreement_link where agreement_id like '%7'")),
    ...(await sample("select deal_id || '|' || partner_id || '|' || kind as id from credit")),
    ...(await sample("select key as id from exception where subject_type = 'agreement'")),
  ];
  const times: number[] = [];
  for (const id of ids) {
    const { ms, result } = await wallOf(() => ledger.explain(db.sql, id, { asOfDay }));
    if (result.explained.kind !== "unknown") times.push(ms);
  }
  verdict.tell(`explained ${times.length} of ${ids.length} things: median ${quantile(times, 0.5).toFixed(1)} ms`);
  verdict.atMost("milliseconds to explain, 95 of 100", quantile(times, 0.95), 50 * loose);
  const payouts = await sample("select id from payout order by children desc");
  const { ms } = await wallOf(() => ledger.explain(db.sql, payouts[0] ?? "", { asOfDay }));
  verdict.tell(`the greatest payout, with every line of it: ${seconds(ms)}`);
}
