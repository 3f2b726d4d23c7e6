/**
 * The operator's side: what Microsoft's people and Microsoft's operations would do, on demand. The same functions serve the JSON API.
 * Every function changes the ledger only; the caller serialises, commits and, where needed, delivers.
 */

import * as z from "zod";
import { type Json, type JsonObject, jsonObjectSchema } from "../../../src/domain/deal.ts";
import { faultControls, unstruck } from "../../simulator/faults.ts";
import { notFound, refusal } from "./answers.ts";
import type { Arrivals } from "./arrivals.ts";
import { type Events, referralUri } from "./events.ts";
import { type FaultRuleInput, rulesSchema } from "./faults.ts";
import { forgerySchema, type ReferralRecord } from "./ledger.ts";
import { referKinds } from "./people.ts";
import type { Records, Views } from "./records.ts";
import type { Sellers } from "./sellers.ts";
import { webhookEvents } from "./shapes.ts";
import type { SignIn } from "./signin.ts";
import type { Occasion, World } from "./world.ts";

const id = z.string().min(1);
const account = z.string().optional().describe("the partner organization; default: the first the simulator knows");
export const idSchema = z.strictObject({ id });
export const declineSchema = z.strictObject({ id, reason: z.string().min(1).optional() });
export const askSchema = z.strictObject({ id, comments: z.string().min(1).optional() });
export const closeSchema = z.strictObject({
  id,
  outcome: z.enum(["Won", "Lost"]).default("Won"),
  reason: z.string().min(1).optional(),
});
export const editSchema = z.strictObject({
  id,
  changes: jsonObjectSchema.describe("dotted paths of a referral and their new values; null removes one"),
});
export const referSchema = z.strictObject({
  kind: z.enum(referKinds).default("co_sell"),
  account,
  name: z.string().min(1).optional(),
  customerProfile: jsonObjectSchema.optional().describe("members of the customer's profile; the rest is invented"),
  details: jsonObjectSchema.optional().describe("members of the details; the rest is invented"),
  expirationDays: z.number().positive().max(365).optional(),
  engagementId: z.string().optional(),
});
export type ReferInput = z.input<typeof referSchema>;
export const forgeSchema = z.strictObject({
  kind: forgerySchema.describe("what is wrong with the delivery"),
  id: z.string().optional().describe("the referral it tells of; default: the last one"),
  event: z.enum(webhookEvents).default("referral-updated"),
  account,
});
export type ForgeInput = z.input<typeof forgeSchema>;
export const revokeSchema = z.strictObject({
  account,
  why: z.enum(["consent", "password", "inactivity"]).default("consent"),
});
export const mfaSchema = z.strictObject({
  account,
  at: z
    .enum(["api", "token"])
    .default("api")
    .describe(
      "api: tokens say no more that the user had MFA (900421); token: the token endpoint refuses (AADSTS50076)",
    ),
});
export const registrationInputSchema = z.strictObject({
  account,
  url: z.url(),
  events: z
    .array(z.enum(webhookEvents))
    .min(1)
    .default([
      "referral-created",
      "referral-updated",
      "related-referral-created",
      "related-referral-updated",
      "test-created",
    ]),
  signatureInOwnHeader: z.boolean().default(true),
});
export const daysSchema = z.strictObject({ days: z.number().min(0).max(3660) });
export const replaySchema = z.strictObject({ last: z.int().min(1).max(100_000).default(1) });
export const faultsSchema = z.strictObject({ rules: rulesSchema });

export interface ControlParts {
  readonly records: Records;
  readonly views: Views;
  readonly events: Events;
  readonly sellers: Sellers;
  readonly arrivals: Arrivals;
  readonly signIn: SignIn;
}

