/** Microsoft before the conformance suite. */
import { createAzure } from "../adapters/azure/index.ts";
import {
  certificateHost,
  createAzureSimulator,
  type Forgery,
  simulatedCredential,
} from "../adapters/azure/simulator/index.ts";
import { runMarketplaceConformance } from "./marketplace-conformance.ts";
import { callsOf } from "./marketplace-harness.ts";

const { organizationId, tenantId, clientId, clientSecret, refreshToken, rootCertificate } = simulatedCredential;
const solution = { id: "SOL-34104-EBA", name: "Business Insights" };
const settings = {
  organizationId,
  tenantId,
  consent: { clientId, clientSecretRef: "secret:client", refreshTokenRef: "secret:refresh" },
  hooks: { certificateHosts: [certificateHost], roots: [rootCertificate] },
  solutions: [solution],
};
const forgeries: readonly Forgery[] = [
  "tampered_body",
  "other_key",
  "unknown_authority",
  "other_organization",
  "expired_certificate",
  "authority_itself",
  "stranger_host",
  "plain_http",
  "weak_algorithm",
  "no_signature",
  "no_certificate",
];
const kinds = { referral: "co_sell", lead: "qualified_lead" } as const;
const signIns = new Set([
  "RedeemCode",
  "RefreshToken",
  "ClientCredentials",
  "GetMetadata",
  "GetKeys",
  "GetCertificate",
]);

runMarketplaceConformance({
  create: () => createAzure(),
  account: organizationId,
  settings,
  otherSettings: { ...settings, defaults: { campaignId: "set later", helpNotes: "set later" } },
  secrets: { client: clientSecret, refresh: refreshToken },
  wrongSecrets: { client: "a secret that was rotated away" },
  simulate: (deps, options) => {
    const { controls, ...simulator } = createAzureSimulator(deps, {
      ...options,
      settings: { solutions: [solution.id] },
    });
    return {
      simulator,
      calls: async () => callsOf((await controls.ledger()).counters, signIns),
      strike: (rules) => controls.setFaults(rules),
      held: async (key) => {
        const { referrals } = await controls.ledger();
        return referrals.flatMap(({ id, document }) =>
          key === undefined || document.externalReferenceId === key ? [id] : [],
        );
      },
      accept: (id) => controls.accept(id),
      edit: async (id) => {
        await controls.edit(id, { "details.notes": "Theirs: call the customer" });
        return "Theirs: call the customer";
      },
      refer: async (kind) => String((await controls.refer({ kind: kind === "lead" ? kinds.lead : kinds.referral })).id),
      expire: (id) => controls.expire(id),
      subscribe: async (url) => controls.putRegistration({ url }),
      forge: async (how) => {
        await controls.forge({ kind: forgeries.find((kind) => kind === how) ?? "other_key" });
        return null;
      },
    };
  },
  fields: { dealType: "co_sell", solutions: [solution.id], consentToContact: true },
  minimum: { CreateReferral: 1, InviteMicrosoft: 1, GetReferral: 1, ListReferrals: 1 },
  writes: ["CreateReferral", "InviteMicrosoft"],
  reads: { look: "GetReferral", list: "ListReferrals" },
  records: 2,
  wireText: ({ operation, body }) =>
    JSON.stringify(
      operation === "InviteMicrosoft" ? { ...Object(body.referral), engagementId: body.engagementId } : body.referral,
    ),
  broken: { opportunity: { amount: null } },
  refused: { parts: { fields: { solutions: ["SOL-99999-XXX"] } }, write: "CreateReferral" },
  edit: { opportunity: { closeDate: "2027-01-31" } },
  isFrozen: false,
  isVersioned: true,
  invitations: { referral: ["PatchReferral"], lead: ["PatchReferral"], reject: ["PatchReferral"] },
  forgeries,
  isSignIn: ({ host }) => host === "login.microsoftonline.com" || host === certificateHost,
  operationOf: (operation) =>
    operation.endsWith("Referral") && operation !== "CreateReferral" ? "PatchReferral" : operation,
});
