/**
 * By hand: where nothing of ours may write to the partner, a person's task stands for the write. The journal has it as intended
 * until the person is done, and nothing here contacts anybody.
 */
import type { Assisted, CoSell } from "../adapters/contract.ts";
import { changesOf, type HandKind, typedOf } from "../src/domain/by-hand.ts";
import type { Json, Share } from "../src/domain/deal.ts";
import { gapSentence } from "../src/domain/fault.ts";
import type { Tx } from "../src/ports.ts";
import type { Recovery } from "../src/store/recoveries.ts";
import type { Drafted } from "../src/store/shares.ts";
import { type HandForm, taskWaitsCode } from "../src/store/tasks.ts";
import type { WorkflowDeps } from "./deps.ts";

const dayMs = 24 * 3_600_000;

export interface ByHand {
  readonly share: Share;
  readonly drafted: Drafted;
  readonly coSell: CoSell & { readonly assisted: Assisted };
}

/** Whether a person does the partner's side of this door. */
export const isByHand = (coSell: CoSell): coSell is ByHand["coSell"] => coSell.assisted !== undefined;

/** A push: the share waits for a person to register the deal. Returns why the run ends. */
export const handOver = async (deps: WorkflowDeps, tx: Tx, at: ByHand): Promise<string> => {
  const { shares, tasks } = deps.store;
  const { share, coSell } = at;
  const { draft } = at.drafted;
  if ((await shares.findEngagement(tx, share.id)) !== null) return "a person tells what the partner says";
  const isOpen = (await tasks.findOpen(tx, share.id)) !== null;
  // The deal may have been edited since it was judged: nobody is sent to type what the programme would refuse.
  const gaps = isOpen ? [] : coSell.gaps(draft);
  if (gaps.length > 0) {
    const reason = gapSentence(gaps);
    await shares.move(tx, share, { event: "partner_refused", actorId: deps.actorId, reason, gaps });
    return "the deal no longer qualifies";
  }
  const form = coSell.assisted.form(draft);
  await assign(deps, tx, { ...at, kind: "create", form: { fields: [...form], next: typedOf(form) } });
  // What was edited so far stands in the form.
  await shares.wantRevision(tx, share.id, false);
  return "a person registers it by hand";
};

/** A revision or a withdrawal of what a person has registered. Returns why the run ends; null: there is no record of it yet. */
export const reviseByHand = async (deps: WorkflowDeps, tx: Tx, at: ByHand): Promise<string | null> => {
  const { shares, tasks } = deps.store;
  const { share, coSell, drafted } = at;
  const engagement = await shares.findEngagement(tx, share.id);
  if (engagement === null) return null;
  if (share.state === "withdrawing") {
    const reason = drafted.withdrawalReason ?? "";
    const fields = [{ field: "withdrawalReason", label: "Reason", value: reason }];
    await assign(deps, tx, { ...at, kind: "withdraw", form: { fields, next: null } });
    return "a person withdraws it by hand";
  }
  const { frozen } = coSell.assisted;
  const status = textOf(engagement.facts.reviewStatus);
  const typed = await tasks.readTyped(tx, share.id);
  const change = changesOf(coSell.assisted.form(drafted.draft), typed, (field) => frozen?.(field, status) ?? null);
  const isWaiting = change.waiting.length > 0;
  if (isWaiting) {
    const [first] = change.waiting;
    await shares.keepWaiting(
      tx,
      share.id,
      change.waiting.map(({ field }) => field),
      first?.reason ?? "",
    );
  } else await shares.settleEdits(tx, share.id, [], []);
  await shares.wantRevision(tx, share.id, isWaiting);
  if (change.fields.length > 0) {
    await assign(deps, tx, { ...at, kind: "revise", form: change });
    return "a person changes it by hand";
  }
  const open = await tasks.findOpen(tx, share.id);
  if (open?.kind === "revise") await tasks.cancel(tx, open, "the deal says again what stands there", deps.actorId);
  return isWaiting ? "the edits wait" : "nothing to change";
};

