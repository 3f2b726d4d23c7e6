/** The simulated AWS as an installation takes it in: its account, and EventBridge pointed at the service. */
import * as z from "zod";
import type { SimulatedCloud } from "../../contract.ts";
import { createAwsSimulator } from "./index.ts";
import { feedsBucket } from "./s3.ts";
import { simulatedCredential, simulatedRegion } from "./signature.ts";

const hookKeySchema = z.looseObject({ url: z.string(), headerName: z.string(), secret: z.string() });
const { account, accessKeyId, secretAccessKey } = simulatedCredential;

export const simulatedAws: SimulatedCloud = {
  id: "aws",
  create: createAwsSimulator,
  connection: (endpoint) => ({
    marketplace: "aws",
    label: "AWS (simulated)",
    account,
    environment: "simulated",
    settings: {
      accountId: account,
      catalog: "AWS",
      ...(endpoint === undefined ? {} : { endpoint }),
      credentials: { accessKeyIdRef: "secret:accessKeyId", secretAccessKeyRef: "secret:secretAccessKey" },
      defaults: {
        solutions: ["S-0000001"],
        involvementType: "Co-Sell",
        visibility: "Full",
        marketing: { source: "None" },
      },
      offers: {},
      reports: { bucket: feedsBucket },
    },
    secrets: { accessKeyId, secretAccessKey },
  }),
  attach: async ({ call, control, connectionId }) => {
    const hook = hookKeySchema.parse(await call("POST", `/v1/connections/${connectionId}/hook-keys`));
    const answer = await control(
      new Request("http://simulator.invalid/destinations", {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          url: hook.url,
          headerName: hook.headerName,
          headerValue: hook.secret,
          account,
          catalog: "AWS",
        }),
      }),
    );
    if (!answer.ok) throw new Error(`the AWS simulator refused the destination: ${await answer.text()}`);
  },
  signIn: { account, "access key id": accessKeyId, "secret access key": secretAccessKey, region: simulatedRegion },
  connectCommand: (endpoint) =>
    `cosell connect aws --label "AWS simulator" --environment simulated --account ${account} --endpoint ${endpoint} --access-key-id ${accessKeyId} --secret-access-key ${secretAccessKey} --solution S-0000001 --offers --report-bucket ${feedsBucket}`,
};
