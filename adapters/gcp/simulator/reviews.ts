/**
 * Google's people: they review offline after some days, take a deal or decline it, move its stage, edit it now and then, and close it.
 * That a deal is closed is told by the last stage; how it ended by the group of winLossInfo that is filled (by guess).
 */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { at, listAt, textAt, withAt } from "../../simulator/document.ts";
import { addDays, addSeconds } from "../../simulator/ground.ts";
import { forbidden, violation } from "./answers.ts";
import { isClosed, stateOf } from "./gate.ts";
import type { OpportunityRecord } from "./ledger.ts";
import { declinedFor, lostFor, nextStepFor, ownerOf, type Person, teamOf, wonFor } from "./sellers.ts";
import { dateOf, dayOf, type Occasion, type World } from "./world.ts";

export interface Verdict {
  /** For a person, in stateDescription. */
  readonly reason?: string | undefined;
  /** REJECTED or NOT_ACCEPTED, in place of the setting's. */
  readonly state?: "REJECTED" | "NOT_ACCEPTED" | undefined;
}

export const createReviews = (world: World) => {
  const { ledger, dice } = world;

  /** Stores a new version: updateTime moves, always forward. */
  const save = (row: OpportunityRecord, { now, struck }: Occasion): OpportunityRecord => {
    const before = ledger.opportunities.get(row.id) ?? row;
    const stale = struck.find("stale_read");
    const customer = textAt(row.document, "customerInfo.customerDetails.organizationName") ?? undefined;
    const saved: OpportunityRecord = {
      ...row,
      document: withAt(row.document, "customerDisplayName", customer),
      updatedAt: world.stamp(now, before.updatedAt),
      previous: { updatedAt: before.updatedAt, document: before.document },
      staleUntil: stale ? addSeconds(now, stale.seconds ?? 60).toISOString() : row.staleUntil,
    };
    ledger.opportunities.put(row.id, saved);
    return saved;
  };
  const written = (document: JsonObject, changes: Readonly<Record<string, Json | undefined>>): JsonObject =>
    Object.entries(changes).reduce((left, [path, value]) => withAt(left, path, value), document);
  const mustBe = (row: OpportunityRecord, state: string): void => {
    if (stateOf(row.document) === state && !isClosed(row.document, world.settings().rules)) return;
    const stage = textAt(row.document, "stage");
    throw forbidden("FAILED_PRECONDITION", [
      violation(
        row.id,
        `${row.id} is ${stateOf(row.document)} in stage ${stage}; it must be ${state} and open for this`,
      ),
    ]);
  };

  /** The deal is handed in: from now on it is frozen, until somebody at Google decides. Nothing is stored yet. */
  const submitted = (row: OpportunityRecord, { now }: Occasion): OpportunityRecord => {
    const document = written(row.document, {
      state: "SUBMITTED",
      stateDescription: undefined,
      "partnerInfo.submittedDate": dateOf(now),
    });
    const rounds = row.rounds + 1;
    const { reviewer, timing } = world.settings();
    const days = dice.between(timing.reviewDays, row.fate, "days", rounds);
    if (reviewer === "seeded") world.schedule("verdict", row.id, addDays(now, days));
    return { ...row, document, rounds };
  };

  const accept = (row: OpportunityRecord, owner: Partial<Person>, occasion: Occasion): OpportunityRecord => {
    mustBe(row, "SUBMITTED");
    world.cancel(row.id, ["verdict"]);
    const fsr = { ...ownerOf(row.fate, dice), ...owner };
    const team = listAt(row.document, "opportunityTeamMembers");
    const document = written(row.document, {
      state: "ACCEPTED",
      owner: fsr.name,
      ownerEmail: fsr.email,
      opportunityTeamMembers: [...team, { ...fsr }, ...teamOf(row.fate, dice)],
      "qualificationInfo.dealNumber": `DR-${row.id}`,
      "partnerInfo.approvedDate": dateOf(occasion.now),
      "partnerInfo.approveTime": world.stamp(occasion.now),
      referenceOpportunityId:
        at(row.document, "referenceOpportunityId") ?? `006${world.letters("reference", 12).toUpperCase()}AAA`,
    });
    const saved = save({ ...row, document, steps: 0 }, occasion);
    planProgress(saved, occasion.now);
    return saved;
  };

  const decline = (row: OpportunityRecord, { reason, state }: Verdict, occasion: Occasion): OpportunityRecord => {
    mustBe(row, "SUBMITTED");
    world.cancel(row.id, ["verdict"]);
    const document = written(row.document, {
      state: state ?? world.settings().rules.declinedState,
      stateDescription: reason ?? declinedFor(row.fate, dice, row.rounds),
    });
    return save({ ...row, document }, occasion);
  };

  /** The seeded reviewer decides. A deal that was declined twice is not declined again. */
  const decide = (row: OpportunityRecord, occasion: Occasion): void => {
    if (stateOf(row.document) !== "SUBMITTED") return;
    const { decline: share } = world.settings().proportions;
    const again = row.rounds === 1 ? share : row.rounds === 2 ? share / 2 : 0;
    if (dice.draw(row.fate, "verdict", row.rounds) < again) decline(row, {}, occasion);
    else accept(row, {}, occasion);
  };

  const planProgress = (row: OpportunityRecord, now: Date): void => {
    const { reviewer, timing } = world.settings();
    if (reviewer !== "seeded") return;
    world.schedule(
      "progress",
      row.id,
      addDays(now, dice.between(timing.progressDays, row.fate, "progress", row.steps)),
    );
  };

  /** Google moves the stage; to the last one only by `close`. */
  const move = (row: OpportunityRecord, stage: string, occasion: Occasion): OpportunityRecord => {
    mustBe(row, "ACCEPTED");
    return save({ ...row, document: withAt(row.document, "stage", stage) }, occasion);
  };

  const close = (row: OpportunityRecord, { isWon, reason }: Ending, occasion: Occasion): OpportunityRecord => {
    mustBe(row, "ACCEPTED");
    world.cancel(row.id, ["progress"]);
    const why = reason ?? (isWon ? wonFor : lostFor(row.fate, dice));
    const document = written(row.document, {
      stage: world.settings().rules.stages.at(-1),
      "salesCycle.closeDate": dateOf(occasion.now),
      ...(isWon
        ? { "winLossInfo.winMainReason": why, "winLossInfo.wonReason": why }
        : { "winLossInfo.lostMainReason": why, "winLossInfo.lostReason": why }),
    });
    return save({ ...row, document }, occasion);
  };

  /** One seeded step of Google's own sales work, some days after the last. */
  const step = (row: OpportunityRecord, occasion: Occasion): void => {
    const { proportions, rules } = world.settings();
    if (stateOf(row.document) !== "ACCEPTED" || isClosed(row.document, rules)) return;
    const roll = dice.draw(row.fate, "end");
    const lostAt = 2 + Math.floor(dice.draw(row.fate, "lost at") * 2);
    const isLost = roll >= proportions.won && roll < proportions.won + proportions.lost;
    if (isLost && row.steps >= lostAt) {
      close(row, { isWon: false, reason: null }, occasion);
      return;
    }
    const stage = rules.stages[rules.stages.indexOf(textAt(row.document, "stage") ?? "") + 1];
    if (stage === undefined || stage === rules.stages.at(-1)) {
      if (roll < proportions.won) close(row, { isWon: true, reason: null }, occasion);
      return;
    }
    const isEdited = dice.draw(row.fate, "edit", row.steps) < proportions.edit;
    const document = withAt(isEdited ? edited(row) : row.document, "stage", stage);
    planProgress(save({ ...row, document, steps: row.steps + 1 }, occasion), occasion.now);
  };

  /** What Google's people write into the record: a next step, and a later close date. */
  const edited = (row: OpportunityRecord): JsonObject => {
    const close = dayOf(at(row.document, "qualificationInfo.estimatedCloseDate"));
    return written(row.document, {
      "isvSolutionConnectInfo.nextStep": nextStepFor(row.fate, dice, row.steps),
      ...(close === null
        ? {}
        : {
            "qualificationInfo.estimatedCloseDate": dateOf(addDays(close, 30)),
            "salesCycle.closeDatePushCount": Number(at(row.document, "salesCycle.closeDatePushCount") ?? 0) + 1,
          }),
    });
  };

  return {
    save,
    submitted,
    accept,
    decline,
    decide,
    move,
    close,
    step,
    /** A record of Google's own making goes on from where it is. */
    born: (row: OpportunityRecord, occasion: Occasion): void => {
      ledger.opportunities.put(row.id, row);
      if (stateOf(row.document) === "ACCEPTED") planProgress(row, occasion.now);
    },
    /** Google edits members of the record directly; null removes one. */
    edit: (row: OpportunityRecord, changes: Readonly<Record<string, Json>>, occasion: Occasion): OpportunityRecord => {
      const values = Object.fromEntries(Object.entries(changes).map(([path, value]) => [path, value ?? undefined]));
      return save({ ...row, document: written(row.document, values) }, occasion);
    },
  };
};
export type Reviews = ReturnType<typeof createReviews>;

export interface Ending {
  readonly isWon: boolean;
  readonly reason: string | null;
}
