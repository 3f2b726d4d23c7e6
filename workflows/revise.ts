/**
 * Revise: our edits reach the partner's record. Fresh read, three-way merge, one guarded update; what their record does not
 * take now waits and is shown, what it will never take is dropped with a reason.
 */
import type { Revision } from "../adapters/contract.ts";
import { programmeOf } from "../adapters/registry.ts";
import { isEnded, type Observation, type Share } from "../src/domain/deal.ts";
import { conflictRedoMax, gapSentence } from "../src/domain/fault.ts";
import { isByHand, reviseByHand } from "./by-hand.ts";
import { type Client, coSellOf, dataOf, runStep, type WorkflowDeps } from "./deps.ts";
import { type Fate, perform } from "./effect.ts";
import { lookUntilAnswered } from "./look.ts";
import { isPassing } from "./push.ts";

/** Bound on the writes of one run: a record takes at most some fifty associations. */
const roundsMax = 80;

type Planned =
  | {
      readonly kind: "write";
      readonly effectId: string;
      readonly fields: readonly string[];
      readonly dropped: readonly { readonly field: string; readonly reason: string }[];
      /** Fields that the partner had changed as well, and that ours replace. */
      readonly overwrote: readonly string[];
      /** An offer and an addition may be refused for good: whatever the partner says to them, the rest follows. */
      readonly role: "update" | "offer" | "addition";
      /** More waits behind it. */
      readonly isPartial?: boolean;
    }
  | { readonly kind: "end"; readonly why: string };

/** A deal changed: each open share of it is judged again or asked to be revised. */
export const createChanged = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    { id: "opportunity-changed", triggers: [{ event: "opportunity.changed" }], retries: 5 },
    async ({ event, step }) => {
      const { opportunityId } = dataOf("opportunity.changed", event);
      return runStep(step, "spread", () => spread(deps, opportunityId));
    },
  );

const spread = async (
  deps: WorkflowDeps,
  opportunityId: string,
): Promise<{ readonly judged: number; readonly revised: number }> => {
  const { db, store } = deps;
  const counts = await db.transaction(async (tx) => {
    let judged = 0;
    let revised = 0;
    for (const open of await store.shares.listOpenOf(tx, opportunityId)) {
      const share = await store.shares.lock(tx, open.id);
      if (isEnded(share.state)) continue;
      if (share.state === "draft" || share.state === "ready") {
        await store.autoShare.rejudge(tx, share, (connection) => programmeOf(deps.registry, connection), deps.actorId);
        judged++;
      } else {
        await store.shares.keepStandIns(tx, share, await store.shares.drafted(tx, share));
        await store.shares.wantRevision(tx, share.id, true);
        await store.shares.wishRevision(tx, share);
        revised++;
      }
    }
    return { judged, revised };
  });
  deps.kick();
  return counts;
};

export const createRevise = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "revise",
      triggers: [{ event: "share.revise.requested" }],
      retries: 10,
      singleton: { key: "event.data.shareId", mode: "skip" },
      concurrency: [{ key: "event.data.connectionId", limit: 4 }],
    },
    async ({ event, step }) => {
      const { shareId } = dataOf("share.revise.requested", event);
      for (let redo = 0, conflicts = 0; redo < roundsMax && conflicts <= conflictRedoMax; redo++) {
        const looked = await lookUntilAnswered(deps, step, `before-${redo}`, shareId, { isRevising: true });
        const planned = await runStep(step, `intend-${redo}`, () => plan(deps, shareId, looked.kind === "absorbed"));
        if (planned.kind === "end") return { shareId, ended: planned.why };
        const fate = await perform(deps, step, `${redo}`, planned.effectId);
        const settled = await runStep(step, `settle-${redo}`, () => settle(deps, { shareId, planned, fate }));
        if (settled === "redo") {
          if (fate.kind !== "confirmed") conflicts++;
          continue;
        }
        if (settled === "look") await lookUntilAnswered(deps, step, `after-${redo}`, shareId);
        return { shareId, ended: fate.kind };
      }
      await runStep(step, "ask", () => ask(deps, shareId));
      return { shareId, ended: "conflict" };
    },
  );

const plan = async (deps: WorkflowDeps, shareId: string, looked: boolean): Promise<Planned> => {
  const { db, store } = deps;
  const planned = await db.transaction(async (tx): Promise<Planned> => {
    const share = await store.shares.lock(tx, shareId);
    if (isEnded(share.state)) return { kind: "end", why: "the share has ended" };
    const drafted = await store.shares.drafted(tx, share);
    if (drafted.connection.state === "parked") return { kind: "end", why: "the connection is parked" };
    const coSell = coSellOf(deps.registry.open(drafted.connection), drafted.connection);
    const why = isByHand(coSell) ? await reviseByHand(deps, tx, { share, drafted, coSell }) : null;
    if (why !== null) return { kind: "end", why };
    const observation = looked ? await store.shares.readObservation(tx, shareId) : null;
    if (observation === null) return withoutRecord(deps, { tx, share, drafted, coSell });
    const addition = await nextAddition(deps, tx, { share, drafted, coSell, observation });
    if (addition !== null) return addition;
    const input = { draft: drafted.draft, base: await store.shares.readBase(tx, shareId), observation };
    const revision =
      share.state === "withdrawing" && coSell.withdrawal !== undefined
        ? coSell.withdrawal({ ...input, reason: drafted.withdrawalReason ?? "" })
        : coSell.revision(input);
    return keep(deps, { tx, share, drafted, revision });
  });
  await deps.at("revise.intended");
  deps.kick();
  return planned;
};

