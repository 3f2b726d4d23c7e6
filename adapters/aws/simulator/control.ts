/**
 * The operator's side: what AWS's people and AWS's operations would do, on demand. The same functions serve the JSON API.
 * Every function changes the ledger only; the caller serialises, commits and, where needed, delivers.
 */

import * as z from "zod";
import { type Json, type JsonObject, jsonObjectSchema } from "../../../src/domain/deal.ts";
import { objectAt } from "../../simulator/document.ts";
import { faultControls, unstruck } from "../../simulator/faults.ts";
import { modelled } from "./answers.ts";
import type { Events } from "./events.ts";
import { type FaultRuleInput, rulesSchema } from "./faults.ts";
import { reviewStatusOf } from "./gate.ts";
import type { Invitations } from "./invitations.ts";
import type { OpportunityRecord } from "./ledger.ts";
import type { Marketplace } from "./marketplace/index.ts";
import { recordOf } from "./opportunities.ts";
import { enqueue, messageInputSchema, type QueueInput, type Queues, queueRefusal } from "./queues.ts";
import type { Referrals } from "./referrals.ts";
import type { Reviews, Words } from "./reviews.ts";
import { type Destination, destinationSchema, withoutSecrets } from "./targets.ts";
import type { Occasion, World } from "./world.ts";

export const wordsSchema = z.strictObject({
  id: z.string(),
  comments: z.string().optional(),
  reason: z.string().optional(),
});
export const idSchema = z.strictObject({ id: z.string() });
export const closeSchema = z.strictObject({ id: z.string(), reason: z.string().optional() });
export const editSchema = z.strictObject({
  id: z.string(),
  changes: jsonObjectSchema.describe("dotted paths and their new values; null removes one"),
});
export const progressSchema = z.strictObject({
  id: z.string(),
  stage: z.string().optional(),
  summary: jsonObjectSchema.optional().describe("members of GetAwsOpportunitySummary to replace"),
});
const addressSchema = z.strictObject({
  account: z.string().optional().describe("the partner's account; default: the first the simulator knows"),
  catalog: z.enum(["AWS", "Sandbox"]).default("AWS"),
  expirationDays: z.number().positive().max(365).optional().describe("default: the setting referrals.expirationDays"),
  message: z.string().min(1).max(255).optional(),
});
export const referSchema = addressSchema.extend({
  customer: jsonObjectSchema.optional().describe("members of an opportunity's Customer; the rest is invented"),
  project: jsonObjectSchema.optional().describe("members of an opportunity's Project; the rest is invented"),
});
export const referLeadSchema = addressSchema.extend({
  customer: jsonObjectSchema.optional().describe("members of a lead's Customer; the rest is invented"),
  interaction: jsonObjectSchema.optional().describe("members of the lead's Interaction; the rest is invented"),
});
export type ReferInput = z.input<typeof referSchema>;
export type ReferLeadInput = z.input<typeof referLeadSchema>;
export const daysSchema = z.strictObject({ days: z.number().min(0).max(3660) });
export const replaySchema = z.strictObject({ last: z.int().min(1).max(100_000).default(1) });
export const faultsSchema = z.strictObject({ rules: rulesSchema });
export type DestinationInput = z.input<typeof destinationSchema>;
export type ProgressInput = z.infer<typeof progressSchema>;

export interface ControlParts {
  readonly events: Events;
  readonly reviews: Reviews;
  readonly invitations: Invitations;
  readonly referrals: Referrals;
  readonly queues: Queues;
  readonly marketplace: Marketplace;
  /** Who may be sent something; the first when nobody is named. */
  readonly accounts: readonly string[];
}

