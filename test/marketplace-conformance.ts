/**
 * What every marketplace must keep, whoever it is: one suite over the adapter and its simulator. A door that a marketplace does
 * not have is no skipped test: the test then asks for the reason.
 */
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { capabilityNames } from "../adapters/contract.ts";
import { capabilitiesOf } from "../adapters/registry.ts";
import { jsonObjectSchema } from "../src/domain/deal.ts";
import type { Gap } from "../src/domain/fault.ts";
import { describeDeliveries } from "./marketplace-deliveries.ts";
import { type FaultRule, type Harness, type Trouble, wrong } from "./marketplace-harness.ts";
import { describeInvitations } from "./marketplace-invitations.ts";
import { describeRevisions } from "./marketplace-revisions.ts";
import {
  type Bench,
  expectNobody,
  expectReason,
  good,
  lookAt,
  openBench,
  Refused,
  type Sent,
  start,
  submit,
} from "./marketplace-rig.ts";

/** Registers the suite for one marketplace. */
export const runMarketplaceConformance = (harness: Harness): void => {
  describe(`${harness.create().name} as a marketplace`, () => {
    describeOffer(harness);
    describeSubmission(harness);
    describeQuota(harness);
    describeTroubles(harness);
    describeRefusals(harness);
    describeRevisions(harness);
    describeChanges(harness);
    describeDeliveries(harness);
    describeInvitations(harness);
  });
};

const describeOffer = (harness: Harness): void => {
  const bench = openBench(harness, "offer");
  const { marketplace } = bench;

  it("tells of every capability either by its door or by a reason, never by both", () => {
    const { account } = marketplace.example;
    const settings = jsonObjectSchema.parse(marketplace.example.settings);
    for (const session of [bench.open(), bench.open({ settings, account, environment: "production" })]) {
      const has = capabilitiesOf(session);
      const told = capabilityNames.map((name) => [name, has[name] !== (session.lacks[name] !== undefined)]);
      expect(told).toEqual(capabilityNames.map((name) => [name, true]));
      for (const name of capabilityNames) if (!has[name]) expectReason(session, name);
    }
  });
  it("takes its own example of settings, and contacts nobody while it is opened", () => {
    const { account } = marketplace.example;
    const settings = jsonObjectSchema.parse(marketplace.example.settings);
    marketplace.settings.parse(settings);
    bench.open({ settings, account, environment: "production" });
    expect([bench.sent, bench.clock.now()]).toEqual([[], start]);
  });
  it.each(["settings", "fields"] as const)("shows its %s as a JSON Schema that describes each member", (part) => {
    const schema = z.toJSONSchema(marketplace[part], { io: "input", unrepresentable: "any" });
    expect(schema).toMatchObject({ type: "object" });
    expect(Object.keys(schema.properties ?? {}).length).toBeGreaterThan(1);
    expect(JSON.stringify(schema)).toContain('"description"');
  });
  it("states its bounds: quotas, page size, time and bytes of one request", () => {
    for (const bound of Object.values(marketplace.limits)) expect(bound).toBeGreaterThan(0);
    expect(marketplace.limits.timeoutMs).toBeLessThanOrEqual(60_000);
    expect(marketplace.limits.bodyBytesMax).toBeLessThanOrEqual(16 * 1024 * 1024);
  });
};

