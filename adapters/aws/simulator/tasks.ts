/** Submission: the asynchronous task that opens an engagement and hands the deal to AWS, and its synchronous sibling. */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { objectAt, textAt } from "../../simulator/document.ts";
import { addSeconds } from "../../simulator/ground.ts";
import { type Complaint, complain, notFound, unfit } from "./answers.ts";
import type { Engagements } from "./engagements.ts";
import type { Events } from "./events.ts";
import { reviewStatusOf } from "./gate.ts";
import type { OpportunityRecord, TaskRecord } from "./ledger.ts";
import type { Call, Opportunities } from "./opportunities.ts";
import type { Reviews } from "./reviews.ts";
import { stageForSubmission, submissionComplaints } from "./rules.ts";
import { type Occasion, ownArnOf, type World } from "./world.ts";

export interface TaskParts {
  readonly events: Events;
  readonly engagements: Engagements;
  readonly reviews: Reviews;
  readonly opportunities: Opportunities;
}

export const createTasks = (world: World, parts: TaskParts) => {
  const { ledger } = world;
  const { events, engagements, reviews, opportunities } = parts;

  const refusals = (row: OpportunityRecord): readonly Complaint[] => [
    ...stageForSubmission(row.document),
    ...submissionComplaints(row.document, row.related, world.settings()),
  ];
  const alreadyWithAws = (row: OpportunityRecord): Complaint | null => {
    const status = reviewStatusOf(row.document);
    if (status === "Pending Submission") return null;
    return complain(
      "INVALID_RESOURCE_STATE",
      "LifeCycle.ReviewStatus",
      `The opportunity was already submitted: it is ${status}`,
    );
  };

  /** Everything a submission does, once it is known to be allowed. */
  const handIn = (row: OpportunityRecord, involvement: Involvement, occasion: Occasion): OpportunityRecord => {
    const opened = engagements.open({ ...row, ...involvement }, occasion);
    const saved = reviews.submitted(opened, occasion);
    events.opportunity("Updated", saved, occasion);
    engagements.announce(saved, occasion);
    return saved;
  };

  /** Why the task must fail, or null. */
  const failureOf = (task: TaskRecord, row: OpportunityRecord | null): Failure | null => {
    if (!row) return ["OpportunityAccessDenied", `Opportunity ${task.opportunityId} cannot be read`];
    if (task.plan) return [task.plan.reasonCode, `The task failed: ${task.plan.reasonCode}`];
    const already = alreadyWithAws(row);
    if (already) return ["OpportunitySubmissionFailed", already.message];
    const complaints = refusals(row);
    if (complaints.length === 0) return null;
    const list = complaints.map((complaint) => complaint.message).join("; ");
    return ["OpportunityValidationFailed", `Opportunity ${row.id} is not valid for submission: ${list}`];
  };

  /** Ends a running task: hands the deal in, or says why not. */
  const finish = (task: TaskRecord, occasion: Occasion): void => {
    const row = ledger.opportunities.get(task.opportunityId);
    if (task.status !== "IN_PROGRESS" || task.plan?.kind === "stuck") return;
    if (row && task.plan?.kind === "fail_after_event") {
      events.opportunity("Updated", row, occasion);
      engagements.announce(engagements.open(row, occasion), occasion);
    }
    const finishedAt = occasion.now.toISOString();
    const failure = failureOf(task, row);
    if (failure || !row) {
      const [reasonCode, message] = failure ?? ["InternalError", "The task failed"];
      ledger.tasks.put(task.id, { ...task, status: "FAILED", reasonCode, message, finishedAt });
      return;
    }
    const saved = handIn(row, { involvement: task.involvement, visibility: task.visibility }, occasion);
    ledger.tasks.put(task.id, {
      ...task,
      status: "COMPLETE",
      finishedAt,
      engagementId: saved.engagementId,
      invitationId: saved.invitationId,
      snapshotJobId: `job-${world.letters("job", 13)}`,
    });
  };

  /** Starts the task; it may be done at once. Returns its id. */
  const start = (call: Call): string => {
    const row = opportunities.find(call, textAt(call.input, "Identifier") ?? "");
    const submission = objectAt(call.input, "AwsSubmission");
    const id = `task-${world.letters("task", 13)}`;
    const task: TaskRecord = {
      id,
      account: call.account,
      catalog: call.catalog,
      sequence: world.sequence(),
      opportunityId: row.id,
      startedAt: call.now.toISOString(),
      finishedAt: null,
      status: "IN_PROGRESS",
      message: null,
      reasonCode: null,
      involvement: textAt(submission, "InvolvementType") ?? "Co-Sell",
      visibility: textAt(submission, "Visibility") ?? "Full",
      engagementId: null,
      invitationId: null,
      snapshotJobId: null,
      plan: planOf(call),
    };
    ledger.tasks.put(id, task);
    const { timing, proportions } = world.settings();
    const atOnce = world.dice.draw(row.fate, "at once", task.sequence) < proportions.taskAtOnce;
    if (atOnce && task.plan === null) finish(task, call);
    else
      world.schedule(
        "task",
        id,
        addSeconds(world.now(), world.dice.between(timing.taskSeconds, row.fate, "task", task.sequence)),
      );
    return id;
  };

  return {
    start,
    finish,
    /** A start request's answer: the task as it stands now. */
    answer: (id: string): JsonObject => {
      const task = ledger.tasks.get(id);
      if (!task) throw notFound("Task", id);
      return taskView(task);
    },
    submit: (call: Call): JsonObject => {
      const row = opportunities.find(call, textAt(call.input, "Identifier") ?? "");
      const already = alreadyWithAws(row);
      const complaints = already ? [already] : refusals(row);
      if (complaints.length > 0) throw unfit(complaints);
      const involvement = textAt(call.input, "InvolvementType") ?? "Co-Sell";
      const saved = reviews.submitted(
        { ...row, involvement, visibility: textAt(call.input, "Visibility") ?? "Full" },
        call,
      );
      events.opportunity("Updated", saved, call);
      return {};
    },
  };
};
export type Tasks = ReturnType<typeof createTasks>;

type Failure = readonly [reasonCode: string, message: string];
interface Involvement {
  readonly involvement: string;
  readonly visibility: string;
}

/** How the faults of a call let its task end. */
export const planOf = (call: Call): TaskRecord["plan"] => {
  if (call.struck.has("async_task_stuck")) return { kind: "stuck", reasonCode: "InternalError" };
  const fails = call.struck.find("async_task_fails");
  if (fails) return { kind: "fail", reasonCode: fails.reason ?? "InternalError" };
  const late = call.struck.find("async_task_fails_after_success_event");
  return late ? { kind: "fail_after_event", reasonCode: late.reason ?? "InternalError" } : null;
};

export const taskView = (task: TaskRecord): JsonObject => ({
  TaskId: task.id,
  TaskArn: ownArnOf(task, "engagement-from-opportunity-task", task.id),
  StartTime: task.startedAt,
  TaskStatus: task.status,
  OpportunityId: task.opportunityId,
  ...(task.message === null ? {} : { Message: task.message }),
  ...(task.reasonCode === null ? {} : { ReasonCode: task.reasonCode }),
  ...(task.engagementId === null ? {} : { EngagementId: task.engagementId }),
  ...(task.invitationId === null ? {} : { EngagementInvitationId: task.invitationId }),
  ...(task.snapshotJobId === null ? {} : { ResourceSnapshotJobId: task.snapshotJobId }),
});
