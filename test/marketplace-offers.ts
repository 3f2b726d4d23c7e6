/**
 * What every marketplace with private offers must keep: one suite over an adapter's doors and whoever stands for the partner.
 * A door that a marketplace does not have is no skipped test: the test then asks for the reason.
 */
import { describe, expect, it } from "vitest";
import type { Next, Outcome, RawDelivery, Session, Write, Writes } from "../adapters/contract.ts";
import type { Gap, Result } from "../src/domain/fault.ts";
import { type OfferDraft, type OfferTermsInput, offerTermsSchema } from "../src/domain/offer.ts";

/** One marketplace with a seller of ours, for one test. */
export interface OffersPartner {
  readonly session: Session;
  readonly now: () => Date;
  /** Time passes, and whatever the partner does in it is done. */
  readonly pass: (seconds: number) => Promise<unknown>;
  /** How often each operation was asked since the beginning. Sign-ins are none. */
  readonly calls: () => Promise<Readonly<Record<string, number>>>;
  /** The next call of this write's operation is lost: before it has any effect, or its answer. */
  readonly lose: (operation: string, what: "request" | "answer") => Promise<unknown>;
  /** Ids of all offers of ours there, drafts too. */
  readonly held: () => Promise<readonly string[]>;
  /** The buyer accepts; returns the agreement's id. */
  readonly accept: (offerId: string) => Promise<string>;
  /** Somebody makes an offer in the portal; returns its id. */
  readonly makeForeign: () => Promise<string>;
  /** What was delivered to our webhook so far; absent: this marketplace sends nothing. */
  readonly delivered?: () => Promise<readonly RawDelivery[]>;
}
export interface OffersHarness {
  readonly name: string;
  readonly open: (seed: string) => Promise<OffersPartner>;
  /** Terms that the marketplace takes; `acceptBy` lies in the future. */
  readonly terms: OfferTermsInput;
  /** The requests from the first write to the first look, without polls: the protocol's minimum. */
  readonly minimum: Readonly<Record<string, number>>;
  /** Operations that only poll a task. */
  readonly polls: readonly string[];
  /** The writes of a publication in order, by operation as the partner counts it. */
  readonly writes: readonly string[];
  /** Terms that our rules refuse before anything is sent, and the field they name. */
  readonly broken: { readonly terms: Partial<OfferTermsInput>; readonly field: string };
  /** Terms that only the marketplace can refuse, and the field that its refusal is about. */
  readonly refused: { readonly terms: Partial<OfferTermsInput>; readonly field: string };
  /** A later last day to accept. */
  readonly later: string;
}

const stagesMax = 60;
const good = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(`${result.fault.kind}: ${result.fault.message}`);
  return result.value;
};
class Refused extends Error {
  readonly gaps: readonly Gap[];
  constructor(message: string, gaps: readonly Gap[]) {
    super(message);
    this.gaps = gaps;
  }
}

const contacts: OfferDraft["contacts"] = [
  { role: "owner", email: "ada@partner.example", firstName: "Ada", lastName: "Owner" },
  { role: "customer", email: "pat@foods.example", firstName: "Pat", lastName: "Buyer" },
];

export const offerDraftOf = (
  partner: Pick<OffersPartner, "now">,
  terms: OfferTermsInput,
  marker = "cosell-0123456789abcdef0123-1",
): OfferDraft => {
  const now = partner.now();
  return {
    ...{ offerId: `off_${"0".repeat(32)}`, marker, terms: offerTermsSchema.parse(terms), contacts },
    ...{
      deal: { source: "test", key: "D-1", title: "A deal" },
      engagement: null,
      today: now.toISOString().slice(0, 10),
      now,
    },
  };
};

