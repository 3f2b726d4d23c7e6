/**
 * Recover: after a restore, what we did at the partner since the backup was taken finds its way back into our shares. The
 * full sweep tells the records that carry a key of ours and that no share knows; each is taken by its deal, or remembered
 * until its deal comes.
 */
import type { Hint } from "../adapters/contract.ts";
import type { Connection, Share } from "../src/domain/deal.ts";
import { effectTable, step as stepOf } from "../src/domain/machine.ts";
import type { Tx } from "../src/ports.ts";
import { type FoundRecord, foundWord, type Recovery } from "../src/store/recoveries.ts";
import { comeBackAt, coSellOf, runStep, type Steps, type WorkflowDeps } from "./deps.ts";
import { searchLagMs } from "./effect.ts";
import { lookOnce } from "./look.ts";

/** Their clock and ours may differ by so much; a record made before the backup is known to it, or not of ours. */
const clockSkewMs = 3_600_000;
/** Steps of one run; what is left then is taken up by the next sweep. */
const roundsMax = 400;
const perRound = 20;

type Round =
  | { readonly kind: "more" | "over" | "again" }
  | { readonly kind: "wait"; readonly until: string }
  | { readonly kind: "stop"; readonly why: string };

/** Whether a record that no share knows may be one that we made and that the backup does not know. */
export const isForgotten = (hint: Hint, recovery: Recovery): hint is Hint & { readonly key: string } =>
  hint.kind === "opportunity" &&
  typeof hint.key === "string" &&
  hint.key !== "" &&
  (typeof hint.madeAt !== "string" || Date.parse(hint.madeAt) > recovery.takenAt.getTime() - clockSkewMs);

/** After the last page of a full sweep: settles what it found, then ends the recovery when the sweep was conclusive. */
export const recover = async (deps: WorkflowDeps, step: Steps, connectionId: string): Promise<void> => {
  for (let round = 0; round < roundsMax; round++) {
    const result = await runStep(step, `recover-${round}`, () => settleSome(deps, connectionId, round));
    if (result.kind === "wait") await step.sleepUntil(`recover-wait-${round}`, result.until);
    else if (result.kind !== "more") return;
  }
};

/** A record that somebody was told of may have got its share by another way, as an invitation's deal does. */
export const forgetTaken = async (deps: WorkflowDeps, tx: Tx, connectionId: string): Promise<void> => {
  for (const found of await deps.store.recoveries.listTaken(tx, connectionId, perRound))
    await deps.store.recoveries.settleFound(tx, found, { reason: "a share of ours has it", actorId: deps.actorId });
};

const settleSome = async (deps: WorkflowDeps, connectionId: string, attempt: number): Promise<Round> => {
  const { db, store } = deps;
  for (let count = 0; count < perRound; count++) {
    const connection = await store.connections.find(db.sql, connectionId);
    if (connection === null || connection.state === "parked") return { kind: "stop", why: "the connection is parked" };
    const found = await store.recoveries.nextFound(db.sql, connectionId);
    if (found === null) return conclude(deps, connectionId);
    const waitUntil = await settle(deps, { connection, found, attempt });
    await deps.at("recover.settled");
    deps.kick();
    if (waitUntil !== null) return { kind: "wait", until: waitUntil };
  }
  return { kind: "more" };
};

/** A sweep counts that began when everything done before the restore was listed; an earlier one is done again. */
const conclude = async (deps: WorkflowDeps, connectionId: string): Promise<Round> => {
  const { db, store } = deps;
  return db.transaction(async (tx): Promise<Round> => {
    const recovery = await store.recoveries.find(tx, connectionId);
    if (recovery === null) return { kind: "over" };
    const isConclusive =
      recovery.sweptFrom !== null && recovery.sweptFrom.getTime() >= recovery.restoredAt.getTime() + searchLagMs;
    if (isConclusive) await store.recoveries.end(tx, connectionId, deps.actorId);
    else await store.recoveries.sweepAgain(tx, connectionId);
    return { kind: isConclusive ? "over" : "again" };
  });
};

interface Settling {
  readonly connection: Connection;
  readonly found: FoundRecord;
  readonly attempt: number;
}

/** Settles one record. Returns when to come back for it, or null when it is settled. */
const settle = async (deps: WorkflowDeps, at: Settling): Promise<string | null> => {
  const occupant = await deps.db.transaction((tx) => claim(deps, tx, at));
  if (occupant === null) return null;
  // The deal's open share has another record: it may have ended there in the meantime.
  const looked = await lookOnce(deps, occupant, { attempt: at.attempt });
  if (looked.kind === "wait") return looked.until;
  const still = await deps.db.transaction((tx) => claim(deps, tx, at));
  return still === null ? null : compare(deps, at, still);
};

