/** What a connection can do, and why not the rest: read off its session. Nothing is contacted. */
import * as z from "zod";
import { type Capability, capabilityNames, type Marketplace } from "../../adapters/contract.ts";
import { capabilitiesOf } from "../../adapters/registry.ts";
import { type Connection, jsonObjectSchema } from "../domain/deal.ts";
import type { AppDeps } from "./endpoint.ts";

/** What each capability means to a person. */
export const capabilitySays: Readonly<Record<Capability, string>> = {
  coSell: "deals are put to the partner's programme",
  withdrawal: "a share that is with the partner can be taken back",
  invitations: "referrals and leads of the partner arrive here and can be answered",
  hooks: "the partner's webhooks are taken at hookUrl",
  hookRegistration: "where the partner delivers webhooks is set from here",
  queue: "the partner's events are fetched from a queue",
  consent: "a person signs in for us, and must do so again before it lapses",
  assisted: "a person carries out at the partner what this connection may not do itself",
  offers: "private offers are made and followed at the marketplace",
  offerRehearsal: "the marketplace judges an offer before it is made",
  offerExtension: "the last day to accept can be moved",
  offerWithdrawal: "a published offer can be taken back",
  agreements: "what became of an offer, and purchases without one, are followed",
  landing: "buyers arrive from the marketplace at landingUrl",
  reports: "the marketplace's reports of money are fetched by themselves",
};

const capabilitiesSchema = z.object(
  Object.fromEntries(capabilityNames.map((name) => [name, z.boolean().describe(capabilitySays[name])])),
);
/** Members of whatever shows a connection. */
export const offerShape = {
  capabilities: capabilitiesSchema.nullable().describe("null when the adapter refuses the settings"),
  lacks: z
    .partialRecord(z.enum(capabilityNames), z.string())
    .nullable()
    .describe("why each capability that is false is, for a person"),
} as const;
export interface Offer {
  readonly capabilities: Readonly<Record<Capability, boolean>> | null;
  readonly lacks: Readonly<Partial<Record<Capability, string>>> | null;
}

/** The offer of a connection as it is set up; nulls when the adapter refuses its settings. */
export const offerOf = (deps: Pick<AppDeps, "registry">, connection: Connection): Offer => {
  try {
    const session = deps.registry.open(connection);
    return { capabilities: capabilitiesOf(session), lacks: session.lacks };
  } catch {
    return { capabilities: null, lacks: null };
  }
};

/** What a marketplace offers before anybody connects to it: its example settings, which have everything set up that can be. */
export const exampleOffer = (deps: Pick<AppDeps, "registry" | "clock">, marketplace: Marketplace): Offer =>
  offerOf(deps, {
    id: `con_${"0".repeat(32)}`,
    marketplace: marketplace.id,
    label: marketplace.name,
    account: marketplace.example.account,
    environment: "production",
    settings: jsonObjectSchema.parse(marketplace.example.settings),
    state: "active",
    parkedReason: null,
    version: 1,
    createdAt: deps.clock.now(),
  });
