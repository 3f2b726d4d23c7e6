/**
 * Referrals and leads that Microsoft, or another partner, sends us: referrals of our own organization that wait for our answer, 14
 * days at most. An accepted one is the very same record, so nothing has to be found afterwards.
 * https://learn.microsoft.com/en-us/partner-center/developer/referrals-api-introduction
 */
import type { Json, JsonObject, RemoteRef } from "../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import type {
  InvitationFacts,
  InvitationKind,
  InvitationObservation,
  RejectionReason,
} from "../../src/domain/invitation.ts";
import type { AnswerInput, AnswerNext, Hint, Outcome, Page, Write } from "../contract.ts";
import { scrub } from "../text.ts";
import { amountOf, type Document, type Path, patchOf, paths, read } from "./document.ts";
import { isInbound, isMicrosofts, unknownWords } from "./observation.ts";
import { type CoSellDeps, getReferral, listReferrals } from "./reading.ts";
import { type RecordRead, readRecord } from "./record.ts";
import type { Target } from "./settings.ts";
import { listOf, microsoftId, type WirePerson, type WireReferral } from "./wire.ts";

/**
 * Reasons for declining, as we send them in `statusReason`. Partner Center publishes no list, and takes a text: a closed list keeps
 * people's names out of it.
 */
export const rejectionReasons: readonly RejectionReason[] = [
  { code: "no_capacity", label: "No capacity", description: "There are no people for it now." },
  {
    code: "not_our_offer",
    label: "Does not match our offering",
    description: "The customer needs what we do not sell.",
  },
  { code: "wrong_region", label: "Outside of our region or industry", description: "We do not serve such customers." },
  { code: "not_qualified", label: "Not qualified", description: "There is no budget, no need, or no right person." },
  { code: "duplicate", label: "Duplicate of an existing deal", description: "We work on this deal already." },
  { code: "unreachable", label: "Customer cannot be reached", description: "The customer did not answer." },
  { code: "other", label: "Other", description: "Any other reason." },
];

/** What a referral that was sent to us is, by the three members that documents name for it. */
export const kindOf = (referral: WireReferral): InvitationKind => {
  const inviter = referral.inviteContext?.invitedBy?.organizationId?.toLowerCase() || null;
  const isFromMicrosoft = inviter === microsoftId;
  const isLead =
    referral.type === "Independent" &&
    ((referral.qualification === "Direct" && (isFromMicrosoft || inviter === null)) ||
      (["SalesQualified", "MarketingQualified"].includes(referral.qualification ?? "") && isFromMicrosoft));
  return isLead ? "lead" : "referral";
};

const words = (text: string | null | undefined): string | null => (text?.trim() ? scrub(text.trim()) : null);
interface Named {
  readonly id?: string | null | undefined;
  readonly name?: unknown;
}
/** What a list of requirements names. */
const namesOf = (entries: Named | readonly Named[] | null | undefined): readonly string[] =>
  listOf<Named>(entries).flatMap(({ id, name }) => words(typeof name === "string" && name !== "" ? name : id) ?? []);

const freeMail =
  /(^|\.)(gmail|googlemail|outlook|hotmail|live|msn|yahoo|icloud|aol|gmx|web|mail|proton|protonmail)\.[a-z.]+$/;
/** The customer's domain, where all its people write from one of its own: Microsoft states no website, and deals of a company are known by it. */
const domainOf = (customer: WireReferral["customerProfile"]): string | null => {
  const domains = listOf<WirePerson>(customer?.team).map(
    ({ email }) => email?.split("@")[1]?.trim().toLowerCase() ?? "",
  );
  const [first] = domains;
  return first && domains.every((domain) => domain === first) && !freeMail.test(first) ? first : null;
};

