/**
 * What happens to referrals on Microsoft's side: sellers who accept, decline or say nothing until the fourteen days are over, deals that they
 * close, fields that they change, and registrations of won deals.
 * https://learn.microsoft.com/en-us/partner-center/referrals/co-sell-faqs
 */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { listAt, objectAt, textAt } from "../../simulator/document.ts";
import { unstruck } from "../../simulator/faults.ts";
import { addDays } from "../../simulator/ground.ts";
import { refusal } from "./answers.ts";
import type { Events } from "./events.ts";
import type { ReferralRecord } from "./ledger.ts";
import { declineOf, msxIdOf, sellersOf } from "./people.ts";
import { type Records, statusOf, trackingOf, withChanges, withStatus } from "./records.ts";
import type { Occasion, World } from "./world.ts";

const stepsMax = 4;
/** Deals won sooner after their creation may not be registered: https://learn.microsoft.com/en-us/partner-center/register-deals */
const registrationHours = 72;

export interface SellerParts {
  readonly records: Records;
  readonly events: Events;
}

export const createSellers = (world: World, { records, events }: SellerParts) => {
  const { ledger, dice } = world;

  const told = (row: ReferralRecord, document: JsonObject, occasion: Occasion): ReferralRecord => {
    const saved = records.save(row, document, occasion);
    events.referral("updated", saved, occasion);
    return saved;
  };
  const mustBeOpen = (row: ReferralRecord, wanted: "New" | "Active" | null): void => {
    const status = statusOf(row);
    const isRight = wanted === null ? status !== "Closed" : status === wanted;
    if (!isRight) throw refusal("conflict", `Referral ${row.id} is ${status}, not ${wanted ?? "open"}`);
  };
  const mustBeTheirs = (row: ReferralRecord): void => {
    if (row.party === "partner" && row.direction === "Outgoing")
      throw refusal("conflict", `Referral ${row.id} is the partner's own; name the one of whom it asks help`);
  };
  const later = (row: ReferralRecord, kind: "reaction" | "receive" | "progress" | "registration", days: number): void =>
    world.schedule(kind, row.id, addDays(world.now(), days));
  const fateOf = (row: ReferralRecord): "accept" | "decline" | "silence" => {
    const { accept, decline } = world.settings().proportions;
    const drawn = dice.draw(row.fate, "answer");
    return drawn < accept ? "accept" : drawn < accept + decline ? "decline" : "silence";
  };

  const plan = (row: ReferralRecord): void => {
    const { reviewer, timing, proportions } = world.settings();
    const ends = textAt(row.document, "expirationDateTime");
    if (ends !== null) world.schedule("expiry", row.id, new Date(ends));
    if (reviewer !== "seeded" || row.party === "partner") return;
    const days = dice.between(timing.reactionDays, row.fate, "reaction");
    if (dice.draw(row.fate, "received") < proportions.receive) later(row, "receive", days / 2);
    if (fateOf(row) !== "silence") later(row, "reaction", days);
  };
  const planStep = (row: ReferralRecord): void => {
    const { reviewer, timing } = world.settings();
    if (reviewer === "seeded" && row.party === "microsoft" && row.steps < stepsMax)
      later(row, "progress", dice.between(timing.progressDays, row.fate, "step", row.steps));
  };
  const over = (row: ReferralRecord): void => world.cancel(row.id, ["receive", "reaction", "expiry", "progress"]);

  const accept = (row: ReferralRecord, occasion: Occasion): ReferralRecord => {
    mustBeTheirs(row);
    mustBeOpen(row, "New");
    world.cancel(row.id, ["receive", "reaction", "expiry"]);
    const team = listAt(row.document, "team");
    const isMicrosoft = row.party === "microsoft";
    const tracking = { ...trackingOf(row.document), microsoftMsxId: msxIdOf(dice, row.fate) };
    const accepted = told(
      row,
      {
        ...withStatus(row.document, "Active", "Accepted"),
        acceptedDateTime: world.stamp(occasion.now),
        ...(isMicrosoft ? { team: [...team, ...sellersOf(dice, row.fate)], trackingInfo: tracking } : {}),
      },
      occasion,
    );
    planStep(accepted);
    return accepted;
  };
  const end = (row: ReferralRecord, how: Ending, occasion: Occasion): ReferralRecord => {
    over(row);
    const { substatus, reason } = how;
    const document = { ...withStatus(row.document, "Closed", substatus), closedDateTime: world.stamp(occasion.now) };
    return told(row, reason === null ? document : { ...document, statusReason: reason }, occasion);
  };
  const decline = (row: ReferralRecord, reason: string | null, occasion: Occasion): ReferralRecord => {
    mustBeTheirs(row);
    mustBeOpen(row, "New");
    return end(row, { substatus: "Declined", reason: reason ?? declineOf(dice, row.fate) }, occasion);
  };
  const receive = (row: ReferralRecord, words: string | null, occasion: Occasion): ReferralRecord => {
    mustBeTheirs(row);
    mustBeOpen(row, "New");
    const document = withStatus(row.document, "New", "Received");
    return told(row, words === null ? document : { ...document, statusReason: words }, occasion);
  };
  const change = (row: ReferralRecord, changes: Readonly<Record<string, Json>>, occasion: Occasion): ReferralRecord =>
    told(row, withChanges(row.document, changes), occasion);

  /** A step of Microsoft's after it accepted: it may change the partner's referral, and in the end it closes its own. */
  const step = (row: ReferralRecord, occasion: Occasion): void => {
    if (statusOf(row) !== "Active") return;
    const { edit, win, lose } = world.settings().proportions;
    const steps = row.steps + 1;
    const own = records.engagement(row.engagementId).find((other) => other.party === "partner");
    if (own && statusOf(own) === "Active" && dice.draw(row.fate, "edits", steps) < edit)
      change(own, { "details.closingDateTime": addDays(occasion.now, 60).toISOString() }, occasion);
    const moved = { ...row, steps };
    ledger.referrals.put(row.id, moved);
    const drawn = dice.draw(row.fate, "end");
    if (steps < stepsMax) planStep(moved);
    else if (drawn < win) end(moved, { substatus: "Won", reason: null }, occasion);
    else if (drawn < win + lose) end(moved, { substatus: "Lost", reason: "The customer chose another way." }, occasion);
  };

  const registers = (row: ReferralRecord): boolean => {
    const microsofts = records.engagement(row.engagementId).filter((other) => other.party === "microsoft");
    const hasAsked = microsofts.length > 0;
    const isVisible = objectAt(row.document, "consent").consentToShareReferralWithMicrosoftSellers === true;
    return hasAsked ? microsofts.some((other) => other.document.acceptedDateTime !== undefined) : isVisible;
  };
  /** The registration of a deal that the partner has won. */
  const register = (row: ReferralRecord, occasion: Occasion): ReferralRecord => {
    const { referrals, timing } = world.settings();
    if (!referrals.registersWon || textAt(row.document, "substatus") !== "Won" || !registers(row)) return row;
    later(row, "registration", dice.between(timing.registrationDays, row.fate, "registration"));
    const registration = { id: world.uuid("registration"), registrationDateTime: world.stamp(occasion.now) };
    return records.save(
      row,
      {
        ...row.document,
        registrationStatus: "ReviewPending",
        registrations: [{ ...registration, status: "ReviewPending", statusReason: null }],
      },
      occasion,
    );
  };
  const judge = (row: ReferralRecord, occasion: Occasion): void => {
    const [registration] = listAt(row.document, "registrations");
    const closedAt = Date.parse(textAt(row.document, "closedDateTime") ?? row.modifiedAt);
    const isSoon = closedAt - Date.parse(row.createdAt) < registrationHours * 3_600_000;
    const status = isSoon ? "Failed" : "Approved";
    const reason = isSoon ? `Won within ${registrationHours} hours of its creation.` : null;
    const entry = { ...objectAt({ registration: registration ?? {} }, "registration"), status, statusReason: reason };
    told(row, { ...row.document, registrationStatus: status, registrations: [entry] }, occasion);
  };

  return {
    plan,
    accept,
    decline,
    receive,
    change,
    register,
    /** Takes everything off the schedule that a closed or answered referral no longer waits for. */
    settle: (row: ReferralRecord): void => (statusOf(row) === "New" ? undefined : over(row)),
    /** Microsoft closes what is open: its own referral, or the partner's. */
    close: (row: ReferralRecord, how: Ending, occasion: Occasion): ReferralRecord => {
      mustBeOpen(row, null);
      return end(row, how, occasion);
    },
    /** The days are over without an answer. */
    expire: (row: ReferralRecord, occasion: Occasion): ReferralRecord => {
      mustBeOpen(row, "New");
      return end(row, { substatus: "Expired", reason: null }, occasion);
    },
    /** What was due about a referral happens. */
    perform: (kind: string, row: ReferralRecord): void => {
      const occasion = { now: world.now(), struck: unstruck };
      const isNew = statusOf(row) === "New";
      if (kind === "expiry" && isNew) end(row, { substatus: "Expired", reason: null }, occasion);
      if (kind === "receive" && isNew) receive(row, null, occasion);
      if (kind === "reaction" && isNew) fateOf(row) === "accept" ? accept(row, occasion) : decline(row, null, occasion);
      if (kind === "progress") step(row, occasion);
      if (kind === "registration") judge(row, occasion);
    },
  };
};
export type Sellers = ReturnType<typeof createSellers>;

export interface Ending {
  readonly substatus: "Won" | "Lost" | "Declined" | "Expired";
  readonly reason: string | null;
}
