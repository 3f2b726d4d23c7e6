/**
 * Microsoft Partner Center: co-sell in both directions through referrals; private offers through the Product Ingestion API, and the SaaS
 * subscriptions they become.
 */
import { failed, ok } from "../../src/domain/fault.ts";
import type { CoSell, Limits, Marketplace, Session, SessionDeps } from "../contract.ts";
import { newer } from "../timestamp.ts";
import { type AppCredentials, type AppOptions, createAppCredentials } from "./app-credential.ts";
import { bodyBytesMax, type Credential, createClient, timeoutMs } from "./client.ts";
import { changes, check, locate, look, run } from "./cosell.ts";
import { createUserCredential, type UserCredential } from "./credential.ts";
import { checksOf } from "./diagnosis.ts";
import { createHooks, organizationDefault } from "./hooks.ts";
import { look as lookAtInvitation, nextAnswer, pending, rejectionReasons } from "./invitations.ts";
import { involvementWords } from "./map.ts";
import { createMarketKept, joinedHooks, marketDoors } from "./offers/doors.ts";
import { offerFieldsSchema } from "./offers/fields.ts";
import { offerRulePack } from "./offers/rules.ts";
import type { CoSellDeps } from "./reading.ts";
import { dealOf } from "./referred.ts";
import { createRegistration } from "./registration.ts";
import { createReportSource, type ReportParts, reportChecks, reportsUnset } from "./report-source/source.ts";
import { baseOf, revise, withdraw } from "./revision.ts";
import { rulePack, submissionGaps } from "./rules.ts";
import { example, fieldsSchema, settingsSchema, type Target, targetOf } from "./settings.ts";
import { createSigners } from "./signers.ts";
import { nextAddition, nextStep, noticesOf } from "./submission.ts";
import { theirsOf } from "./theirs.ts";
import { createTokens, type Tokens } from "./tokens.ts";

export interface AzureOptions extends AppOptions {
  /** Microsoft publishes no throttle for referrals: gentle numbers, which an operator may change. */
  readonly limits?: Partial<Limits>;
}

/** The Microsoft marketplace. `open` throws, by name, on a connection whose environment, endpoint and account contradict. */
export const createAzure = (options: AzureOptions = {}): Marketplace => {
  // Kept for all sessions: an access token lasts an hour, a signer's certificate for years.
  const [tokens, signers, apps, kept] = [
    createTokens(),
    createSigners(),
    createAppCredentials(options),
    createMarketKept(),
  ];
  return {
    id: "azure",
    name: "Microsoft Partner Center",
    settings: settingsSchema,
    fields: fieldsSchema,
    offerFields: offerFieldsSchema,
    rules: { ...rulePack, rows: [...rulePack.rows, ...offerRulePack.rows] },
    example,
    limits: {
      readsPerSecond: 5,
      writesPerSecond: 2,
      readsPerDay: 50_000,
      // What the connector that Microsoft sells may call: https://learn.microsoft.com/en-us/partner-center/referrals/connectors-troubleshoot
      writesPerDay: 10_000,
      pageSize: 100,
      timeoutMs,
      bodyBytesMax,
      ...options.limits,
    },
    open: (deps: SessionDeps, connection): Session => {
      const target = targetOf(connection);
      const { hooks, endpoint, app, tenantId } = target.settings;
      const credential = credentialOf(deps, target, tokens);
      // Where a surface takes the application alone, no person's leave is spent on it.
      const bearer =
        app === undefined ? credential : apps.of(deps, { connectionId: target.connectionId, tenantId, app, endpoint });
      const registration =
        bearer === null ? null : createRegistration(deps, { endpoint, renew: renewOf(target) }, bearer);
      const client = createClient(deps, target, credential ?? noCredential);
      const at = { clock: deps.clock, client, target };
      const market = marketDoors(deps, target, { apps, kept });
      const signed =
        hooks === undefined
          ? null
          : createHooks({ ...deps, signers }, { organization: organizationDefault, ...hooks, endpoint });
      const joined = joinedHooks(signed, market.hooks);
      const money = moneyOf(deps, target, { credential, apps });
      const source = money === null ? null : createReportSource(deps, target, money);
      return {
        lacks: {
          ...(credential === null
            ? { consent: "nobody can sign in before settings.consent is given: cosell connect azure" }
            : {}),
          ...(joined === null
            ? {
                hooks:
                  "no host of signing certificates is set: settings.hooks; nor what a SaaS webhook's token must be for: settings.marketplace.webhook",
              }
            : {}),
          ...(registration === null
            ? {
                hookRegistration:
                  "nobody can sign in before settings.consent or settings.app is given: cosell connect azure",
              }
            : {}),
          queue: "Partner Center delivers webhooks only; nothing waits to be fetched",
          assisted: "Microsoft's programme has an API for all of it",
          ...(source === null ? { reports: reportsUnset } : {}),
          ...market.lacks,
        },
        check: () => check(at),
        ...(credential === null ? {} : { consent: credential.consent }),
        ...(joined === null ? {} : { hooks: joined }),
        ...(registration === null ? {} : { hookRegistration: registration }),
        diagnose: (known) => [
          ...checksOf({ deps, target, credential, app: app === undefined ? null : bearer, known }),
          ...market.checks(),
          ...reportChecks(deps, target, money),
        ],
        coSell: coSellOf(at),
        ...market.doors,
        ...(source === null ? {} : { reports: source }),
      };
    },
  };
};

