/** What is done to a private offer, as writes: published, taken back. Each is one configure job. Pure. */
import type { OfferChange, OfferDraft } from "../../../src/domain/offer.ts";
import type { Next, Outcome, Write } from "../../contract.ts";
import { jsonOf } from "../../text.ts";
import { privateOfferSchema, sameWord } from "../wire-offers.ts";
import { publicationOf, stateOf } from "./document.ts";
import { durableOfferId } from "./names.ts";
import type { Market } from "./settings.ts";

/** The key of the write that makes an offer. */
export const publishKey = "publish";

/** A job that failed at once is polled too: the poll is what tells the engine why. */
const following = (done: readonly Outcome[], key: string): Next | null => {
  const begun = done.findLast((outcome) => outcome.key === key);
  if (begun === undefined) return null;
  return begun.task === null || begun.task.state === "done" ? { kind: "done" } : { kind: "poll", outcome: begun };
};
/** A job's end is not its answer, and the list lags behind: a lost one is searched for twice. */
const write = (key: string, body: Write["body"]): Next => ({
  kind: "write",
  write: { operation: "Configure", key, body, token: "we-search" },
});

/** The next step of a publication. A job that failed happens again under the same key, with a token of its own. */
export const nextPublication = (draft: OfferDraft, done: readonly Outcome[], market: Market): Next =>
  following(done, publishKey) ??
  write(publishKey, { request: publicationOf(draft, market), marker: draft.marker, offer: null, state: "live" });

/** The next step of taking an offer back: one that is live is withdrawn, a draft is deleted. The key names the version that ends. */
export const nextWithdrawal = ({ ref, observation }: OfferChange, done: readonly Outcome[]): Next => {
  const key = `withdraw:${observation.version}`;
  const next = following(done, key);
  if (next !== null) return next;
  const offer = privateOfferSchema.safeParse(jsonOf(observation.body)).data;
  if (observation.event === "withdrawn" || offer === undefined) return { kind: "done" };
  const id = durableOfferId(ref.id);
  const state = sameWord(offer.state, "draft") ? "deleted" : "withdrawn";
  const named = { id, name: offer.name ?? "", privateOfferType: offer.privateOfferType ?? "customerPromotion" };
  return write(key, { request: stateOf(named, state), marker: null, offer: id, state });
};