type Tx = Parameters<Parameters<WorkflowDeps["db"]["transaction"]>[0]>[0];
type Drafted = Awaited<ReturnType<WorkflowDeps["store"]["shares"]["drafted"]>>;

/** What their record lacks besides its fields is added first: they may ask for it before they take a field. */
const nextAddition = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: {
    readonly share: Share;
    readonly drafted: Drafted;
    readonly coSell: ReturnType<typeof coSellOf>;
    readonly observation: Observation;
  },
): Promise<Planned | null> => {
  const { share, drafted, coSell, observation } = at;
  if (coSell.addition === undefined || share.state === "withdrawing") return null;
  const entries = await deps.store.effects.listOf(tx, share.id);
  const settled = entries.filter(
    (entry) => entry.state === "confirmed" || (entry.state === "refused" && !isPassing(entry.fault?.kind)),
  );
  const write = coSell.addition(drafted.draft, observation, new Set(settled.map((entry) => entry.writeKey)));
  if (write === null) return null;
  const { connection, draft } = drafted;
  const entry = await deps.store.effects.intend(tx, { connection, share, opportunity: draft.opportunity, write });
  return { kind: "write", effectId: entry.id, fields: [], dropped: [], overwrote: [], role: "addition" };
};

/** The partner never stored it: the deal is judged again, and pushed when nothing is missing any more. */
const withoutRecord = async (
  deps: WorkflowDeps,
  at: {
    readonly tx: Tx;
    readonly share: Share;
    readonly drafted: Drafted;
    readonly coSell: ReturnType<typeof coSellOf>;
  },
): Promise<Planned> => {
  const { shares } = deps.store;
  if ((await shares.findEngagement(at.tx, at.share.id)) !== null)
    return { kind: "end", why: "their record could not be read" };
  if (at.share.state === "withdrawing") {
    await shares.move(at.tx, at.share, {
      event: "withdrawn_by_us",
      actorId: deps.actorId,
      reason: at.drafted.withdrawalReason,
    });
    return { kind: "end", why: "withdrawn before the partner had a record" };
  }
  if (at.share.state !== "needs_action") return { kind: "end", why: `the share is ${at.share.state}` };
  if (at.coSell.gaps(at.drafted.draft).length > 0) return { kind: "end", why: "the deal still has gaps" };
  await shares.wantRevision(at.tx, at.share.id, false);
  const moved = await shares.move(at.tx, at.share, { event: "revised", actorId: deps.actorId, reason: null, gaps: [] });
  await shares.wish(at.tx, "share.push.requested", moved);
  return { kind: "end", why: "mended and pushed again" };
};

const keep = async (
  deps: WorkflowDeps,
  at: { readonly tx: Tx; readonly share: Share; readonly drafted: Drafted; readonly revision: Revision },
): Promise<Planned> => {
  const { shares, effects } = deps.store;
  const { tx, share, revision } = at;
  switch (revision.kind) {
    case "nothing":
      await shares.keepBase(tx, share.id, revision.base);
      await shares.settleEdits(tx, share.id, [], revision.dropped ?? []);
      await shares.wantRevision(tx, share.id, false);
      await resubmit(deps, tx, share);
      return { kind: "end", why: "nothing to send" };
    case "locked":
      await shares.keepWaiting(tx, share.id, revision.fields, revision.reason);
      if (revision.isDrift === true)
        await deps.store.journal.openException(tx, "DRIFT", share.id, `No edit is sent. ${revision.reason}`);
      await shares.wantRevision(tx, share.id, true);
      return { kind: "end", why: revision.reason };
    case "gaps":
      await shares.keepWaiting(
        tx,
        share.id,
        revision.gaps.map((gap) => gap.field),
        gapSentence(revision.gaps),
      );
      await shares.wantRevision(tx, share.id, true);
      await deps.store.journal.openException(
        tx,
        "REVISION_GAPS",
        share.id,
        `An edit cannot be sent: ${gapSentence(revision.gaps)}`,
      );
      return { kind: "end", why: "the edit has gaps" };
    case "write": {
      await shares.keepNextBase(tx, share.id, revision.base);
      const entry = await effects.intend(tx, {
        connection: at.drafted.connection,
        share,
        opportunity: at.drafted.draft.opportunity,
        write: revision.write,
      });
      return {
        kind: "write",
        effectId: entry.id,
        fields: revision.fields,
        dropped: revision.dropped,
        overwrote: revision.overwrote ?? [],
        role: revision.isOffer === true ? "offer" : "update",
        isPartial: revision.isPartial === true,
      };
    }
  }
};