const factsOf = (referral: WireReferral): InvitationFacts => {
  const { customerProfile: customer, details, inviteContext } = referral;
  const requirements = details?.requirements;
  const country = customer?.address?.country ?? "";
  const kinds = {
    Direct: "Marketplace lead",
    MarketingQualified: "Marketing qualified",
    SalesQualified: "Sales qualified",
  };
  const isKnown = (word: string): word is keyof typeof kinds => Object.hasOwn(kinds, word);
  const qualification = referral.qualification ?? "";
  const about = [requirements?.solutions, requirements?.products, requirements?.services].flatMap(namesOf);
  return {
    title: words(referral.name),
    sender: words(inviteContext?.invitedBy?.organizationName ?? senderOf(inviteContext?.invitedBy?.organizationId)),
    message: words(inviteContext?.notes),
    customer: {
      name: words(customer?.name),
      website: domainOf(customer),
      country: /^[A-Z]{2}$/.test(country) ? country : null,
      industry: namesOf(requirements?.industries).join(", ") || null,
      segment: words(customer?.size),
      maturity: null,
    },
    problem: words(details?.notes),
    useCase: about.join(", ") || null,
    closeDate: /^\d{4}-\d\d-\d\d/.exec(details?.closingDateTime ?? "")?.[0] ?? null,
    // Microsoft states the whole value of a deal, never a month's.
    monthlySpend: null,
    roles: inviteContext?.assistanceRequestCode ? [inviteContext.assistanceRequestCode] : [],
    origin: [referral.referralProgram, referral.referralSource].flatMap((part) => words(part) ?? []).join(": ") || null,
    score: isKnown(qualification) ? kinds[qualification] : words(qualification),
    members: 0,
  };
};
const senderOf = (organizationId: string | null | undefined): string | null =>
  organizationId?.toLowerCase() === microsoftId ? "Microsoft" : null;

/** What a referral's status means for an answer of ours; null while it waits. Undefined: words we do not know. */
export const eventOf = (referral: WireReferral): InvitationObservation["event"] | undefined => {
  if (unknownWords(referral) !== null) return undefined;
  if (referral.status === "New") return null;
  if (referral.status === "Active") return "accepted";
  if (referral.substatus === "Declined") return "rejected";
  return referral.substatus === "Expired" ? "expired" : "accepted";
};

/** One referral that was sent to us. What is ours, or Microsoft's own, is none. */
export const look = async (deps: CoSellDeps, ref: RemoteRef): Promise<Result<InvitationObservation>> => {
  const seen = await getReferral(deps, ref.id);
  if (!seen.ok) return seen;
  const { referral, text } = seen.value;
  if (isMicrosofts(referral) || !isInbound(referral, deps.target.settings.organizationId))
    return failed({ kind: "missing", message: `referral ${ref.id.slice(0, 40)} was not sent to us` });
  const event = eventOf(referral);
  if (event === undefined)
    return failed({
      kind: "drift",
      message: `Microsoft answered ${unknownWords(referral)} for referral ${ref.id.slice(0, 40)}, which this version does not know`,
    });
  const value = amountOf(referral.details?.dealValue);
  return ok({
    ref: { id: referral.id, ...(referral.engagementId ? { arn: referral.engagementId } : {}) },
    kind: kindOf(referral),
    event,
    facts: factsOf(referral),
    // All of it may be read before it is accepted; what is missing now may come later.
    later: value === null ? ["amount"] : [],
    invitedAt: isoOf(referral.createdDateTime),
    expiresAt: isoOf(referral.expirationDateTime),
    rejectedBecause: event === "rejected" ? words(referral.statusReason) : null,
    people: listOf<WirePerson>(referral.customerProfile?.team).map((person) => ({
      email: text254(person.email),
      name: [person.firstName, person.lastName].filter(Boolean).join(" ") || null,
      title: text254(person.title),
    })),
    body: `{"referral":${text},"related":[]}`,
    seenAt: deps.clock.now(),
  });
};
const text254 = (value: unknown): string | null =>
  typeof value === "string" && value !== "" ? value.slice(0, 254) : null;
const isoOf = (text: string | null | undefined): string | null => {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
};

