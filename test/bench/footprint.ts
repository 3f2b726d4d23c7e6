/** `npm start` on an installation with many shares: what it holds in memory, and how fast it lists and filters them. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { freePort, type Opened, openLocal, readConfig } from "../../src/node.ts";
import { awsDeal } from "../deals.ts";
import { quantile, type Verdict } from "./verdict.ts";

const packageSchema = z.object({ scripts: z.object({ start: z.string() }) });
const rowsPerRequest = 200;
const requests = 200;
const settleMs = 10_000;
const mebibyte = 1024 * 1024;

export const benchFootprint = async (verdict: Verdict, count: number): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), "cosell-bench-"));
  const port = await freePort("127.0.0.1");
  const environment = { COSELL_DATA: directory, PORT: String(port) };
  const opened = await openLocal(readConfig(environment));
  const { token } = opened;
  await fill(opened, count);
  await opened.close();
  const child = spawn(process.execPath, startWords, {
    cwd: root,
    env: { ...process.env, DATABASE_URL: "", ...environment },
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    const ask = asker(port, token);
    const began = performance.now();
    while (!(await ask("/readyz").catch(() => false))) await new Promise((done) => setTimeout(done, 20));
    verdict.tell(`ready ${((performance.now() - began) / 1_000).toFixed(1)} s after the start, with ${count} shares`);
    const all = await timed(ask, () => "/v1/shares?limit=50");
    const filtered = await timed(ask, (n) => `/v1/shares?limit=50&state=${states[n % states.length]}`);
    const deals = await timed(ask, (n) => `/v1/opportunities?limit=50&text=deal-${n}`);
    const health = await timed(ask, () => "/healthz");
    await new Promise((done) => setTimeout(done, settleMs));
    const memory = residentBytes(child);
    verdict.atMost(`resident memory of npm start with ${count} shares, MiB`, memory.now / mebibyte, 600);
    verdict.tell(`resident memory at its highest: ${(memory.peak / mebibyte).toFixed(0)} MiB`);
    for (const [what, times] of [
      ["list shares", all],
      ["filter shares by state", filtered],
      ["search deals by title", deals],
    ] as const) {
      verdict.atMost(`${what}, p95 of ${requests}, milliseconds`, quantile(times, 0.95), 50);
      verdict.tell(
        `${what}: p50 ${quantile(times, 0.5).toFixed(1)} ms, ${(quantile(times, 0.5) / quantile(health, 0.5)).toFixed(1)} x an answer without a query`,
      );
    }
  } finally {
    const exited = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    await exited;
    rmSync(directory, { recursive: true, force: true });
  }
};

const root = dirname(dirname(fileURLToPath(import.meta.url)).replace(/\/chunks$/, ""));
/** What `npm start` says after `node`. */
const startWords = packageSchema
  .parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8")))
  .scripts.start.split(" ")
  .slice(1);

const states = ["submitted", "in_review", "needs_action", "accepted"] as const;

/** Deals through the API; their shares as a push and a look leave them, by statement: pushing so many would take hours. */
const fill = async (opened: Opened, count: number): Promise<void> => {
  const { db, token } = opened;
  for (let from = 0; from < count; from += rowsPerRequest) {
    const rows = Array.from({ length: Math.min(rowsPerRequest, count - from) }, (_, n) => {
      const deal = awsDeal(`deal-${from + n}`);
      const name = `Customer ${(from + n) % 2_000}`;
      return {
        input: { ...deal, account: { ...deal.account, name, website: `https://c${(from + n) % 2_000}.example` } },
      };
    });
    const response = await opened.api(
      new Request("http://cosell.bench/v1/opportunities/import", {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ rows }),
      }),
    );
    if (!response.ok) throw new Error(`the import answered ${response.status}`);
    process.stderr.write(`\rfootprint: ${from + rows.length}/${count} deals `);
  }
  process.stderr.write("\n");
  await db.sql`insert into share (id, opportunity_id, connection_id, generation, state, created_at, updated_at)
    select 'shr_' || substr(opportunity.id, 5), opportunity.id, connection.id, 1,
      (${[...states]}::text[])[1 + (row_number() over (order by opportunity.id))::int % ${states.length}], opportunity.created_at, opportunity.created_at
    from opportunity, connection where connection.marketplace = 'aws'`;
  await db.sql`insert into engagement (id, share_id, connection_id, remote_id, remote_version, facts, looked_at, created_at)
    select 'eng_' || substr(id, 5), id, connection_id, 'O' || substr(id, 5), '2026-11-22T09:00:00.000Z', ${db.sql.json(facts)}, now(), created_at
    from share`;
  await db.sql`update outbox set sent_at = now() where sent_at is null`;
};

const facts = {
  catalog: "AWS",
  reviewStatus: "Approved",
  stage: "Qualified",
  partnerStage: "Engaged",
  nextBestActions: "Introduce the AWS account team to the customer's sponsor.",
  engagementScore: "Medium",
  recommendations: [],
  sellers: 3,
};

type Ask = (path: string) => Promise<boolean>;
const asker =
  (port: number, token: string): Ask =>
  async (path) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${token}` } });
    await answer.arrayBuffer();
    return answer.ok;
  };

const timed = async (ask: Ask, path: (n: number) => string): Promise<readonly number[]> => {
  const times: number[] = [];
  for (let n = 0; n < requests; n++) {
    const began = performance.now();
    if (!(await ask(path(n)))) throw new Error(`${path(n)} was refused`);
    times.push(performance.now() - began);
  }
  return times;
};

const residentBytes = (child: ChildProcess): { readonly now: number; readonly peak: number } => {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  const kibibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
  return { now: kibibytes("VmRSS") * 1024, peak: kibibytes("VmHWM") * 1024 };
};
