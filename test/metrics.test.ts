/** What Prometheus scrapes is what the database holds, in its own format, fast, and without a name of anybody. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { commands } from "../src/cli/commands.ts";
import { shareStates } from "../src/domain/machine.ts";
import { metrics, runnerMetrics } from "../src/http/metrics.ts";
import { awsDeal } from "./deals.ts";
import { openWorld, type World } from "./world.ts";

const world: World = await openWorld({ seed: "metrics" });
afterAll(() => world.close());
const { db, connectionId: connection } = world;

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
interface Scraped {
  readonly text: string;
  readonly contentType: string | null;
  readonly series: readonly Series[];
  /** The value of the one series with this name and these labels. */
  readonly value: (name: string, labels?: Readonly<Record<string, string>>) => number | undefined;
}

const { secret } = await world.service.store.access.createKey(db.sql, {
  actorId: await world.service.store.access.actor(db.sql, "service", "prometheus"),
  name: "prometheus",
  scopes: ["read"],
  expiresAt: null,
});
const line = /^([a-z_][a-z0-9_]*)(?:\{((?:[a-z_]+="[^"\\\n]*",?)*)\})? (-?[0-9.e+-]+)$/;
const scrape = async (): Promise<Scraped> => {
  const response = await world.service.app.fetch(
    new Request("http://cosell.test/metrics", { headers: { authorization: `Bearer ${secret}` } }),
  );
  expect(response.status).toBe(200);
  const text = await response.text();
  const series = text
    .split("\n")
    .filter((one) => one !== "" && !one.startsWith("# "))
    .map((one): Series => {
      const [, name = "", labels = "", value] = line.exec(one) ?? [];
      if (name === "") throw new Error(`not the text format: ${one}`);
      const pairs = [...labels.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, key = "", of = ""]) => [key, of] as const);
      return { name, labels: Object.fromEntries(pairs), value: Number(value) };
    });
  const value: Scraped["value"] = (name, labels = {}) => {
    const found = series.filter(
      (one) => one.name === name && Object.entries(labels).every(([key, of]) => one.labels[key] === of),
    );
    if (found.length > 1) throw new Error(`${found.length} series fit ${name} ${JSON.stringify(labels)}`);
    return found[0]?.value;
  };
  return { text, contentType: response.headers.get("content-type"), series, value };
};

describe("GET /metrics", () => {
  it("is the text format 0.0.4: each metric once, with help and type, and no series twice", async () => {
    const { text, contentType, series } = await scrape();
    expect(contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
    const described = [...text.matchAll(/^# HELP (\S+) \S.*$/gm)].map(([, name]) => name);
    const typed = [...text.matchAll(/^# TYPE (\S+) gauge$/gm)].map(([, name]) => name);
    const names = [...metrics, ...runnerMetrics].map(({ name }) => name);
    expect(described).toEqual(names);
    expect(typed).toEqual(names);
    expect(series.filter(({ name }) => !names.includes(name))).toEqual([]);
    const keys = series.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("follows a share: queued, submitted, with every other state at zero and the quota it cost", async () => {
    const before = await scrape();
    const share = await world.share(awsDeal("metrics-1"));
    const queued = await scrape();
    expect(queued.value("cosell_shares", { state: "ready" })).toBe(1);
    expect(queued.value("cosell_outbox_events", { state: "unsent" })).toBeGreaterThan(0);
    await world.timeline.advance(60_000 * 20);
    expect(await world.state(share)).toBe("submitted");
    const after = await scrape();
    const shares = after.series.filter(({ name }) => name === "cosell_shares");
    expect(shares.map(({ labels }) => labels)).toEqual(
      shareStates.map((state) => ({ connection, marketplace: "aws", state })),
    );
    expect(shares.filter(({ value }) => value > 0)).toEqual([
      { name: "cosell_shares", labels: { connection, marketplace: "aws", state: "submitted" }, value: 1 },
    ]);
    const left = (scraped: Scraped) => scraped.value("cosell_quota_left", { connection, kind: "write" }) ?? 0;
    expect(after.value("cosell_quota_limit", { connection, kind: "write" })).toBe(10_000);
    expect(left(before) - left(after)).toBe(3);
    expect(after.value("cosell_outbox_events", { state: "unsent" })).toBe(0);
    expect(after.value("cosell_sweep_last_timestamp_seconds", { connection })).toBeGreaterThan(
      world.clock.now().getTime() / 1_000 - 1_000,
    );
    expect(after.value("cosell_delivery_last_timestamp_seconds", { connection })).toBeGreaterThan(
      world.clock.now().getTime() / 1_000 - 1_300,
    );
  });

  it("tells the age of what waits: an event not handed over, a hint not looked into, a runner that nobody drives", async () => {
    const calm = await scrape();
    expect(calm.value("cosell_webhook_lag_seconds", { connection })).toBe(0);
    expect(calm.value("cosell_runner_lag_seconds")).toBe(0);
    const [engagement] = await db.sql<{ remote_id: string }[]>`select remote_id from engagement`;
    const clock = world.clock as typeof world.clock & { advanceTo: (to: Date) => void };
    await world.aws.controls.approve(engagement?.remote_id ?? "");
    clock.advanceTo(new Date(clock.now().getTime() + 120_000));
    await world.aws.tick();
    clock.advanceTo(new Date(clock.now().getTime() + 300_000));
    const told = await scrape();
    expect(told.value("cosell_webhook_lag_seconds", { connection })).toBeGreaterThanOrEqual(300);
    expect(told.value("cosell_outbox_unsent_age_seconds")).toBeGreaterThanOrEqual(300);
    await world.service.drain();
    clock.advanceTo(new Date(clock.now().getTime() + 60_000));
    const handed = await scrape();
    expect(handed.value("cosell_outbox_unsent_age_seconds")).toBe(0);
    expect(handed.value("cosell_runner_lag_seconds")).toBeGreaterThanOrEqual(60);
    await world.timeline.advance(120_000);
    const done = await scrape();
    expect(done.value("cosell_webhook_lag_seconds", { connection })).toBe(0);
    expect(done.value("cosell_runner_lag_seconds")).toBe(0);
    expect(done.value("cosell_shares", { state: "accepted" })).toBe(1);
    expect(done.value("cosell_runner_runs_ended_last_hour", { status: "completed" })).toBeGreaterThan(0);
    // A share that has ended is not looked at again: word about it is no lag.
    await db.sql`update engagement set hinted_at = ${world.clock.now()}`;
    await db.sql`update share set state = 'won'`;
    clock.advanceTo(new Date(clock.now().getTime() + 60_000));
    expect((await scrape()).value("cosell_webhook_lag_seconds", { connection })).toBe(0);
  });

  it("tells referrals by state, and no lag of a timetable that has ended", async () => {
    await world.aws.controls.refer({ customer: { Account: { CompanyName: "Lumen Freight" } } });
    await world.timeline.advance(120_000);
    await db.sql`update runner_cron set next_at = 'infinity'`;
    const told = await scrape();
    expect(told.value("cosell_invitations", { connection, state: "received" })).toBe(1);
    expect(told.value("cosell_invitations", { connection, state: "accepted" })).toBe(0);
    expect(told.value("cosell_runner_lag_seconds")).toBe(0);
  });

  it("tells offers and agreements by state, those that end within a week, and those that wait for a decision", async () => {
    const now = world.clock.now();
    await db.sql`insert into offer (id, connection_id, generation, marker, origin, state, terms, accept_by, created_by, created_at, updated_at)
      select 'off_m' || n, ${connection}, 1, 'm' || n, 'found', case when n < 6 then 'published' else 'expired' end, '{}',
        ${now}::timestamptz::date + 3 * n, (select id from actor limit 1), ${now}, ${now} from generate_series(1, 8) n`;
    await db.sql`insert into agreement (id, connection_id, remote_id, state, waits, created_at, updated_at)
      select 'agr_m' || n, ${connection}, 'm' || n, 'active', case when n = 1 then '{"key":"k","says":"s","canReject":true}'::jsonb end,
        ${now}, ${now} from generate_series(1, 3) n`;
    const told = await scrape();
    expect(told.value("cosell_offers", { connection, state: "published" })).toBe(5);
    expect(told.value("cosell_offers", { connection, state: "accepted" })).toBe(0);
    expect(told.value("cosell_offers_expiring", { connection })).toBe(2);
    expect(told.value("cosell_agreements", { connection, state: "active" })).toBe(3);
    expect(told.value("cosell_agreements_waiting", { connection })).toBe(1);
  });

  it("tells a parked connection, what is open, and how many requests stand in line", async () => {
    const actorId = await world.service.store.access.actor(db.sql, "system", "cosell");
    await db.transaction((tx) => world.service.store.connections.park(tx, connection, "denied in the test", actorId));
    await db.sql`update effect set state = 'stuck' where operation = 'CreateOpportunity'`;
    const now = world.clock.now().getTime();
    await db.sql`update quota set next_at = ${new Date(now + 7_000)} where key like '%:write'`;
    const told = await scrape();
    expect(told.value("cosell_connection_parked", { connection })).toBe(1);
    expect(told.value("cosell_exceptions_open", { code: "CONNECTION_PARKED" })).toBe(1);
    expect(told.value("cosell_effects_open", { state: "stuck" })).toBe(1);
    expect(told.value("cosell_effects_open", { state: "sent" })).toBe(0);
    expect(told.value("cosell_quota_queue_seconds", { connection, kind: "write" })).toBe(7);
    expect(told.value("cosell_quota_queue_seconds", { connection, kind: "read" })).toBe(0);
  });

  it("names nobody: no account, label, e-mail or remote id", async () => {
    const { text } = await scrape();
    expect(text).not.toMatch(/lumen|freight|ada|carl|@|simulated|O\d{7}|123456789012/i);
  });
});

describe("with 10,000 shares", () => {
  beforeAll(async () => {
    await db.sql`insert into opportunity (id, source, key, account_id, title, stage, type, created_at, updated_at)
      select 'opp_m' || n, 'bulk', n::text, (select id from account limit 1), 'Deal ' || n, 'qualified', 'new', now(), now()
      from generate_series(1, 10000) as n`;
    await db.sql`insert into share (id, opportunity_id, connection_id, generation, state, created_at, updated_at)
      select 'shr_m' || n, 'opp_m' || n, ${connection}, 1, (array['submitted', 'in_review', 'accepted', 'won'])[1 + n % 4], now(), now()
      from generate_series(1, 10000) as n`;
    await db.sql`insert into engagement (id, share_id, connection_id, remote_id, sealed_body, looked_at, hinted_at, created_at)
      select 'eng_m' || n, 'shr_m' || n, ${connection}, 'O' || n, decode(repeat('ab', 1500), 'hex'), now(), now() - interval '1 minute', now()
      from generate_series(1, 10000) as n`;
    await db.sql`insert into effect (id, connection_id, share_id, key, write_key, operation, token, token_kind, state, request_hash, created_at, updated_at)
      select 'eff_m' || n, ${connection}, 'shr_m' || (1 + n % 10000), 'k' || n, 'create', 'CreateOpportunity', 't', 'we-read', 'confirmed', 'h', now(), now()
      from generate_series(1, 20000) as n`;
    await db.sql`insert into outbox (id, name, at, subject, data, sent_at)
      select gen_random_uuid(), 'share.submitted', now(), 'shr_m' || (1 + n % 10000), '{}', case when n % 10 = 0 then null else now() end
      from generate_series(1, 20000) as n`;
    await db.sql`insert into delivery (id, connection_id, key, kind, headers, received_at)
      select 'dlv_m' || n, ${connection}, 'm' || n, 'changed', '{}', now() - n * interval '1 minute' from generate_series(1, 10000) as n`;
    await db.sql`insert into runner_run (id, function_id, trigger_key, status, event, attempts_max, quiet, queued_at, ended_at)
      select gen_random_uuid()::text, 'cosell-sync', 'm' || n, case when n % 20 = 0 then 'running' else 'completed' end, repeat('e', 300), 5, false,
        now(), case when n % 20 = 0 then null else now() - n * interval '10 seconds' end from generate_series(1, 20000) as n`;
    await db.sql`analyze`;
  }, 60_000);

  it("answers a scrape well within a second, though it counts them all", async () => {
    const times: number[] = [];
    for (let index = 0; index < 5; index++) {
      const start = performance.now();
      const told = await scrape();
      times.push(performance.now() - start);
      expect(told.value("cosell_shares", { state: "in_review" })).toBe(2_500);
      expect(told.value("cosell_runner_runs", { status: "running" })).toBe(1_000);
      expect(told.value("cosell_outbox_events", { state: "unsent" })).toBeGreaterThanOrEqual(2_000);
    }
    if (process.env.SHOW_TIMES !== undefined) process.stderr.write(`scrapes: ${times.map(Math.round).join(", ")} ms\n`);
    expect(Math.min(...times)).toBeLessThan(1_000);
  }, 60_000);
});

const alertsSchema = z.strictObject({
  groups: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        rules: z
          .array(
            z.strictObject({
              alert: z.string().regex(/^Cosell[A-Z][A-Za-z]+$/),
              expr: z.string().min(1),
              for: z.string().regex(/^\d+[smhd]$/),
              labels: z.strictObject({ severity: z.enum(["warning", "critical"]) }),
              annotations: z.strictObject({ summary: z.string().min(10), description: z.string().min(10) }),
            }),
          )
          .min(1),
      }),
    )
    .min(1),
});

describe("infra/prometheus-alerts.yaml", () => {
  const file = readFileSync(join(import.meta.dirname, "../infra/prometheus-alerts.yaml"), "utf8");
  const rules = alertsSchema.parse(parse(file)).groups.flatMap((group) => group.rules);
  const known = new Map([...metrics, ...runnerMetrics].map((metric) => [metric.name, metric]));

  it("asks only for metrics that /metrics tells, by labels and values that they have", async () => {
    const told = (await scrape()).series;
    const asked = rules.flatMap(({ alert, expr }) =>
      [...expr.matchAll(/\b(cosell_\w+)(?:\{(\w+)="(\w+)"\})?/g)].map(([, name = "", label, value]) => ({
        ...{ alert, name, label, value },
      })),
    );
    expect(asked.filter(({ name }) => !known.has(name))).toEqual([]);
    const unheard = asked.filter(
      ({ name, label, value }) =>
        !told.some((one) => one.name === name && (label === undefined || one.labels[label] === value)),
    );
    expect(unheard).toEqual([]);
    const words = rules.flatMap(({ expr }) => [...expr.replaceAll(/"[^"]*"/g, "").matchAll(/[a-z_]{2,}/g)].map(String));
    const language = ["up", "job", "max", "min", "by", "on", "unless", "time", "connection", "kind", "state", "status"];
    expect(words.filter((word) => !known.has(word) && !language.includes(word))).toEqual([]);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  it("watches what matters, in expressions whose parentheses close, with remedies that exist", () => {
    const expressions = rules.map(({ expr }) => expr);
    for (const name of [
      "cosell_runner_lag_seconds",
      "cosell_webhook_lag_seconds",
      "cosell_connection_parked",
      "cosell_quota_left",
      "cosell_effects_open",
      "cosell_outbox_unsent_age_seconds",
    ])
      expect(expressions.some((expr) => expr.includes(name))).toBe(true);
    for (const expr of expressions) {
      let depth = 0;
      for (const letter of expr) {
        depth += letter === "(" ? 1 : letter === ")" ? -1 : 0;
        expect(depth).toBeGreaterThanOrEqual(0);
      }
      expect(depth).toBe(0);
    }
    const names = commands.map(({ name }) => name);
    const advised = rules.flatMap(({ annotations }) =>
      [...annotations.description.matchAll(/cosell ([a-z]+(?: (?:resume))?)/g)].map(([, name = ""]) => name),
    );
    expect(advised.length).toBeGreaterThan(0);
    expect(advised.filter((name) => !names.includes(name))).toEqual([]);
  });
});
