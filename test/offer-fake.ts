/**
 * A small marketplace with private offers, kept in memory: a ledger that refuses what a marketplace refuses, tasks that take
 * a while, buyers that accept, and faults before or after a write. It implements the contract and nothing of ours.
 */
import * as z from "zod";
import type { Hint, Marketplace, Next, Outcome, Session, Write } from "../adapters/contract.ts";
import { type JsonObject, jsonObjectSchema } from "../src/domain/deal.ts";
import { type Fault, failed, type Gap, ok, type Result } from "../src/domain/fault.ts";
import type { AgreementEvent, OfferEvent } from "../src/domain/machine.ts";
import {
  type AgreementObservation,
  type Decision,
  decided,
  type Lineage,
  type OfferDraft,
  type OfferObservation,
  type OfferTerms,
  offerTermsSchema,
} from "../src/domain/offer.ts";
import type { Clock } from "../src/ports.ts";

interface LedgerOffer {
  readonly id: string;
  marker: string | null;
  state: OfferEvent | null;
  acceptBy: string;
  terms: Partial<OfferTerms>;
  agreement: string | null;
  changed: number;
}
interface LedgerAgreement {
  readonly id: string;
  offer: string | null;
  event: AgreementEvent;
  waits: boolean;
  previous: { readonly ref: { readonly id: string }; readonly how: Lineage } | null;
  startsAt: string;
  endsAt: string | null;
  total: { amount: string; currency: string } | null;
  schedule: { date: string; amount: { amount: string; currency: string } }[];
  invoiced: { id: string; at: string; amount: { amount: string; currency: string } }[];
  changed: number;
}
type FaultKind = "before" | "after" | "reject" | "unavailable" | "task_fails";

const bodySchema = z.looseObject({
  marker: z.string().optional(),
  offer: z.string().optional(),
  acceptBy: z.string().optional(),
  terms: z.unknown().optional(),
});
const settingsSchema = z.looseObject({
  offerStages: z.boolean().optional(),
  duties: z.union([z.boolean(), z.literal("ask")]).optional(),
});
const none = async () => ok({ items: [], cursor: null, more: false });
/** A version is a word and no time. */
const wordOf = (version: number): string => `v${version}`;
const never = async () => failed({ kind: "unavailable", message: "not part of these tests" });