export const createControls = (world: World, parts: ControlParts) => {
  const { records, views, events, sellers, arrivals, signIn } = parts;
  const { ledger, credentials } = world;
  const occasion = (): Occasion => ({ now: world.now(), struck: unstruck });
  const someone = (account: string | undefined): string => account ?? credentials[0]?.organizationId ?? "";
  const find = (id: string): ReferralRecord => {
    const row = ledger.referrals.get(id.toLowerCase());
    if (!row) throw notFound("referral", id);
    return row;
  };
  /** The referral that somebody else answers: of a deal of the partner's own, the one of whom it asks help. */
  const theirs = (id: string): ReferralRecord => {
    const row = find(id);
    if (row.party !== "partner" || row.direction === "Incoming") return row;
    const asked = records.engagement(row.engagementId).filter((other) => other.party !== "partner");
    const [first] = [...asked.filter(({ party }) => party === "microsoft"), ...asked];
    if (!first) throw refusal("conflict", `Nobody was asked for help with referral ${id}`);
    return first;
  };
  const brief = (row: ReferralRecord): JsonObject => views.view(row, row, "resource");

  return {
    accept: (id: string) => brief(sellers.accept(theirs(id), occasion())),
    decline: (id: string, reason: string | null = null) => brief(sellers.decline(theirs(id), reason, occasion())),
    /** Somebody opens the referral, and may ask something: New/Received. */
    ask: (id: string, comments: string | null = null) => brief(sellers.receive(theirs(id), comments, occasion())),
    expire: (id: string) => brief(sellers.expire(theirs(id), occasion())),
    close: (id: string, outcome: "Won" | "Lost" = "Won", reason: string | null = null) =>
      brief(sellers.close(theirs(id), { substatus: outcome, reason }, occasion())),
    /** Microsoft changes members of exactly this referral. */
    edit: (id: string, changes: Readonly<Record<string, Json>>) => brief(sellers.change(find(id), changes, occasion())),
    refer: (input: ReferInput = {}) => brief(arrivals.refer(referSchema.parse(input), occasion())),
    /** Somebody else sends a delivery as if it were Microsoft's. */
    forge: (input: ForgeInput) => {
      const { kind, id, event, account } = forgeSchema.parse(input);
      const last = ledger.referrals
        .all()
        .toSorted((a, b) => a.sequence - b.sequence)
        .at(-1);
      const row = id === undefined ? last : find(id);
      const changedAt = world.stamp(world.now());
      const emission = {
        account: row?.account ?? someone(account),
        name: event,
        resourceUri: referralUri(row?.id ?? world.uuid("forged")),
        resourceName: "referral",
        changedAt,
        referralId: row?.id ?? null,
        validationId: null,
        forgery: kind,
      };
      return { scheduled: events.emit(emission, occasion()).pending };
    },
    revoke: ({ account, why }: z.input<typeof revokeSchema> = {}) => ({
      ended: signIn.end(someone(account), why ?? "consent"),
    }),
    requireMfa: ({ account, at }: z.input<typeof mfaSchema> = {}) => ({
      ended: at === "token" ? signIn.end(someone(account), "mfa") : signIn.forgetMfa(someone(account)),
    }),
    /** Microsoft signs with a new key; its certificate lies at the old address. */
    renewSigner: () => ({ renewals: events.certificates.renew() }),
    registrations: () => ({ registrations: ledger.registrations.all() }),
    /** Registers an address without asking the API. */
    putRegistration: (input: z.input<typeof registrationInputSchema>) => {
      const { account, ...wanted } = registrationInputSchema.parse(input);
      const row = { ...wanted, account: someone(account), subscriberId: world.uuid("subscriber") };
      ledger.registrations.put(row.account, row);
      return row;
    },
    removeRegistration: (account: string) => {
      ledger.registrations.remove(account);
      return { registrations: ledger.registrations.all() };
    },
    replay: (last = 1) => ({ scheduled: events.replay(last) }),
    shuffle: () => ({ scheduled: events.shuffle() }),
    ...faultControls<FaultRuleInput>(world.faults),
    settings: () => world.settings(),
    change: (patch: JsonObject) => {
      world.change(patch);
      if (patch.referrals !== undefined) arrivals.expect(true);
      return world.settings();
    },
    reset: () => {
      world.reset();
      signIn.begin();
      arrivals.expect();
      return { reset: true };
    },
    /** Everything, for a judge: what Microsoft holds, what it was asked, what it told. Tokens are left out. */
    ledger: () => ({
      now: world.now().toISOString(),
      nextDueAt: ledger.nextDueAt()?.toISOString() ?? null,
      referrals: ledger.referrals.all(),
      sessions: ledger.sessions.all().map(({ id: _token, ...row }) => row),
      registrations: ledger.registrations.all(),
      validations: ledger.validations.all(),
      events: ledger.events.all().toSorted((a, b) => a.sequence - b.sequence),
      due: ledger.due.all(),
      counters: ledger.counters.all(),
      faults: world.faults.list(),
    }),
  };
};
export type Controls = ReturnType<typeof createControls>;
