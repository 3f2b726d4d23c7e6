/** Follow: what the partner changed on their record of a share reaches our deal, in the transaction that absorbs it. */
import type { CoSell, TheirValue } from "../adapters/contract.ts";
import type { Observation, Share } from "../src/domain/deal.ts";
import { isPossible } from "../src/domain/fields.ts";
import type { Tx } from "../src/ports.ts";
import type { WorkflowDeps } from "./deps.ts";

export interface FollowInput {
  readonly share: Share;
  readonly coSell: CoSell;
  readonly observation: Observation;
}

/**
 * Keeps what their record says and takes in what they changed, as far as the field authority lets it. What was taken
 * is agreed from then on, so the revision that the changed deal asks for finds nothing to send.
 */
export const follow = async (deps: WorkflowDeps, tx: Tx, input: FollowInput): Promise<void> => {
  const { shares, opportunities } = deps.store;
  const { share, coSell, observation } = input;
  const { theirs } = coSell;
  if (theirs === undefined) return;
  const bases = await shares.readBases(tx, share.id);
  const look = async () => theirs({ draft: (await shares.drafted(tx, share)).draft, observation, ...bases });
  let seen = await look();
  if (seen.values.some(isTakeable)) {
    // Whether they knew what we have is told by the deal as nobody else changes it.
    await opportunities.lock(tx, share.opportunityId);
    seen = await look();
  }
  const edits = seen.values.filter(isTakeable);
  const taken = await opportunities.follow(tx, {
    opportunityId: share.opportunityId,
    connectionId: share.connectionId,
    shareId: share.id,
    at: seen.at,
    actorId: deps.actorId,
    values: new Map(seen.values.map(({ field, value }) => [field, value])),
    claims: edits.map(({ field: name, value, isInformed }) => ({ name, value, isInformed })),
  });
  if (taken.length === 0) return;
  const pieces = edits.filter(({ field }) => taken.includes(field)).map(({ base }) => base);
  await shares.agreeOn(tx, share.id, { ...bases, pieces });
};

const isTakeable = (value: TheirValue): boolean => value.isEdit && isPossible(value.field, value.value);
