/**
 * EventBridge deliveries. Nothing in them is signed: the shared key in a header is the only proof, so nothing is parsed
 * before it is checked, and what it says is only a hint.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
 */
import type { SecretsDep } from "../../src/ports.ts";
import { brandVerified, type Hint, type Hooks, type RawDelivery, type Verdict } from "../contract.ts";
import { jsonOf } from "./faults.ts";
import { type Settings, secretName, type Target } from "./settings.ts";
import { detailTypes, type Envelope, envelopeSchema, eventRegion, eventSource } from "./wire.ts";

const depthMax = 32;
const keysMax = 2_000;
const headerCharactersMax = 4_096;

const hash = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
/** Compares digests of equal length without leaving early: the time says nothing about where they differ. */
const equal = (left: Uint8Array, right: Uint8Array): boolean => {
  let difference = left.length ^ right.length;
  for (let index = 0; index < left.length; index++) difference |= (left[index] ?? 0) ^ (right[index] ?? 0);
  return difference === 0;
};

type HookKeys = NonNullable<Settings["hookKeys"]>;
type Proof = { readonly kind: "good" } | Extract<Verdict, { kind: "forged" | "unsure" }>;

/** Digests of the connection's keys as last read: hashing what does not change costs as much as the whole check. */
const createDigests = () => {
  const known = new Map<string, { readonly value: string; readonly digest: Uint8Array }>();
  return async (ref: string, value: string): Promise<Uint8Array> => {
    const kept = known.get(ref);
    if (kept?.value === value) return kept.digest;
    const digest = await hash(value);
    known.set(ref, { value, digest });
    return digest;
  };
};
type Digests = ReturnType<typeof createDigests>;

/** Whether the header carries one of the connection's keys. Every key is read and compared, whichever matches. */
const prove = async (
  { secrets, digestOf }: SecretsDep & { readonly digestOf: Digests },
  { headerName, keyRefs }: HookKeys,
  delivery: RawDelivery,
): Promise<Proof> => {
  const given = delivery.headers[headerName.toLowerCase()];
  if (given === undefined || given === "") return { kind: "forged", reason: "the key header is missing" };
  if (given.length > headerCharactersMax) return { kind: "forged", reason: "the key header is too long for a key" };
  // A header sent twice arrives comma-joined, and is then no key of ours.
  const claimed = await hash(given);
  let good = false;
  let unread = false;
  for (const ref of keyRefs) {
    const secret = await secrets.get(secretName(ref)).catch(() => null);
    if (secret === null || secret.value === "") unread = true;
    else if (equal(claimed, await digestOf(ref, secret.value))) good = true;
  }
  if (good) return { kind: "good" };
  return unread
    ? { kind: "unsure", reason: "a key of this connection cannot be read now" }
    : { kind: "forged", reason: "the key is not one of this connection's" };
};

/** Why the JSON text is out of bounds (depth, keys, a key named twice), or null. Runs in one pass, before parsing. */
export const outOfBounds = (text: string): string | null => {
  const names: Set<string>[] = [];
  let keys = 0;
  for (let index = 0; index < text.length; index++) {
    const sign = text[index];
    if (sign === "{" || sign === "[") {
      if (names.push(new Set()) > depthMax) return `it is nested deeper than ${depthMax}`;
    } else if (sign === "}" || sign === "]") names.pop();
    else if (sign === '"') {
      const start = index;
      for (index++; index < text.length && text[index] !== '"'; index++) if (text[index] === "\\") index++;
      if (!/^\s*:/.test(text.slice(index + 1, index + 64))) continue;
      const name = jsonOf(text.slice(start, index + 1));
      const seen = names.at(-1);
      if (typeof name !== "string" || seen === undefined) return "it is no JSON";
      if (seen.has(name)) return "a member is named twice";
      seen.add(name);
      if (++keys > keysMax) return `it has more than ${keysMax} members`;
    }
  }
  return null;
};

const envelopeOf = (body: Uint8Array): Envelope | string => {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return "it is no UTF-8";
  }
  const trouble = outOfBounds(text);
  if (trouble !== null) return trouble;
  const json = jsonOf(text);
  if (json === undefined) return "it is no JSON";
  const parsed = envelopeSchema.safeParse(json);
  return parsed.success
    ? parsed.data
    : `it is no EventBridge event (${parsed.error.issues[0]?.path.join(".") || "root"})`;
};

/** Why an authentic event is not for this connection, or null. */
const notOurs = (event: Envelope, target: Target): string | null => {
  if (event.account !== target.account) return "another AWS account";
  if (event.source !== eventSource) return "another event source";
  if (event.region !== eventRegion) return "another region";
  if (!detailTypes.some((type) => type === event["detail-type"])) return "a detail-type that is not known here";
  return event.detail.catalog === target.catalog ? null : "another catalog";
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

export const createHooks = ({ secrets }: SecretsDep, target: Target, keys: HookKeys): Hooks => {
  const digestOf = createDigests();
  return {
    headers: [],
    verify: async (delivery) => {
      const proof = await prove({ secrets, digestOf }, keys, delivery);
      if (proof.kind !== "good") return proof;
      const event = envelopeOf(delivery.body);
      if (typeof event === "string") return { kind: "ignored", reason: event };
      const other = notOurs(event, target);
      if (other !== null) return { kind: "ignored", reason: other };
      const hints = hintsOf(event);
      if (hints.length === 0)
        return { kind: "ignored", reason: `${event["detail-type"]} names no opportunity and no invitation to us` };
      return { kind: "verified", delivery: brandVerified({ key: event.id, kind: event["detail-type"], hints }) };
    },
  };
};