/** A record that was stored but never submitted goes on to its submission, unless the programme would refuse the deal. */
const resubmit = async (deps: WorkflowDeps, tx: Tx, share: Share): Promise<void> => {
  if (share.state !== "needs_action") return;
  const { shares } = deps.store;
  const current = await shares.lock(tx, share.id);
  const { connection, draft } = await shares.drafted(tx, current);
  const gaps = coSellOf(deps.registry.open(connection), connection).gaps(draft);
  if (gaps.length > 0) {
    await shares.showGaps(tx, current, gaps);
    return;
  }
  const moved = await shares.move(tx, current, { event: "revised", actorId: deps.actorId, reason: null, gaps: [] });
  await shares.wish(tx, "share.push.requested", moved);
};

/** An offer or an addition is answered: either way it is settled, a refusal is shown, and the rest follows. */
const settleAside = async (deps: WorkflowDeps, tx: Tx, at: Settling): Promise<"redo" | "end"> => {
  const { shares, effects, journal } = deps.store;
  const { shareId, planned, fate } = at;
  if (fate.kind !== "confirmed" && fate.kind !== "refused") return "end";
  const entry = await effects.read(tx, planned.effectId);
  const isTaken = fate.kind === "confirmed";
  if (planned.role === "addition") {
    if (isTaken) {
      const note = entry.writeKey;
      await journal.note(tx, { subject: shareId, actorId: deps.actorId, what: "added_at_partner", note });
    } else {
      const why = entry.fault?.gaps?.length ? gapSentence(entry.fault.gaps) : (entry.fault?.message ?? "refused");
      await journal.openException(tx, "REVISION_REFUSED", shareId, `The partner refused ${entry.writeKey}: ${why}`);
    }
    return "redo";
  }
  await shares.promoteBase(tx, shareId);
  const reason = "the partner's record does not take it any more";
  const refused = planned.fields.map((field) => ({ field, reason }));
  await shares.settleEdits(tx, shareId, isTaken ? planned.fields : [], isTaken ? [] : refused);
  if (isTaken && entry.outcome !== null)
    await shares.engage(tx, await shares.lock(tx, shareId), entry.outcome.ref, entry.outcome.version);
  return "redo";
};

interface Settling {
  readonly shareId: string;
  readonly planned: Extract<Planned, { kind: "write" }>;
  readonly fate: Fate;
}

const settle = async (deps: WorkflowDeps, at: Settling): Promise<"redo" | "look" | "end"> => {
  const { db, store } = deps;
  const { fate, planned } = at;
  const settled = await db.transaction(async (tx): Promise<"redo" | "look" | "end"> => {
    const share = await store.shares.lock(tx, at.shareId);
    const isAside = planned.role === "offer" || planned.role === "addition";
    if (isAside && !(fate.kind === "refused" && fate.fault === "conflict")) return settleAside(deps, tx, at);
    if (fate.kind === "confirmed") {
      const entry = await store.effects.read(tx, planned.effectId);
      if (entry.outcome !== null) await store.shares.engage(tx, share, entry.outcome.ref, entry.outcome.version);
      await store.shares.promoteBase(tx, at.shareId);
      await store.shares.settleEdits(tx, at.shareId, planned.fields, planned.dropped);
      await store.shares.wantRevision(tx, at.shareId, false);
      await store.journal.note(tx, {
        subject: at.shareId,
        actorId: deps.actorId,
        what: "revised_at_partner",
        note: `sent: ${planned.fields.join(", ")}${planned.overwrote.length === 0 ? "" : `; theirs had changed too: ${planned.overwrote.join(", ")}`}`,
      });
      await resubmit(deps, tx, share);
      // The next round reads their record as the look would, and keeps what waits.
      return planned.isPartial === true ? "redo" : "look";
    }
    if (fate.kind === "refused" && fate.fault === "conflict") return "redo";
    if (fate.kind === "refused") {
      const entry = await store.effects.read(tx, planned.effectId);
      const why = entry.fault?.gaps?.length ? gapSentence(entry.fault.gaps) : (entry.fault?.message ?? "refused");
      await store.shares.settleEdits(
        tx,
        at.shareId,
        [],
        planned.fields.map((field) => ({ field, reason: `refused by the partner: ${why}` })),
      );
      await store.shares.wantRevision(tx, at.shareId, false);
      await store.journal.openException(
        tx,
        "REVISION_REFUSED",
        at.shareId,
        `The partner refused an edit: ${why}. Mend the deal in the CRM; the next change is sent.`,
      );
    }
    return "end";
  });
  await deps.at("revise.settled");
  deps.kick();
  return settled;
};

const ask = async (deps: WorkflowDeps, shareId: string): Promise<null> => {
  await deps.db.transaction((tx) =>
    deps.store.journal.openException(
      tx,
      "REVISION_CONFLICT",
      shareId,
      `The partner's record moved each of the ${conflictRedoMax + 1} times we tried to update it. The edit waits; it is tried again at the next change.`,
    ),
  );
  deps.kick();
  return null;
};
