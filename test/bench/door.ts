/**
 * A webhook from the wire to its 202: proved, parsed, inbox and outbox committed; against a bare Hono handler that does the same
 * check, the same parse and one INSERT on the same database. Nothing drains and no workflow runs while it is measured.
 */
import { serve } from "@hono/node-server";
import type { Result as LoadResult } from "autocannon";
import autocannon from "autocannon";
import { Hono } from "hono";
import * as z from "zod";
import { simulatedCredential } from "../../adapters/aws/simulator/index.ts";
import { createSystemClock } from "../../src/clock.ts";
import { keepAliveTimeout } from "../../src/node.ts";
import { openStand, type Stand } from "./stand.ts";
import { quantile, type Verdict } from "./verdict.ts";

const connections = 20;
const rounds = 3;
const steadyPerSecond = 300;

export const benchDoor = async (verdict: Verdict, seconds: number): Promise<void> => {
  const stand = await openStand({ clock: createSystemClock(), fast: true });
  const hook = (await stand.post(`/v1/connections/${stand.connectionId}/hook-keys`, {})) as unknown as HookKey;
  const ours = await listen((request) => stand.service.app.fetch(request));
  const bare = await listen(await bareHandler(stand, hook));
  const path = new URL(hook.url).pathname;
  const load = (url: string, seconds: number, more: Partial<autocannon.Options> = {}): Promise<LoadResult> =>
    autocannon({
      ...{ url: `${url}${path}`, method: "POST", connections, duration: seconds, workers: 1, idReplacement: true },
      headers: { "content-type": "application/json", [hook.headerName]: hook.secret },
      body: JSON.stringify(event),
      ...more,
    });
  await load(ours.url, 1);
  await load(bare.url, 1);
  const rates: Record<"ours" | "bare", number[]> = { ours: [], bare: [] };
  for (let round = 0; round < rounds; round++) {
    for (const [name, { url }] of [["bare", bare] as const, ["ours", ours] as const]) {
      const result = await load(url, seconds);
      if (result.non2xx > 0 || result.errors > 0)
        throw new Error(`${name}: ${result.non2xx} refused, ${result.errors} lost`);
      rates[name].push(result["2xx"] / result.duration);
    }
  }
  const [mine, theirs] = [quantile(rates.ours, 0.5), quantile(rates.bare, 0.5)];
  verdict.atLeast("webhooks a second, ours / bare Hono with check, zod and one INSERT", mine / theirs, 0.6);
  verdict.tell(`webhooks a second: ours ${mine.toFixed(0)}, bare ${theirs.toFixed(0)} (${connections} connections)`);
  const steady = await load(ours.url, seconds * 2, { overallRate: steadyPerSecond });
  // What the load generator left in flight is answered before the database goes.
  await new Promise((done) => setTimeout(done, 1_000));
  const kept = await counted(stand);
  verdict.atMost(`webhook to 202 at ${steadyPerSecond}/s, p99, milliseconds`, steady.latency.p99, 250);
  verdict.tell(
    `at ${(steady["2xx"] / steady.duration).toFixed(0)}/s: p50 ${steady.latency.p50} ms, p99 ${steady.latency.p99} ms, ${steady.non2xx} refused; ${kept} deliveries kept in all`,
  );
  if (steady.non2xx > 0) verdict.atMost("webhooks refused at the steady rate", steady.non2xx, 0);
  ours.close();
  bare.close();
  await stand.close();
};

interface HookKey {
  readonly url: string;
  readonly headerName: string;
  readonly secret: string;
}

/** The id is replaced in each request, so that none is a duplicate. */
const event = {
  version: "0",
  id: "event-[<id>]",
  "detail-type": "Opportunity Updated",
  source: "aws.partnercentral-selling",
  account: simulatedCredential.account,
  time: "2026-11-22T09:00:00Z",
  region: "us-east-1",
  resources: [`arn:aws:partnercentral:us-east-1:${simulatedCredential.account}:catalog/AWS/opportunity/O1234567`],
  detail: { schemaVersion: "1", catalog: "AWS", opportunity: { identifier: "O1234567" } },
};

const eventSchema = z.looseObject({
  id: z.string(),
  source: z.string(),
  account: z.string(),
  region: z.string(),
  time: z.string(),
  "detail-type": z.string(),
  detail: z.looseObject({ catalog: z.string() }),
});

const digest = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));

/** What anybody would write first. */
const bareHandler = async (stand: Stand, hook: HookKey) => {
  await stand.db
    .sql`create table bare_delivery (id text primary key, body text not null, received_at timestamptz not null)`;
  const expected = await digest(hook.secret);
  const app = new Hono();
  app.post("/hooks/:id", async (context) => {
    const given = await digest(context.req.header(hook.headerName) ?? "");
    let difference = 0;
    for (const [index, byte] of expected.entries()) difference |= byte ^ (given[index] ?? 0);
    if (difference !== 0) return context.json({ status: "forged" }, 401);
    const text = await context.req.text();
    const parsed = eventSchema.parse(JSON.parse(text));
    await stand.db.sql`insert into bare_delivery (id, body, received_at) values (${parsed.id}, ${text}, ${new Date()})
      on conflict do nothing`;
    return context.json({ status: "accepted" }, 202);
  });
  return (request: Request) => app.fetch(request);
};

const counted = async (stand: Stand): Promise<bigint> => {
  const [row] = await stand.db.sql<{ count: bigint }[]>`select count(*) as count from delivery`;
  return row?.count ?? 0n;
};

const listen = async (fetch: (request: Request) => Response | Promise<Response>) => {
  const server = serve({ fetch, port: 0, hostname: "127.0.0.1", serverOptions: { keepAliveTimeout } });
  await new Promise<void>((listening) => server.once("listening", () => listening()));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    close: () => server.close(),
  };
};
