/** The service's own key, which signs what it locks: made at its first use, kept sealed like every secret. */
import { makeKey, type PrivateKey, privateKeySchema } from "../domain/signed-rule.ts";
import type { Secrets } from "../ports.ts";

const ref = "secret:signing-key";

/** The private key. Not inside a transaction. */
export const serviceKey = async (secrets: Secrets): Promise<PrivateKey> => {
  const kept = await secrets.get(ref);
  if (kept !== null) return privateKeySchema.parse(JSON.parse(kept.value));
  const made = await makeKey({ side: "us", name: "cosell", role: "service" });
  if (await secrets.rotate(ref, 0, JSON.stringify(made))) return made;
  // Another process made one at the same moment.
  const other = await secrets.get(ref, { fresh: true });
  if (other === null) throw new Error("the service's signing key was taken away while it was made");
  return privateKeySchema.parse(JSON.parse(other.value));
};
