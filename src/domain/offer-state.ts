/** What a marketplace's word does to an offer or an agreement: rows of the tables to walk, or none. Pure. */
import {
  type AgreementEvent,
  type AgreementState,
  agreementEndStates,
  agreementTable,
  type OfferEvent,
  type OfferState,
  offerEndStates,
  offerTable,
  path,
  type Row,
} from "./machine.ts";

const offerEnds: ReadonlySet<OfferState> = new Set(offerEndStates);
export const isOfferEnded = (state: OfferState): boolean => offerEnds.has(state);
const agreementEnds: ReadonlySet<AgreementState> = new Set(agreementEndStates);
export const isAgreementEnded = (state: AgreementState): boolean => agreementEnds.has(state);

/** Where a buyer can accept: an offer that stands at the marketplace. */
export const openOfferStates = ["published", "viewed"] as const satisfies readonly OfferState[];
export const isOpenOffer = (state: OfferState): boolean => openOfferStates.some((open) => open === state);
/** Before it leaves us: what may be changed here. */
export const isDraftOffer = (state: OfferState): boolean => state === "draft" || state === "in_approval";

/** Steps that may have been taken while we were not looking. Ours are never assumed. */
const assumableOffer: ReadonlySet<OfferEvent> = new Set<OfferEvent>(["published", "viewed"]);

/**
 * Rows to walk from `state` at the marketplace's word, empty where nothing follows; null: the word cannot follow, a person
 * must look. An accepted offer stays accepted whatever is done to its record; one that was taken back and accepted is trouble.
 */
export const absorbOffer = (
  state: OfferState,
  event: OfferEvent | null,
): readonly Row<OfferState, OfferEvent>[] | null => {
  if (event === null || state === "accepted") return [];
  if (offerTable.some((row) => row[1] === event && row[2] === state)) return [];
  if (isOfferEnded(state)) return event === "accepted" ? null : [];
  // Seen after an extension that somebody made there: it runs again.
  if (state === "expired" && (event === "published" || event === "viewed"))
    return offerTable.filter((row) => row[0] === "expired" && row[1] === "extended");
  if (state === "viewed" && event === "published") return [];
  // While we are the only ones who hold it, the marketplace's word is about something else.
  if (state === "in_approval") return null;
  return path(offerTable, state, event, (between) => assumableOffer.has(between));
};

const assumableAgreement: ReadonlySet<AgreementEvent> = new Set<AgreementEvent>(["accepted", "activated"]);

/** As `absorbOffer`, for an agreement: an ended one stays as it ended. */
export const absorbAgreement = (
  state: AgreementState,
  event: AgreementEvent | null,
): readonly Row<AgreementState, AgreementEvent>[] | null => {
  if (event === null || event === "accepted") return [];
  if (agreementTable.some((row) => row[1] === event && row[2] === state)) return [];
  // A cancelled agreement that is said to have ended did both.
  if (isAgreementEnded(state)) return event === "activated" ? null : [];
  return path(agreementTable, state, event, (between) => assumableAgreement.has(between));
};
