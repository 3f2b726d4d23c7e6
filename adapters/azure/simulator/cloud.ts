/** The simulated Microsoft as an installation takes it in: a consented organization, and Partner Center's webhooks registered at the service. */
import * as z from "zod";
import type { SimulatedCloud } from "../../contract.ts";
import { simulatedCredential } from "./credential.ts";
import { certificateHost, createAzureSimulator } from "./index.ts";
import { catalogue, durablePlanId } from "./marketplace/catalogue.ts";

const { tenantId, clientId, clientSecret, refreshToken, organizationId, mpnId, rootCertificate } = simulatedCredential;
const addressesSchema = z.looseObject({ hookUrl: z.url(), landingUrl: z.url().nullish() });
const solution = { id: "SOL-34104-EBA", name: "Business Insights and Analytics" };

export const simulatedAzure: SimulatedCloud = {
  id: "azure",
  create: createAzureSimulator,
  connection: (endpoint) => ({
    marketplace: "azure",
    label: "Microsoft (simulated)",
    account: organizationId,
    environment: "simulated",
    settings: {
      organizationId,
      tenantId,
      mpnId,
      ...(endpoint === undefined ? {} : { endpoint }),
      consent: { clientId, clientSecretRef: "secret:clientSecret", refreshTokenRef: "secret:refreshToken" },
      hooks: { certificateHosts: [certificateHost], roots: [rootCertificate] },
      solutions: [solution],
      defaults: { dealType: "co_sell", solutions: [solution.id], consentToContact: true },
      reports: {},
      marketplace: {
        preparedBy: "alliances@simulated-partner.example",
        notificationContacts: ["alliances@simulated-partner.example"],
        products: catalogue.map((product) => ({
          id: `product/${product.id}`,
          offerId: product.externalId,
          plans: product.plans.map((plan) => ({ id: durablePlanId(product, plan), planId: plan.externalId })),
        })),
        app: { kind: "secret", clientId, clientSecretRef: "secret:clientSecret" },
        webhook: { audience: clientId, tenantId },
        activation: "accept",
        planChanges: "accept",
      },
    },
    secrets: { clientSecret, refreshToken },
  }),
  attach: async ({ call, control, connectionId }) => {
    await call("PUT", `/v1/connections/${connectionId}/webhook-registration`);
    // What a person fills in at Partner Center, in the technical configuration of each SaaS offer.
    const { hookUrl, landingUrl } = addressesSchema.parse(await call("GET", `/v1/connections/${connectionId}`));
    const answer = await control(
      new Request("http://simulator.invalid/technical", {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ webhookUrl: hookUrl, landingPageUrl: landingUrl ?? null }),
      }),
    );
    if (!answer.ok) throw new Error(`the Microsoft simulator refused the addresses: ${await answer.text()}`);
  },
  signIn: {
    tenant: tenantId,
    "client id": clientId,
    "client secret": clientSecret,
    "refresh token": refreshToken,
    organization: organizationId,
  },
  connectCommand: (endpoint) =>
    `cosell connect azure --label "Microsoft simulator" --environment simulated --organization ${organizationId} --tenant ${tenantId} --endpoint ${endpoint} --client-id ${clientId} --offers alliances@simulated-partner.example --reports`,
};
