/** Private offers of one deal at three simulated clouds over HTTP: published, accepted, active, paid, and the books closed on them. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import Papa from "papaparse";
import { afterAll, describe, expect, it } from "vitest";
import type { MarketplaceId } from "../src/domain/deal.ts";
import { answerTypes } from "../src/domain/finance/exception.ts";
import { cosell } from "./cli-shell.ts";
import { simulatedTerms } from "./cloud-terms.ts";
import { cloudsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const clouds = ["aws", "azure", "gcp"] as const;
/** Points at which the service's work breaks off, once each. */
const crashesAt = new Set<string>();
const at = (point: string): void => {
  if (crashesAt.delete(point)) throw new Error(`killed at ${point}`);
};
const world = await openWorld({ seed: "offers", clouds, at, sweepCron: "TZ=UTC 0 5 * * 1" });
const { call, timeline } = world;
const directory = mkdtempSync(join(tmpdir(), "cosell-offers-"));
afterAll(async () => {
  await world.close();
  rmSync(directory, { recursive: true, force: true });
});
const hour = 3_600_000;
const day = 24 * hour;

interface Offer {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly remoteId: string | null;
  readonly version: number;
  readonly evidence: { readonly kind: string } | null;
}
const control = async (cloud: MarketplaceId, path: string, body: object = {}): Promise<Record<string, unknown>> => {
  const url = `http://simulator.invalid/${path}`;
  const headers = { "content-type": "application/json" };
  const answer = await world.simulators[cloud]?.control(
    new Request(url, { method: "POST", headers, body: JSON.stringify(body) }),
  );
  if (answer?.ok !== true) throw new Error(`${cloud} ${path}: ${answer?.status} ${await answer?.text()}`);
  return (await answer.json()) as Record<string, unknown>;
};
/** Each cloud's buyer accepts, and does what else it takes until the contract is in force. */
const accept: Readonly<Record<MarketplaceId, (remoteId: string) => Promise<void>>> = {
  aws: async (id) => void (await control("aws", `offers/${id}/accept`)),
  azure: async (id) => {
    await control("azure", `offers/${id}/accept`);
    await control("azure", `offers/${id}/purchase`);
  },
  gcp: async (id) => void (await control("gcp", "accept_offer", { id })),
};
const read = async (id: string): Promise<Offer> => (await call<Offer>("GET", `/v1/offers/${id}`)).body;
const agreementsOf = async (id: string) =>
  (
    await call<{ items: readonly { readonly state: string; readonly remoteId: string }[] }>(
      "GET",
      `/v1/agreements?offer=${id}`,
    )
  ).body.items;

