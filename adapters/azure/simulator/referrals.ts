/**
 * The referrals API: create, read, patch and replace. A partner's own referral comes back accepted; one more in the same engagement asks
 * Microsoft, or another partner, for help.
 * https://learn.microsoft.com/en-us/partner-center/developer/create-a-referral
 * https://learn.microsoft.com/en-us/partner-center/developer/patch-a-referral
 */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import type { WireAnswer } from "../../simulator/departure.ts";
import { isList, isObject, listAt, textAt } from "../../simulator/document.ts";
import { unstruck } from "../../simulator/faults.ts";
import { answered, invalid, notFound, refusal, unauthorizedReferral } from "./answers.ts";
import { accountOf, type Call } from "./calls.ts";
import type { Events } from "./events.ts";
import type { ReferralRecord } from "./ledger.ts";
import { type Change, patched, readPatch } from "./patch.ts";
import { endOf, type Records, statusOf, trackingOf, type Views } from "./records.ts";
import { checkChange, checkInvitation, checkName, checkOwn, checkStatus, microsoftId } from "./rules.ts";
import type { Sellers } from "./sellers.ts";
import { readNew, readOnly, readWritable } from "./shapes.ts";
import type { World } from "./world.ts";

export interface ReferralParts {
  readonly records: Records;
  readonly views: Views;
  readonly events: Events;
  readonly sellers: Sellers;
}

const context = "https://api.partner.microsoft.com/v1.0/engagments/referrals/$metadata#Referrals/$entity";

export const createReferrals = (world: World, { records, views, events, sellers }: ReferralParts) => {
  const { ledger } = world;

  const isVisible = (row: ReferralRecord, call: Call): boolean => {
    if (row.account !== accountOf(call)) return false;
    if (world.settings().role === "Referrals admin") return true;
    const me = call.caller.credential.user.email.toLowerCase();
    return records
      .engagement(row.engagementId)
      .filter((other) => other.party === "partner")
      .some((own) =>
        listAt(own.document, "team").some(
          (person) => isObject(person) && textAt(person, "email")?.toLowerCase() === me,
        ),
      );
  };
  const find = (call: Call): ReferralRecord => {
    const id = decodeURIComponent(call.place.path.split("/").at(-1) ?? "").toLowerCase();
    const row = ledger.referrals.get(id);
    if (!row || !isVisible(row, call)) throw notFound("referral", id);
    return row;
  };
  const mine = (call: Call): ReferralRecord => {
    const row = find(call);
    if (row.party !== "partner") throw unauthorizedReferral();
    return row;
  };
  const checkMatch = (row: ReferralRecord, call: Call, isRequired: boolean): void => {
    const match = call.headers.get("if-match");
    if (match === null && isRequired)
      throw refusal("preconditionFailed", "The If-Match header with the latest eTag is required.", {
        inner: "IfMatchRequired",
      });
    if (match !== null && match !== "*" && match !== row.etag)
      throw refusal("preconditionFailed", "The eTag does not match the referral's latest version.", {
        inner: "resourceModified",
      });
  };
  const whole = (row: ReferralRecord): JsonObject => views.view(row, row, "resource");

  const createOwn = (call: Call, document: JsonObject): ReferralRecord => {
    checkName(document);
    checkOwn(document, world.settings());
    const status = textAt(document, "status") ?? "New";
    const { organizationId, organizationName, mpnId } = call.caller.credential;
    const account = organizationId;
    const isOpen = status === "New" || status === "Active";
    // What a partner brings is accepted at once, whatever it says.
    const stated = isOpen ? { status: "Active", substatus: "Accepted" } : {};
    const settled: JsonObject = {
      externalReferenceId: null,
      statusReason: null,
      salesStage: "10",
      mpnId,
      expirationDateTime: null,
      ...document,
      ...stated,
      organizationId,
      organizationName,
      acceptedDateTime: world.stamp(call.now),
      registrationStatus: "None",
    };
    checkStatus(settled);
    const name = `${textAt(document, "externalReferenceId") ?? textAt(document, "name") ?? ""}`;
    const engagementId = world.uuid("engagement");
    return records.write(
      { engagementId, account, party: "partner", direction: "Outgoing", document: settled, name },
      call,
    );
  };

  const createInvitation = (call: Call, document: JsonObject, organizationId: string): ReferralRecord => {
    const engagementId = (textAt(document, "engagementId") ?? "").toLowerCase();
    const account = accountOf(call);
    const own = records.engagement(engagementId).find((row) => row.party === "partner" && row.account === account);
    if (!own || !isVisible(own, call))
      throw invalid(
        "engagementId",
        `There is no engagement ${engagementId || "(none given)"} of yours.`,
        "EngagementNotFound",
      );
    if (textAt(own.document, "type") !== "Shared")
      throw invalid("type", "Only a deal whose own referral is Shared can have others in it.", "EngagementNotShared");
    if (statusOf(own) === "Closed") throw invalid("engagementId", "The deal is closed.", "ReferralClosed");
    checkInvitation(document, world.settings());
    const isMicrosoft = organizationId === microsoftId;
    const { engagementId: _, ...rest } = document;
    const settled: JsonObject = {
      name: own.document.name ?? null,
      externalReferenceId: null,
      statusReason: null,
      ...rest,
      organizationId,
      organizationName: textAt(document, "organizationName") ?? (isMicrosoft ? "Microsoft" : null),
      status: "New",
      substatus: "Pending",
      expirationDateTime: endOf(call.now, world.settings().referrals.expirationDays),
    };
    const party = isMicrosoft ? "microsoft" : "other";
    const name = `${textAt(own.document, "externalReferenceId") ?? textAt(own.document, "name") ?? ""} ${party}`;
    const row = records.write({ engagementId, account, party, direction: "Outgoing", document: settled, name }, call);
    sellers.plan(row);
    return row;
  };

  /** The members a partner may write, changed and checked; then what follows from the change. */
  const update = (row: ReferralRecord, wanted: JsonObject, call: Call): ReferralRecord => {
    const settings = world.settings();
    const after: JsonObject = { ...keptOf(row.document), ...readWritable(wanted) };
    checkChange(row.document, after, settings);
    if (row.direction === "Outgoing") checkOwn(after, settings);
    const [was, is] = [statusOf(row), textAt(after, "status")];
    const stamped: JsonObject = {
      ...after,
      ...(was !== is && is === "Active" ? { acceptedDateTime: world.stamp(call.now) } : {}),
      ...(is === "Closed" ? { closedDateTime: world.stamp(call.now) } : {}),
      ...(textAt(after, "substatus") === "Won" ? { salesStage: "100" } : {}),
    };
    const saved = sellers.register(records.save(row, stamped, call), call);
    sellers.settle(saved);
    events.referral("updated", saved, call);
    return saved;
  };

  /** After the answer Microsoft changes what was just read or written: the eTag in the answer is old. */
  const afterwards = (row: ReferralRecord, call: Call): void => {
    const rule = call.struck.find("changed_behind");
    const occasion = { now: call.now, struck: unstruck };
    if (rule) sellers.change(row, { [rule.field ?? "details.customerAction"]: rule.value ?? "Reviewed" }, occasion);
  };
  const shown = (row: ReferralRecord, call: Call, status = 200): WireAnswer => {
    const version = call.operation === "GetReferral" ? records.shown(row, call) : row;
    const body = {
      ...(status === 200 && call.operation === "GetReferral" ? { "@odata.context": context } : {}),
      ...views.view(row, version, "resource"),
    };
    afterwards(row, call);
    return answered(status, body, { etag: version.etag });
  };

  return {
    isVisible,
    whole,
    create: (call: Call): WireAnswer => {
      const document = readNew(call.body);
      const organizationId = textAt(document, "organizationId") ?? accountOf(call);
      const isOwn = organizationId === accountOf(call);
      const { organizationId: _id, organizationName: _name, engagementId: _engagement, ...own } = document;
      const row = isOwn ? createOwn(call, own) : createInvitation(call, document, organizationId);
      events.referral("created", row, call);
      return shown(row, call, world.settings().wire.createStatus);
    },
    get: (call: Call): WireAnswer => shown(find(call), call),
    patch: (call: Call): WireAnswer => {
      const row = mine(call);
      checkMatch(row, call, false);
      const changes = readPatch(call.body);
      refuseReadOnly(changes);
      const wanted = patched(row.document, changes);
      const saved = isForStranger(row.document, wanted) ? row : update(row, checkedPaths(wanted, changes), call);
      const wantsBody = (call.headers.get("prefer") ?? "").toLowerCase().includes("return=representation");
      if (wantsBody) return shown(saved, call);
      afterwards(saved, call);
      return answered(204, null, { etag: saved.etag });
    },
    put: (call: Call): WireAnswer => {
      const row = mine(call);
      checkMatch(row, call, true);
      const wanted = call.body;
      if (!isObject(wanted)) throw invalid("referral", "The body must be a referral.");
      if (wanted.links !== undefined) throw invalid("links", "The links must be left out.", "LinksNotAllowed");
      return shown(update(row, wanted, call), call);
    },
  };
};
export type Referrals = ReturnType<typeof createReferrals>;

