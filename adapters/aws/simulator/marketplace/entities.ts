/** The catalog's entities: who may see them, what they look like, and products that are there from the start. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { textAt } from "../../../simulator/document.ts";
import { addSeconds } from "../../../simulator/ground.ts";
import { simulatedRegion } from "../signature.ts";
import type { Occasion, World } from "../world.ts";
import { ruleOf } from "./change-rule.ts";
import { seconds } from "./periods.ts";
import { type Entity, marketplaceCatalog } from "./records.ts";
import { catalogRefusal } from "./refusals.ts";
import type { ProductSetting } from "./settings.ts";

const idPrefixes: Readonly<Record<string, string>> = {
  Offer: "offer-",
  OfferSet: "offerset-",
  ResaleAuthorization: "resaleauthz-",
};
export const productKinds = ["SaaSProduct", "AmiProduct", "ContainerProduct"];

/** The ARN of an entity or a change set. */
export const marketplaceArn = (account: string, kind: string, id: string): string =>
  `arn:aws:aws-marketplace:${simulatedRegion}:${account}:${marketplaceCatalog}/${kind}/${id}`;

/** The id without the revision that may follow it. */
export const bareId = (identifier: string): string => identifier.split("@")[0] ?? identifier;

export const createEntities = (world: World) => {
  const { ledger } = world;

  const named = (name: Pick<Entity, "id" | "kind" | "account" | "sequence">, now: Date): Entity => {
    const at = now.toISOString();
    return {
      ...name,
      fate: "",
      revision: 0,
      createdAt: at,
      modifiedAt: at,
      document: {},
      releasedAt: null,
      availableUntil: null,
      lock: null,
      authorizationId: null,
      manufacturer: name.account,
      targetAgreementId: null,
      targetIntent: null,
      createdBy: "Seller",
      history: [],
      rounds: 0,
      previous: null,
      staleUntil: null,
    };
  };

  const blank = (kind: string, account: string, now: Date): Entity => {
    const id = `${idPrefixes[kind] ?? "prod-"}${world.letters("entity", 13)}`;
    return named({ id, kind, account, sequence: world.sequence() }, now);
  };

  /** Stores the next revision. */
  const save = (entity: Entity, now: Date): Entity => {
    const before = ledger.entities.get(entity.id);
    const lag = world.settings().marketplace.readLagSeconds;
    const revision = (before?.revision ?? 0) + 1;
    const name = textAt(entity.document, "Name") ?? "";
    const entry = { at: now.toISOString(), revision, name, until: entity.availableUntil };
    const saved: Entity = {
      ...entity,
      revision,
      history: entity.releasedAt === null ? [] : [...(before?.history ?? []), entry],
      modifiedAt: now.toISOString(),
      previous: before && { revision: before.revision, modifiedAt: before.modifiedAt, document: before.document },
      staleUntil: lag === 0 ? null : addSeconds(now, lag).toISOString(),
    };
    ledger.entities.put(saved.id, saved);
    return saved;
  };

  const isVisible = (entity: Entity, account: string): boolean => {
    if (entity.account === account) return true;
    const partner = entity.kind === "ResaleAuthorization" ? ruleOf(entity.document, "PartnerTargetingRule") : null;
    return partner?.ResellerAccountId === account && entity.document.Status !== "Draft";
  };

  /** The entity as a reader sees it now; null while its creation has not reached the reader. */
  const seen = (entity: Entity, occasion: Occasion, isList = false): Entity | null => {
    const { now, struck } = occasion;
    const lag = isList ? struck.find("search_lag") : null;
    const isLate = lag !== null && now.getTime() - Date.parse(entity.modifiedAt) < (lag.seconds ?? 60) * 1000;
    const isStale = entity.staleUntil !== null && now.toISOString() < entity.staleUntil;
    if (!isLate && !isStale && !struck.has("stale_read")) return entity;
    if (entity.previous !== null) return { ...entity, ...entity.previous };
    return struck.has("stale_read") && !isLate && !isStale ? entity : null;
  };

  return {
    blank,
    save,
    seen,
    isVisible,
    find: (id: string): Entity | null => ledger.entities.get(bareId(id)),
    /** The entity, for one who may read it. */
    readable: (id: string, account: string): Entity => {
      const entity = ledger.entities.get(bareId(id));
      if (entity === null) throw catalogRefusal("ResourceNotFoundException", `Entity ${bareId(id)} was not found.`);
      if (isVisible(entity, account)) return entity;
      throw catalogRefusal("AccessDeniedException", `This account has no access to entity ${bareId(id)}.`);
    },
    /** As DescribeEntity shows it. */
    view: (entity: Entity): JsonObject => ({
      EntityType: `${entity.kind}@1.0`,
      EntityIdentifier: `${entity.id}@${entity.revision}`,
      EntityArn: marketplaceArn(entity.account, entity.kind, entity.id),
      LastModifiedDate: seconds(entity.modifiedAt),
      Details: JSON.stringify(entity.document),
      DetailsDocument: entity.document,
    }),
    /** Puts the products of the settings where they are not yet. */
    stock: (accounts: readonly string[]): void => {
      for (const product of world.settings().marketplace.products) {
        const account = product.account ?? accounts[0];
        if (account === undefined || ledger.entities.get(product.id) !== null) continue;
        const document = {
          Id: product.id,
          ProductTitle: product.title,
          Visibility: product.visibility,
          Dimensions: (product.dimensions ?? []).map((Key) => ({ Key, Name: Key, Types: ["Entitled"], Unit: "Units" })),
        };
        // Nothing of the sequence is used up: what a seed makes of deals does not depend on the products.
        const { id, kind } = product;
        const entity = { ...named({ id, kind, account, sequence: 0 }, world.now()), document };
        ledger.entities.put(product.id, { ...entity, revision: 1, releasedAt: entity.createdAt });
        if (product.visibility !== "Public" && product.visibility !== "Limited") continue;
        const offerId = product.id.replace(/^(prod-)?/, "offer-");
        const offer = named({ id: offerId, kind: "Offer", account, sequence: 0 }, world.now());
        const released = {
          revision: 1,
          releasedAt: offer.createdAt,
          fate: offerId,
          document: publicOffer(offerId, product),
        };
        ledger.entities.put(offerId, { ...offer, ...released });
      }
    },
  };
};
export type Entities = ReturnType<typeof createEntities>;

/** What everybody can buy of a product: a year's contract by units. */
const publicOffer = (id: string, { id: productId, title, dimensions }: ProductSetting): JsonObject => ({
  Id: id,
  State: "Released",
  Name: `Public offer of ${title}`,
  Description: `Public offer of ${title}`,
  ProductId: productId,
  PricingModel: "Contract",
  Terms: [
    {
      Type: "ConfigurableUpfrontPricingTerm",
      Id: `term-price-${productId}`,
      CurrencyCode: "USD",
      RateCards: [
        {
          Selector: { Type: "Duration", Value: "P12M" },
          Constraints: { MultipleDimensionSelection: "Allowed", QuantityConfiguration: "Allowed" },
          RateCard: (dimensions ?? ["Units"]).map((DimensionKey) => ({ DimensionKey, Price: "100.00" })),
        },
      ],
    },
    {
      Type: "LegalTerm",
      Id: `term-legal-${productId}`,
      Documents: [{ Type: "StandardEula", Version: "2022-07-14" }],
    },
  ],
  Rules: [],
});
