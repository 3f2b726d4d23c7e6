/** Private offers over the Producer API: run a planned write, look for a lost one, follow a publication. */
import * as z from "zod";
import type { JsonObject } from "../../../src/domain/deal.ts";
import { jsonObjectSchema } from "../../../src/domain/deal.ts";
import { type Fault, failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { Outcome, Traces, Write } from "../../contract.ts";
import { parseBody } from "../../nested.ts";
import { objectOf } from "../../text.ts";
import { earlier } from "../../timestamp.ts";
import type { Call } from "../client.ts";
import { parsedAs } from "../reading.ts";
import { privateOfferSchema, type WirePrivateOffer } from "../wire-offers.ts";
import { attachAgreement, locateAgreement } from "./agreement-files.ts";
import { amendsOf } from "./amendments.ts";
import { says } from "./compare.ts";
import { lastOf, offerPath, offersPath } from "./names.ts";
import type { MarketDeps } from "./offer-deps.ts";
import { findByMark, getOffer } from "./search.ts";

/** A draft that this offer's create made cannot be older than its plan, but two clocks may differ. */
const skewMs = 24 * 3_600_000;

const contentSchema = z.looseObject({
  marker: z.string(),
  replaces: z.string().nullable(),
  document: jsonObjectSchema,
  plannedAt: z.string(),
});
const changeSchema = z.looseObject({ offer: z.string(), document: jsonObjectSchema, updateMask: z.string() });
const namedSchema = z.looseObject({ offer: z.string() });

const settled: ReadonlySet<string> = new Set(["PUBLISHED", "ACCEPTED", "ENDED", "EXPIRED", "CANCELLED"]);

export const outcomeOf = (key: string, offer: WirePrivateOffer): Outcome => ({
  key,
  ref: { id: lastOf(offer.name) },
  version: offer.updateTime,
  task: null,
});
/** Where a publication stands. While Google reviews, it goes on. */
const publicationOf = (key: string, offer: WirePrivateOffer): Outcome | null => {
  const { id } = outcomeOf(key, offer).ref;
  if (offer.state === "PUBLISHING") return { ...outcomeOf(key, offer), task: { id, state: "running" } };
  return settled.has(offer.state ?? "") ? { ...outcomeOf(key, offer), task: { id, state: "done" } } : null;
};

const guard = ({ operation, body }: Write, { market }: MarketDeps): void => {
  if (body.project !== market.project)
    throw new Error(
      `${operation} names the project ${JSON.stringify(body.project)}, but the connection writes in ${market.project} only`,
    );
};

const sendFor = async (deps: MarketDeps, call: Call): Promise<Result<WirePrivateOffer>> => {
  const sent = await deps.wire.send(call);
  return sent.ok ? parsedAs(privateOfferSchema, sent.value, call.operation) : failed(sent.fault);
};

/** Google's record of a draft is compared as Google gave it: a schema might leave out what differs. */
const isSame = (document: JsonObject, offer: WirePrivateOffer): boolean =>
  says(document, parseBody(JSON.stringify(offer)));

const otherTerms = (offer: WirePrivateOffer): string =>
  `Google holds the draft ${lastOf(offer.name)} of this offer, which says something else than the offer does`;
const standsInTheWay = (offer: WirePrivateOffer): { readonly ok: false; readonly fault: Fault } => {
  const message = otherTerms(offer);
  const fix = "Look at it in Producer Portal: delete it there, or take its mark out of the internal note.";
  return failed({
    kind: "rejected",
    message,
    gaps: [{ field: "gcp", code: "conflicting", message, fix, source: "Google's answer" }],
  });
};

/** The document as it goes out, with what it amends. */
const withAmends = async (deps: MarketDeps, write: Write): Promise<Result<JsonObject>> => {
  const { document, replaces } = contentSchema.parse(write.body);
  const amends = await amendsOf(deps, document, replaces);
  if (!amends.ok) return amends;
  const product = objectOf(document.singleProductOffer);
  return ok(amends.value === null ? document : { ...document, singleProductOffer: { ...product, ...amends.value } });
};

const soughtOf = ({ marker, document, plannedAt }: z.infer<typeof contentSchema>, since: "plan" | "ever") => ({
  marker,
  title: typeof document.title === "string" ? document.title : "",
  since: since === "ever" ? null : earlier(plannedAt, skewMs),
});

/** Nothing is made before it was looked for: a draft with our mark is taken if it says what we were to say. */
const create = async (deps: MarketDeps, write: Write): Promise<Result<Outcome>> => {
  const content = contentSchema.parse(write.body);
  const searched = await findByMark(deps, soughtOf(content, "plan"));
  if (!searched.ok) return searched;
  const drafts = searched.value.filter(({ state }) => state === "DRAFT");
  for (const draft of drafts) {
    const seen = await getOffer(deps, lastOf(draft.name), "full");
    if (!seen.ok) return seen;
    return isSame(content.document, seen.value.value)
      ? ok(outcomeOf(write.key, seen.value.value))
      : standsInTheWay(draft);
  }
  const body = await withAmends(deps, write);
  if (!body.ok) return body;
  const made = await sendFor(deps, {
    operation: "privateOffers.create",
    path: offersPath(deps.market),
    body: body.value,
  });
  return made.ok ? ok(outcomeOf(write.key, made.value)) : made;
};

/** A lost create. After a restore the record may be older than anything that we know, and have gone any way since. */
const locateCreate = async (deps: MarketDeps, write: Write, traces?: Traces): Promise<Result<Outcome | null>> => {
  const content = contentSchema.parse(write.body);
  const searched = await findByMark(deps, soughtOf(content, traces === undefined ? "plan" : "ever"));
  if (!searched.ok) return searched;
  const free = searched.value.filter(({ name }) => !traces?.taken.includes(lastOf(name)));
  const [only, ...others] = free;
  if (only === undefined) return ok(null);
  if (others.length > 0)
    return failed({
      kind: "ambiguous",
      message: `Google holds ${free.length} offers with this offer's mark: ${free
        .slice(0, 5)
        .map(({ name }) => lastOf(name))
        .join(", ")}. Delete all but one in Producer Portal.`,
    });
  if (only.state !== "DRAFT") return ok(outcomeOf(write.key, only));
  const seen = await getOffer(deps, lastOf(only.name), "full");
  if (!seen.ok) return seen;
  // What is published next is what lies there, so it must be what was approved.
  return isSame(content.document, seen.value.value)
    ? ok(outcomeOf(write.key, seen.value.value))
    : failed({ kind: "drift", message: `${otherTerms(only)}. Delete it in Producer Portal, or mend it there` });
};

const patch = async (deps: MarketDeps, write: Write): Promise<Result<Outcome>> => {
  const { offer, document, updateMask } = changeSchema.parse(write.body);
  const body = write.key.startsWith("update:") ? await withAmends(deps, write) : ok(document);
  if (!body.ok) return body;
  const changed = await sendFor(deps, {
    operation: "privateOffers.patch",
    path: offerPath(deps.market, offer),
    query: { updateMask },
    body: body.value,
  });
  return changed.ok ? ok(outcomeOf(write.key, changed.value)) : changed;
};

/** A draft is judged before it is published: what would be refused is told without a trace. */
const publish = async (deps: MarketDeps, write: Write): Promise<Result<Outcome>> => {
  const { offer } = namedSchema.parse(write.body);
  const call: Call = {
    operation: "privateOffers.publish",
    path: offerPath(deps.market, offer, ":publish"),
    body: {},
  };
  const tried = await deps.wire.send({ ...call, body: { validateOnly: true }, isTrial: true });
  if (!tried.ok) return orDone(deps, write, tried.fault);
  const sent = await sendFor(deps, call);
  if (!sent.ok) return orDone(deps, write, sent.fault);
  const outcome = publicationOf(write.key, sent.value);
  return outcome === null
    ? failed({ kind: "ambiguous", message: "privateOffers.publish: Google answered without publishing" })
    : ok(outcome);
};

const end = async (deps: MarketDeps, write: Write): Promise<Result<Outcome>> => {
  const { offer } = namedSchema.parse(write.body);
  if (write.operation === "privateOffers.delete") {
    const path = offerPath(deps.market, offer);
    const sent = await deps.wire.send({ operation: "privateOffers.delete", path, query: { force: "true" } });
    if (!sent.ok && sent.fault.kind !== "missing") return failed(sent.fault);
    return ok({ key: write.key, ref: { id: offer }, version: null, task: null });
  }
  const path = offerPath(deps.market, offer, ":cancel");
  const body = { cancellationNote: "Taken back with cosell." };
  const sent = await sendFor(deps, { operation: "privateOffers.cancel", path, body });
  return sent.ok ? ok(outcomeOf(write.key, sent.value)) : orDone(deps, write, sent.fault);
};

/** Somebody may have done the same in Producer Portal: then it is done. Any other fault stays. */
const orDone = async (deps: MarketDeps, write: Write, fault: Fault): Promise<Result<Outcome>> => {
  if (fault.kind !== "rejected" && fault.kind !== "conflict") return failed(fault);
  const done = await locateByReading(deps, write);
  return done.ok && done.value !== null ? ok(done.value) : failed(fault);
};

/** One offer tells whether its publication, its end or its change happened. */
const locateByReading = async (deps: MarketDeps, write: Write): Promise<Result<Outcome | null>> => {
  const { offer } = namedSchema.parse(write.body);
  const seen = await getOffer(deps, offer, "full");
  const isDeletion = write.operation === "privateOffers.delete";
  if (!seen.ok)
    return isDeletion && seen.fault.kind === "missing"
      ? ok({ key: write.key, ref: { id: offer }, version: null, task: null })
      : seen;
  const { value } = seen.value;
  switch (write.operation) {
    case "privateOffers.publish":
      return ok(publicationOf(write.key, value));
    case "privateOffers.cancel":
      return ok(value.state === "CANCELLED" ? outcomeOf(write.key, value) : null);
    case "privateOffers.patch":
      return ok(isSame(changeSchema.parse(write.body).document, value) ? outcomeOf(write.key, value) : null);
    default:
      return ok(null);
  }
};

/** Sends one planned write. Throws when it names another project than the connection's: nothing is sent then. */
export const runOfferWrite = async (deps: MarketDeps, write: Write): Promise<Result<Outcome>> => {
  guard(write, deps);
  switch (write.operation) {
    case "privateOffers.create":
      return create(deps, write);
    case "privateOffers.patch":
      return patch(deps, write);
    case "privateOffers.documents.create":
      return attachAgreement(deps, write);
    case "privateOffers.publish":
      return publish(deps, write);
    case "privateOffers.cancel":
    case "privateOffers.delete":
      return end(deps, write);
    default:
      throw new Error(`Google's private offers have no write ${write.operation}`);
  }
};

/** "Did it happen?" Null: looked for and not found. */
export const locateOfferWrite = async (
  deps: MarketDeps,
  write: Write,
  traces?: Traces,
): Promise<Result<Outcome | null>> => {
  guard(write, deps);
  if (write.operation === "privateOffers.create") return locateCreate(deps, write, traces);
  return write.operation === "privateOffers.documents.create"
    ? locateAgreement(deps, write)
    : locateByReading(deps, write);
};

/** Looks how far a publication is. A draft again: somebody, or Google's review, sent it back. */
export const pollPublication = async (deps: MarketDeps, outcome: Outcome): Promise<Result<Outcome>> => {
  if (outcome.task === null || outcome.task.state !== "running") return ok(outcome);
  const seen = await getOffer(deps, outcome.ref.id);
  if (!seen.ok) return seen;
  const { value } = seen.value;
  const now = publicationOf(outcome.key, value);
  if (now !== null && value.state !== "CANCELLED") return ok(now);
  const message = `Google did not publish the offer: it is ${(value.state ?? "in no state").slice(0, 40)}`;
  const fix = "Look at it in Producer Portal, correct the offer here, and publish it again.";
  const gaps = [{ field: "gcp", code: "not_allowed", message, fix, source: "Google's answer" }];
  return ok({ ...outcome, task: { ...outcome.task, state: "failed", fault: { kind: "rejected", message, gaps } } });
};
