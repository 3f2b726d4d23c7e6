/** AWS before the conformance suite. */
import { createAws } from "../adapters/aws/index.ts";
import { createAwsSimulator, simulatedCredential } from "../adapters/aws/simulator/index.ts";
import { runMarketplaceConformance } from "./marketplace-conformance.ts";
import { callsOf } from "./marketplace-harness.ts";

const { account } = simulatedCredential;
const settings = {
  accountId: account,
  catalog: "AWS",
  credentials: { accessKeyIdRef: "secret:id", secretAccessKeyRef: "secret:key" },
  hookKeys: { keyRefs: ["secret:hook"] },
};

/** The key header of forged deliveries. */
const forged: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "no key": {},
  "another key": { "x-cosell-key": "hook-key-0002" },
  "half the key": { "x-cosell-key": "hook-key" },
  "the key in another header": { authorization: "hook-key-0001" },
};

runMarketplaceConformance({
  create: () => createAws(),
  account,
  settings,
  otherSettings: { ...settings, defaults: { additionalComments: "set later", apnPrograms: ["ISV Accelerate"] } },
  secrets: { id: simulatedCredential.accessKeyId, key: simulatedCredential.secretAccessKey, hook: "hook-key-0001" },
  wrongSecrets: { key: "a key that was rotated away" },
  simulate: (deps, options) => {
    const { controls, ...simulator } = createAwsSimulator(deps, options);
    return {
      simulator,
      calls: async () => callsOf((await controls.ledger()).counters),
      strike: (rules) => controls.setFaults(rules),
      held: async (key) => {
        const { opportunities } = await controls.ledger();
        return opportunities.flatMap(({ id, document }) =>
          key === undefined || document.PartnerOpportunityIdentifier === key ? [id] : [],
        );
      },
      accept: (id) => controls.approve(id),
      edit: async (id) => {
        await controls.edit(id, { "LifeCycle.NextSteps": "Theirs: call the customer" });
        return "Theirs: call the customer";
      },
      refer: async (kind) => (await (kind === "lead" ? controls.referLead() : controls.refer())).id,
      expire: (id) => controls.expire(id),
      subscribe: (url) =>
        controls.putDestination({ url, headerName: "x-cosell-key", headerValue: "hook-key-0001", account }),
      forge: async (how, { body }) => ({ headers: forged[how] ?? {}, body }),
    };
  },
  fields: {
    solutions: ["S-0000001"],
    useCase: "Security & Compliance",
    deliveryModels: ["SaaS or PaaS"],
    primaryNeeds: ["Co-Sell - Architectural Validation"],
    salesActivities: ["Conducted POC / Demo"],
    involvementType: "Co-Sell",
    visibility: "Full",
    marketing: { source: "None" },
  },
  minimum: {
    CreateOpportunity: 1,
    AssociateOpportunity: 1,
    StartEngagementFromOpportunityTask: 1,
    ListEngagementFromOpportunityTasks: 1,
    GetOpportunity: 1,
  },
  writes: ["CreateOpportunity", "AssociateOpportunity", "StartEngagementFromOpportunityTask"],
  reads: { look: "GetOpportunity", list: "ListOpportunities" },
  records: 1,
  wireText: ({ body, token: kind }, token) =>
    JSON.stringify(kind === "partner-keeps" ? { ...body, ClientToken: token } : body),
  broken: { opportunity: { problem: "too short" } },
  refused: { parts: { fields: { solutions: ["S-9999999"] } }, write: "AssociateOpportunity" },
  edit: { opportunity: { closeDate: "2027-01-31" } },
  isFrozen: true,
  isVersioned: true,
  invitations: {
    referral: ["StartEngagementByAcceptingInvitationTask"],
    lead: ["AcceptEngagementInvitation", "UpdateEngagementContext", "StartOpportunityFromEngagementTask"],
    reject: ["RejectEngagementInvitation"],
  },
  forgeries: Object.keys(forged),
});
