/**
 * Which offer of the buyer a new one must supersede: Google tells, for a billing account and a plan, and takes no other. Read
 * immediately before a draft is written, because an order may come or go at any time.
 * https://github.com/googleapis/googleapis/blob/master/google/cloud/commerceproducer/v1beta/commerce_transaction.proto (ResolveAmendmentTarget)
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { type Fault, failed, type Gap, ok, type Result } from "../../../src/domain/fault.ts";
import { at } from "../../nested.ts";
import { textOf } from "../../text.ts";
import { readOf } from "../reading.ts";
import { amendmentTargetSchema, entitlementSchema, type WireAmendmentTarget } from "../wire-offers.ts";
import { entitlementPath, lastOf, offersPath } from "./names.ts";
import type { MarketDeps } from "./offer-deps.ts";
import { offerSources } from "./rule-kinds.ts";

/** What the document says of the offer that it supersedes. */
export type Amends = { readonly amendedPrivateOffer: string } | { readonly amendedStandardOffer: string } | null;

export const gapOfReplaces = (code: string, message: string, fix: string): Gap => ({
  field: "replaces",
  code,
  message,
  fix,
  source: offerSources.amendments,
});
const refused = (gap: Gap): { readonly ok: false; readonly fault: Fault } =>
  failed({ kind: "rejected", message: gap.message, gaps: [gap] });

export const resolveTarget = (deps: MarketDeps, asked: { readonly billingAccount: string; readonly plan: string }) =>
  readOf(deps, amendmentTargetSchema, {
    operation: "privateOffers.resolveAmendmentTarget",
    path: `${offersPath(deps.market)}:resolveAmendmentTarget`,
    query: { targetBillingAccount: asked.billingAccount, baseStandardOffer: asked.plan },
  });

/** The id of the offer that an agreement is about; null: it is about none. */
const offerOfAgreement = async (deps: MarketDeps, id: string): Promise<Result<string | null>> => {
  const seen = await readOf(deps, entitlementSchema, {
    operation: "providers.entitlements.get",
    path: entitlementPath(deps.market, id),
  });
  if (seen.ok) return ok(seen.value.value.offer ? lastOf(seen.value.value.offer) : null);
  if (seen.fault.kind !== "missing") return seen;
  return refused(
    gapOfReplaces(
      "not_listed",
      `Google knows no entitlement ${id.slice(0, 80)}.`,
      "Give the agreement's id as Google has it.",
    ),
  );
};

const chosen = (target: WireAmendmentTarget, offer: string | null): Amends => {
  const { requiredPrivateOffer, requiredStandardOffer, optionalOffers } = target;
  const optional = (optionalOffers?.privateOffers ?? []).find((name) => lastOf(name) === offer);
  const named = requiredPrivateOffer ?? optional;
  if (named != null) return { amendedPrivateOffer: named };
  return requiredStandardOffer == null ? null : { amendedStandardOffer: requiredStandardOffer };
};

/** What an offer must name as superseded, or why it cannot be made so. `replaces`: the agreement that it says to amend. */
export const amendsOf = async (
  deps: MarketDeps,
  document: JsonObject,
  replaces: string | null,
): Promise<Result<Amends>> => {
  const billingAccount = textOf(at(document, "customer.targetBillingAccount")) ?? "";
  const plan = textOf(at(document, "singleProductOffer.baseStandardOffer")) ?? "";
  const resolved = await resolveTarget(deps, { billingAccount, plan });
  if (!resolved.ok) return planFault(resolved);
  const target = resolved.value.value;
  const required = target.requiredPrivateOffer ?? target.requiredStandardOffer ?? null;
  if (replaces === null) {
    if (required === null) return ok(null);
    const words = "The buyer has an active order of this product: Google takes only an amendment of it.";
    return refused(
      gapOfReplaces("required", words, "Give in replaces the id of the agreement that the new offer amends."),
    );
  }
  const offer = await offerOfAgreement(deps, replaces);
  if (!offer.ok) return offer;
  const amends = chosen(target, offer.value);
  const named = amends === null ? null : lastOf(Object.values(amends)[0] ?? "");
  if (amends !== null && named === offer.value) return ok(amends);
  return refused(
    amends === null
      ? gapOfReplaces(
          "conflicting",
          "The buyer has no active order that this offer could amend.",
          "Leave replaces out.",
        )
      : gapOfReplaces(
          "conflicting",
          `The buyer's active order is of another offer (${(named ?? "").slice(0, 80)}) than the agreement in replaces.`,
          "Give in replaces the agreement of that order.",
        ),
  );
};

/** What Google does not know here is the plan. */
const planFault = (result: {
  readonly ok: false;
  readonly fault: Fault;
}): { readonly ok: false; readonly fault: Fault } => {
  if (result.fault.kind !== "missing") return result;
  const message = "Google knows no such plan in this project.";
  const fix = "Compare product and plan with Producer Portal, and the project with the connection's settings.";
  return failed({
    kind: "rejected",
    message,
    gaps: [{ field: "plan", code: "not_listed", message, fix, source: offerSources.offer }],
  });
};