/** Carries writes out as the engine does: a lost one is looked for before it is repeated, a task is polled to its end. */
const carryOut = async (
  partner: OffersPartner,
  door: Writes,
  plan: (done: readonly Outcome[]) => Next,
): Promise<{ readonly done: readonly Outcome[]; readonly writes: readonly Write[] }> => {
  const done: Outcome[] = [];
  const writes: Write[] = [];
  const keep = (outcome: Outcome): void => {
    const at = done.findIndex(({ key }) => key === outcome.key);
    if (at < 0) done.push(outcome);
    else done[at] = outcome;
  };
  for (let stage = 0; stage < stagesMax; stage++) {
    const next = plan(done);
    if (next.kind === "done") return { done, writes };
    if (next.kind === "poll") {
      const answer = await door.poll(next.outcome);
      if (!answer.ok && answer.fault.kind === "throttled") {
        await partner.pass(60);
        continue;
      }
      const polled = good(answer);
      if (polled.task?.state === "failed") {
        const { fault } = polled.task;
        throw new Refused(fault?.message ?? "failed", fault?.kind === "rejected" ? fault.gaps : []);
      }
      if (polled.task?.state === "running") await partner.pass(60);
      else keep(polled);
      continue;
    }
    writes.push(next.write);
    keep(await send(partner, door, next.write));
  }
  throw new Error(`it did not end within ${stagesMax} steps`);
};

const send = async (partner: OffersPartner, door: Writes, write: Write): Promise<Outcome> => {
  const token = `token-${write.key}`.replaceAll(/[^\w-]/g, "-");
  for (let attempt = 0; attempt < 8; attempt++) {
    const result = await door.run(write, token);
    if (result.ok) return result.value;
    const { fault } = result;
    if (fault.kind === "rejected") throw new Refused(fault.message, fault.gaps);
    if (fault.kind === "ambiguous") {
      // A list that lags is asked twice, ten minutes apart.
      const found = good(await door.locate(write, token));
      if (found !== null) return found;
      await partner.pass(660);
      const again = good(await door.locate(write, token));
      if (again !== null) return again;
    } else await partner.pass(60);
  }
  throw new Error(`${write.operation} was never taken`);
};

const doors = (partner: OffersPartner) => {
  const { offers, agreements } = partner.session;
  if (offers === undefined || agreements === undefined) throw new Error("this connection has no offers");
  return { offers, agreements };
};
const publish = async (partner: OffersPartner, terms: OfferTermsInput) => {
  const { offers } = doors(partner);
  const draft = offerDraftOf(partner, terms);
  expect(offers.gaps(draft)).toEqual([]);
  const carried = await carryOut(partner, offers, (done) => offers.publication(draft, done));
  const made = carried.done.flatMap(({ task }) => (task?.state === "done" && task.made ? [task.made] : [])).at(-1);
  const ref = made ?? carried.done.at(-1)?.ref;
  if (ref === undefined) throw new Error("nothing was published");
  return { draft, ref, ...carried };
};

/** Registers the suite for one marketplace. */
export const runMarketplaceOffersConformance = (harness: OffersHarness): void => {
  describe(`${harness.name} with private offers`, () => {
    describePublication(harness);
    describeRefusals(harness);
    describeChanges(harness);
    describeAcceptance(harness);
    describeList(harness);
  });
};

const describePublication = (harness: OffersHarness): void => {
  it("publishes an offer once, with the protocol's minimum of requests, and reads back what it is", async () => {
    const partner = await harness.open("publish");
    const { offers } = doors(partner);
    const { draft, ref, writes } = await publish(partner, harness.terms);
    const seen = good(await offers.look(ref));
    const calls = Object.entries(await partner.calls()).filter(([operation]) => !harness.polls.includes(operation));
    expect(Object.fromEntries(calls)).toEqual(harness.minimum);
    expect(await partner.held()).toEqual([seen.ref.id]);
    expect(seen.event).toMatch(/^(published|viewed)$/);
    expect([seen.acceptBy, new Set(writes.map(({ key }) => key)).size]).toEqual([draft.terms.acceptBy, writes.length]);
    if (seen.marker !== null) expect(seen.marker).toBe(draft.marker);
  });
  it.each(harness.writes.flatMap((operation) => [[operation, "answer"] as const, [operation, "request"] as const]))(
    "makes one offer when the %s's %s is lost",
    async (operation, what) => {
      const partner = await harness.open(`lost-${operation}-${what}`);
      await partner.lose(operation, what);
      const { ref } = await publish(partner, harness.terms);
      expect(await partner.held()).toHaveLength(1);
      expect(good(await doors(partner).offers.look(ref)).event).toMatch(/^(published|viewed)$/);
    },
  );
};

