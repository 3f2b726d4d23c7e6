/** The parts that settings of connections and fields of programmes are made of, whatever the marketplace. */
import * as z from "zod";

export const secretRefSchema = z
  .string()
  .regex(/^(secret|env):.+$/, "a reference such as secret:aws-key, never the secret itself")
  .describe("reference of a secret: secret:<name>, or env:<VARIABLE> of the service");
/** The name under which the Secrets port knows a reference. */
export const secretName = (ref: string): string => (ref.startsWith("secret:") ? ref.slice("secret:".length) : ref);

/** Anything may arrive from a CRM: what is not as described becomes a gap, never a refusal to load the deal. */
export const loose = <T extends z.ZodType>(schema: T, description: string) =>
  z.union([schema, z.json()]).exactOptional().describe(description);
export const oneOf = (values: readonly string[], description: string) => loose(z.enum(values), description);

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(host);
/** Another address of a partner's API: a simulator, a proxy. */
export const endpointSchema = z.string().refine((address) => {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || url.username !== "" || url.search !== "" || url.hash !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}, "an https address without user, query or fragment; http only for this machine (localhost, 127.0.0.1, [::1])");

/** Read by the workflows, whatever the marketplace: whether offers move the deals that they serve. */
export const offerStagesSchema = z
  .boolean()
  .exactOptional()
  .describe(
    "true: a deal becomes committed when its private offer is accepted and launched when billing begins, as far as the field authority lets a partner; default: offers move no deal",
  );
