/**
 * The operator's side: what Google's people and Google's operations would do, on demand. The same functions serve the JSON API.
 * Every function changes the ledger only; the caller serialises and commits.
 */

import * as z from "zod";
import { type Json, type JsonObject, jsonObjectSchema } from "../../../src/domain/deal.ts";
import { withAt } from "../../simulator/document.ts";
import { faultControls, unstruck } from "../../simulator/faults.ts";
import { invalid, violation } from "./answers.ts";
import { keyFileOf, type SimulatedCredential } from "./credential.ts";
import { type FaultRuleInput, rulesSchema } from "./faults.ts";
import type { Leads } from "./leads.ts";
import type { CrmRecord, OpportunityRecord } from "./ledger.ts";
import { born, partnerPath, recordOf, view } from "./opportunities.ts";
import type { Reviews } from "./reviews.ts";
import type { Person } from "./sellers.ts";
import { readMessage } from "./shapes.ts";
import { channelCatalogue } from "./tables.ts";
import type { Occasion, World } from "./world.ts";

const id = z.string().describe("an opportunity's or a lead's id or name");
export const acceptSchema = z.strictObject({
  id,
  owner: z.string().optional().describe("the Google seller's name; default: an invented one"),
  ownerEmail: z.string().optional(),
});
export const rejectSchema = z.strictObject({
  id,
  reason: z.string().optional().describe("for stateDescription, or a lead's rejectionComments"),
  state: z.enum(["REJECTED", "NOT_ACCEPTED"]).optional().describe("default: the setting rules.declinedState"),
});
export const moveSchema = z.strictObject({
  id,
  stage: z.string().describe("any but the last of the setting rules.stages"),
});
export const closeSchema = z.strictObject({ id, won: z.boolean(), reason: z.string().optional() });
export const editSchema = z.strictObject({
  id,
  changes: jsonObjectSchema.describe("dotted paths and their new values; null removes one"),
});
export const referSchema = z.strictObject({
  opportunity: jsonObjectSchema.optional().describe("members of the opportunity; it belongs to the first partner"),
});
export const roleSchema = z.strictObject({
  surface: z
    .enum(["opportunities", "leads", "producer", "procurement"])
    .optional()
    .describe("default: opportunities and leads"),
});
export const daysSchema = z.strictObject({ days: z.number().min(0).max(3660) });
export const faultsSchema = z.strictObject({ rules: rulesSchema });

export type AcceptInput = Omit<z.input<typeof acceptSchema>, "id">;
export type RejectInput = Omit<z.input<typeof rejectSchema>, "id">;
export type Ending = Omit<z.input<typeof closeSchema>, "id">;
export type ReferInput = z.input<typeof referSchema>;
export type RoleInput = z.input<typeof roleSchema>;

export interface ControlParts {
  readonly reviews: Reviews;
  readonly leads: Leads;
  /** The first of those that may call: Google's own deals are its partner's. */
  readonly credential: SimulatedCredential;
}