const describeRefusals = (harness: OffersHarness): void => {
  const expectField = (gaps: readonly Gap[], field: string): void => {
    expect(gaps.map((gap) => gap.field)).toContain(field);
    for (const gap of gaps) for (const text of [gap.code, gap.message, gap.fix, gap.source]) expect(text).not.toBe("");
  };
  it("refuses what its rules forbid before anything is sent, with field, reason, remedy and source", async () => {
    const partner = await harness.open("broken");
    const draft = offerDraftOf(partner, { ...harness.terms, ...harness.broken.terms });
    expectField(doors(partner).offers.gaps(draft), harness.broken.field);
    expect(await partner.calls()).toEqual({});
  });
  it("maps the marketplace's own refusal to the field that it is about", async () => {
    const partner = await harness.open("refused");
    const refused = await publish(partner, { ...harness.terms, ...harness.refused.terms }).then(
      () => null,
      (error: unknown) => error,
    );
    if (!(refused instanceof Refused)) throw new Error(`it was not refused: ${String(refused)}`);
    expectField(refused.gaps, harness.refused.field);
  });
  it("rehearses without making anything, or says why it cannot", async () => {
    const partner = await harness.open("rehearsal");
    const { rehearse } = doors(partner).offers;
    if (rehearse === undefined) return expect(partner.session.lacks.offerRehearsal ?? "").not.toBe("");
    // A dry run that takes a while says when to ask for its end.
    const ask = async (terms: OfferTermsInput, marker: string) => {
      for (let asked = 0; ; asked++) {
        const answer = await rehearse(offerDraftOf(partner, terms, marker));
        if (answer.ok || answer.fault.kind !== "throttled" || asked >= 8) return answer;
        await partner.pass(120);
      }
    };
    expect(good(await ask(harness.terms, "cosell-0123456789abcdef0123-1"))).toEqual([]);
    const found = await ask({ ...harness.terms, ...harness.refused.terms }, "cosell-0123456789abcdef0123-2");
    expectField(
      found.ok ? found.value : found.fault.kind === "rejected" ? found.fault.gaps : [],
      harness.refused.field,
    );
    expect(await partner.held()).toEqual([]);
  });
};

const describeChanges = (harness: OffersHarness): void => {
  it("moves the last day to accept once, or says why it cannot", async () => {
    const partner = await harness.open("extend");
    const { offers } = doors(partner);
    const { extension } = offers;
    if (extension === undefined) return expect(partner.session.lacks.offerExtension ?? "").not.toBe("");
    const { draft, ref } = await publish(partner, harness.terms);
    const change = { draft, ref, observation: good(await offers.look(ref)) };
    const { done } = await carryOut(partner, offers, (sofar) => extension(change, harness.later, sofar));
    expect(good(await offers.look(ref)).acceptBy).toBe(harness.later);
    expect(extension(change, harness.later, done)).toEqual({ kind: "done" });
  });
  it("takes an offer back, or says why it cannot", async () => {
    const partner = await harness.open("withdraw");
    const { offers } = doors(partner);
    const { withdrawal } = offers;
    if (withdrawal === undefined) return expect(partner.session.lacks.offerWithdrawal ?? "").not.toBe("");
    const { draft, ref } = await publish(partner, harness.terms);
    const change = { draft, ref, observation: good(await offers.look(ref)) };
    const { done } = await carryOut(partner, offers, (sofar) => withdrawal(change, sofar));
    const after = await offers.look(ref);
    if (after.ok) expect(after.value.event).toMatch(/^(withdrawn|expired)$/);
    else expect(after.fault.kind).toBe("missing");
    expect(withdrawal(change, done)).toEqual({ kind: "done" });
  });
};

