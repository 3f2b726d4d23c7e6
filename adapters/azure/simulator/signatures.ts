/** How deliveries are signed, where the signer's certificate lies, and how a forger goes about it. */
import { base64Of, type Flaw, pemOf, signatureOf, signerOf } from "./certificates.ts";
import { certificateHost, strangerHost } from "./credential.ts";
import type { KeyName } from "./keys.ts";
import type { EventRecord, Forgery, RegistrationRecord } from "./ledger.ts";
import type { World } from "./world.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const fileName = "pcnotifications-dispatch.microsoft.com.cer";
const genuineUrl = `https://${certificateHost}/cert/${fileName}`;

/** Which key a forger signs with, and which address its delivery names; null: Microsoft's own. */
interface Plan {
  readonly key: KeyName | null;
  readonly url: string | null;
  readonly flaw: Flaw;
}
const forged = (flaw: Flaw): Plan => ({ key: "forger", url: `https://${certificateHost}/cert/${flaw}.cer`, flaw });
const genuine: Plan = { key: null, url: null, flaw: "none" };
const plans: Readonly<Record<Forgery, Plan>> = {
  tampered_body: genuine,
  other_key: { ...genuine, key: "forger" },
  unknown_authority: forged("unknown_authority"),
  other_organization: forged("organization"),
  expired_certificate: forged("expired"),
  authority_itself: forged("authority"),
  stranger_host: { key: "forger", url: `https://${strangerHost}/cert/${fileName}`, flaw: "unknown_authority" },
  plain_http: { ...genuine, url: `http://${certificateHost}/cert/${fileName}` },
  weak_algorithm: genuine,
  no_signature: genuine,
  no_certificate: { ...genuine, url: `https://${certificateHost}/cert/nobody.cer` },
};
const flaws: readonly Flaw[] = ["unknown_authority", "organization", "expired", "authority"];

export const createSignatures = (world: World) => {
  const made = new Map<string, Promise<Bytes>>();
  const renewals = (): number => world.ledger.signers.get("signer")?.renewals ?? 0;
  const signer = (): KeyName => (renewals() % 2 === 0 ? "signer" : "renewed");

  const certificate = (key: KeyName, flaw: Flaw): Promise<Bytes> => {
    const year = world.now().getUTCFullYear();
    const name = `${key} ${flaw} ${year}`;
    const known = made.get(name) ?? signerOf(world.keys, { key, flaw, year });
    made.set(name, known);
    return known;
  };

  return {
    /** Headers and body of a delivery. */
    sign: async (event: EventRecord, registration: RegistrationRecord) => {
      const plan = event.forgery === null ? genuine : plans[event.forgery];
      const body: Bytes = new TextEncoder().encode(event.body);
      const signature = `Signature ${base64Of(await signatureOf(world.keys, plan.key ?? signer(), body))}`;
      const isTampered = event.forgery === "tampered_body";
      const isSigned = event.forgery !== "no_signature";
      const header = registration.signatureInOwnHeader ? "x-ms-signature" : "authorization";
      return {
        // Another referral's id in place of the one that was signed.
        body: isTampered ? new TextEncoder().encode(event.body.replace(/[0-9a-f]{12}"/, '000000000000"')) : body,
        headers: {
          "content-type": "application/json",
          ...(isSigned ? { [header]: signature } : {}),
          "x-ms-certificate-url": plan.url ?? genuineUrl,
          "x-ms-signature-algorithm": event.forgery === "weak_algorithm" ? "rsa-sha1" : "rsa-sha256",
        },
      };
    },
    /** The certificate at an address of one of the storage hosts, or null. */
    at: async (host: string, path: string): Promise<Bytes | null> => {
      const [, name = ""] = /^\/cert\/([\w.-]+)\.cer$/.exec(path) ?? [];
      if (host === strangerHost) return name === "" ? null : certificate("forger", "unknown_authority");
      if (`${name}.cer` === fileName) return certificate(signer(), "none");
      const flaw = flaws.find((known) => known === name);
      return flaw === undefined ? null : certificate("forger", flaw);
    },
    /** A certificate as the settings say that it is served. */
    served: (der: Bytes): Bytes =>
      world.settings().webhooks.certificate === "pem" ? new TextEncoder().encode(pemOf(der)) : der,
    /** Microsoft signs with another key from now on, whose certificate lies at the old address. */
    renew: (): number => {
      const next = renewals() + 1;
      world.ledger.signers.put("signer", { renewals: next });
      return next;
    },
  };
};
export type Signatures = ReturnType<typeof createSignatures>;
