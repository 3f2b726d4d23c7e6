/** How a task ends: a person has done it, with the partner's number, or says that it will not be done. */
import type { Assisted } from "../../adapters/contract.ts";
import type { Told } from "../domain/by-hand.ts";
import { isEnded, type RemoteRef, type Share } from "../domain/deal.ts";
import { type Report, readTold } from "../domain/told.ts";
import type { Tx } from "../ports.ts";
import type { Engagement } from "../store/engagements.ts";
import type { HandForm, Task } from "../store/tasks.ts";
import { absorbTold, assistedOf, isMisfit, knownStatus, misfitProblem, readNumber, shownNumber } from "./by-hand.ts";
import type { AppDeps } from "./endpoint.ts";
import { mustFindConnection } from "./invitation-answers.ts";
import { notFound, ProblemError } from "./problem.ts";

export interface Finishing extends Report {
  readonly id: string;
  readonly actorId: string;
  readonly number?: string | undefined;
  readonly form?: number | undefined;
  readonly replaces?: string | undefined;
}
interface Ended {
  readonly task: Task;
  readonly share: Share;
}
/** A task with its share, both locked, and what its connection says about work by hand. */
interface Held extends Ended {
  readonly assisted: Assisted;
  readonly engagement: Engagement | null;
}

const hold = async (deps: AppDeps, tx: Tx, id: string): Promise<Held> => {
  const { tasks, shares } = deps.store;
  const found = await tasks.find(tx, id);
  if (found === null) throw notFound("task", id);
  const share = await shares.lock(tx, found.shareId);
  const task = await tasks.lock(tx, id);
  const assisted = assistedOf(deps, await mustFindConnection(deps, tx, task.connectionId));
  return { task, share, assisted, engagement: await shares.findEngagement(tx, share.id) };
};

/** Ends a task as done, in one transaction with all that follows. Repeating it changes nothing. */
export const finishTask = async (deps: AppDeps, tx: Tx, asked: Finishing): Promise<Ended> => {
  const held = await hold(deps, tx, asked.id);
  const { task, assisted, engagement } = held;
  const read = asked.number === undefined ? null : readNumber(assisted, asked.number);
  if (read !== null && isMisfit(read)) throw misfitProblem([read]);
  if (task.state === "cancelled")
    throw conflict(
      `The task was cancelled: ${task.reason ?? "no reason was given"}. If it was done all the same, undo it in ${assisted.portal.name}.`,
    );
  if (task.state === "done") return finishAgain(deps, tx, { ...held, asked, ref: read });
  if (engagement !== null && read !== null && read.id !== engagement.remoteId)
    throw conflict(`This task is about ${numberOf(assisted, engagement)}, not ${shownNumber(assisted, read)}.`);
  const ref = read ?? (engagement === null ? null : { id: engagement.remoteId, arn: engagement.remoteArn });
  if (ref === null) throw misfitProblem([missingNumber(assisted)]);
  if (engagement === null) await mustBeFree(deps, tx, { held, ref });
  const told = toldWith(deps, held, asked);
  const forms = await deps.store.tasks.readForms(tx, task.id);
  const form = formTyped(task, forms, asked.form);
  await settle(deps, tx, { ...held, ref, form, told, actorId: asked.actorId });
  const ended = await deps.store.tasks.end(tx, task, { event: "done", reason: null, actorId: asked.actorId });
  const after = await goOn(deps, tx, { ...held, told, actorId: asked.actorId, isLatest: form === forms.at(-1) });
  return { task: ended, share: after };
};

const conflict = (detail: string): ProblemError => new ProblemError("conflict", detail);
const numberOf = (assisted: Assisted, { remoteId, remoteArn }: Engagement): string =>
  shownNumber(assisted, { id: remoteId, arn: remoteArn });
const missingNumber = (assisted: Assisted) => {
  const read = readNumber(assisted, "");
  if (isMisfit(read)) return read;
  throw new Error("an empty text was taken for a number");
};

/** A number belongs to one share. */
const mustBeFree = async (
  deps: AppDeps,
  tx: Tx,
  { held, ref }: { readonly held: Held; readonly ref: RemoteRef },
): Promise<void> => {
  const { task, share, assisted } = held;
  const [other] = await deps.store.shares.listByRemote(tx, task.connectionId, [ref.id]);
  if (other !== undefined && other.shareId !== share.id)
    throw conflict(
      `${shownNumber(assisted, ref)} is the number of another share: ${other.title} (${other.shareId}), which is ${other.state}. Look in ${assisted.portal.name} which number this deal has.`,
    );
};

/** What the partner says already; null: nothing was told, and the task alone says nothing about it. */
const toldWith = (deps: AppDeps, held: Held, asked: Finishing): Told | null => {
  const { task, share, assisted, engagement } = held;
  const [first] = assisted.statuses;
  const isSentAgain = task.kind === "create" || (task.kind === "revise" && share.state === "needs_action");
  const isTold = [asked.status, asked.stage, asked.owner, asked.reason].some((text) => (text ?? "").trim() !== "");
  const assumed = isSentAgain ? first : knownStatus(assisted, engagement?.facts ?? {});
  const read = readTold(asked, assisted, { now: deps.clock.now(), assumed });
  if ("misfits" in read) throw misfitProblem(read.misfits);
  return isSentAgain || isTold ? read.told : null;
};

