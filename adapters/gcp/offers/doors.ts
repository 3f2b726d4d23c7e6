/** The doors of a connection to Google's marketplace: private offers, what becomes of them, and word of both. */

import { failed, ok } from "../../../src/domain/fault.ts";
import type { Agreements, Hooks, Offers, Session, SessionDeps } from "../../contract.ts";
import type { Wire } from "../client.ts";
import type { Target } from "../settings.ts";
import {
  agreementChanges,
  agreementsOfOffer,
  locateAgreementWrite,
  lookAtAgreement,
  runAgreementWrite,
} from "./agreements.ts";
import { nextDuty } from "./duties.ts";
import { createHooks } from "./hooks.ts";
import { offerObservationOf } from "./observation.ts";
import type { MarketDeps } from "./offer-deps.ts";
import { onDeletion } from "./orders.ts";
import { nextExtension, nextStep, nextWithdrawal } from "./publication.ts";
import type { PushKeys } from "./push-keys.ts";
import { rehearse } from "./rehearsal.ts";
import { offerGaps, offerNotices } from "./rules.ts";
import { getOffer, offerChanges } from "./search.ts";
import { tells } from "./words.ts";
import { locateOfferWrite, pollPublication, runOfferWrite } from "./writes.ts";

/** Why each of the doors is absent where the connection is for co-sell alone. */
const unset = "set up settings.marketplace with the project of your products: cosell connect gcp --project …";
export const offerLacks = {
  offers: unset,
  offerRehearsal: unset,
  offerExtension: unset,
  offerWithdrawal: unset,
  agreements: unset,
} as const satisfies Session["lacks"];
const noPush =
  "Pub/Sub's push is not set up (settings.marketplace.push, infra/gcp/setup.sh --offers): orders are found by sweeps; of co-sell Google sends no word";

export interface MarketDoors {
  readonly lacks: Session["lacks"];
  readonly doors: Pick<Session, "offers" | "agreements" | "hooks">;
}

/** The marketplace's doors of a connection, or why it has none. */
export const marketDoors = (
  deps: SessionDeps,
  target: Target,
  at: { readonly wire: Wire; readonly keys: PushKeys },
): MarketDoors => {
  const { market } = target;
  if (market === null) return { lacks: { ...offerLacks, hooks: noPush }, doors: {} };
  const own: MarketDeps = { clock: deps.clock, http: deps.http, wire: at.wire, target, market };
  const hooks: Hooks | null = market.push === null ? null : createHooks({ ...own, keys: at.keys, push: market.push });
  return {
    lacks: hooks === null ? { hooks: noPush } : {},
    doors: { offers: offersOf(own), agreements: agreementsOf(own), ...(hooks === null ? {} : { hooks }) },
  };
};

const lookAtOffer = async (deps: MarketDeps, id: string): ReturnType<Offers["look"]> => {
  const seenAt = deps.clock.now();
  const seen = await getOffer(deps, id, "full");
  if (!seen.ok) return seen;
  const observation = offerObservationOf(seen.value.value, { body: seen.value.text, seenAt });
  return "unknown" in observation
    ? failed({
        kind: "drift",
        message: `Google's private offer ${id} is in the state ${observation.unknown}, which is not known here. Look at it in Producer Portal`,
      })
    : ok(observation);
};

const offersOf = (deps: MarketDeps): Offers => {
  const { market } = deps;
  return {
    tells,
    gaps: (draft) => offerGaps(draft, market),
    notices: (draft) => offerNotices(draft, { market }),
    rehearse: (draft) => rehearse(deps, draft),
    publication: (draft, done) => nextStep(draft, done, market),
    extension: (change, acceptBy, done) => nextExtension(change, acceptBy, { done, market }),
    withdrawal: (change, done) => nextWithdrawal(change, { done, market }),
    look: ({ id }) => lookAtOffer(deps, id),
    changes: (cursor) => offerChanges(deps, cursor),
    run: (write) => runOfferWrite(deps, write),
    locate: (write, _token, traces) => locateOfferWrite(deps, write, traces),
    poll: (outcome) => pollPublication(deps, outcome),
  };
};

const agreementsOf = (deps: MarketDeps): Agreements => ({
  look: (ref) => lookAtAgreement(deps, ref),
  changes: (cursor) => agreementChanges(deps, cursor),
  ofOffer: (ref) => agreementsOfOffer(deps, ref),
  onDeletion,
  duty: (observation, done, decision) => nextDuty(observation, { done, decision, market: deps.market }),
  run: (write) => runAgreementWrite(deps, write),
  locate: (write) => locateAgreementWrite(deps, write),
  // Google's approvals are done when they are answered.
  poll: async (outcome) => ok(outcome),
});
