/** The customer's people of a referral: a partner may tell them only some time after it was accepted. */
import { opportunityInputSchema } from "../src/domain/deal.ts";
import type { Tx } from "../src/ports.ts";
import type { WorkflowDeps } from "./deps.ts";
import type { FollowInput } from "./follow.ts";

/** Fills them into a deal that the referral itself opened, while nobody is named there: what the CRM knows is never touched. */
export const fillContacts = async (deps: WorkflowDeps, tx: Tx, input: FollowInput): Promise<void> => {
  const { store } = deps;
  const { share, coSell, observation } = input;
  if (coSell.invitations === undefined) return;
  if ((await store.invitations.findByShare(tx, share.id)) === null) return;
  const whole = await store.opportunities.whole(tx, share.opportunityId);
  // A deal of the CRM's has a key of the CRM's.
  if (whole === null || whole.opportunity.key !== observation.ref.id || whole.contacts.length > 0) return;
  const { contacts } = coSell.invitations.dealOf(observation).deal;
  if (contacts.length === 0) return;
  const { opportunity, account, partner } = whole;
  const taggedAt = opportunity.taggedAt?.toISOString() ?? null;
  const deal = opportunityInputSchema.parse({ ...opportunity, taggedAt, account, partner: partner?.name, contacts });
  await store.opportunities.save(tx, deal, deps.actorId);
};