/** Gives the record to its deal's share. Null: settled; otherwise the open share that stands in the way. */
const claim = async (deps: WorkflowDeps, tx: Tx, at: Settling): Promise<string | null> => {
  const { recoveries, shares } = deps.store;
  const { connection, found } = at;
  const { actorId } = deps;
  if ((await shares.findByRemote(tx, connection.id, found.remoteId)) !== null) {
    await recoveries.settleFound(tx, found, { reason: "a share of ours has it", actorId });
    return null;
  }
  const [dealId, other] = await recoveries.dealsOfKey(tx, found.key);
  if (dealId === undefined || other !== undefined) {
    const why =
      dealId === undefined
        ? `no deal here has its key ${found.key}: import the deal again; when it is shared, this record is taken instead of a second one being made`
        : `more than one deal has its key ${found.key}: share the one it belongs to`;
    const message = `${found.remoteId} was made after the backup that this installation was restored from, and ${why}.`;
    await recoveries.tellFound(tx, found, { code: "FOUND_AFTER_RESTORE", message });
    return null;
  }
  const open = await shares.findOpen(tx, dealId, connection.id);
  if (open !== null && (await shares.findEngagement(tx, open.id)) !== null) return open.id;
  const share =
    open === null
      ? await shares.create(tx, { opportunityId: dealId, connectionId: connection.id, fields: {}, actorId })
      : await shares.lock(tx, open.id);
  if (share === null) throw new Error(`deal ${dealId} was shared by somebody else at the same time`);
  await take(deps, tx, { share, found });
  return null;
};

/** The share and its record are joined, as if this life of the installation had made it. */
const take = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: { readonly share: Share; readonly found: FoundRecord },
): Promise<void> => {
  const { recoveries, shares, effects, journal } = deps.store;
  const { found } = at;
  const { actorId } = deps;
  let { share } = at;
  const ref = { id: found.remoteId };
  for (const event of ["readied", "push_started", "revised"] as const)
    share = await shares.move(tx, share, { event, actorId, reason: null, gaps: [] });
  await shares.engage(tx, share, ref, null);
  const { connection, draft } = await shares.drafted(tx, share);
  const first = coSellOf(deps.registry.open(connection), connection).submission(draft, []);
  if (first.kind === "write") {
    const { write } = first;
    const entry = await effects.intend(tx, { connection, share, opportunity: draft.opportunity, write });
    // A person decides about a stuck one; a confirmed one was found by its own push.
    if (stepOf(effectTable, entry.state, "located") !== null)
      await effects.move(tx, entry, "located", { outcome: { key: write.key, ref, version: null, task: null } });
  }
  const note = `${found.remoteId}: made after the backup`;
  await journal.note(tx, { subject: share.id, actorId, what: foundWord, note });
  await recoveries.settleFound(tx, found, { reason: "its deal's share has it", actorId });
  // The push reads the record first, and goes on only where it was left unsubmitted.
  await shares.wish(tx, share.state === "withdrawing" ? "share.revise.requested" : "share.push.requested", share);
};

/** Two records of one deal: one that has ended is a thing of the past; two that live are for a person. */
const compare = async (deps: WorkflowDeps, at: Settling, occupant: string): Promise<string | null> => {
  const { db, store, actorId } = deps;
  const { connection, found } = at;
  const seen = await coSellOf(deps.registry.open(connection), connection).look({ id: found.remoteId });
  if (!seen.ok && seen.fault.kind !== "missing") {
    if (seen.fault.kind === "denied")
      await db.transaction((tx) => store.connections.park(tx, connection.id, seen.fault.message, actorId));
    return comeBackAt(seen.fault, at.attempt, deps.clock.now());
  }
  const ended = !seen.ok || ["lost", "launched", "partner_declined"].includes(seen.value.event ?? "");
  await db.transaction(async (tx) => {
    if (ended) {
      const note = `${found.remoteId}: an earlier record of this deal, which has ended`;
      await store.journal.note(tx, { subject: occupant, actorId, what: "earlier_record_found", note });
      await store.recoveries.settleFound(tx, found, { reason: "it has ended", actorId });
    } else {
      const message = `${found.remoteId} and the record of share ${occupant} both live and carry the key ${found.key}. Close one of them in the partner's portal.`;
      await store.recoveries.tellFound(tx, found, { code: "TWO_RECORDS", message });
    }
  });
  return null;
};
