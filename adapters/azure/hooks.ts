/**
 * Partner Center's webhooks: signed over their raw bytes with a key whose certificate lies at an address that the delivery
 * names. The address is followed only to hosts that the connection allows; the certificate counts only under a root of Microsoft's
 * and for Microsoft's own organization. What a delivery says is a pointer: its address is never called.
 * https://learn.microsoft.com/en-us/partner-center/developer/partner-center-webhooks
 */
import * as z from "zod";
import type { ClockDep, HttpDep } from "../../src/ports.ts";
import { readBoundedJson } from "../bounded-json.ts";
import { brandVerified, type Hint, type Hooks, type RawDelivery, type Verdict } from "../contract.ts";
import { bytesOf, isSignedBy, type X509 } from "../signing.ts";
import type { SignerFound, Signers } from "./signers.ts";

/** What of a connection's settings the webhooks need. */
export interface HookTarget {
  /** Exact hosts that certificates may be fetched from. */
  readonly certificateHosts: readonly string[];
  /** The organization that the signer's certificate must name. */
  readonly organization: string;
  /** PEM certificates of the authorities that are trusted instead of Microsoft's. */
  readonly roots?: readonly string[] | undefined;
  /** A simulator's address. */
  readonly endpoint?: string | undefined;
}

/** Documented host of the certificate. It is configurable because Microsoft may move it. */
export const certificateHostsDefault = ["3psostorageacct.blob.core.windows.net"] as const;
export const organizationDefault = "Microsoft Corporation";

/** https://learn.microsoft.com/en-us/partner-center/developer/partner-center-webhook-events */
export const referralEvents = [
  "referral-created",
  "referral-updated",
  "related-referral-created",
  "related-referral-updated",
] as const;
export const testEvent = "test-created";

const signatureCharactersMax = 2_048;
const guid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;
const endsInGuid = new RegExp(`/(${guid.source})/?$`, "i");
const algorithm = "rsa-sha256";
const hash = "SHA-256";

/** Names are given in the documents' casing; a simulator or another version may write them otherwise. */
const eventSchema = z.object({
  EventName: z.string().max(100),
  ResourceUri: z.string().max(500),
  ResourceChangeUtcDate: z.string().max(64),
});

interface Proof {
  readonly signature: Uint8Array<ArrayBuffer>;
  readonly certificateUrl: string;
}
type Refused = Extract<Verdict, { kind: "forged" | "unsure" }>;
const forged = (reason: string): Refused => ({ kind: "forged", reason });
const isRefused = (value: Proof | X509 | Refused): value is Refused => "kind" in value;

/** The webhooks of a connection. `verify` proves first, then reads. */
export const createHooks = (deps: ClockDep & HttpDep & { readonly signers: Signers }, target: HookTarget): Hooks => {
  const signerOf = async (url: string, isAgain: boolean): Promise<X509 | Refused> => {
    const found: SignerFound = await deps.signers.find(deps, { target, url, isAgain });
    return found.kind === "found" ? found.signer : found;
  };
  return {
    headers: ["x-ms-certificate-url", "x-ms-signature-algorithm"],
    verify: async (delivery) => {
      const proof = proofOf(delivery, target.certificateHosts);
      if (isRefused(proof)) return proof;
      const data = Uint8Array.from(delivery.body);
      for (const isAgain of [false, true]) {
        const signer = await signerOf(proof.certificateUrl, isAgain);
        if (isRefused(signer)) return signer;
        if (await isSignedBy(signer, { hash, signature: proof.signature, data })) return judge(delivery.body);
        // The key at an address may have been renewed since it was fetched: once more, anew.
      }
      return forged("the signature is not that of the body");
    },
  };
};

/** The signature and where its certificate is, as the headers claim. Nothing of the body is looked at. */
const proofOf = (delivery: RawDelivery, hosts: readonly string[]): Proof | Refused => {
  const { headers } = delivery;
  if (headers["x-ms-signature-algorithm"]?.trim().toLowerCase() !== algorithm)
    return forged(`the signature's algorithm is not ${algorithm}`);
  // Registered with signatureTokenToMsSignatureHeader, the signature comes in a header that no proxy takes for its own.
  const given = [headers["x-ms-signature"], headers.authorization].filter((text) => /^signature\s/i.test(text ?? ""));
  const [first, second] = given;
  if (first === undefined || (second !== undefined && second !== first)) return forged("there is no one signature");
  const base64 = /^signature\s+([A-Za-z0-9+/]{40,}={0,2})\s*$/i.exec(first)?.[1];
  if (base64 === undefined || base64.length > signatureCharactersMax) return forged("the signature is not base64");
  const certificateUrl = certificateUrlOf(headers["x-ms-certificate-url"] ?? "", hosts);
  if (certificateUrl === null) return forged("the certificate's address is not one that is followed");
  try {
    return { signature: bytesOf(base64), certificateUrl };
  } catch {
    return forged("the signature is not base64");
  }
};

/**
 * The certificate's address, or null. https at an allowed host and nothing else: names of blob storage can be claimed by anybody, so
 * a host is allowed by its whole name. The text is compared as it stands: what a parser makes of odd spellings does not matter.
 */
export const certificateUrlOf = (text: string, hosts: readonly string[]): string | null => {
  const [, host = "", path = ""] = /^https:\/\/([a-z0-9.-]+)(\/cert\/[A-Za-z0-9._-]{1,120}\.cer)$/.exec(text) ?? [];
  return hosts.includes(host) && !path.includes("..") && new URL(text).href === text ? text : null;
};

/** What an authentic delivery comes to. */
const judge = async (body: Uint8Array): Promise<Verdict> => {
  const read = readBoundedJson(body);
  if (read.trouble !== null) return { kind: "ignored", reason: read.trouble };
  const parsed = eventSchema.safeParse(read.json);
  if (!parsed.success) return { kind: "ignored", reason: "it is no event of Partner Center" };
  const { EventName, ResourceUri, ResourceChangeUtcDate } = parsed.data;
  const name = EventName.trim().toLowerCase();
  const isReferral = referralEvents.some((known) => known === name);
  if (!isReferral && name !== testEvent) return { kind: "ignored", reason: "an event that is not known here" };
  const id = endsInGuid.exec(ResourceUri)?.[1]?.toLowerCase();
  if (id === undefined) return { kind: "ignored", reason: "it names no record" };
  const at = Number.isNaN(Date.parse(ResourceChangeUtcDate)) ? null : ResourceChangeUtcDate;
  // An event says neither whose referral it is nor in which direction it goes.
  const hints: readonly Hint[] = isReferral ? [{ kind: "record", id, at }] : [];
  return {
    kind: "verified",
    delivery: brandVerified({ key: await keyOf([name, id, ResourceChangeUtcDate]), kind: name, hints }),
  };
};

/** Deliveries carry no id: the same event of the same record at the same time is the same delivery. */
const keyOf = async (parts: readonly string[]): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(parts)));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
};