const textOf = (value: Json | undefined): string => (typeof value === "string" ? value : "");

interface Assignment extends ByHand {
  readonly kind: HandKind;
  readonly form: HandForm;
}
/** Opens the task, or fills the open one of its kind anew: changes of one share come together in one task. */
const assign = async (deps: WorkflowDeps, tx: Tx, at: Assignment): Promise<void> => {
  const { tasks, shares, effects } = deps.store;
  const { share, kind, form } = at;
  const { portal } = at.coSell.assisted;
  const open = await tasks.findOpen(tx, share.id);
  if (open?.kind === kind) {
    await tasks.refill(tx, open, form);
    return;
  }
  if (open !== null) await tasks.cancel(tx, open, `${kind} takes its place`, deps.actorId);
  const entries = await effects.listOf(tx, share.id);
  const effectId = await intend(deps, tx, at);
  const dueAt = new Date(deps.clock.now().getTime() + deps.taskDays * dayMs);
  const task = await tasks.open(tx, { share, effectId, kind, form, dueAt, actorId: deps.actorId });
  if (kind !== "create") return;
  const waits = `It waits for a person, who registers it in ${portal.name} by hand: task ${task.id}.`;
  // The connection had the API once, and what it sent last may have arrived.
  const isUnsure = entries.some(({ state }) => state === "sent" || state === "ambiguous" || state === "stuck");
  await shares.explain(tx, share, isUnsure ? `${waits} Look there first: it may have been registered already.` : waits);
};

/** The journal's row of a write that is never sent. */
const intend = async (deps: WorkflowDeps, tx: Tx, at: Assignment): Promise<string> => {
  const { effects } = deps.store;
  const { connection, draft } = at.drafted;
  const name = `hand:${at.kind}`;
  const done = (await effects.listOf(tx, at.share.id)).filter(
    ({ state, writeKey }) => state === "confirmed" && writeKey.startsWith(name),
  ).length;
  const write = {
    operation: `(by hand) ${at.kind}`,
    key: done === 0 ? name : `${name}:${done + 1}`,
    body: {},
    token: "we-read",
  } as const;
  const { opportunity } = draft;
  return (await effects.intend(tx, { connection, share: at.share, opportunity, write })).id;
};

/** After a restore nobody can be asked what was registered since: people must look before they register anything twice. */
export const tellOfRestore = async (deps: WorkflowDeps, recovery: Recovery): Promise<void> => {
  const { connectionId, takenAt } = recovery;
  const message = `Restored from a backup of ${takenAt.toISOString()}: tasks that were done since then are open again. Look in the partner's portal before you register a deal, and paste the number that it has there.`;
  await deps.db.transaction(async (tx) => {
    await deps.store.recoveries.end(tx, connectionId, deps.actorId);
    await deps.store.journal.openException(tx, "TASKS_AFTER_RESTORE", connectionId, message);
  });
  deps.kick();
};

/** Reminds of open tasks whose day has come. The exception closes when its task ends. */
export const remindOfTasks = async (deps: WorkflowDeps, tx: Tx): Promise<number> => {
  const due = await deps.store.tasks.dueForReminder(tx);
  for (const { id, kind, shareId, createdAt } of due) {
    const days = Math.floor((deps.clock.now().getTime() - createdAt.getTime()) / dayMs);
    const what = `A person has to ${verbs[kind]} by hand and has not said so for ${days} days`;
    const message = `${what}: cosell tasks show ${id} tells what to do, and cosell tasks done ${id} ends it.`;
    await deps.store.journal.openException(tx, taskWaitsCode, shareId, message);
  }
  return due.length;
};
const verbs = {
  create: "register this deal at the partner",
  revise: "change it at the partner",
  withdraw: "take it back at the partner",
} as const;