export const createControls = (world: World, { reviews, leads, credential }: ControlParts) => {
  const { ledger } = world;
  const occasion = (): Occasion => ({ now: world.now(), struck: unstruck });
  const brief = (row: OpportunityRecord) => ({ id: row.id, opportunity: view(world, row) });
  const leadOf = (name: string): CrmRecord | null => ledger.leads.get(name.split("/").at(-1) ?? "");
  const ofPerson = ({ owner, ownerEmail }: AcceptInput): Partial<Person> => ({
    ...(owner === undefined ? {} : { name: owner }),
    ...(ownerEmail === undefined ? {} : { email: ownerEmail }),
  });
  const known = (stage: string): string => {
    const { stages } = world.settings().rules;
    if (stages.slice(0, -1).includes(stage)) return stage;
    const words = `The stage must be one of ${stages.slice(0, -1).join(", ")}, not ${stage}; close it to end it`;
    throw invalid([violation("stage", words)]);
  };
  const grant = ({ surface }: RoleInput, isGranted: boolean) => {
    const access = surface === undefined ? { opportunities: isGranted, leads: isGranted } : { [surface]: isGranted };
    world.change({ access });
    return world.settings().access;
  };

  return {
    /** Google takes the deal, or approves the lead. */
    accept: (name: string, input: AcceptInput = {}) => {
      const lead = leadOf(name);
      if (lead) return { id: lead.id, lead: leads.approve(lead, ofPerson(input), occasion()).document };
      return brief(reviews.accept(recordOf(world, name), ofPerson(input), occasion()));
    },
    /** Google declines the deal or the lead. */
    reject: (name: string, input: RejectInput = {}) => {
      const lead = leadOf(name);
      if (lead) return { id: lead.id, lead: leads.reject(lead, input.reason).document };
      return brief(reviews.decline(recordOf(world, name), input, occasion()));
    },
    /** Google moves the stage of an accepted deal. */
    move: (name: string, stage: string) => brief(reviews.move(recordOf(world, name), known(stage), occasion())),
    /** Google closes an accepted deal: won or lost. */
    close: (name: string, { won, reason }: Ending) =>
      brief(reviews.close(recordOf(world, name), { isWon: won, reason: reason ?? null }, occasion())),
    /** Google edits members of the record, whatever its state. */
    edit: (name: string, changes: Readonly<Record<string, Json>>) => {
      const crm = ledger.leadOpportunities.get(name.split("/").at(-1) ?? "");
      if (crm) return { id: crm.id, opportunity: leads.edit(crm, changes).document };
      return brief(reviews.edit(recordOf(world, name), changes, occasion()));
    },
    /** Google opens an opportunity of its own with the partner. */
    refer: (input: ReferInput = {}) => {
      const given = referSchema.parse(input).opportunity ?? {};
      const { enums } = world.settings().rules;
      const reader = { catalogue: channelCatalogue, enums, unlisted: "accept" as const };
      const { value, violations } = readMessage(reader, "Opportunity", { json: given, path: "opportunity" });
      if (violations.length > 0) throw invalid(violations);
      const stage = world.settings().rules.stages[0] ?? "";
      const document = withAt(
        { state: "ACCEPTED", stage, ...value, source: "GOOGLE" },
        partnerPath,
        `partners/${credential.partnerId}`,
      );
      const row = born(world, { document, partner: credential.partnerId }, occasion());
      reviews.born(row, occasion());
      return brief(row);
    },
    /** The service account loses the role Integrator, or its leave for the legacy surface. */
    revokeRole: (input: RoleInput = {}) => grant(roleSchema.parse(input), false),
    grantRole: (input: RoleInput = {}) => grant(roleSchema.parse(input), true),
    /** All access tokens end now, as when the service account's key is deleted. */
    revokeTokens: () => {
      const ids = ledger.tokens.ids();
      for (const token of ids) ledger.tokens.remove(token);
      return { revoked: ids.length };
    },
    /** The simulated service account's key file, as Google's console hands it out. */
    key: () => keyFileOf(credential),
    ...faultControls<FaultRuleInput>(world.faults),
    settings: () => world.settings(),
    change: (patch: JsonObject) => {
      world.change(patch);
      return world.settings();
    },
    reset: () => {
      world.reset();
      return { reset: true };
    },
    /** Everything, for a judge: what Google holds, what it was asked. */
    ledger: () => ({
      now: world.now().toISOString(),
      nextDueAt: ledger.nextDueAt()?.toISOString() ?? null,
      opportunities: ledger.opportunities.all(),
      leads: ledger.leads.all(),
      leadOpportunities: ledger.leadOpportunities.all(),
      offers: ledger.offers.all(),
      buyerAccounts: ledger.buyerAccounts.all(),
      entitlements: ledger.entitlements.all(),
      charges: ledger.charges.all(),
      subscriptions: ledger.subscriptions.all(),
      pushes: ledger.pushes.all(),
      tokens: ledger.tokens.all(),
      due: ledger.due.all(),
      counters: ledger.counters.all(),
      faults: world.faults.list(),
    }),
  };
};
export type Controls = ReturnType<typeof createControls>;
