/**
 * Whose key signs webhooks: the certificate at an allowed address, proved by its chain to a pinned root, by the organization it names and
 * by the clock. Kept by address for all connections of a process, and fetched no oftener than a bound allows.
 */
import type { ClockDep, HttpDep } from "../../src/ports.ts";
import { type Chain, chainOf, readCertificates, type X509 } from "../signing.ts";
import { createExchange } from "./exchange.ts";
import type { HookTarget } from "./hooks.ts";
import { microsoftRoots } from "./roots.ts";

/** A certificate fetched is used for so long before its address is asked again. */
const keepMs = 3_600_000;
/** After a signature that does not fit, an address is asked again at most so often. */
const againMs = 60_000;
const keptMax = 100;
/** Fetches in a minute, all addresses together: deliveries that name ever other addresses shall not make us their messenger. */
const fetchesPerMinute = 30;
const minuteMs = 60_000;
const certificateBytesMax = 16 * 1024;
const issuersMax = 3;
/**
 * Where the authorities publish their own certificates, which lie between a signer's and the root. What comes from there is proved by
 * signature, so that http does no harm; https://learn.microsoft.com/en-us/azure/security/fundamentals/azure-ca-details
 */
const issuerHosts: ReadonlySet<string> = new Set([
  "www.microsoft.com",
  "caissuers.microsoft.com",
  "cacerts.digicert.com",
]);

export type SignerFound =
  | { readonly kind: "found"; readonly signer: X509 }
  | { readonly kind: "forged" | "unsure"; readonly reason: string };

export interface SignerAsked {
  readonly target: HookTarget;
  /** An address that `certificateUrlOf` passed. */
  readonly url: string;
  /** The signer known so far did not make the signature: it may have changed since. */
  readonly isAgain: boolean;
}
export interface Signers {
  /** The proved signer at an address. `unsure`: it could not be fetched now; `forged`: what lies there is no signer of Microsoft's. */
  readonly find: (deps: ClockDep & HttpDep, asked: SignerAsked) => Promise<SignerFound>;
}

interface Kept {
  readonly signer: X509;
  readonly atMs: number;
}

/** One for a process: the marketplace makes it and gives it to all its sessions. */
export const createSigners = (): Signers => {
  const kept = new Map<string, Kept>();
  const fetches = createAllowance();
  return {
    find: async (deps, asked) => {
      const nowMs = deps.clock.now().getTime();
      const { target, url, isAgain } = asked;
      const key = JSON.stringify([url, target.endpoint, target.organization, target.roots]);
      const known = kept.get(key);
      const isValid =
        known !== undefined && nowMs < known.signer.notAfter.getTime() && nowMs >= known.signer.notBefore.getTime();
      if (known !== undefined && isValid && !isAgain && nowMs - known.atMs < keepMs)
        return { kind: "found", signer: known.signer };
      if (known !== undefined && isAgain && nowMs - known.atMs < againMs)
        return { kind: "forged", reason: "the signature is not that of the body" };
      const found = await fetchSigner(deps, asked, fetches);
      if (found.kind === "found") {
        if (kept.size >= keptMax) kept.clear();
        kept.set(key, { signer: found.signer, atMs: nowMs });
      }
      // The host may be down for hours: until it expires, a certificate that was proved stays proved.
      if (found.kind === "unsure" && known !== undefined && isValid && !isAgain)
        return { kind: "found", signer: known.signer };
      return found;
    },
  };
};

const createAllowance = () => {
  let since = Number.NEGATIVE_INFINITY;
  let used = 0;
  return (nowMs: number): boolean => {
    if (nowMs - since >= minuteMs || nowMs < since) {
      since = nowMs;
      used = 0;
    }
    return ++used <= fetchesPerMinute;
  };
};
type Allowance = ReturnType<typeof createAllowance>;

const fetchSigner = async (
  deps: ClockDep & HttpDep,
  { target, url }: SignerAsked,
  fetches: Allowance,
): Promise<SignerFound> => {
  const fetched = await fetchCertificates(deps, { url, endpoint: target.endpoint }, fetches);
  if ("kind" in fetched) return fetched;
  const [signer, ...between] = fetched;
  if (signer === undefined) return { kind: "forged", reason: "there is no certificate" };
  const { organizations } = signer;
  if (organizations.length !== 1 || organizations[0] !== target.organization)
    return { kind: "forged", reason: "the certificate is of another organization" };
  const roots = (target.roots ?? microsoftRoots).flatMap((pem) => readCertificates(new TextEncoder().encode(pem)));
  for (let turn = 0; ; turn++) {
    const chain: Chain = await chainOf(signer, { between, roots, now: deps.clock.now() });
    if (chain.kind === "trusted") return { kind: "found", signer };
    if (chain.kind === "refused") return { kind: "forged", reason: `the certificate is refused: ${chain.reason}` };
    const issuerUrl = chain.issuerUrls.find(isIssuerUrl);
    if (issuerUrl === undefined || turn >= issuersMax)
      return { kind: "forged", reason: "the certificate leads to no root that is trusted" };
    const issuers = await fetchCertificates(deps, { url: issuerUrl, endpoint: target.endpoint }, fetches);
    if ("kind" in issuers) return issuers;
    between.push(...issuers);
  }
};

const isIssuerUrl = (text: string): boolean => {
  const [, host = ""] = /^https?:\/\/([a-z0-9.-]+)\/[A-Za-z0-9._~%/-]{1,200}$/.exec(text) ?? [];
  return issuerHosts.has(host);
};

const fetchCertificates = async (
  deps: ClockDep & HttpDep,
  { url, endpoint }: { readonly url: string; readonly endpoint: string | undefined },
  fetches: Allowance,
): Promise<readonly X509[] | Exclude<SignerFound, { kind: "found" }>> => {
  if (!fetches(deps.clock.now().getTime())) return { kind: "unsure", reason: "too many certificates were asked for" };
  const answered = await createExchange(deps, endpoint)({ what: "the signer's certificate", url });
  if (!answered.ok) return { kind: "unsure", reason: answered.fault.message };
  const { status, bytes } = answered.value;
  if (status === 404 || status === 410) return { kind: "forged", reason: "there is no certificate at its address" };
  if (status !== 200) return { kind: "unsure", reason: `the certificate's host answered ${status}` };
  if (bytes.length > certificateBytesMax) return { kind: "forged", reason: "the certificate is too large for one" };
  try {
    return readCertificates(bytes);
  } catch {
    return { kind: "forged", reason: "what lies at the certificate's address is none" };
  }
};
