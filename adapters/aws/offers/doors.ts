/** AWS Marketplace as the contract's doors: private offers, and the agreements they become. */
import type { Agreements, Offers } from "../../contract.ts";
import { agreementChanges, agreementsOfOffer, lookAtAgreement } from "./agreements.ts";
import { locate, poll, run } from "./change-sets.ts";
import { changes, look, tells } from "./looking.ts";
import { nextExtension, nextPublication, nextWithdrawal } from "./publication.ts";
import type { MarketplaceDeps } from "./reading.ts";
import { rehearse } from "./rehearsal.ts";
import { offerGaps, offerNotices } from "./rules.ts";

export const offersDoor = (deps: MarketplaceDeps): Offers => ({
  tells,
  gaps: (draft) => offerGaps(draft, deps.target.account),
  notices: offerNotices,
  rehearse: (draft) => rehearse(deps, draft),
  publication: nextPublication,
  extension: nextExtension,
  withdrawal: nextWithdrawal,
  run: (write, token) => run(deps, write, token),
  locate: (write, _token, traces) => locate(deps, write, traces),
  poll: (outcome) => poll(deps, outcome),
  look: (ref) => look(deps, ref),
  changes: (cursor) => changes(deps, cursor),
});

/** AWS never waits for the seller: no agreement is written to. */
const noWrite = (): never => {
  throw new Error("AWS Marketplace has no write on agreements");
};
export const agreementsDoor = (deps: MarketplaceDeps): Agreements => ({
  run: noWrite,
  locate: noWrite,
  poll: noWrite,
  tellsInvoices: true,
  look: (ref) => lookAtAgreement(deps, ref),
  changes: (cursor) => agreementChanges(deps, cursor),
  ofOffer: (ref) => agreementsOfOffer(deps, ref),
});
