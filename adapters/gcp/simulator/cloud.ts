/** The simulated Google as an installation takes it in: a partner with a service account. Google sends no word: it is polled. */
import type { SimulatedCloud } from "../../contract.ts";
import { createGcpSimulator, keyFileOf, simulatedCredential } from "./index.ts";

const { partnerId, clientEmail, projectId } = simulatedCredential;

/** Google publishes one word of each list; the simulator takes whatever is written like one. */
const industries = [
  "Consumer Goods",
  "Transportation and Logistics",
  "Retail",
  "Manufacturing",
  "Healthcare",
  "Financial Services",
  "Government",
  "Life Sciences",
  "Media and Entertainment",
  "Professional Services",
  "Telecommunications",
];
const wordOf = (name: string): string => name.toUpperCase().replaceAll(/[^A-Z]+/g, "_");
const regions: Readonly<Record<string, readonly string[]>> = {
  EUROPE: ["AT", "DE", "ES", "FI", "FR", "GB", "IE", "IT", "NL", "NO", "PL", "SE"],
  ASIA_PACIFIC: ["AU", "IN", "JP", "KR", "SG"],
  LATIN_AMERICA: ["BR", "CL", "MX"],
};

export const simulatedGcp: SimulatedCloud = {
  id: "gcp",
  create: createGcpSimulator,
  connection: (endpoint) => ({
    marketplace: "gcp",
    label: "Google (simulated)",
    account: partnerId,
    environment: "simulated",
    settings: {
      partnerId,
      ...(endpoint === undefined ? {} : { endpoint }),
      credentials: { keyRef: "secret:serviceAccountKey" },
      defaults: {
        productFamily: ["GOOGLE_CLOUD_PLATFORM"],
        supportLevel: "ALIGN_SALES_ACCOUNT",
        deliveryModel: "SAAS_ON_GOOGLE_CLOUD",
        legalLanguageAccepted: true,
      },
      currencies: ["USD", "EUR"],
      industryMap: Object.fromEntries(industries.map((name) => [name, wordOf(name)])),
      regionMap: Object.fromEntries(
        Object.entries(regions).flatMap(([region, countries]) => countries.map((country) => [country, region])),
      ),
    },
    secrets: { serviceAccountKey: keyFileOf(simulatedCredential) },
  }),
  signIn: { partner: partnerId, "service account": clientEmail, project: projectId },
  connectCommand: (endpoint) =>
    `cosell connect gcp --label "Google simulator" --environment simulated --partner ${partnerId} --endpoint ${endpoint}`,
};