const describeSubmission = (harness: Harness): void => {
  it("submits a deal once, with the protocol's minimum of requests, and reads back what came of it", async () => {
    const bench = openBench(harness, "submission");
    const { ref, writes, faults } = await submit(bench, bench.draft());
    const seen = await lookAt(bench, ref);
    expect(await bench.partner.calls()).toEqual(harness.minimum);
    expect([writes.map(({ operation }) => operation), faults]).toEqual([harness.writes, []]);
    expect(await bench.partner.held(bench.draft().opportunity.key)).toHaveLength(harness.records);
    expect(seen.event).toMatch(/^(partner_stored|review_started)$/);
    expect(seen.ref.id).toBe(ref.id);
    expectNobody(bench.coSell().baseOf(seen));
  });
  it("names each write once, and sends exactly the journalled bytes, whatever the settings have become", async () => {
    const bench = openBench(harness, "frozen");
    const { writes } = await submit(bench, bench.draft());
    expect(new Set(writes.map(({ key }) => key)).size).toBe(writes.length);
    const again = openBench(harness, "frozen");
    for (const write of writes) {
      const before = again.sent.length;
      const token = `token-${bench.draft().opportunity.key}-${write.key}`;
      good(await again.coSell({ settings: harness.otherSettings }).run(write, token));
      const texts = again.sent.slice(before).map(({ text }) => text);
      expect(texts).toContain(harness.wireText(write, token));
      await again.pass(300);
    }
  });
  it("is bounded in time, bytes and hosts, and asks the quota before every request", async () => {
    const bench = openBench(harness, "bounds");
    const { ref } = await submit(bench, bench.draft());
    await lookAt(bench, ref);
    good(await bench.coSell().changes(null));
    good(await bench.open().check());
    for (const request of bench.sent) expectBounded(bench, request);
  });
};

const describeQuota = (harness: Harness): void => {
  it("sends nothing while our own quota is used up", async () => {
    const bench = openBench(harness, "quota");
    const closed = bench.open({ closedUntil: "2026-09-01T10:00:09.000Z" });
    const next = closed.coSell?.submission(bench.draft(), []);
    if (next?.kind !== "write") throw new Error("a submission begins with a write");
    const refused = { ok: false, fault: { kind: "throttled", retryAt: "2026-09-01T10:00:09.000Z" } };
    expect(await closed.coSell?.run(next.write, "T")).toMatchObject(refused);
    expect(await closed.coSell?.changes(null)).toMatchObject(refused);
    expect(bench.sent.filter(({ url }) => harness.isSignIn?.(url) !== true)).toEqual([]);
  });
};

const expectBounded = ({ marketplace, harness: { isSignIn } }: Bench, { url, limits, hasLeave }: Sent): void => {
  expect(limits.timeoutMs).toBeLessThanOrEqual(marketplace.limits.timeoutMs);
  expect(limits.bodyBytesMax).toBeLessThanOrEqual(marketplace.limits.bodyBytesMax);
  expect(limits.hosts).toEqual([url.host]);
  expect([url.pathname, hasLeave]).toEqual([url.pathname, isSignIn?.(url) !== true]);
};

/** Which call of its operation the nth write of a submission is. */
const occurrence = ({ writes }: Harness, index: number): number =>
  writes.slice(0, index + 1).filter((operation) => operation === writes[index]).length;