const formTyped = (task: Task, forms: readonly HandForm[], stated: number | undefined): HandForm => {
  const form = forms.at(-1 - (task.form - (stated ?? task.form)));
  if (forms.length === 0) throw conflict("The form is being filled again. Try again in a moment.");
  if (form === undefined || (stated ?? 0) > task.form)
    throw misfitProblem([
      {
        field: "form",
        code: "unknown",
        message: `there is no form ${stated}, or it is too old to know`,
        fix: `the latest is ${task.form}: type what has changed since, then leave form out`,
      },
    ]);
  return form;
};

interface Settling extends Held {
  readonly ref: RemoteRef;
  readonly form: HandForm;
  readonly told: Told | null;
  readonly actorId: string;
}
/** The write is confirmed, and what stands at the partner from now on is known. */
const settle = async (deps: AppDeps, tx: Tx, at: Settling): Promise<void> => {
  const { shares, tasks, effects, journal } = deps.store;
  const { task, share, assisted, ref, form, told, actorId } = at;
  const entry = await effects.read(tx, task.effectId);
  const outcome = { key: entry.writeKey, ref, version: told?.at ?? null, task: null };
  await effects.move(tx, entry, "done_by_hand", { outcome });
  if (task.kind === "create") {
    await shares.engage(tx, share, ref, null);
    const { connection, draft } = await shares.drafted(tx, share);
    const needless = assisted.standsFor.map((key) => ({ key, ref, version: null, task: null }));
    await effects.adopt(tx, { connection, share, opportunity: draft.opportunity }, needless);
  }
  if (form.next !== null) await tasks.keepTyped(tx, share.id, form.next);
  if (task.kind !== "revise") return;
  const fields = form.fields.map(({ field }) => field);
  await shares.settleEdits(tx, share.id, fields, []);
  const note = `typed by hand: ${fields.join(", ")}`;
  await journal.note(tx, { subject: share.id, actorId, what: "revised_at_partner", note });
};

/** The share goes on as if the write had been sent; what was edited meanwhile becomes the next task. */
const goOn = async (
  deps: AppDeps,
  tx: Tx,
  at: Held & { readonly told: Told | null; readonly actorId: string; readonly isLatest: boolean },
): Promise<Share> => {
  const { shares } = deps.store;
  const { task, told, actorId } = at;
  let { share } = at;
  if (told !== null) ({ share } = await absorbTold(deps, tx, { share, told, actorId }));
  if (task.kind === "withdraw" && !isEnded(share.state))
    share = await shares.move(tx, share, { event: "withdrawn_by_us", actorId, reason: share.reason });
  if (!isEnded(share.state) && (!at.isLatest || (await shares.isRevisionWanted(tx, share.id)))) {
    await shares.wantRevision(tx, share.id, true);
    await shares.wish(tx, "share.revise.requested", share);
  }
  return shares.lock(tx, share.id);
};

/** A task that is done already: the same again, or the number mended. */
const finishAgain = async (
  deps: AppDeps,
  tx: Tx,
  at: Held & { readonly asked: Finishing; readonly ref: RemoteRef | null },
): Promise<Ended> => {
  const { shares, effects, journal } = deps.store;
  const { task, share, assisted, engagement, asked, ref } = at;
  if (ref === null || engagement === null || ref.id === engagement.remoteId) return { task, share };
  const known = numberOf(assisted, engagement);
  const replaced = asked.replaces === undefined ? null : readNumber(assisted, asked.replaces);
  if (replaced === null || isMisfit(replaced) || replaced.id !== engagement.remoteId)
    throw conflict(`The task is done already, as ${known}. If that number was wrong, name it in replaces.`);
  if (task.kind !== "create") throw conflict("The number is mended at the task that registered the deal.");
  await mustBeFree(deps, tx, { held: at, ref });
  await shares.renumber(tx, share.id, ref);
  const { outcome } = await effects.read(tx, task.effectId);
  if (outcome !== null) await effects.keepOutcome(tx, task.effectId, { ...outcome, ref });
  const note = `${known} was wrong: it is ${shownNumber(assisted, ref)}`;
  await journal.note(tx, { subject: share.id, actorId: asked.actorId, what: "number_replaced", note });
  return { task, share };
};

/** Ends a task that will not be done. Repeating it changes nothing. */
export const cancelTask = async (
  deps: AppDeps,
  tx: Tx,
  asked: { readonly id: string; readonly reason: string; readonly actorId: string },
): Promise<Ended> => {
  const { shares, tasks } = deps.store;
  const { reason, actorId } = asked;
  const found = await tasks.find(tx, asked.id);
  if (found === null) throw notFound("task", asked.id);
  const share = await shares.lock(tx, found.shareId);
  const task = await tasks.lock(tx, asked.id);
  if (task.state === "cancelled") return { task, share };
  if (task.state === "done") throw conflict("The task is done: there is nothing to cancel any more.");
  if (task.kind === "withdraw")
    throw conflict(
      "A withdrawal was asked for and stays so. Do it in the partner's portal, or tell the status once the partner has ended it.",
    );
  const [form] = (await tasks.readForms(tx, task.id)).slice(-1);
  const ended = await tasks.cancel(tx, task, reason, actorId);
  if (task.kind === "create")
    await shares.move(tx, share, {
      event: "partner_refused",
      actorId,
      reason: `It is not registered by hand: ${reason}`,
    });
  else {
    const dropped = (form?.fields ?? []).map(({ field }) => ({ field, reason: `not typed by hand: ${reason}` }));
    await shares.settleEdits(tx, share.id, [], dropped);
    await shares.wantRevision(tx, share.id, false);
  }
  return { task: ended, share: await shares.lock(tx, share.id) };
};
