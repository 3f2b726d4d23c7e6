/** The doors of a connection to Microsoft's marketplace: private offers, the subscriptions they become, word of them, the landing page. */

import type { Check } from "../../../src/domain/diagnosis.ts";
import { ok } from "../../../src/domain/fault.ts";
import type { Agreements, Hooks, Landing, Offers, Session, SessionDeps } from "../../contract.ts";
import type { AppCredentials } from "../app-credential.ts";
import type { Target } from "../settings.ts";
import * as agreements from "./agreements.ts";
import { createMarketWire } from "./client.ts";
import { marketChecksOf } from "./diagnosis.ts";
import * as duties from "./duties.ts";
import { createSaasHooks, isSaasDelivery } from "./hooks.ts";
import { locate, poll, run } from "./jobs.ts";
import { changes, look, tells } from "./looking.ts";
import { createMarketMemory, type MarketMemory } from "./memory.ts";
import { offerNotices } from "./notices.ts";
import { nextPublication, nextWithdrawal } from "./publication.ts";
import type { MarketDeps } from "./reading.ts";
import { offerGaps } from "./rules.ts";
import { createTokenKeys, type TokenKeys } from "./token-keys.ts";

/** What all sessions of a process share. */
export interface MarketKept {
  readonly memory: MarketMemory;
  readonly keys: TokenKeys;
}
export const createMarketKept = (): MarketKept => ({ memory: createMarketMemory(), keys: createTokenKeys() });

const always = {
  offerRehearsal: "Microsoft has no dry run of an offer",
  offerExtension:
    "Microsoft documents no way to move the last day of a live offer: by API it is withdrawn or, once accepted, upgraded by another. Withdraw it and publish a clone",
} as const satisfies Session["lacks"];
const unset = "set up settings.marketplace and settings.app: docs/connect/azure.md, step 6";
const lacking = { ...always, offers: unset, offerWithdrawal: unset, agreements: unset, landing: unset } as const;

export interface MarketDoors {
  readonly lacks: Session["lacks"];
  readonly doors: Pick<Session, "offers" | "agreements" | "landing">;
  /** The SaaS webhook; null: it is not set up. */
  readonly hooks: Hooks | null;
  readonly checks: () => readonly Check[];
}

/** The marketplace's doors of a connection, or why it has none. */
export const marketDoors = (
  deps: SessionDeps,
  target: Target,
  at: { readonly apps: AppCredentials; readonly kept: MarketKept },
): MarketDoors => {
  const { marketplace: market, app, tenantId, endpoint } = target.settings;
  const seller = app ?? market?.app;
  if (market === undefined || seller === undefined) return { lacks: lacking, doors: {}, hooks: null, checks: () => [] };
  const { connectionId } = target;
  const bearerOf = (own: typeof seller) => at.apps.of(deps, { connectionId, tenantId, app: own, endpoint });
  const bearers = { ingestion: bearerOf(seller), fulfillment: bearerOf(market.app ?? seller) };
  const { memory, keys } = at.kept;
  const own: MarketDeps = {
    clock: deps.clock,
    wire: createMarketWire(deps, endpoint, bearers),
    market,
    memory,
    connectionId,
  };
  return {
    lacks: always,
    doors: { offers: offersOf(own), agreements: agreementsOf(own), landing: landingOf(own) },
    hooks:
      market.webhook === undefined
        ? null
        : createSaasHooks({ clock: deps.clock, http: deps.http, keys }, { ...market.webhook, endpoint }),
    checks: () => marketChecksOf({ deps, target, at: own, keys }),
  };
};

const offersOf = (deps: MarketDeps): Offers => {
  const { market } = deps;
  return {
    tells,
    gaps: (draft) => offerGaps(draft, market),
    notices: (draft) => offerNotices(draft, market),
    publication: (draft, done) => nextPublication(draft, done, market),
    withdrawal: nextWithdrawal,
    run: (write) => run(deps, write),
    locate: (write, _token, traces) => locate(deps, write, traces),
    poll: (outcome) => poll(deps, outcome),
    look: (ref) => look(deps, ref),
    changes: (cursor) => changes(deps, cursor),
  };
};

const agreementsOf = (deps: MarketDeps): Agreements => ({
  look: (ref) => agreements.look(deps, ref),
  changes: (cursor) => agreements.changes(deps, cursor),
  ofOffer: (ref) => agreements.ofOffer(deps, ref),
  duty: (observation, done, decision) => duties.nextDuty(observation, done, { ...deps.market, decision }),
  run: (write) => duties.run(deps, write),
  locate: (write) => duties.locate(deps, write),
  // What is written to a subscription is done when it is answered.
  poll: async (outcome) => ok(outcome),
});

const landingOf = (deps: MarketDeps): Landing => ({ resolve: (token) => agreements.resolve(deps, token) });

/** One door for both kinds of webhook: which proof a delivery must bring depends on what it claims to be. */
export const joinedHooks = (partnerCenter: Hooks | null, saas: Hooks | null): Hooks | null => {
  if (partnerCenter === null || saas === null) return partnerCenter ?? saas;
  return {
    headers: [...partnerCenter.headers, ...saas.headers],
    verify: (delivery) => (isSaasDelivery(delivery) ? saas : partnerCenter).verify(delivery),
  };
};
