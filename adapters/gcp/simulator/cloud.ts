/** The simulated Google as an installation takes it in. Of co-sell it tells nothing by itself; the marketplace's news are pushed. */
import * as z from "zod";
import type { SimulatedCloud } from "../../contract.ts";
import { keyFileOf, simulatedCredential } from "./credential.ts";
import { createGcpSimulator } from "./index.ts";
import { projectOf } from "./marketplace/catalogue.ts";
import { reportsBucket } from "./storage.ts";

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

const project = projectOf(simulatedCredential);
/** A subscription's audience is any text on which both sides agree: the connection's own address is not known before it is made. */
const push = { audience: "cosell-simulated", email: `marketplace-push@${project}.iam.gserviceaccount.com` };
const connectionSchema = z.looseObject({ hookUrl: z.url() });

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
      marketplace: {
        project,
        contact: { name: "Simulated partner sales" },
        orders: "accept",
        planChanges: "accept",
        push,
      },
      reports: { bucket: reportsBucket },
    },
    secrets: { "service-account-key": JSON.stringify(keyFileOf(simulatedCredential)) },
  }),
  attach: async ({ call, control, connectionId }) => {
    const { hookUrl } = connectionSchema.parse(await call("GET", `/v1/connections/${connectionId}`));
    const answer = await control(
      new Request("http://simulator.invalid/subscription", {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ url: hookUrl, audience: push.audience, serviceAccount: push.email }),
      }),
    );
    if (!answer.ok) throw new Error(`the Google simulator refused the subscription: ${await answer.text()}`);
  },
  signIn: {
    "service account": clientEmail,
    project: projectId,
    "partner id": partnerId,
    "marketplace project": project,
  },
  connectCommand: (endpoint) =>
    `curl -s ${endpoint}/control/key > simulated-key.json && cosell connect gcp --label "Google simulator" --environment simulated --partner ${partnerId} --endpoint ${endpoint} --key simulated-key.json --accept-terms --project ${project} --orders accept --report-bucket ${reportsBucket}`,
};
