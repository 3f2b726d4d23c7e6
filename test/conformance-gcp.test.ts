/** Google before the conformance suite. */
import { createGcp } from "../adapters/gcp/index.ts";
import { createGcpSimulator, keyFileOf, simulatedCredential } from "../adapters/gcp/simulator/index.ts";
import { runMarketplaceConformance } from "./marketplace-conformance.ts";
import { callsOf } from "./marketplace-harness.ts";

const { partnerId } = simulatedCredential;
const key = keyFileOf(simulatedCredential);
const settings = { partnerId, credentials: { keyRef: "secret:key" } };
const signIns = new Set(["token"]);

runMarketplaceConformance({
  create: createGcp,
  account: partnerId,
  settings,
  otherSettings: { ...settings, defaults: { notes: "set later", campaignCode: "LATER" } },
  secrets: { key: JSON.stringify(key) },
  wrongSecrets: { key: JSON.stringify({ ...key, client_email: "nobody@simulated-partner.iam.gserviceaccount.com" }) },
  simulate: (deps, options) => {
    const { controls, ...simulator } = createGcpSimulator(deps, {
      ...options,
      settings: { rules: { unlistedEnums: "refuse" } },
    });
    return {
      simulator,
      calls: async () => callsOf((await controls.ledger()).counters, signIns),
      strike: (rules) => controls.setFaults(rules),
      held: async (wanted) => {
        const { opportunities } = await controls.ledger();
        return opportunities.flatMap(({ id, document }) =>
          wanted === undefined || document.referenceOpportunityId === wanted ? [id] : [],
        );
      },
      accept: (id) => controls.accept(id),
      edit: async (id) => {
        await controls.edit(id, { "opportunityInfo.description": "Theirs: call the customer" });
        return "Theirs: call the customer";
      },
    };
  },
  fields: {
    productFamily: ["GOOGLE_CLOUD_PLATFORM"],
    industry: "SOFTWARE",
    region: "NORTH_AMERICA",
    legalLanguageAccepted: true,
  },
  minimum: {
    "opportunities.query": 1,
    "opportunities.create": 1,
    "opportunities.patch": 1,
    "opportunities.get": 1,
  },
  writes: ["opportunities.create", "opportunities.patch"],
  reads: { look: "opportunities.get", list: "opportunities.query" },
  records: 1,
  wireText: ({ body }) => JSON.stringify(body.opportunity),
  broken: { opportunity: { problem: null } },
  refused: { parts: { fields: { region: "NOWHERE_AT_ALL" } }, write: "opportunities.create" },
  edit: { opportunity: { closeDate: "2027-01-31" } },
  isFrozen: true,
  isVersioned: false,
  invitations: {},
  forgeries: [],
  isSignIn: ({ host }) => host === "oauth2.googleapis.com",
});
