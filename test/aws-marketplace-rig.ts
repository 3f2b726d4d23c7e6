/** The simulated marketplace behind AWS's own clients of its two APIs, and what a seller asks of it. */
import { MarketplaceAgreementClient, SearchAgreementsCommand } from "@aws-sdk/client-marketplace-agreement";
import {
  type Change,
  DescribeChangeSetCommand,
  DescribeEntityCommand,
  MarketplaceCatalogClient,
  StartChangeSetCommand,
} from "@aws-sdk/client-marketplace-catalog";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import { marketplaceBreaches } from "../adapters/aws/simulator/marketplace/door.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { openRig, type RigOptions } from "./aws-simulator-rig.ts";

export const product = "prod-simulated0001";
export const seller = simulatedCredential.account;
export const buyer = "444455556666";
export const inMarketplace = { Catalog: "AWSMarketplace" } as const;

export const openMarket = async (options: RigOptions = {}) => {
  const rig = await openRig(options);
  const reach = { endpoint: rig.url, region: "us-east-1", maxAttempts: 1 };
  const catalog = new MarketplaceCatalogClient({ ...reach, credentials: simulatedCredential });
  const agreements = new MarketplaceAgreementClient({ ...reach, credentials: simulatedCredential });

  const start = async (changes: readonly Change[], more: object = {}): Promise<string> => {
    rig.pause(1);
    const input = { ...inMarketplace, ChangeSet: [...changes], ...more };
    return (await catalog.send(new StartChangeSetCommand(input))).ChangeSetId ?? "";
  };
  const describe = (ChangeSetId: string) =>
    catalog.send(new DescribeChangeSetCommand({ ...inMarketplace, ChangeSetId }));
  const finish = async (id: string) => {
    await rig.controls.advance(10 / 1440);
    return describe(id);
  };
  return {
    ...rig,
    catalog,
    agreements,
    start,
    describe,
    /** Asks for changes and waits until they are made or refused. */
    run: async (changes: readonly Change[], more: object = {}) => finish(await start(changes, more)),
    /** Puts a private offer out and returns its id. */
    release: async (how: OfferHow = {}): Promise<string> => {
      const done = await finish(await start(offerChanges(how)));
      if (done.Status !== "SUCCEEDED")
        throw new Error(JSON.stringify(done.ChangeSet?.map((row) => row.ErrorDetailList)));
      return (done.ChangeSet?.[0]?.Entity?.Identifier ?? "").split("@")[0] ?? "";
    },
    entity: async (EntityId: string) => {
      const answer = await catalog.send(new DescribeEntityCommand({ ...inMarketplace, EntityId }));
      return { ...answer, document: answer.DetailsDocument as JsonObject };
    },
    /** A buyer accepts. Returns the agreement's id. */
    accept: async (offerId: string, how: object = {}): Promise<string> => {
      const made = (await rig.controls.offer(`${offerId}/accept`, how)) as { id: string };
      return made.id;
    },
    /** The agreements of an offer, as its seller finds them. */
    ofOffer: async (offerId: string) => {
      rig.pause(1);
      const filters = { PartyType: "Proposer", AgreementType: "PurchaseAgreement", OfferId: offerId };
      const found = await agreements.send(
        new SearchAgreementsCommand({
          catalog: "AWSMarketplace",
          filters: Object.entries(filters).map(([name, value]) => ({ name, values: [value] })),
        }),
      );
      return found.agreementViewSummaries ?? [];
    },
    close: async (): Promise<void> => {
      catalog.destroy();
      agreements.destroy();
      await rig.close();
    },
  };
};
export type Market = Awaited<ReturnType<typeof openMarket>>;

export interface OfferHow {
  readonly name?: string;
  /** Details by change type, over those of the good offer; null leaves a change out. */
  readonly with?: Readonly<Record<string, object | null>>;
  /** What creates it. */
  readonly from?: Change;
}
const self = "$Offer.Entity.Identifier";
export const change = (ChangeType: string, DetailsDocument: object, Identifier = self): Change => ({
  ChangeType,
  Entity: { Type: "Offer@1.0", Identifier },
  DetailsDocument: DetailsDocument as never,
});
/** Which kind of entity a change creates, and under which name the others of its set refer to it. */
interface Made {
  readonly of?: string;
  readonly name?: string;
}
export const creation = (
  ChangeType: string,
  DetailsDocument: object,
  { of = "Offer@1.0", name = "Offer" }: Made = {},
): Change => ({
  ChangeType,
  ChangeName: name,
  Entity: { Type: of },
  DetailsDocument: DetailsDocument as never,
});

/** Everything that a private offer of one fixed price needs, as AWS's samples write it. */
export const offerChanges = (how: OfferHow = {}): readonly Change[] => {
  const details: Readonly<Record<string, object | null>> = {
    UpdateInformation: { Name: how.name ?? "Offer for Example Foods", Description: "One year" },
    UpdateTargeting: { PositiveTargeting: { BuyerAccounts: [buyer] } },
    UpdatePricingTerms: fixedPrice("12000.00"),
    UpdateValidityTerms: { Terms: [{ Type: "ValidityTerm", AgreementDuration: "P12M" }] },
    UpdateLegalTerms: {
      Terms: [{ Type: "LegalTerm", Documents: [{ Type: "StandardEula", Version: "2022-07-14" }] }],
    },
    UpdateAvailability: { AvailabilityEndDate: "2026-06-30" },
    ReleaseOffer: {},
    ...how.with,
  };
  const rest = Object.entries(details).flatMap(([type, body]) => (body === null ? [] : [change(type, body)]));
  return [how.from ?? creation("CreateOffer", { ProductId: product }), ...rest];
};
export const fixedPrice = (Price: string, CurrencyCode = "USD") => ({
  PricingModel: "Contract",
  Terms: [
    { Type: "FixedUpfrontPricingTerm", CurrencyCode, Price, Grants: [{ DimensionKey: "Seats", MaxQuantity: 10 }] },
  ],
});
export const schedule = (...items: readonly (readonly [date: string, amount: string])[]) => ({
  Terms: [
    {
      Type: "PaymentScheduleTerm",
      CurrencyCode: "USD",
      Schedule: items.map(([ChargeDate, ChargeAmount]) => ({ ChargeDate, ChargeAmount })),
    },
  ],
});

/** Throws where an answer is not what AWS's model allows. */
export const mustFit = (operation: string, body: JsonObject): void => {
  const wrong = marketplaceBreaches(operation, body);
  if (wrong.length > 0)
    throw new Error(`${operation} answered what the model does not allow: ${JSON.stringify(wrong)}`);
};
