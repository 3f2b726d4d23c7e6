/** Look and absorb: the truth is re-read from the partner and taken in, whoever raised the hint. */
import type { Fault } from "../src/domain/fault.ts";
import { isByHand } from "./by-hand.ts";
import { comeBackAt, coSellOf, runStep, type Steps, type WorkflowDeps } from "./deps.ts";
import { follow } from "./follow.ts";
import { fillContacts } from "./late-contacts.ts";

export type Looked =
  | { readonly kind: "absorbed"; readonly state: string; readonly moved: boolean }
  | { readonly kind: "wait"; readonly until: string }
  | { readonly kind: "stop"; readonly why: string };

export interface LookOptions {
  /** How often this look was tried before. */
  readonly attempt?: number;
  /** The push has just ended: the record as both sides now agree on it becomes the base of later merges. */
  readonly isFirst?: boolean;
  /** The caller is itself about to send edits that wait. */
  readonly isRevising?: boolean;
}

const attemptsMax = 12;

/** Looks until it was answered, waiting as the partner asks. Throws when nothing was learnt in the attempts of one run. */
export const lookUntilAnswered = async (
  deps: WorkflowDeps,
  step: Steps,
  name: string,
  shareId: string,
  options: LookOptions = {},
): Promise<Looked> => {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const looked = await runStep(step, `look-${name}-${attempt}`, () =>
      lookOnce(deps, shareId, { ...options, attempt }),
    );
    if (looked.kind !== "wait") return looked;
    await step.sleepUntil(`look-wait-${name}-${attempt}`, looked.until);
  }
  throw new Error(`share ${shareId} could not be read in ${attemptsMax} attempts`);
};

/** One look at the partner's record of a share, absorbed in one transaction. */
export const lookOnce = async (deps: WorkflowDeps, shareId: string, options: LookOptions): Promise<Looked> => {
  const { db, store } = deps;
  const engagement = await store.shares.findEngagement(db.sql, shareId);
  if (engagement === null) return { kind: "stop", why: "the partner has no record of it yet" };
  const connection = await store.connections.find(db.sql, engagement.connectionId);
  if (connection === null || connection.state === "parked") return { kind: "stop", why: "the connection is parked" };
  const coSell = coSellOf(deps.registry.open(connection), connection);
  if (isByHand(coSell)) return { kind: "stop", why: "a person tells what the partner says" };
  const lookedAt = deps.clock.now();
  const result = await coSell.look({ id: engagement.remoteId, arn: engagement.remoteArn });
  await deps.at("look.answered");
  if (!result.ok)
    return recordFailedLook(
      deps,
      { shareId, connectionId: connection.id, attempt: options.attempt ?? 0 },
      result.fault,
    );
  const observation = result.value;
  const looked = await db.transaction(async (tx) => {
    const known = await store.shares.findEngagement(tx, shareId);
    const older = known?.remoteVersion != null && coSell.newer(known.remoteVersion, observation.version);
    const { share, moved } = await store.shares.absorb(tx, shareId, {
      observation,
      lookedAt,
      older,
      actorId: deps.actorId,
    });
    if (!older) await follow(deps, tx, { share, coSell, observation });
    if (!older) await fillContacts(deps, tx, { share, coSell, observation });
    if (options.isFirst === true && (await store.shares.readBase(tx, shareId)) === null) {
      await store.shares.keepBase(tx, shareId, coSell.baseOf(observation));
    }
    // Word that came while we looked during a push raised no hint of its own.
    if (options.isFirst === true && known?.hintedAt != null && known.hintedAt > lookedAt) {
      const hint = { connectionId: engagement.connectionId, remoteId: engagement.remoteId };
      await store.journal.tell(tx, "hint.raised", shareId, hint);
    }
    // The gate may have opened for edits that wait. A run that revises already will see for itself.
    const changed = moved || options.isFirst === true || known?.remoteVersion !== observation.version;
    if (options.isRevising !== true && changed && (await store.shares.isRevisionWanted(tx, shareId)))
      await store.shares.wish(tx, "share.revise.requested", share);
    return { kind: "absorbed", state: share.state, moved } as const;
  });
  await deps.at("look.absorbed");
  deps.kick();
  return looked;
};

const recordFailedLook = async (
  deps: WorkflowDeps,
  subject: { readonly shareId: string; readonly connectionId: string; readonly attempt: number },
  fault: Fault,
): Promise<Looked> => {
  const { db, store } = deps;
  switch (fault.kind) {
    case "throttled":
    case "unavailable":
    case "ambiguous":
    case "conflict":
      return { kind: "wait", until: comeBackAt(fault, subject.attempt, deps.clock.now()) };
    case "denied":
      await db.transaction((tx) => store.connections.park(tx, subject.connectionId, fault.message, deps.actorId));
      deps.kick();
      return { kind: "stop", why: "the connection was parked" };
    case "missing":
      await db.transaction(async (tx) => {
        const share = await store.shares.lock(tx, subject.shareId);
        await store.shares.move(tx, share, {
          event: "withdrawn_by_partner",
          actorId: deps.actorId,
          reason: "the partner no longer has this record",
        });
        await store.journal.openException(
          tx,
          "GONE_AT_PARTNER",
          subject.shareId,
          "The partner's record of this share is gone. Ask their team; share the deal again if it was a mistake.",
        );
      });
      deps.kick();
      return { kind: "stop", why: "gone at the partner" };
    case "rejected":
    case "drift":
      await db.transaction((tx) => store.drifts.raise(tx, subject.shareId, fault, "The state is kept."));
      deps.kick();
      return { kind: "stop", why: fault.message };
  }
};
