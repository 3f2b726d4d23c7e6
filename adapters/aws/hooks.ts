/**
 * EventBridge deliveries. Nothing in them is signed: a shared key in a header, or a bearer token that we issued to the
 * connection's OAuth client, is the only proof, so nothing is parsed before it is checked, and what it says is only a hint.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
 */

import type { ClockDep, SecretsDep } from "../../src/ports.ts";
import {
  createTokenVerifier,
  digestOf,
  hookAudience,
  isSameDigest,
  secretIdOf,
  type TokenVerifier,
} from "../../src/tokens.ts";
import { readBoundedJson } from "../bounded-json.ts";
import { secretName } from "../connection-settings.ts";
import {
  brandVerified,
  type Hint,
  type Hooks,
  type RawDelivery,
  type Verdict,
  type VerifiedDelivery,
} from "../contract.ts";
import { isMarketplaceSource, marketplaceNews } from "./offers/events.ts";
import type { Settings, Target } from "./settings.ts";
import { detailTypes, type Envelope, envelopeSchema, eventRegion, eventSource } from "./wire.ts";

const headerCharactersMax = 4_096;

type Proof = { readonly kind: "good" } | Extract<Verdict, { kind: "forged" | "unsure" }>;
const forged = (reason: string): Proof => ({ kind: "forged", reason });

/** Digests of the connection's keys as last read: hashing what does not change costs as much as the whole check. */
const createDigests = () => {
  const known = new Map<string, { readonly value: string; readonly digest: Uint8Array }>();
  return (ref: string, value: string): Uint8Array => {
    const kept = known.get(ref);
    if (kept?.value === value) return kept.digest;
    const digest = digestOf(value);
    known.set(ref, { value, digest });
    return digest;
  };
};
type Digests = ReturnType<typeof createDigests>;

/** Whether the header carries one of the connection's keys. Every key is read and compared, whichever matches. */
type ProofDeps = SecretsDep & { readonly digests: Digests; readonly tokens: TokenVerifier };
const proveByKey = async (
  { secrets, digests }: ProofDeps,
  { headerName, keyRefs }: NonNullable<Settings["hookKeys"]>,
  delivery: RawDelivery,
): Promise<Proof> => {
  const given = delivery.headers[headerName.toLowerCase()];
  if (given === undefined || given === "") return forged("the key header is missing");
  if (given.length > headerCharactersMax) return forged("the key header is too long for a key");
  // A header sent twice arrives comma-joined, and is then no key of ours.
  const claimed = digestOf(given);
  let good = false;
  let unread = false;
  for (const ref of keyRefs) {
    const secret = await secrets.get(secretName(ref)).catch(() => null);
    if (secret === null || secret.value === "") unread = true;
    else if (isSameDigest(claimed, digests(ref, secret.value))) good = true;
  }
  if (good) return { kind: "good" };
  return unread
    ? { kind: "unsure", reason: "a key of this connection cannot be read now" }
    : forged("the key is not one of this connection's");
};

/** Whether the request carries a token of ours for this connection, earned with a secret that is still live. */
const proveByToken = async (
  { tokens }: ProofDeps,
  { client, audience }: { readonly client: NonNullable<Settings["hookOAuth"]>; readonly audience: string },
  delivery: RawDelivery,
): Promise<Proof> => {
  const token = /^Bearer ([A-Za-z0-9._-]+)$/i.exec(delivery.headers.authorization ?? "")?.[1];
  if (token === undefined) return forged("the bearer token is missing");
  const verdict = await tokens.verify(token, audience);
  if (verdict.kind === "unsure") return { kind: "unsure", reason: verdict.reason };
  if (verdict.kind === "bad") return forged(verdict.reason);
  const isLive = client.secretRefs.map(secretIdOf).includes(verdict.secretId);
  return verdict.clientId === client.clientId && isLive
    ? { kind: "good" }
    : forged("the token was issued for another client, or for a secret that was revoked");
};