const describeAcceptance = (harness: OffersHarness): void => {
  it("tells an acceptance as it says it does, with its evidence, and the agreement it became", async () => {
    const partner = await harness.open("accept");
    const { offers, agreements } = doors(partner);
    const { ref } = await publish(partner, harness.terms);
    const agreementId = await partner.accept(ref.id);
    await partner.pass(60);
    const seen = good(await offers.look(ref));
    const found = [...good(await agreements.ofOffer(ref)), ...(seen.agreement === null ? [] : [seen.agreement])];
    expect(found.map(({ id }) => id)).toContain(agreementId);
    const agreement = good(await agreements.look({ id: agreementId }));
    expect([agreement.ref.id, agreement.event]).toEqual([agreementId, expect.stringMatching(/^(accepted|activated)$/)]);
    // Where the offer itself tells nothing, its agreement names it, and what is concluded says so.
    if (seen.event === "accepted") expect(seen.evidence?.kind ?? "stated").toBe(offers.tells.acceptedIs);
    else expect([offers.tells.acceptedIs, agreement.offer]).toEqual(["inferred", ref.id]);
  });
  it("goes on to an active agreement once what it waits for of us is done", async () => {
    const partner = await harness.open("active");
    const { agreements } = doors(partner);
    const { ref } = await publish(partner, harness.terms);
    const id = await partner.accept(ref.id);
    await partner.pass(60);
    const { duty } = agreements;
    if (duty !== undefined) {
      let observation = good(await agreements.look({ id }));
      const { writes } = await carryOut(partner, agreements, (done) => duty(observation, done, null));
      for (let look = 0; look < 5 && observation.event !== "activated"; look++) {
        await partner.pass(600);
        observation = good(await agreements.look({ id }));
        await carryOut(partner, agreements, (done) => duty(observation, done, null));
      }
      expect(new Set(writes.map(({ key }) => key)).size).toBe(writes.length);
    }
    expect(good(await agreements.look({ id })).event).toBe("activated");
  });
  it("raises a hint for each delivery about an offer or an agreement, or sends none", async () => {
    const partner = await harness.open("hints");
    const { hooks } = partner.session;
    if (partner.delivered === undefined || hooks === undefined) return;
    const { ref } = await publish(partner, harness.terms);
    const agreementId = await partner.accept(ref.id);
    await partner.pass(600);
    const hints = [];
    for (const delivery of await partner.delivered()) {
      const verdict = await hooks.verify(delivery);
      if (verdict.kind === "verified") hints.push(...verdict.delivery.hints);
    }
    const told = hints.filter(({ kind }) => kind === "offer" || kind === "agreement").map(({ id }) => id);
    expect(told.some((id) => id === ref.id || id === agreementId)).toBe(true);
  });
};

const describeList = (harness: OffersHarness): void => {
  /** All pages from a cursor on; a page that is `more` is followed by another. */
  const walk = async (
    door: Pick<NonNullable<Session["offers"]>, "changes">,
    from: Parameters<typeof door.changes>[0],
  ) => {
    const ids: string[] = [];
    let cursor = from;
    for (let page = 0; page < stagesMax; page++) {
      const read = good(await door.changes(cursor));
      ids.push(...read.items.map(({ id }) => id));
      cursor = read.cursor;
      if (!read.more) return { ids, cursor };
    }
    throw new Error("the pages do not end");
  };
  it("lists offers that nobody here made, page by page and without gaps, and what changes after", async () => {
    const partner = await harness.open("list");
    const { offers } = doors(partner);
    const foreign: string[] = [];
    for (let made = 0; made < 5; made++) foreign.push(await partner.makeForeign());
    await partner.pass(600);
    const { ids, cursor } = await walk(offers, null);
    for (const id of foreign) expect(ids).toContain(id);
    const one = good(await offers.look({ id: foreign[0] ?? "" }));
    expect([one.ref.id, one.marker]).toEqual([foreign[0], null]);
    const next = await partner.makeForeign();
    await partner.pass(600);
    expect((await walk(offers, cursor)).ids).toContain(next);
  });
  it("lists an agreement once it is there", async () => {
    const partner = await harness.open("agreements");
    const { agreements } = doors(partner);
    const { cursor } = await walk(agreements, null);
    const { ref } = await publish(partner, harness.terms);
    const id = await partner.accept(ref.id);
    await partner.pass(600);
    expect((await walk(agreements, cursor)).ids).toContain(id);
  });
};
