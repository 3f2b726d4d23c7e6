/**
 * Google: co-sell through the Cloud Channel API, the older Cloud CRM Partners API, or by hand in Partner Network Hub; private offers
 * and orders through the marketplace's own APIs, whichever way co-sell goes.
 */

import { ok } from "../../src/domain/fault.ts";
import { byHand, type CoSell, type Marketplace, type Session, type SessionDeps } from "../contract.ts";
import { newer } from "../timestamp.ts";
import { assistedOf } from "./assisted.ts";
import { bodyBytesMax, createWire, timeoutMs } from "./client.ts";
import { check, locate, look, run } from "./cosell.ts";
import { createTokens } from "./credential.ts";
import { checksOf } from "./diagnosis.ts";
import { checkLeads, leadBaseOf, locateLead, lookAtLead, nextLeadStep, reviseLead, runLead } from "./leads.ts";
import { marketChecksOf } from "./offers/diagnosis.ts";
import { marketDoors } from "./offers/doors.ts";
import { createPushKeys } from "./offers/push-keys.ts";
import { offerRulePack } from "./offers/rules.ts";
import { changes, pageSize } from "./query.ts";
import type { CoSellDeps } from "./reading.ts";
import { createReportSource, reportChecks, reportsUnset } from "./report-source.ts";
import { baseOf, revise } from "./revision.ts";
import { notices, rulePack, submissionGaps } from "./rules.ts";
import { example, fieldsSchema, settingsSchema, targetOf } from "./settings.ts";
import { nextStep } from "./submission.ts";
import { theirsOf } from "./theirs.ts";

/** What is looked at again by age where nothing tells of changes, in minutes. */
const leadLookMinutes = 60;

const lacks = {
  withdrawal: "Google's programme has no way to take a deal back; only Google closes one",
  invitations: "Google's API does not tell of deals that Google brings",
  hookRegistration: "Google sends no word of changes",
  queue: "Google puts nothing of co-sell into a queue",
  consent: "Google takes a service account's key; nobody signs in",
  landing: "Google registers a buyer at your own address",
} as const satisfies Session["lacks"];

/** The Google marketplace. `open` throws, by name, on a connection whose environment, account and settings contradict. */
export const createGcp = (): Marketplace => {
  const tokens = createTokens();
  const keys = createPushKeys();
  return {
    id: "gcp",
    name: "Google Cloud Partner Network",
    settings: settingsSchema,
    fields: fieldsSchema,
    rules: { ...rulePack, rows: [...rulePack.rows, ...offerRulePack.rows] },
    example,
    // Google publishes no number: gentle, and it backs off when Google says so.
    limits: {
      readsPerSecond: 10,
      writesPerSecond: 2,
      readsPerDay: 100_000,
      writesPerDay: 20_000,
      pageSize,
      timeoutMs,
      bodyBytesMax,
    },
    open: (deps: SessionDeps, connection) => {
      const target = targetOf(connection);
      const { pollMinutes } = target.settings;
      const pace = pollMinutes === undefined ? {} : { sweepMinutes: pollMinutes };
      const judge: Pick<CoSell, "gaps" | "notices"> = {
        gaps: (draft) => submissionGaps(draft, target),
        notices: () => notices(target),
      };
      const wire = createWire(deps, target, tokens);
      const market = marketDoors(deps, target, { wire, keys });
      const { reports: bucket } = target.settings;
      const stored = bucket === undefined ? null : { bucket, tokens };
      const own = stored === null ? {} : { reports: createReportSource(deps, target, stored) };
      const owing = { ...market.lacks, ...(stored === null ? { reports: reportsUnset } : {}) };
      if (target.isAssisted)
        return {
          lacks: { ...lacks, ...owing },
          check: async () => ok({ partner: `partners/${target.partnerId}`, mode: "assisted" }),
          diagnose: (known) => [
            ...marketChecksOf({ deps, target, wire, known }),
            ...reportChecks(deps, target, stored),
          ],
          coSell: byHand(judge, assistedOf(target)),
          ...market.doors,
          ...own,
        };
      const at: CoSellDeps = { clock: deps.clock, wire, target };
      const isLeads = target.surface === "crm_partners";
      return {
        lacks: {
          ...lacks,
          ...owing,
          assisted: "a service account does it; without the role Integrator connect with mode assisted",
        },
        ...pace,
        ...(isLeads ? { lookMinutes: pollMinutes ?? leadLookMinutes } : {}),
        check: () => (isLeads ? checkLeads(at) : check(at)),
        diagnose: (known) => [
          ...checksOf({ deps, target, wire, known }),
          ...marketChecksOf({ deps, target, wire, known }),
          ...reportChecks(deps, target, stored),
        ],
        coSell: { ...judge, ...(isLeads ? leadDoors(at) : channelDoors(at)) },
        ...market.doors,
        ...own,
      };
    },
  };
};

type Doors = Omit<CoSell, "gaps" | "notices">;

const channelDoors = (at: CoSellDeps): Doors => ({
  submission: (draft, done) => nextStep(draft, done, at.target),
  revision: (input) => revise(input, at.target),
  baseOf: (observation) => baseOf(observation.body),
  theirs: (input) => theirsOf(input, at.target),
  newer,
  run: (write) => run(at, write),
  locate: (write, _token, traces) => locate(at, write, traces),
  // Google's writes are done when they are answered.
  poll: async (outcome) => ok(outcome),
  look: (ref) => look(at, ref),
  changes: (cursor) => changes(at, cursor),
});

const leadDoors = (at: CoSellDeps): Doors => ({
  submission: (draft, done) => nextLeadStep(draft, done, at.target),
  revision: (input) => reviseLead(input, at.target),
  baseOf: (observation) => leadBaseOf(observation.body),
  // Neither a lead nor its opportunity has a version that tells which is later.
  newer: () => false,
  run: (write) => runLead(at, write),
  locate: (write) => locateLead(at, write),
  poll: async (outcome) => ok(outcome),
  look: (ref) => lookAtLead(at, ref),
  // Nothing lists leads: the records that we know are looked at by age.
  changes: async () => ok({ items: [], cursor: null, more: false }),
});