/** By whichever of the ways that the connection has set up; none set up or none passed: not proved. */
const prove = async (deps: ProofDeps, target: Target, delivery: RawDelivery): Promise<Proof> => {
  const { hookKeys, hookOAuth } = target.settings;
  const proofs: Proof[] = [];
  if (hookOAuth !== undefined)
    proofs.push(await proveByToken(deps, { client: hookOAuth, audience: hookAudience(target.connectionId) }, delivery));
  if (hookKeys !== undefined) proofs.push(await proveByKey(deps, hookKeys, delivery));
  const best = ["good", "unsure", "forged"].flatMap((kind) => proofs.filter((proof) => proof.kind === kind));
  return best[0] ?? forged("this connection takes no webhooks");
};

const envelopeOf = (body: Uint8Array): Envelope | string => {
  const read = readBoundedJson(body);
  if (read.trouble !== null) return read.trouble;
  const parsed = envelopeSchema.safeParse(read.json);
  return parsed.success
    ? parsed.data
    : `it is no EventBridge event (${parsed.error.issues[0]?.path.join(".") || "root"})`;
};

/** Why an authentic event is not for this connection, or null. */
const notOurs = (event: Envelope, target: Target): string | null => {
  if (event.account !== target.account) return "another AWS account";
  const isOffers = target.marketplace !== null && isMarketplaceSource(event.source);
  if (event.source !== eventSource && !isOffers) return "another event source";
  if (event.region !== eventRegion) return "another region";
  // AWS Marketplace has a catalog of its own, which its part looks at.
  return isOffers || event.detail.catalog === target.catalog ? null : "another catalog";
};

/** The opportunity, or the invitation to us, that an event speaks of. Invitations that we sent ourselves tell nothing new. */
const hintsOf = (event: Envelope): readonly Hint[] => {
  const { opportunity, resourceSnapshot: snapshot, engagementInvitation: invitation } = event.detail;
  const at = Number.isNaN(Date.parse(event.time)) ? null : event.time;
  const hint = (kind: Hint["kind"], id: string | null | undefined): readonly Hint[] =>
    !id || id.length > 64 ? [] : [{ kind, id, at }];
  if (invitation?.participantType === "Receiver") return hint("invitation", invitation.id);
  return hint(
    "opportunity",
    opportunity?.identifier ?? (snapshot?.resourceType === "Opportunity" ? snapshot.resourceId : null),
  );
};

/**
 * What the bytes of an authentic delivery come to. `misplaced`: no event at all, or one of another account, source, region or
 * catalog; `useless`: an event for us that calls for nothing.
 */
export type Judged =
  | { readonly kind: "event"; readonly delivery: VerifiedDelivery }
  | { readonly kind: "useless" | "misplaced"; readonly reason: string };

/** Reads an event from bytes whose sender is proved, within the bounds and allow-lists of the connection. */
export const judgeEvent = (body: Uint8Array, target: Target): Judged => {
  const event = envelopeOf(body);
  if (typeof event === "string") return { kind: "misplaced", reason: event };
  const other = notOurs(event, target);
  if (other !== null) return { kind: "misplaced", reason: other };
  if (event.source !== eventSource) {
    const told = marketplaceNews(event, target.account);
    if (told.kind !== "news") return told;
    return { kind: "event", delivery: brandVerified({ key: told.key, kind: event["detail-type"], hints: told.hints }) };
  }
  if (!detailTypes.some((type) => type === event["detail-type"]))
    return { kind: "useless", reason: "a detail-type that is not known here" };
  const hints = hintsOf(event);
  if (hints.length === 0)
    return { kind: "useless", reason: `${event["detail-type"]} names no opportunity and no invitation to us` };
  return { kind: "event", delivery: brandVerified({ key: event.id, kind: event["detail-type"], hints }) };
};

/** The webhooks of a connection. `verify` proves first, then reads. */
export const createHooks = ({ secrets, clock }: SecretsDep & ClockDep, target: Target): Hooks => {
  const deps = { secrets, digests: createDigests(), tokens: createTokenVerifier({ secrets, clock }) };
  return {
    headers: [],
    verify: async (delivery) => {
      const proof = await prove(deps, target, delivery);
      if (proof.kind !== "good") return proof;
      const judged = judgeEvent(delivery.body, target);
      return judged.kind === "event"
        ? { kind: "verified", delivery: judged.delivery }
        : { kind: "ignored", reason: judged.reason };
    },
  };
};
