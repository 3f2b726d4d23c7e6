/** How an application signs in by itself: what several surfaces of a connection are set up with. */
import * as z from "zod";

export const secretRefSchema = z
  .string()
  .regex(/^(secret|env):.+$/, "a reference such as secret:azure-client, never the secret itself")
  .describe("reference of a secret: secret:<name>, or env:<VARIABLE> of the service");
export const tenantSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9.-]{2,252}$/, "the tenant's id (a GUID) or one of its domains")
  .describe("Microsoft Entra tenant of the seller");
export const clientIdSchema = z.string().min(1).max(128).describe("application (client) id of the Entra app");

/** App-only access, for the surfaces that take it. */
export const appSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("secret"),
    tenantId: tenantSchema.exactOptional(),
    clientId: clientIdSchema,
    clientSecretRef: secretRefSchema,
  }),
  z.strictObject({
    kind: z.literal("certificate"),
    tenantId: tenantSchema.exactOptional(),
    clientId: clientIdSchema,
    certificateRef: secretRefSchema.describe("PEM with the certificate and its private key"),
  }),
  z.strictObject({
    kind: z.literal("workload"),
    tenantId: tenantSchema.exactOptional(),
    clientId: clientIdSchema,
    tokenFile: z
      .string()
      .min(1)
      .exactOptional()
      .describe("file of the federated token; default AZURE_FEDERATED_TOKEN_FILE"),
  }),
]);
export type AppSettings = z.infer<typeof appSchema>;
