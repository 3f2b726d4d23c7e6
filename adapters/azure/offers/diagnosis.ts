/** What a connection needs for the marketplace, tried for real and without changing anything there: two reads, each with its own token. */
import type { z } from "zod";
import { type Check, type Found, found } from "../../../src/domain/diagnosis.ts";
import type { Fault } from "../../../src/domain/fault.ts";
import type { SessionDeps } from "../../contract.ts";
import { loginHost } from "../grants.ts";
import type { Target } from "../settings.ts";
import { ingestionPageOf, productSchema } from "../wire-offers.ts";
import { type MarketDeps, offersPage, readOf, subscriptionsPage } from "./reading.ts";
import type { TokenKeys } from "./token-keys.ts";

export interface MarketDiagnosis {
  readonly deps: SessionDeps;
  readonly target: Target;
  readonly at: MarketDeps;
  readonly keys: TokenKeys;
}

const productsPageSchema = ingestionPageOf(productSchema);

export const marketChecksOf = ({ deps, target, at, keys }: MarketDiagnosis): readonly Check[] => {
  const { market } = at;
  return [
    {
      id: "offers",
      what: "read one page of private offers",
      run: async () => {
        const page = await offersPage(at);
        return page.ok ? found.ok("the application may read private offers") : failure(target, page.fault);
      },
    },
    {
      id: "products",
      what: "compare settings.marketplace.products with the products that Microsoft lists",
      needs: ["offers"],
      run: async () => {
        const read = await readOf(at, productsPageSchema, {
          operation: "ListProducts",
          surface: "ingestion",
          path: "/product",
          version: "configure",
        });
        if (!read.ok) return failure(target, read.fault);
        return comparison(at, read.value.value);
      },
    },
    {
      id: "subscriptions",
      what: "read one page of SaaS subscriptions",
      run: async () => {
        const page = await subscriptionsPage(at);
        return page.ok ? found.ok("the application may read subscriptions") : failure(target, page.fault);
      },
    },
    {
      id: "saas-webhook",
      what: "fetch the keys that the SaaS webhook's tokens are signed with",
      run: async () => {
        if (market.webhook === undefined)
          return found.skipped("settings.marketplace.webhook is not set: subscriptions are found by sweeps alone");
        const { tenantId } = market.webhook;
        const { endpoint } = target.settings;
        const key = await keys.find(deps, { tenantId, keyId: "none of this id", endpoint });
        // A set that lacks this id was read all the same.
        return key.kind === "unsure"
          ? found.failed(
              "the tenant's keys cannot be read: every delivery would be refused",
              `Check that this machine reaches ${loginHost} on port 443, and settings.marketplace.webhook.tenantId. Microsoft's token comes in the header authorization: let no proxy take it away.`,
            )
          : found.ok("the tenant's keys can be read");
      },
    },
  ];
};

const comparison = ({ market }: MarketDeps, page: z.infer<typeof productsPageSchema>): Found => {
  const listed = new Map(page.value.map(({ id, identity }) => [id, identity?.externalId ?? null]));
  const unlisted = market.products.find(({ id }) => !listed.has(id));
  const renamed = market.products.find(({ id, offerId }) => (listed.get(id) ?? offerId) !== offerId);
  if (renamed !== undefined)
    return found.failed(
      `${renamed.id} is ${listed.get(renamed.id)} at Microsoft, not ${renamed.offerId}`,
      "Correct its offerId in settings.marketplace.products: with a wrong one its subscriptions are overlooked.",
    );
  if (unlisted !== undefined && !page["@nextLink"])
    return found.failed(`Microsoft lists no ${unlisted.id}`, "Correct settings.marketplace.products.");
  const names = page.value.slice(0, 5).map(({ id, identity }) => `${identity?.externalId ?? "?"} is ${id}`);
  return market.products.length === 0
    ? found.ok(`${page.value.length} products${names.length === 0 ? "" : `: ${names.join("; ")}`}`)
    : found.ok(`${market.products.length} of ${page.value.length} products are in the settings`);
};

const failure = ({ account, settings }: Target, fault: Fault): Found => {
  if (fault.kind === "denied")
    return found.failed(fault.message, `Correct it, then look again: cosell doctor (account ${account})`);
  if (fault.kind === "throttled") return found.failed(fault.message, "Run the diagnosis again later.");
  const place = settings.endpoint ?? "graph.microsoft.com and marketplaceapi.microsoft.com";
  return found.failed(
    fault.message,
    `Check that this machine reaches ${place} on port 443, DNS and firewall included.`,
  );
};