const describeTroubles = (harness: Harness): void => {
  const steps = harness.writes.map((operation, index) => ({ operation, nth: occurrence(harness, index) }));
  const struck = async (step: (typeof steps)[number], trouble: Trouble, ...besides: readonly FaultRule[]) => {
    const bench = openBench(harness, `${trouble} ${step.operation} ${step.nth}`);
    await bench.partner.strike([wrong(step.operation, trouble, step.nth), ...besides]);
    const { faults, ref, writes } = await submit(bench, bench.draft());
    expect((await lookAt(bench, ref)).event).toMatch(/^(partner_stored|review_started)$/);
    expect(await bench.partner.held(bench.draft().opportunity.key)).toHaveLength(harness.records);
    const write = writes[harness.writes.indexOf(step.operation) + step.nth - 1];
    return { kinds: faults.map(({ kind }) => kind), calls: await bench.partner.calls(), faults, write };
  };
  const sends = (step: (typeof steps)[number], extra: number) =>
    harness.writes.filter((operation) => operation === step.operation).length + extra;

  it.each(steps)("finds what $operation $nth did when its answer was lost: it is never sent again", async (step) => {
    const { kinds, calls } = await struck(step, "lost_answer");
    expect([kinds, calls[step.operation]]).toEqual([["ambiguous"], sends(step, 0)]);
  });
  it.each(steps)("finds what $operation $nth did when the server failed after it", async (step) => {
    const { kinds, calls } = await struck(step, "server_error");
    expect([kinds, calls[step.operation]]).toEqual([["ambiguous"], sends(step, 0)]);
  });
  it.each(steps)(
    "makes what $operation $nth makes once, though its answer is lost and lists lag behind",
    async (step) => {
      // A simulator hides what the write made, or what its list would show.
      const hidden = wrong(step.operation, "lagging_list", step.nth);
      const lags = { ...wrong(harness.reads.list, "lagging_list"), times: 20 };
      const { kinds, calls, write } = await struck(step, "lost_answer", hidden, lags);
      expect(kinds).toEqual(["ambiguous"]);
      // Where the partner keeps our token it may be asked again.
      expect(calls[step.operation]).toBeLessThanOrEqual(sends(step, write?.token === "partner-keeps" ? 1 : 0));
    },
  );
  it.each(steps)("repeats $operation $nth once when the request never arrived", async (step) => {
    const { kinds, calls } = await struck(step, "lost_request");
    expect([kinds, calls[step.operation]]).toEqual([["ambiguous"], sends(step, 1)]);
  });
  it.each(steps)("comes back when the partner says so when $operation $nth is throttled", async (step) => {
    const { kinds, faults, calls } = await struck(step, "throttled");
    expect([kinds, calls[step.operation]]).toEqual([["throttled"], sends(step, 1)]);
    expect(faults).toMatchObject([{ retryAt: expect.stringMatching(/^2026-09-01T\d\d:\d\d:\d\d/) }]);
  });
  it("comes back to a read no earlier than the partner says", async () => {
    const bench = openBench(harness, "throttled read");
    const { ref } = await submit(bench, bench.draft());
    await bench.partner.strike([wrong(harness.reads.look, "throttled")]);
    const result = await bench.coSell().look(ref);
    const at = bench.clock.now().getTime();
    const retryAt = !result.ok && result.fault.kind === "throttled" ? Date.parse(result.fault.retryAt) : 0;
    expect((retryAt - at) / 1_000).toBeCloseTo(30, 0);
  });
  it("calls a lost or failed read unavailable, as nothing can have happened", async () => {
    const bench = openBench(harness, "lost read");
    const { ref } = await submit(bench, bench.draft());
    for (const trouble of ["lost_answer", "server_error"] as const) {
      await bench.partner.strike([wrong(harness.reads.look, trouble)]);
      expect(await bench.coSell().look(ref)).toMatchObject({ ok: false, fault: { kind: "unavailable" } });
    }
  });
  it("keeps the state on a status word that nobody knows: drift that names it, never a default", async () => {
    const bench = openBench(harness, "drift");
    const { ref } = await submit(bench, bench.draft());
    await bench.partner.strike([wrong(harness.reads.look, "unknown_word")]);
    const result = await bench.coSell().look(ref);
    if (result.ok || result.fault.kind !== "drift") throw new Error("the unknown word was taken for a known one");
    // The answer as it came is for a person to read: it goes where nothing is logged.
    const { body, message } = result.fault;
    expect([message, body ?? ""]).toEqual([expect.stringMatching(/.{20}/), expect.stringContaining(ref.id)]);
    expectNobody(message);
  });
};

/** Field, code, message, fix and source: what a person needs to mend it. */
const expectTold = (gaps: readonly Gap[]): void => {
  expect(gaps).not.toEqual([]);
  for (const gap of gaps)
    for (const part of ["field", "code", "message", "fix", "source"] as const) expect(gap[part]).toMatch(/\S/);
};

