/** Microsoft Partner Center: co-sell in both directions through referrals. */

import { failed } from "../../src/domain/fault.ts";
import type { Limits, Marketplace, Session, SessionDeps } from "../contract.ts";
import { newer } from "../timestamp.ts";
import { bodyBytesMax, type Credential, createClient, timeoutMs } from "./client.ts";
import { changes, check, locate, look, run } from "./cosell.ts";
import { look as lookAtInvitation, nextAnswer, pending, rejectionReasons } from "./invitations.ts";
import { involvementWords } from "./map.ts";
import { dealOf } from "./referred.ts";
import { baseOf, revise, withdraw } from "./revision.ts";
import { rulePack, submissionGaps } from "./rules.ts";
import { example, fieldsSchema, settingsSchema, type Target, targetOf } from "./settings.ts";
import { nextAddition, nextStep, noticesOf } from "./submission.ts";
import { theirsOf } from "./theirs.ts";

export type { Credential } from "./client.ts";

export interface AzureOptions {
  /** Tokens by connection. Absent: every connection is denied, with what to do. */
  readonly credentialFor?: (deps: SessionDeps, target: Target) => Credential;
  /** Microsoft publishes no throttle for referrals: gentle numbers, which an operator may change. */
  readonly limits?: Partial<Limits>;
}

/** The Microsoft marketplace. `open` throws, by name, on a connection whose environment, endpoint and account contradict. */
export const createAzure = (options: AzureOptions = {}): Marketplace => ({
  id: "azure",
  name: "Microsoft Partner Center",
  settings: settingsSchema,
  fields: fieldsSchema,
  rules: rulePack,
  example,
  limits: {
    readsPerSecond: 5,
    writesPerSecond: 2,
    readsPerDay: 50_000,
    // The connector that Microsoft sells allows 10,000 calls a day: https://learn.microsoft.com/en-us/partner-center/referrals/connectors-troubleshoot
    writesPerDay: 10_000,
    pageSize: 100,
    timeoutMs,
    bodyBytesMax,
    ...options.limits,
  },
  open: (deps: SessionDeps, connection) => {
    const target = targetOf(connection);
    const credential = options.credentialFor?.(deps, target) ?? noCredential;
    const at = { clock: deps.clock, client: createClient(deps, target, credential), target };
    const session: Session = {
      lacks: {
        hooks: "no certificate host is set: settings.hooks",
        hookRegistration: "webhooks are not set up",
        consent: "no consent is set up: cosell connect azure",
        queue: "Partner Center delivers webhooks only; nothing waits to be fetched",
        assisted: "Microsoft's programme has an API for all of it",
      },
      check: () => check(at),
      coSell: {
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
        poll: async (outcome) => ({ ok: true, value: outcome }),
        look: (ref) => look(at, ref),
        changes: (cursor) => changes(at, cursor),
        invitations: {
          reasons: rejectionReasons,
          look: (ref) => lookAtInvitation(at, ref),
          pending: (cursor) => pending(at, cursor),
          answer: (input, done) => nextAnswer(input, done),
          // An accepted referral is the record itself.
          made: async ({ ref }) => ({ ok: true, value: ref }),
          dealOf,
        },
      },
    };
    return session;
  },
});

const noCredential: Credential = {
  token: async () =>
    failed({ kind: "denied", message: "no consent is set up for this connection: run cosell connect azure" }),
};