export const createOfferFake = (clock: Clock, pageSize = 2) => {
  const offers = new Map<string, LedgerOffer>();
  const agreements = new Map<string, LedgerAgreement>();
  const calls: string[] = [];
  const tokens = new Map<string, Outcome>();
  const tasks = new Map<string, { readonly doneAt: number; readonly work: () => void; readonly fails: boolean }>();
  const faults: { readonly on: string; readonly kind: FaultKind; count: number }[] = [];
  let version = 0;
  let publishingMs = 30_000;
  let changingMs = 0;
  const touch = <T extends { changed: number }>(record: T): T => {
    record.changed = ++version;
    return record;
  };
  const fault = (on: string): FaultKind | null => {
    const found = faults.find((rule) => rule.on === on && rule.count > 0);
    if (found === undefined) return null;
    found.count--;
    return found.kind;
  };
  const lost: Fault = { kind: "ambiguous", message: "no answer" };
  const gap: Gap = {
    field: "buyer.accounts",
    code: "not_allowed",
    message: "no such buyer",
    fix: "ask the buyer",
    source: "the fake",
  };

  const apply = (write: Write): Outcome => {
    const body = bodySchema.parse(write.body);
    if (write.operation === "CreateOffer") {
      const id = `offer-${offers.size + 1}`;
      const terms = offerTermsSchema.parse(body.terms);
      offers.set(
        id,
        touch({
          id,
          marker: body.marker ?? null,
          state: null,
          acceptBy: terms.acceptBy,
          terms,
          agreement: null,
          changed: 0,
        }),
      );
      return { key: write.key, ref: { id, arn: `arn:fake:${id}` }, version: wordOf(version), task: null };
    }
    if (write.operation === "RejectAgreement") {
      const agreement = agreements.get(body.offer ?? "");
      if (agreement !== undefined) Object.assign(touch(agreement), { waits: false, event: "cancelled" });
      return { key: write.key, ref: { id: body.offer ?? "" }, version: wordOf(version), task: null };
    }
    if (write.operation === "ApproveAgreement") {
      const agreement = agreements.get(body.offer ?? "");
      if (agreement !== undefined) Object.assign(touch(agreement), { waits: false, event: "activated" });
      return { key: write.key, ref: { id: body.offer ?? "" }, version: wordOf(version), task: null };
    }
    const offer = offers.get(body.offer ?? "");
    if (offer === undefined) throw new Error("no such offer");
    const becomes =
      write.operation === "WithdrawOffer"
        ? { state: "withdrawn" }
        : write.operation === "ExtendOffer"
          ? { acceptBy: body.acceptBy ?? offer.acceptBy, state: "published" }
          : { state: "published" };
    const work = (): void => void Object.assign(touch(offer), becomes);
    const takesMs = write.operation === "PublishOffer" ? publishingMs : changingMs;
    if (takesMs === 0) {
      work();
      return { key: write.key, ref: { id: offer.id }, version: wordOf(version), task: null };
    }
    const id = `task-${tasks.size + 1}`;
    tasks.set(id, { doneAt: clock.now().getTime() + takesMs, fails: fault("task") === "task_fails", work });
    return { key: write.key, ref: { id: offer.id }, version: null, task: { id, state: "running" } };
  };
  const writes = {
    run: async (write: Write, token: string): Promise<Result<Outcome>> => {
      calls.push(write.operation);
      const kind = fault(write.operation);
      if (kind === "before") return failed(lost);
      if (kind === "reject") return failed({ kind: "rejected", message: "refused", gaps: [gap] });
      if (write.operation === "CreateOffer" && JSON.stringify(write.body).includes('"000000000000"'))
        return failed({ kind: "rejected", message: "refused", gaps: [gap] });
      if (kind === "unavailable") return failed({ kind: "unavailable", message: "down" });
      const known = tokens.get(token);
      const outcome = known ?? apply(write);
      tokens.set(token, outcome);
      return kind === "after" ? failed(lost) : ok(outcome);
    },
    locate: async (_write: Write, token: string): Promise<Result<Outcome | null>> => {
      calls.push("Locate");
      return ok(tokens.get(token) ?? null);
    },
    poll: async (outcome: Outcome): Promise<Result<Outcome>> => {
      calls.push("Poll");
      const task = tasks.get(outcome.task?.id ?? "");
      if (task === undefined) return failed({ kind: "missing", message: "no such task" });
      if (clock.now().getTime() < task.doneAt) return ok(outcome);
      if (task.fails)
        return ok({
          ...outcome,
          task: {
            id: outcome.task?.id ?? "",
            state: "failed",
            fault: { kind: "rejected", message: "refused later", gaps: [gap] },
          },
        });
      task.work();
      return ok({ ...outcome, task: { id: outcome.task?.id ?? "", state: "done" } });
    },
  };
  const after = (done: readonly Outcome[], key: string): Outcome | undefined =>
    done.find((outcome) => outcome.key === key);
  const single = (done: readonly Outcome[], write: Write): Next => {
    const outcome = after(done, write.key);
    if (outcome === undefined) return { kind: "write", write };
    return outcome.task?.state === "running" ? { kind: "poll", outcome } : { kind: "done" };
  };

  const observe = (offer: LedgerOffer): OfferObservation => ({
    ref: { id: offer.id, arn: `arn:fake:${offer.id}` },
    version: wordOf(offer.changed),
    event: offer.state,
    marker: offer.marker,
    acceptBy: offer.acceptBy,
    agreement: offer.agreement === null ? null : { id: offer.agreement },
    terms: offer.terms,
    acceptUrl: `https://buy.example/${offer.id}`,
    facts: {},
    body: JSON.stringify(offer),
    seenAt: clock.now(),
  });
  const observeAgreement = (agreement: LedgerAgreement): AgreementObservation => ({
    ref: { id: agreement.id },
    version: wordOf(agreement.changed),
    event: agreement.event,
    offer: agreement.offer,
    previous: agreement.previous,
    buyer: { account: "123456789012", name: "Lumen Freight" },
    ...{
      product: "prod-1",
      plan: null,
      acceptedAt: agreement.startsAt,
      startsAt: agreement.startsAt,
      endsAt: agreement.endsAt,
    },
    ...{
      autoRenews: null,
      total: agreement.total,
      schedule: agreement.schedule,
      invoiced: agreement.invoiced,
      facts: {},
    },
    ...(agreement.waits
      ? { waits: { key: `order:${agreement.id}`, says: "The fake waits for an approval", canReject: true } }
      : {}),
    body: JSON.stringify(agreement),
    seenAt: clock.now(),
  });
  /** A page of records, by the order in which they changed. */
  const pageOf = (
    records: readonly { readonly id: string; readonly changed: number }[],
    kind: Hint["kind"],
    cursor: unknown,
  ) => {
    const from = typeof cursor === "number" ? cursor : 0;
    const rows = records.filter(({ changed }) => changed > from).toSorted((a, b) => a.changed - b.changed);
    const items = rows.slice(0, pageSize).map(({ id, changed }): Hint => ({ kind, id, at: wordOf(changed) }));
    return ok({ items, cursor: rows.slice(0, pageSize).at(-1)?.changed ?? from, more: rows.length > pageSize });
  };

  const session = (settings: z.output<typeof settingsSchema>): Session => ({
    lacks: {},
    check: async () => ok({}),
    coSell: {
      ...{
        gaps: () => [],
        submission: () => ({ kind: "done" as const }),
        revision: () => ({ kind: "nothing" as const, base: {} }),
      },
      ...{
        baseOf: () => ({}),
        newer: (a: string, b: string) => Number(a) > Number(b),
        run: never,
        locate: never,
        poll: never,
        look: never,
        changes: none,
      },
    },
    offers: {
      ...writes,
      tells: { viewed: null, accepted: "the offer's state", acceptedIs: "stated", active: "the agreement's state" },
      gaps: (draft: OfferDraft) =>
        draft.terms.product.startsWith("prod-") ? [] : [{ ...gap, field: "product", message: "no such listing" }],
      notices: () => ["the fake tells nothing"],
      rehearse: async (draft: OfferDraft) => {
        calls.push("Rehearse");
        return ok(draft.terms.buyer.accounts.includes("000000000000") ? [gap] : []);
      },
      publication: (draft, done) => {
        const created = after(done, "create");
        const body: JsonObject = {
          marker: draft.marker,
          terms: jsonObjectSchema.parse(JSON.parse(JSON.stringify(draft.terms))),
        };
        if (created === undefined)
          return { kind: "write", write: { operation: "CreateOffer", key: "create", body, token: "we-read" } };
        const published = after(done, "publish");
        if (published === undefined)
          return {
            kind: "write",
            write: { operation: "PublishOffer", key: "publish", body: { offer: created.ref.id }, token: "we-read" },
          };
        return published.task?.state === "running" ? { kind: "poll", outcome: published } : { kind: "done" };
      },
      extension: ({ ref, observation }, acceptBy, done) =>
        single(done, {
          operation: "ExtendOffer",
          key: `extend:${acceptBy}:${observation.version}`,
          body: { offer: ref.id, acceptBy },
          token: "we-read",
        }),
      withdrawal: ({ ref }, done) =>
        single(done, { operation: "WithdrawOffer", key: "withdraw", body: { offer: ref.id }, token: "we-read" }),
      look: async ({ id }) => {
        calls.push("GetOffer");
        const offer = offers.get(id);
        return offer === undefined ? failed({ kind: "missing", message: "no such offer" }) : ok(observe(offer));
      },
      changes: async (cursor) => pageOf([...offers.values()], "offer", cursor),
    },
    agreements: {
      ...writes,
      tellsInvoices: true,
      onDeletion: "The customer's data must be deleted now.",
      look: async ({ id }) => {
        calls.push("GetAgreement");
        const agreement = agreements.get(id);
        return agreement === undefined
          ? failed({ kind: "missing", message: "no such agreement" })
          : ok(observeAgreement(agreement));
      },
      changes: async (cursor) => pageOf([...agreements.values()], "agreement", cursor),
      ofOffer: async ({ id }) =>
        ok([...agreements.values()].filter(({ offer }) => offer === id).map((agreement) => ({ id: agreement.id }))),
      ...(settings.duties === undefined || settings.duties === false
        ? {}
        : {
            duty: (observation: AgreementObservation, done: readonly Outcome[], decision: Decision | null): Next => {
              const answer = settings.duties === "ask" ? decided(observation.waits ?? null, decision) : "approve";
              if (observation.event !== "accepted" || answer === null) return { kind: "done" };
              const operation = answer === "approve" ? "ApproveAgreement" : "RejectAgreement";
              const body = { offer: observation.ref.id };
              return single(done, { operation, key: answer, body, token: "we-read" });
            },
          }),
    },
    landing: {
      resolve: async (token) => {
        const agreement = agreements.get(token);
        return agreement === undefined
          ? failed({ kind: "missing", message: "no such token" })
          : ok(observeAgreement(agreement));
      },
    },
  });
  const marketplace: Marketplace = {
    ...{ id: "aws", name: "Small Marketplace", fields: jsonObjectSchema },
    settings: settingsSchema as unknown as Marketplace["settings"],
    example: { account: "123456789012", settings: {} },
    limits: {
      ...{ readsPerSecond: 1_000, writesPerSecond: 1_000, readsPerDay: 10_000_000, writesPerDay: 10_000_000 },
      ...{ pageSize: 100, timeoutMs: 10_000, bodyBytesMax: 1_000_000 },
    },
    open: (_deps, connection) => session(settingsSchema.parse(connection.settings)),
  };
  return {
    marketplace,
    offers,
    agreements,
    calls,
    strike: (on: string, kind: FaultKind, count = 1) => void faults.push({ on, kind, count }),
    clear: () => void faults.splice(0),
    /** How long a publication takes from now on: a review may take days. */
    publishIn: (ms: number) => {
      publishingMs = ms;
    },
    /** How long an extension or a withdrawal takes from now on; without, they are done at once. */
    changeIn: (ms: number) => {
      changingMs = ms;
    },
    /** Somebody makes an offer in the marketplace's portal. */
    makeOffer: (made: {
      readonly marker?: string;
      readonly terms: Partial<OfferTerms>;
      readonly acceptBy: string;
    }): string => {
      const id = `offer-${offers.size + 1}`;
      offers.set(
        id,
        touch({
          id,
          marker: made.marker ?? null,
          state: "published",
          acceptBy: made.acceptBy,
          terms: made.terms,
          agreement: null,
          changed: 0,
        }),
      );
      return id;
    },
    set: (id: string, state: OfferEvent) => void Object.assign(touch(must(offers.get(id))), { state }),
    /** The buyer accepts; the agreement is there at once, active or waiting for us. */
    accept: (offerId: string, more: Partial<LedgerAgreement> = {}): string => {
      const id = `agreement-${agreements.size + 1}`;
      const offer = touch(must(offers.get(offerId)));
      Object.assign(offer, { state: "accepted", agreement: id });
      const startsAt = clock.now().toISOString();
      agreements.set(
        id,
        touch({
          id,
          offer: offerId,
          event: "activated",
          waits: false,
          previous: null,
          startsAt,
          endsAt: null,
          total: null,
          schedule: [],
          invoiced: [],
          changed: 0,
          ...more,
        }),
      );
      return id;
    },
    buy: (more: Partial<LedgerAgreement> = {}): string => {
      const id = `agreement-${agreements.size + 1}`;
      const startsAt = clock.now().toISOString();
      agreements.set(
        id,
        touch({
          id,
          offer: null,
          event: "activated",
          waits: false,
          previous: null,
          startsAt,
          endsAt: null,
          total: null,
          schedule: [],
          invoiced: [],
          changed: 0,
          ...more,
        }),
      );
      return id;
    },
    forget: (id: string) => void agreements.delete(id),
    amend: (id: string, more: Partial<LedgerAgreement>) => void Object.assign(touch(must(agreements.get(id))), more),
  };
};
export type OfferFake = ReturnType<typeof createOfferFake>;

const must = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error("the fake's ledger has no such record");
  return value;
};