const describeRefusals = (harness: Harness): void => {
  it("finds what the programme would refuse before anything is sent: field, code, message, fix and source", () => {
    const bench = openBench(harness, "gaps");
    expect(bench.coSell().gaps(bench.draft())).toEqual([]);
    const gaps = bench.coSell().gaps(bench.draft(harness.broken));
    expectTold(gaps);
    expectNobody(gaps);
    expect(bench.sent).toEqual([]);
  });
  it("tells the partner's own refusal in the same words, and leaves nothing half done that is unknown", async () => {
    const bench = openBench(harness, "refused");
    const draft = bench.draft(harness.refused.parts);
    expect(bench.coSell().gaps(draft)).toEqual([]);
    const refusal = await submit(bench, draft).then(
      () => null,
      (error: unknown) => (error instanceof Refused ? error.fault : Promise.reject(error)),
    );
    expect(refusal).toMatchObject({ kind: "rejected" });
    if (refusal?.kind === "rejected") expectTold(refusal.gaps);
    expect((await bench.partner.calls())[harness.refused.write]).toBeGreaterThanOrEqual(1);
  });
  it("is denied with credentials that open nothing, in reads and in writes, and nothing is stored", async () => {
    const bench = openBench(harness, "denied");
    const session = bench.open({ secrets: harness.wrongSecrets });
    const next = session.coSell?.submission(bench.draft(), []);
    if (next?.kind !== "write") throw new Error("a submission begins with a write");
    expect(await session.check()).toMatchObject({ ok: false, fault: { kind: "denied" } });
    expect(await session.coSell?.run(next.write, "T")).toMatchObject({ ok: false, fault: { kind: "denied" } });
    expect(await bench.partner.held(bench.draft().opportunity.key)).toEqual([]);
    expect(good(await bench.open().check())).toBeTypeOf("object");
  });
};

const describeChanges = (harness: Harness): void => {
  const passOf = async (
    bench: Bench,
    from: Parameters<ReturnType<Bench["coSell"]>["changes"]>[0],
    between?: () => Promise<unknown>,
  ) => {
    const ids: string[] = [];
    let cursor = from;
    for (let page = 0; page < 20; page++) {
      const told = good(await bench.coSell().changes(JSON.parse(JSON.stringify(cursor))));
      ids.push(...told.items.filter(({ kind }) => kind === "opportunity").map(({ id }) => id));
      cursor = told.cursor;
      if (!told.more) return { ids, cursor, pages: page + 1 };
      if (page === 0) await between?.();
    }
    throw new Error("the pages do not end");
  };

  it("lists what changed page by page without gap or repeat, and misses nothing that moves between two pages", async () => {
    const bench = openBench(harness, "changes");
    const made: string[] = [];
    for (let index = 0; index < bench.marketplace.limits.pageSize * 2 + 1; index++) {
      const next = bench.coSell().submission(bench.draft({ opportunity: { key: `K${index}` } }), []);
      if (next.kind !== "write") throw new Error("a submission begins with a write");
      made.push(good(await bench.coSell().run(next.write, `token-${index}`)).ref.id);
    }
    await bench.pass(3_600);
    const quiet = await passOf(bench, null);
    expect([quiet.ids.toSorted(), quiet.pages]).toEqual([made.toSorted(), 3]);
    // Of the first page, and of the last.
    const [first = "", last = ""] = [quiet.ids[0], quiet.ids.at(-1)];
    const moved = await passOf(bench, null, () => Promise.all([first, last].map((id) => bench.partner.edit(id))));
    const next = await passOf(bench, moved.cursor);
    expect(new Set([...moved.ids, ...next.ids])).toEqual(new Set(made));
    expect(next.ids).toEqual(expect.arrayContaining([first, last]));
    expect(next.ids.length).toBeLessThan(made.length);
  });
  it("begins anew from a cursor that is none, and names our key of the deal where the list has it", async () => {
    const bench = openBench(harness, "cursor");
    const { ref } = await submit(bench, bench.draft());
    const told = good(await bench.coSell().changes({ odd: [1] }));
    expect(told.items.find(({ id }) => id === ref.id)).toMatchObject({ kind: "opportunity" });
    for (const { key } of told.items) expect([bench.draft().opportunity.key, null, undefined]).toContain(key);
  });
};
