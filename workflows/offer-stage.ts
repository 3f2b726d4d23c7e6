/** What an offer does to the deal it serves, by the connection's own setting and as far as the field authority lets a partner. */
import { type Connection, type DealStage, dealStages } from "../src/domain/deal.ts";
import type { Tx } from "../src/ports.ts";
import type { WorkflowDeps } from "./deps.ts";

/** Moves a deal on to a stage, never back, where the connection's setting says that offers do. */
export const moveStage = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: {
    readonly connection: Connection;
    readonly opportunityId: string | null;
    readonly stage: Extract<DealStage, "committed" | "launched">;
    /** The offer or the agreement that says so. */
    readonly subject: string;
  },
): Promise<void> => {
  const { connection, opportunityId, stage, subject } = at;
  if (connection.settings.offerStages !== true || opportunityId === null) return;
  const { opportunities } = deps.store;
  const deal = await opportunities.find(tx, opportunityId);
  if (deal === null || dealStages.indexOf(deal.stage) >= dealStages.indexOf(stage)) return;
  await opportunities.lock(tx, opportunityId);
  await opportunities.follow(tx, {
    opportunityId,
    connectionId: `${connection.id}/offers`,
    shareId: subject,
    at: deps.clock.now(),
    actorId: deps.actorId,
    values: new Map([["stage", stage]]),
    claims: [{ name: "stage", value: stage, isInformed: true }],
  });
};

/** The share of the deal takes up what belongs to it at the partner now, for example the offer that it became. */
export const tellShare = async (deps: WorkflowDeps, tx: Tx, shareId: string | null): Promise<void> => {
  const { shares } = deps.store;
  const share = shareId === null ? null : await shares.find(tx, shareId);
  if (share === null || ["draft", "ready", "declined", "lost", "withdrawn"].includes(share.state)) return;
  await shares.wantRevision(tx, share.id, true);
  await shares.wishRevision(tx, share);
};