export const createControls = (world: World, parts: ControlParts) => {
  const { events, reviews, invitations, referrals, queues, accounts, marketplace } = parts;
  const someone = accounts[0] ?? "";
  const { ledger } = world;
  const occasion = (): Occasion => ({ now: world.now(), struck: unstruck });

  return {
    approve: (id: string) => brief(reviews.approve(recordOf(world, id), occasion())),
    ask: (id: string, words: Words = {}) => brief(reviews.ask(recordOf(world, id), words, occasion())),
    reject: (id: string, words: Words = {}) => brief(reviews.reject(recordOf(world, id), words, occasion())),
    /** A reviewer opens what was submitted. */
    review: (id: string) => {
      reviews.startReview(recordOf(world, id), occasion());
      return brief(recordOf(world, id));
    },
    /** AWS sets the partner's stage to Launched. */
    launch: (id: string) => {
      const row = recordOf(world, id);
      const status = reviewStatusOf(row.document);
      if (status !== "Approved")
        throw modelled("ConflictException", `${id} is ${status}; only an approved opportunity can be launched`);
      return brief(reviews.end(row, { stage: "Launched", reason: null }, occasion()));
    },
    /** AWS sets the partner's stage to Closed Lost. */
    close: (id: string, reason: string | null = null) =>
      brief(reviews.end(recordOf(world, id), { stage: "Closed Lost", reason }, occasion())),
    /** AWS edits members of the partner's record. */
    edit: (id: string, changes: Readonly<Record<string, Json>>) =>
      brief(reviews.edit(recordOf(world, id), changes, occasion())),
    /** AWS moves its own side: stage, next best actions, score, or any member of the summary. */
    progress: ({ id, stage, summary }: ProgressInput) => {
      const now = occasion();
      const row = recordOf(world, id);
      const moved = stage === undefined ? row : reviews.moveStage(row, stage, now);
      const before = moved.summary ?? {};
      const groups = ["LifeCycle", "Insights"].flatMap((key) =>
        summary?.[key] === undefined ? [] : [[key, { ...objectAt(before, key), ...objectAt(summary, key) }] as const],
      );
      const saved = summary ? reviews.summarise(moved, { ...summary, ...Object.fromEntries(groups) }, now) : moved;
      events.opportunity("Updated", saved, now);
      return brief(saved);
    },
    /** AWS refers an opportunity to a partner. */
    refer: (input: ReferInput = {}) => {
      const { account = someone, ...sending } = referSchema.parse(input);
      return referrals.refer({ account, ...sending }, occasion());
    },
    /** AWS hands a lead to a partner. */
    referLead: (input: ReferLeadInput = {}) => {
      const { account = someone, ...sending } = referLeadSchema.parse(input);
      return referrals.referLead({ account, ...sending }, occasion());
    },
    /** An invitation of AWS's runs out now. */
    expire: (id: string) => {
      const row = world.ledger.invitations.get(id);
      if (!row) throw modelled("ResourceNotFoundException", `There is no invitation ${id}`);
      return invitations.expire(row, occasion());
    },
    replay: (last = 1) => ({ scheduled: events.replay(last) }),
    shuffle: () => ({ scheduled: events.shuffle() }),
    ...faultControls<FaultRuleInput>(world.faults),
    destinations: () => ({ destinations: ledger.destinations.all() }),
    putDestination: (input: DestinationInput): Destination => {
      const destination = destinationSchema.parse(input);
      ledger.destinations.put(destination.id, destination);
      return destination;
    },
    removeDestination: (id: string) => {
      ledger.destinations.remove(id);
      return { destinations: ledger.destinations.all() };
    },
    queues: () => queues.list(),
    putQueue: (input: QueueInput) => queues.put(input),
    removeQueue: (id: string) => queues.remove(id),
    /** Puts any text into a queue, as nobody but EventBridge should. */
    sendToQueue: (input: z.input<typeof messageInputSchema>) => {
      const { queue, account, body } = messageInputSchema.parse(input);
      if (!enqueue(world, `${account}/${queue}`, body))
        throw queueRefusal("QueueDoesNotExist", `There is no queue ${queue}`);
      return queues.list();
    },
    settings: () => world.settings(),
    change: (patch: JsonObject) => {
      world.change(patch);
      if (patch.referrals !== undefined) referrals.expect(true);
      if (patch.marketplace !== undefined) marketplace.open();
      return world.settings();
    },
    reset: () => {
      world.reset();
      referrals.expect();
      marketplace.open();
      return { reset: true };
    },
    /** Everything, for a judge: what AWS holds, what it was asked, what it told. */
    ledger: () => ({
      now: world.now().toISOString(),
      nextDueAt: ledger.nextDueAt()?.toISOString() ?? null,
      opportunities: ledger.opportunities.all(),
      tasks: ledger.tasks.all(),
      engagements: ledger.engagements.all(),
      invitations: ledger.invitations.all(),
      conversions: ledger.conversions.all(),
      tokens: ledger.tokens.ids().map((id) => ({ id, ...ledger.tokens.get(id) })),
      events: ledger.events.all().toSorted((a, b) => a.sequence - b.sequence),
      due: ledger.due.all(),
      counters: ledger.counters.all(),
      destinations: ledger.destinations.all().map(withoutSecrets),
      ...queues.list(),
      faults: world.faults.list(),
      marketplace: marketplace.controls.ledger(),
    }),
  };
};
export type Controls = ReturnType<typeof createControls>;

const brief = ({ id, modifiedAt, document, summary }: OpportunityRecord) => ({ id, modifiedAt, document, summary });
