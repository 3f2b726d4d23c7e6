/** AWS: co-sell in both directions through Partner Central, events through EventBridge. */
import type { Marketplace, SessionDeps } from "../contract.ts";
import { newer } from "../timestamp.ts";
import { nextAnswer, rejectionReasons } from "./answers.ts";
import {
  bodyBytesMax,
  type CredentialsResolver,
  createKeyFinder,
  createWire,
  type KeyFinder,
  timeoutMs,
} from "./client.ts";
import { changes, check, locate, look, poll, run } from "./cosell.ts";
import { checksOf } from "./diagnosis.ts";
import { createHooks } from "./hooks.ts";
import { look as lookAtInvitation, made, pending } from "./invitations.ts";
import { involvementWords } from "./map.ts";
import { createMarketplaceWire } from "./offers/client.ts";
import { agreementsDoor, offersDoor } from "./offers/doors.ts";
import { offerFieldsSchema } from "./offers/fields.ts";
import type { MarketplaceDeps } from "./offers/reading.ts";
import { createPull } from "./queue.ts";
import { dealOf } from "./referred.ts";
import { createReportSource, reportChecks, reportsUnset } from "./report-source.ts";
import { baseOf, revise, withdraw } from "./revision.ts";
import { rulePack, submissionGaps } from "./rules.ts";
import { example, fieldsSchema, settingsSchema, type Target, targetOf } from "./settings.ts";
import { nextAddition, nextStep } from "./submission.ts";
import { theirsOf } from "./theirs.ts";
import type { Catalog } from "./wire.ts";

export type { AwsKeys, CredentialsResolver } from "./client.ts";

export interface AwsOptions {
  /** Credentials by profile or role; only Node has them. Absent: connections that ask for them are denied by name. */
  readonly credentials?: CredentialsResolver;
}

/** The AWS marketplace. `open` throws, by name, on a connection whose environment, catalog and account contradict. */
export const createAws = (options: AwsOptions = {}): Marketplace => {
  const finder: KeyFinder | null = options.credentials === undefined ? null : createKeyFinder(options.credentials);
  return {
    id: "aws",
    name: "AWS Partner Central",
    settings: settingsSchema,
    fields: fieldsSchema,
    offerFields: offerFieldsSchema,
    rules: rulePack,
    example,
    // https://docs.aws.amazon.com/partner-central/latest/selling-api/quotas.html
    limits: {
      readsPerSecond: 10,
      writesPerSecond: 1,
      readsPerDay: 100_000,
      writesPerDay: 10_000,
      pageSize: 100,
      timeoutMs,
      bodyBytesMax,
    },
    open: (deps: SessionDeps, connection) => {
      const target = targetOf(connection);
      const wire = createWire(deps, target, finder);
      const at = { clock: deps.clock, wire, target };
      const { hookKeys, hookOAuth } = target.settings;
      const offering = marketplaceOf(deps, target, finder);
      const feeds = target.reports === null ? null : { bucket: target.reports, finder };
      const hasHooks = hookKeys !== undefined || hookOAuth !== undefined;
      return {
        lacks: {
          ...(hasHooks ? {} : { hooks: "no key for EventBridge is set: cosell connections hook-keys, or … oauth" }),
          ...(target.queue === null ? { queue: "no queue is set: cosell connections queue" } : {}),
          hookRegistration: "AWS delivers by EventBridge rules in your own account: infra/aws has them",
          consent: "AWS asks for keys or a role; nobody signs in",
          assisted: "AWS's programme has an API for all of it",
          ...(offering === null ? lacking(target.catalog) : {}),
          landing: "AWS registers a buyer at your own address",
          ...(feeds === null ? { reports: reportsUnset } : {}),
        },
        check: () => check(at),
        diagnose: (known) => [
          ...checksOf({ deps, target, wire, finder, known, marketplace: offering }),
          ...reportChecks(deps, target, feeds),
        ],
        ...(hasHooks ? { hooks: createHooks(deps, target) } : {}),
        ...(offering === null ? {} : { offers: offersDoor(offering), agreements: agreementsDoor(offering) }),
        ...(feeds === null ? {} : { reports: createReportSource(deps, target, feeds) }),
        ...(target.queue === null ? {} : { pull: createPull(deps, target, { queue: target.queue, finder }) }),
        coSell: {
          gaps: (draft) => submissionGaps(draft, target),
          involvement: (wanted) => ({ involvementType: involvementWords[wanted] }),
          submission: (draft, done) => nextStep(draft, done, target),
          revision: (input) => revise(input, target),
          addition: (draft, observation, settled) => nextAddition(draft, observation, { settled, target }),
          withdrawal: (input) => withdraw(input, target),
          baseOf: (observation) => baseOf(observation.body),
          theirs: (input) => theirsOf(input, target),
          newer,
          run: (write, token) => run(at, write, token),
          locate: (write, _token, traces) => locate(at, write, traces),
          poll: (outcome) => poll(at, outcome),
          look: (ref) => look(at, ref),
          changes: (cursor) => changes(at, cursor),
          invitations: {
            reasons: rejectionReasons,
            look: (ref) => lookAtInvitation(at, ref),
            pending: (cursor) => pending(at, cursor),
            answer: (input, done) => nextAnswer(input, done, target.catalog),
            made: (invitation) => made(at, invitation),
            dealOf,
          },
        },
      };
    },
  };
};

/** How AWS Marketplace is reached; null: this connection makes no offers. */
const marketplaceOf = (deps: SessionDeps, target: Target, finder: KeyFinder | null): MarketplaceDeps | null => {
  const { marketplace } = target;
  if (marketplace === null) return null;
  return { clock: deps.clock, target, wire: createMarketplaceWire(deps, { target, marketplace, finder }) };
};
const lacking = (catalog: Catalog) => {
  const why =
    catalog === "Sandbox"
      ? "AWS Marketplace has no test catalog: its offers are real, and made on a production connection"
      : "no private offers are set up: give the connection settings.offers, {} is enough";
  return { offers: why, offerRehearsal: why, offerExtension: why, offerWithdrawal: why, agreements: why };
};
