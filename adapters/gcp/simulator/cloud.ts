/** The simulated Google as an installation takes it in. It tells of nothing by itself, so there is nothing to attach. */
import type { SimulatedCloud } from "../../contract.ts";
import { keyFileOf, simulatedCredential } from "./credential.ts";
import { createGcpSimulator } from "./index.ts";
import { projectOf } from "./marketplace/catalogue.ts";

const { clientEmail, partnerId, projectId } = simulatedCredential;

const spread = (countries: string, region: string): Readonly<Record<string, string>> =>
  Object.fromEntries(countries.split(" ").map((country) => [country, region]));
/** Google's words for most regions and industries are not public: these have their form, and the simulator takes them. */
const regionMap = {
  ...spread("US CA", "NORTH_AMERICA"),
  ...spread("AR BR CL CO MX PE", "LATIN_AMERICA"),
  ...spread("AT BE CH CZ DE DK ES FI FR GB IE IT NL NO PL PT SE AE IL SA ZA SL", "EMEA"),
  ...spread("AU CN HK ID IN JP KR MY NZ PH SG TH TW VN", "ASIA_PACIFIC"),
};
const industries = [
  "Agriculture",
  "Automotive",
  "Computers and Electronics",
  "Consumer Goods",
  "Education",
  "Energy - Power and Utilities",
  "Financial Services",
  "Gaming",
  "Government",
  "Healthcare",
  "Life Sciences",
  "Manufacturing",
  "Media and Entertainment",
  "Professional Services",
  "Real Estate and Construction",
  "Retail",
  "Telecommunications",
  "Transportation and Logistics",
  "Wholesale and Distribution",
];
const wordOf = (text: string): string =>
  text
    .toUpperCase()
    .replaceAll(/[^A-Z]+/g, "_")
    .replaceAll(/^_|_$/g, "");

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
      credentials: { keyRef: "secret:service-account-key" },
      currencies: ["USD", "EUR"],
      defaults: {
        productFamily: ["GOOGLE_CLOUD_PLATFORM"],
        supportLevel: "ALIGN_SALES_ACCOUNT",
        contractVehicle: "UNKNOWN",
        deliveryModel: "SAAS_ON_GOOGLE_CLOUD",
        legalLanguageAccepted: true,
      },
      industryMap: Object.fromEntries(industries.map((industry) => [industry, wordOf(industry)])),
      regionMap,
    },
    secrets: { "service-account-key": JSON.stringify(keyFileOf(simulatedCredential)) },
  }),
  signIn: {
    "service account": clientEmail,
    project: projectId,
    "partner id": partnerId,
    "marketplace project": projectOf(simulatedCredential),
  },
  connectCommand: (endpoint) =>
    `curl -s ${endpoint}/control/key > simulated-key.json && cosell connect gcp --label "Google simulator" --environment simulated --partner ${partnerId} --endpoint ${endpoint} --key simulated-key.json --accept-terms`,
};