describe("private offers of deals at three clouds", () => {
  const offers: Record<string, string> = {};

  it("are drafted from the deal and its terms, judged by each cloud's rules, and published", async () => {
    for (const cloud of clouds) {
      const deal = (await call<{ id: string }>("POST", "/v1/opportunities", cloudsDeal(`offered-${cloud}`))).body;
      const given = { connectionId: world.connections[cloud], opportunityId: deal.id, terms: simulatedTerms[cloud] };
      const drafted = await call<{ offer: Offer; gaps: readonly unknown[] }>("POST", "/v1/offers", given);
      expect([drafted.status, drafted.body.gaps]).toEqual([201, []]);
      offers[cloud] = drafted.body.offer.id;
      expect((await call("POST", `/v1/offers/${offers[cloud]}/publish`, {})).status).toBe(202);
    }
    await timeline.advance(hour);
    for (const cloud of clouds)
      expect(await read(offers[cloud] ?? ""), cloud).toMatchObject({
        state: "published",
        remoteId: expect.any(String),
      });
  });

  it("are accepted there, each by what that cloud tells, and each agreement becomes active", async () => {
    for (const cloud of clouds) await accept[cloud]((await read(offers[cloud] ?? "")).remoteId ?? "");
    await timeline.advance(2 * day);
    for (const cloud of clouds) {
      const { state, evidence } = await read(offers[cloud] ?? "");
      expect([cloud, state, evidence?.kind]).toEqual([cloud, "accepted", cloud === "azure" ? "inferred" : "stated"]);
      expect([cloud, (await agreementsOf(offers[cloud] ?? "")).map((agreement) => agreement.state)]).toEqual([
        cloud,
        ["active"],
      ]);
    }
  });

  it("are paid, and the books close on them: every sale with its agreement and its deal", async () => {
    await timeline.advance(60 * day);
    const until = world.clock.now().toISOString().slice(0, 10);
    const statements: string[] = [];
    for (const cloud of clouds)
      for (const { path, text } of await reports(cloud, until)) {
        if (path === "bank/statement.csv") statements.push(text);
        else write(path, text);
      }
    // One bank statement holds what all three paid.
    write(
      "bank/statement.csv",
      statements.map((text, index) => (index === 0 ? text : text.slice(text.indexOf("\n") + 1))).join(""),
    );
    const api = async (request: Request): Promise<Response> => world.service.app.fetch(request);
    const prepared = await cosell(["close", "prepare", folder], { api, token: world.token });
    expect([prepared.code, prepared.err]).toEqual([0, ""]);
    const closed = await cosell(["close", folder, "--as-of", until, "--out", join(directory, "pack"), "--json"]);
    expect([closed.code, closed.err]).toEqual([0, ""]);
    const links = Papa.parse<Record<string, string>>(readFileSync(join(directory, "pack", "links.csv"), "utf8"), {
      header: true,
    }).data;
    for (const cloud of clouds) {
      const sales = links.filter(({ marketplace, kind }) => marketplace === cloud && kind === "REVENUE");
      expect(sales.length, cloud).toBeGreaterThan(0);
      for (const sale of sales)
        expect([cloud, sale.deal_id, sale.method]).toEqual([cloud, `test:offered-${cloud}`, "offer_id"]);
    }
  }, 120_000);

  it("are in the service's books as in the folder's: the same files sent to it, whatever crashes, come to the same", async () => {
    const api = async (request: Request): Promise<Response> => world.service.app.fetch(request);
    const cli = { api, token: world.token, settle: async () => void (await timeline.advance(hour)) };
    // What each marketplace left for us is fetched, also what has to be ordered there first and is ready some hours later.
    for (const hours of [6, 2]) {
      expect(
        (await call<{ connectionIds: readonly string[] }>("POST", "/v1/reports/fetch", {})).body.connectionIds,
      ).toHaveLength(3);
      await timeline.advance(hours * hour);
    }
    const fetched = (
      await call<{ items: readonly { connectionId: string; status: string; path: string }[] }>(
        "GET",
        "/v1/reports/files?limit=200",
      )
    ).body.items;
    for (const cloud of clouds) {
      const own = fetched.filter(
        ({ connectionId, status }) => connectionId === world.connections[cloud] && status === "read",
      );
      expect([cloud, own.length > 0]).toEqual([cloud, true]);
    }
    expect(fetched.filter(({ status }) => status === "refused" || status === "receiving")).toEqual([]);
    const before = (await cosell(["revenue", "--kind", "REVENUE", "--all", "--json"], cli)).json() as {
      lines: readonly unknown[];
    };
    for (const point of ["report.kept", "reconciliation.done"]) crashesAt.add(point);
    const sent = await cosell(["reports", "add", folder, "--json"], cli);
    expect([sent.code, crashesAt.size]).toEqual([0, 0]);
    const until = world.clock.now().toISOString().slice(0, 10);
    const [last] = (
      await call<{ items: readonly { state: string; asOf: string; mode: string }[] }>("GET", "/v1/reconciliations")
    ).body.items;
    expect(last).toMatchObject({ state: "done", asOf: until });
    const links = Papa.parse<Record<string, string>>(readFileSync(join(directory, "pack", "links.csv"), "utf8"), {
      header: true,
    }).data;
    const revenue = (await cosell(["revenue", "--all", "--json"], cli)).json() as {
      lines: readonly { marketplace: string; key: string; kind: string; dealId: string | null }[];
    };
    const linked = revenue.lines
      .filter(({ kind }) => kind === "REVENUE")
      .map(({ marketplace, key, dealId }) => [marketplace, key, dealId ?? ""]);
    const expected = links
      .filter(({ kind }) => kind === "REVENUE")
      .map((row) => [row.marketplace, row.line_key, row.deal_id]);
    expect(linked.toSorted()).toEqual(expected.toSorted());
    expect(expected.length).toBeGreaterThan(2);
    expect(before.lines.length).toBeGreaterThan(1);
    const answer = JSON.parse(readFileSync(join(directory, "pack", "answer.json"), "utf8"));
    const money: Record<string, Record<string, Record<string, string>>> = {};
    for (const total of (await call<{ items: readonly Record<string, string>[] }>("GET", "/v1/revenue/totals")).body
      .items) {
      const { marketplace = "", currency = "", measure = "", amount = "" } = total;
      money[marketplace] = {
        ...money[marketplace],
        [currency]: { ...money[marketplace]?.[currency], [measure]: amount },
      };
    }
    expect(money).toEqual(answer.money);
    const open = (
      await call<{ items: readonly { code: string; subject: string }[] }>("GET", "/v1/exceptions?limit=200")
    ).body.items;
    const types = new Set<string>(answerTypes);
    expect(
      open
        .filter(({ code }) => types.has(code))
        .map(({ code, subject }) => [code, subject])
        .toSorted(),
    ).toEqual(
      answer.exceptions.map((one: { type: string; subjectId: string }) => [one.type, one.subjectId]).toSorted(),
    );
    const deposits = (await call<{ items: readonly { deposits: readonly { id: string }[] }[] }>("GET", "/v1/payouts"))
      .body.items;
    expect(deposits.length).toBeGreaterThan(1);
    const again = await cosell(["reports", "add", folder, "--json"], cli);
    expect(again.json()).toMatchObject({ new: 0 });
    const lines = (await cosell(["revenue", "--all", "--json"], cli)).json();
    expect(lines).toEqual(revenue);
    const asOf = (await cosell(["revenue", "--all", "--json", "--as-of", until], cli)).json();
    expect(asOf).toEqual(revenue);
  }, 120_000);

  it("keep no answer of a marketplace that may name a person once that person is forgotten", async () => {
    const sealed = async (): Promise<number> => {
      const [row] = await world.db.sql<
        { count: number }[]
      >`select (select count(*) from offer where sealed_body is not null)::int
        + (select count(*) from agreement where sealed_body is not null)::int as count`;
      return row?.count ?? -1;
    };
    expect(await sealed()).toBe(6);
    const email = cloudsDeal("offered-aws").contacts?.find(({ role }) => role === "customer")?.email;
    expect((await call("POST", "/v1/forget", { email })).status).toBe(200);
    expect(await sealed()).toBe(0);
  });
});

const folder = join(directory, "reports");
const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const reports = async (cloud: MarketplaceId, until: string) => {
  const answer = await world.simulators[cloud]?.control(new Request(`http://simulator.invalid/reports?until=${until}`));
  if (answer === undefined) throw new Error(`${cloud} is not simulated here`);
  return ((await answer.json()) as { files: readonly { readonly path: string; readonly text: string }[] }).files;
};