/** What stays when a partner writes: everything only Microsoft writes. */
const keptOf = (document: JsonObject): JsonObject => {
  const kept = readOnly.flatMap((name) => (document[name] === undefined ? [] : [[name, document[name]] as const]));
  const { trackingInfo } = document;
  return { ...Object.fromEntries(kept), ...(trackingInfo === undefined ? {} : { trackingInfo }) };
};
const refuseReadOnly = (changes: readonly Change[]): void => {
  const wrong = changes.find(({ parts }) => readOnly.some((name) => name === parts[0]));
  if (wrong) throw invalid(wrong.path, `The member ${wrong.path} cannot be changed.`, "ReadOnly");
};
/** A change of the CRM's id to one that Microsoft's CRM does not have is taken, and nothing at all happens. */
const isForStranger = (before: JsonObject, after: JsonObject): boolean => {
  const wanted = trackingOf(after).microsoftMsxId ?? null;
  return wanted !== null && wanted !== (trackingOf(before).microsoftMsxId ?? null);
};
/** Refuses paths that lead to no member of the model: they would be lost without a word. */
const checkedPaths = (wanted: JsonObject, changes: readonly Change[]): JsonObject => {
  const kept = readWritable(wanted);
  const lost = changes.find(({ parts }) => !leads(kept, parts));
  if (lost) throw invalid(lost.path, `The target location specified by path '${lost.path}' was not found.`);
  return kept;
};
const leads = (value: Json | undefined, [part, ...rest]: readonly string[]): boolean => {
  if (part === undefined) return value !== undefined;
  if (isList(value)) return part === "-" ? value.length > 0 : leads(value[Number(part)], rest);
  return isObject(value) && leads(value[part], rest);
};
