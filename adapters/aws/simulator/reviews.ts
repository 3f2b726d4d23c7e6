/** AWS's people: they review, ask, reject, assign sellers, move their stage, and now and then edit the partner's record. */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { objectAt, textAt, withAt } from "../../simulator/document.ts";
import { addDays } from "../../simulator/ground.ts";
import { modelled } from "./answers.ts";
import type { Engagements } from "./engagements.ts";
import type { Events } from "./events.ts";
import { isTerminal, reviewStatusOf } from "./gate.ts";
import type { OpportunityRecord } from "./ledger.ts";
import { actionsFor, asked, closedSummary, firstSummary, nextStages, rejected, scoreFor } from "./sellers.ts";
import type { Occasion, World } from "./world.ts";

export const createReviews = (world: World, events: Events, engagements: Engagements) => {
  const { ledger, dice } = world;

  /** Stores a new version: LastModifiedDate moves, always forward. */
  const save = (row: OpportunityRecord, occasion: Occasion): OpportunityRecord => {
    const before = ledger.opportunities.get(row.id) ?? row;
    const { modifiedAt, document, related, team } = before;
    const moved = Math.max(occasion.now.getTime(), new Date(modifiedAt).getTime() + 1);
    const stale = occasion.struck.find("stale_read");
    const saved: OpportunityRecord = {
      ...row,
      modifiedAt: new Date(moved).toISOString(),
      previous: { modifiedAt, document, related, team },
      staleUntil: stale
        ? new Date(occasion.now.getTime() + (stale.seconds ?? 60) * 1000).toISOString()
        : row.staleUntil,
    };
    ledger.opportunities.put(row.id, saved);
    return saved;
  };
  const withStatus = (row: OpportunityRecord, status: string, more: JsonObject = {}): OpportunityRecord => {
    const { ReviewComments: _comments, ReviewStatusReason: _reason, ...kept } = objectAt(row.document, "LifeCycle");
    return { ...row, document: { ...row.document, LifeCycle: { ...kept, ReviewStatus: status, ...more } } };
  };
  const mustBeInReview = (row: OpportunityRecord): void => {
    const status = reviewStatusOf(row.document);
    if (status === "Submitted" || status === "In review") return;
    throw modelled("ConflictException", `${row.id} is ${status}; only what is Submitted or In review can be decided`);
  };
  const automatic = (row: OpportunityRecord): boolean => {
    const { reviewer, reviewSandbox } = world.settings();
    return reviewer === "seeded" && (row.catalog === "AWS" || reviewSandbox);
  };
  const chance = (row: OpportunityRecord, name: string): number => dice.draw(row.fate, name, row.reviewRounds);

  const planReview = (row: OpportunityRecord, now: Date): void => {
    if (!automatic(row)) return;
    const days = dice.between(world.settings().timing.reviewStartDays, row.fate, "start", row.reviewRounds);
    world.schedule("review_start", row.id, addDays(now, days));
  };

  /** A deal was handed in: it waits for its reviewer. Emits nothing: the caller has more to tell. */
  const submitted = (row: OpportunityRecord, occasion: Occasion): OpportunityRecord => {
    const early = world.settings().summaryFrom === "submission" && row.summary === null;
    const summary = early ? firstSummary(row, dice, occasion.now) : row.summary;
    const saved = save({ ...withStatus(row, "Submitted"), summary, reviewRounds: row.reviewRounds + 1 }, occasion);
    planReview(saved, occasion.now);
    return saved;
  };

  /** A reviewer opens the deal. */
  const startReview = (row: OpportunityRecord, occasion: Occasion): void => {
    if (reviewStatusOf(row.document) !== "Submitted") return;
    const saved = save(withStatus(row, "In review"), occasion);
    events.opportunity("Updated", saved, occasion);
    const days = dice.between(world.settings().timing.reviewDays, row.fate, "days", row.reviewRounds);
    world.schedule("verdict", row.id, addDays(occasion.now, days));
  };

  const approve = (row: OpportunityRecord, occasion: Occasion): OpportunityRecord => {
    mustBeInReview(row);
    world.cancel(row.id, ["review_start", "verdict"]);
    const summary = row.summary ?? firstSummary(row, dice, occasion.now);
    const saved = save({ ...withStatus(row, "Approved"), summary, steps: 0 }, occasion);
    engagements.accepted(saved, occasion);
    events.opportunity("Updated", saved, occasion);
    engagements.snapshot(saved, occasion);
    planProgress(saved, occasion.now);
    return saved;
  };

  const ask = (row: OpportunityRecord, words: Words, occasion: Occasion): OpportunityRecord => {
    mustBeInReview(row);
    world.cancel(row.id, ["review_start", "verdict"]);
    const said = asked(dice, row.fate, row.reviewRounds);
    const lifeCycle = {
      ReviewComments: words.comments ?? said.comments,
      ReviewStatusReason: words.reason ?? said.reason,
    };
    const saved = save(withStatus(row, "Action Required", lifeCycle), occasion);
    events.opportunity("Updated", saved, occasion);
    return saved;
  };

  const reject = (row: OpportunityRecord, words: Words, occasion: Occasion): OpportunityRecord => {
    mustBeInReview(row);
    world.cancel(row.id, ["review_start", "verdict"]);
    const said = rejected(dice, row.fate);
    const lifeCycle = {
      ReviewComments: words.comments ?? said.comments,
      ReviewStatusReason: words.reason ?? said.reason,
    };
    const saved = save(withStatus(row, "Rejected", lifeCycle), occasion);
    engagements.rejected(saved, occasion);
    events.opportunity("Updated", saved, occasion);
    engagements.snapshot(saved, occasion);
    return saved;
  };

  /** The seeded reviewer decides. A deal that was sent back twice is not sent back again. */
  const decide = (row: OpportunityRecord, occasion: Occasion): void => {
    const { ask: askShare, reject: rejectShare } = world.settings().proportions;
    const roll = chance(row, "verdict");
    const again = row.reviewRounds === 1 ? askShare : row.reviewRounds === 2 ? askShare / 2 : 0;
    if (roll < rejectShare) reject(row, {}, occasion);
    else if (roll < rejectShare + again) ask(row, {}, occasion);
    else approve(row, occasion);
  };

  const planProgress = (row: OpportunityRecord, now: Date): void => {
    if (!automatic(row)) return;
    const days = dice.between(world.settings().timing.progressDays, row.fate, "progress", row.steps);
    world.schedule("progress", row.id, addDays(now, days));
  };

  /** Changes the AWS side. Tells of it by an event; the partner's record moves only if the settings say so. */
  const summarise = (row: OpportunityRecord, change: JsonObject, occasion: Occasion): OpportunityRecord => {
    const summary = { ...(row.summary ?? firstSummary(row, dice, occasion.now)), ...change };
    const next = { ...row, summary };
    if (world.settings().summaryMovesLastModified) return save(next, occasion);
    ledger.opportunities.put(row.id, next);
    return next;
  };

  const moveStage = (row: OpportunityRecord, stage: string, occasion: Occasion): OpportunityRecord => {
    const summary = row.summary ?? firstSummary(row, dice, occasion.now);
    const insights = {
      ...objectAt(summary, "Insights"),
      NextBestActions: actionsFor(stage),
      EngagementScore: scoreFor(stage),
    };
    return summarise(
      row,
      { LifeCycle: { ...objectAt(summary, "LifeCycle"), Stage: stage }, Insights: insights },
      occasion,
    );
  };

  /** AWS sets the partner's stage: the deal runs and is billed, or it is lost. */
  const end = (row: OpportunityRecord, { stage, reason }: Ending, occasion: Occasion): OpportunityRecord => {
    if (isTerminal(row.document))
      throw modelled("ConflictException", `${row.id} is already ${textAt(row.document, "LifeCycle.Stage")}`);
    world.cancel(row.id, ["review_start", "verdict", "progress"]);
    const document = withAt(row.document, "LifeCycle.Stage", stage);
    const summary = closedSummary(row.summary ?? firstSummary(row, dice, occasion.now), stage, reason);
    const told = stage === "Closed Lost" ? withAt(document, "LifeCycle.ClosedLostReason", reason ?? "Other") : document;
    const saved = save({ ...row, document: told, summary }, occasion);
    events.opportunity("Updated", saved, occasion);
    return saved;
  };

  /** One seeded step of AWS's own sales work, some weeks after the last. */
  const step = (row: OpportunityRecord, occasion: Occasion): void => {
    if (reviewStatusOf(row.document) !== "Approved" || isTerminal(row.document)) return;
    const { launch, close, edit } = world.settings().proportions;
    const roll = dice.draw(row.fate, "end");
    const closeAt = 2 + Math.floor(dice.draw(row.fate, "close at") * 3);
    if (roll >= launch && roll < launch + close && row.steps >= closeAt) {
      end(row, { stage: "Closed Lost", reason: "Customer Deficiency" }, occasion);
      return;
    }
    const stage = nextStages[row.steps];
    if (stage === undefined) {
      if (roll < launch) end(row, { stage: "Launched", reason: null }, occasion);
      return;
    }
    const moved = moveStage({ ...row, steps: row.steps + 1 }, stage, occasion);
    const edited = dice.draw(row.fate, "edit", row.steps) < edit;
    const document = withAt(
      moved.document,
      "LifeCycle.NextSteps",
      `AWS account team: ${actionsFor(stage)}`.slice(0, 255),
    );
    const saved = edited ? save({ ...moved, document }, occasion) : moved;
    events.opportunity("Updated", saved, occasion);
    planProgress(saved, occasion.now);
  };

  return {
    save,
    /** What came from AWS is in the partner's account now: it goes on from its status as any other. Emits nothing. */
    born: (row: OpportunityRecord, occasion: Occasion): void => {
      ledger.opportunities.put(row.id, row);
      const status = reviewStatusOf(row.document);
      if (status === "Approved") planProgress(row, occasion.now);
      if (status === "Submitted") planReview(row, occasion.now);
    },
    submitted,
    startReview,
    decide,
    approve,
    ask,
    reject,
    moveStage,
    summarise,
    end,
    step,
    /** The partner's own update: emits the event; sends an Action Required deal back to review; ends AWS's work on an ended deal. */
    afterUpdate: (row: OpportunityRecord, occasion: Occasion): OpportunityRecord => {
      const status = reviewStatusOf(row.document);
      const again = status === "Action Required" ? submittedAgain(row, occasion) : row;
      const stage = textAt(again.document, "LifeCycle.Stage");
      let last = again;
      if (isTerminal(again.document)) {
        world.cancel(row.id, ["review_start", "verdict", "progress"]);
        const ended = stage === "Launched" || stage === "Closed Lost" ? stage : null;
        if (again.summary !== null && ended !== null) {
          last = { ...again, summary: closedSummary(again.summary, ended, null) };
          ledger.opportunities.put(row.id, last);
        }
      }
      events.opportunity("Updated", last, occasion);
      return last;
    },
    /** A Sandbox update that plays the reviewer. */
    simulate: (
      row: OpportunityRecord,
      verdict: "Approved" | "Action Required",
      occasion: Occasion,
    ): OpportunityRecord => (verdict === "Approved" ? approve(row, occasion) : ask(row, {}, occasion)),
    /** AWS edits members of the partner's record directly; null removes one. */
    edit: (row: OpportunityRecord, changes: Readonly<Record<string, Json>>, occasion: Occasion): OpportunityRecord => {
      let { document } = row;
      for (const [path, value] of Object.entries(changes)) document = withAt(document, path, value ?? undefined);
      const saved = save({ ...row, document }, occasion);
      events.opportunity("Updated", saved, occasion);
      return saved;
    },
  };

  function submittedAgain(row: OpportunityRecord, occasion: Occasion): OpportunityRecord {
    const saved: OpportunityRecord = { ...withStatus(row, "Submitted"), reviewRounds: row.reviewRounds + 1 };
    ledger.opportunities.put(row.id, saved);
    planReview(saved, occasion.now);
    return saved;
  }
};
export type Reviews = ReturnType<typeof createReviews>;

interface Ending {
  readonly stage: "Launched" | "Closed Lost";
  readonly reason: string | null;
}

export interface Words {
  readonly comments?: string | undefined;
  readonly reason?: string | undefined;
}
