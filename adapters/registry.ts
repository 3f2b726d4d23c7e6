/** The marketplaces this build knows, and how a connection becomes a session. */
import * as z from "zod";
import type { Connection, MarketplaceId } from "../src/domain/deal.ts";
import { dealFields, fieldsOfSchema, memberNames } from "../src/domain/rule-fields.ts";
import type { Programme } from "../src/domain/share-rule.ts";
import type { ClockDep, Http, IdsDep, SecretsDep } from "../src/ports.ts";
import type { Capability, Limits, Marketplace, Quota, Session } from "./contract.ts";

export interface Registry {
  readonly marketplaces: readonly Marketplace[];
  readonly find: (id: MarketplaceId) => Marketplace | null;
  /** Throws when this build has no adapter for the connection's marketplace. */
  readonly open: (connection: Connection) => Session;
}

export interface RegistryDeps extends ClockDep, IdsDep, SecretsDep {
  /** A simulated connection without an endpoint talks to the simulator in this process; all others to the network. */
  readonly httpFor: (connection: Connection) => Http;
  /** The bucket of a seller account, shared by every connection and worker that uses it. */
  readonly quotaFor: (connection: Connection, limits: Limits) => Quota;
}

export const createRegistry = (deps: RegistryDeps, marketplaces: readonly Marketplace[]): Registry => {
  const find = (id: MarketplaceId): Marketplace | null =>
    marketplaces.find((marketplace) => marketplace.id === id) ?? null;
  return {
    marketplaces,
    find,
    open: (connection) => {
      const marketplace = find(connection.marketplace);
      if (marketplace === null) throw new Error(`this build has no adapter for ${connection.marketplace}`);
      const { clock, ids, secrets } = deps;
      return marketplace.open(
        { clock, ids, secrets, http: deps.httpFor(connection), quota: deps.quotaFor(connection, marketplace.limits) },
        connection,
      );
    },
  };
};

/** Which doors a session has, read off the session itself. */
export const capabilitiesOf = (session: Session): Readonly<Record<Capability, boolean>> => ({
  coSell: session.coSell !== undefined,
  withdrawal: session.coSell?.withdrawal !== undefined,
  invitations: session.coSell?.invitations !== undefined,
  hooks: session.hooks !== undefined,
  hookRegistration: session.hookRegistration !== undefined,
  queue: session.pull !== undefined,
  consent: session.consent !== undefined,
  assisted: session.coSell?.assisted !== undefined,
  offers: session.offers !== undefined,
  offerRehearsal: session.offers?.rehearse !== undefined,
  offerExtension: session.offers?.extension !== undefined,
  offerWithdrawal: session.offers?.withdrawal !== undefined,
  agreements: session.agreements !== undefined,
  landing: session.landing !== undefined,
  reports: session.reports !== undefined,
});

/** What share rules need to know of a connection's programme; null when the connection offers no co-sell. Nothing is contacted. */
export const programmeOf = (registry: Registry, connection: Connection): Programme | null => {
  const marketplace = registry.find(connection.marketplace);
  const { coSell } = marketplace === null ? {} : registry.open(connection);
  if (marketplace === null || coSell === undefined) return null;
  return {
    name: marketplace.name,
    marketplace: marketplace.id,
    ...ruleFields(marketplace),
    gaps: coSell.gaps,
    involvement: coSell.involvement ?? null,
  };
};

/** What conditions may read and defaults may name for a marketplace: read off its field schema once. */
export const ruleFields = (marketplace: Marketplace): Pick<Programme, "fields" | "memberNames"> => {
  const known = ruleFieldsOf.get(marketplace);
  if (known !== undefined) return known;
  const schema = z.toJSONSchema(marketplace.fields, { io: "input", unrepresentable: "any" });
  const made = {
    fields: { ...dealFields, ...fieldsOfSchema(marketplace.id, schema) },
    memberNames: memberNames(schema),
  };
  ruleFieldsOf.set(marketplace, made);
  return made;
};
const ruleFieldsOf = new WeakMap<Marketplace, Pick<Programme, "fields" | "memberNames">>();