const firstPage = `?$filter=${encodeURIComponent("direction eq 'Incoming' and status eq 'New'")}&$orderby=${encodeURIComponent("createdDateTime desc")}`;
/** Referrals that wait for our answer, newest first. */
export const pending = async (deps: CoSellDeps, cursor: Json): Promise<Result<Page<Hint>>> => {
  const query = typeof cursor === "string" && cursor.startsWith("?") ? cursor : firstPage;
  const listed = await listReferrals(deps, query);
  if (!listed.ok) return listed;
  const { rows, next } = listed.value;
  const { organizationId } = deps.target.settings;
  const items = rows
    .filter((row) => row.status === "New" && !isMicrosofts(row) && isInbound(row, organizationId))
    .map((row): Hint => ({ kind: "invitation", id: row.id, at: row.createdDateTime ?? null }));
  const more = next !== null && next !== query;
  return ok({ items, cursor: more ? next : null, more });
};

const stop = (reason: string): AnswerNext => ({ kind: "stop", reason });
const answerWrite = (record: RecordRead, key: string, patch: readonly JsonObject[]): Write => ({
  operation: "AnswerReferral",
  key,
  body: { id: record.referral.id, ifMatch: record.eTag, patch },
  token: "we-read",
});
const replace = (path: string, value: Json): JsonObject => ({ op: "replace", path, value });

/** The next step of an answer. `done` holds the confirmed outcomes of this invitation; refused ones are not among them. */
export const nextAnswer = (input: AnswerInput, done: readonly Outcome[], target: Target): AnswerNext => {
  const { answer, invitation } = input;
  const record = readRecord(invitation.body);
  const { id } = record.referral;
  const has = (key: string) => done.some((outcome) => outcome.key === key);
  if (answer.kind === "reject") {
    if (invitation.event === "rejected" || has("reject")) return { kind: "done", made: null };
    if (invitation.event !== null) return stop(`Microsoft has it as ${invitation.event} already.`);
    const reason = rejectionReasons.find((known) => known.code === answer.reason);
    if (reason === undefined) return stop(`There is no reason ${answer.reason}.`);
    const decline = [
      replace("/status", "Closed"),
      replace("/substatus", "Declined"),
      { op: record.raw.statusReason === undefined ? "add" : "replace", path: "/statusReason", value: reason.label },
    ];
    return { kind: "write", write: answerWrite(record, "reject", decline) };
  }
  if (invitation.event === "accepted" || has("accept")) return { kind: "done", made: { id } };
  if (invitation.event === "rejected") return stop("Microsoft has it as rejected already.");
  if (invitation.event === "expired") return stop("It expired before it was accepted.");
  const accept = [replace("/status", "Active"), replace("/substatus", "Accepted")];
  return { kind: "write", write: answerWrite(record, "accept", [...accept, ...standIns(record, target)]) };
};

/**
 * An active deal has a name, a value and a close date. Where it came without a name the customer's stands in, for the rest what the
 * connection was told to say; nothing else is made up.
 */
const standIns = (record: RecordRead, target: Target): readonly JsonObject[] => {
  const { raw, referral } = record;
  const { acceptance } = target.settings;
  const document = read(raw);
  const createdAt = Date.parse(referral.createdDateTime ?? "");
  const closing =
    acceptance === undefined || Number.isNaN(createdAt)
      ? undefined
      : new Date(createdAt + acceptance.closeInDays * 24 * 3_600_000).toISOString().slice(0, 10);
  const wanted: Document = {
    ...(document.name === undefined ? some("name", referral.customerProfile?.name) : {}),
    ...(document.value === undefined ? some("value", acceptance?.value) : {}),
    ...(document.closing === undefined ? some("closing", closing) : {}),
  };
  const lacking = paths.filter((path) => wanted[path] !== undefined);
  return patchOf(raw, { paths: lacking, document: wanted, solutionOf: (id) => ({ id }) }).map((one) => ({ ...one }));
};
const some = (path: Path, value: Json | null | undefined): Document => (value ? { [path]: value } : {});