/** Co-sell over a client. */
export const coSellOf = (at: CoSellDeps): CoSell => {
  const { target } = at;
  return {
    gaps: (draft) => submissionGaps(draft, target),
    notices: (draft) => noticesOf(draft, target),
    involvement: (wanted) => ({ dealType: involvementWords[wanted] }),
    submission: (draft, done) => nextStep(draft, done, target),
    revision: (input) => revise(input, target),
    withdrawal: (input) => withdraw(input, target),
    addition: (draft, observation, settled) => nextAddition(draft, observation, { settled, target }),
    baseOf: (observation) => baseOf(observation.body),
    theirs: (input) => theirsOf(input, target),
    newer,
    run: (write) => run(at, write),
    locate: (write, _token, traces) => locate(at, write, traces),
    // No write of Microsoft's starts a task.
    poll: async (outcome) => ok(outcome),
    look: (ref) => look(at, ref),
    changes: (cursor) => changes(at, cursor),
    invitations: {
      reasons: rejectionReasons,
      look: (ref) => lookAtInvitation(at, ref),
      pending: (cursor) => pending(at, cursor),
      answer: (input, done) => nextAnswer(input, done, target),
      // An accepted referral is the record itself.
      made: async ({ ref }) => ok(ref),
      dealOf,
    },
  };
};

const credentialOf = (deps: SessionDeps, target: Target, tokens: Tokens): UserCredential | null => {
  const { consent, tenantId, endpoint } = target.settings;
  if (consent === undefined) return null;
  return createUserCredential(
    { ...deps, tokens },
    {
      ...consent,
      connectionId: target.connectionId,
      tenantId: consent.tenantId ?? tenantId,
      endpoint,
      isSimulated: target.isSimulated,
      renew: renewOf(target),
    },
  );
};

interface Signing {
  readonly credential: UserCredential | null;
  readonly apps: AppCredentials;
}
/** Who signs in for reports of money; null: none are set up. */
const moneyOf = (deps: SessionDeps, target: Target, { credential, apps }: Signing): ReportParts | null => {
  const { reports, app, marketplace, tenantId, endpoint } = target.settings;
  if (reports === undefined) return null;
  const seller = app ?? marketplace?.app;
  const { connectionId } = target;
  const alone = seller === undefined ? null : apps.of(deps, { connectionId, tenantId, app: seller, endpoint });
  return { settings: reports, app: alone, user: credential ?? alone, renew: renewOf(target) };
};

const renewOf = (target: Target): string => `cosell connect azure --renew ${JSON.stringify(target.label)}`;

const noCredential: Credential = {
  token: async () =>
    failed({ kind: "denied", message: "nobody has signed in for this connection: cosell connect azure" }),
  drop: () => {},
};
