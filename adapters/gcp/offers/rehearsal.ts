/**
 * What Google would refuse, without anything being made there. Google judges an offer only once its draft lies there, so without one
 * it is asked what it can be asked: whether the plan may be sold, and what the buyer's active order demands. A draft of this very
 * offer is judged by `:publish` with `validateOnly`, which also runs before every publication.
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { type Gap, ok, type Result } from "../../../src/domain/fault.ts";
import { decimalToMicros, type MoneyJson } from "../../../src/domain/money.ts";
import { type OfferDraft, renewalOf, totalOf } from "../../../src/domain/offer.ts";
import { at, parseBody } from "../../nested.ts";
import { textOf } from "../../text.ts";
import { newer } from "../../timestamp.ts";
import { readOf } from "../reading.ts";
import { standardOfferSchema, type WirePrivateOffer, type WireStandardOffer } from "../wire-offers.ts";
import { amendsOf, gapOfReplaces } from "./amendments.ts";
import { momentIn } from "./civil.ts";
import { says } from "./compare.ts";
import { documentOf } from "./document.ts";
import { lastOf, offerPath } from "./names.ts";
import { amountOf } from "./observation.ts";
import type { MarketDeps } from "./offer-deps.ts";
import { offerSources } from "./rule-kinds.ts";
import { offerGaps } from "./rules.ts";
import { findByMark, getOffer } from "./search.ts";

const dayMs = 86_400_000;

/** The gaps of a refusal, or the fault itself: it says nothing about the offer. */
const gapsOr = (result: {
  readonly ok: false;
  readonly fault: { readonly kind: string; readonly gaps?: readonly Gap[] };
}) => (result.fault.kind === "rejected" ? (result.fault.gaps ?? []) : null);

export const rehearse = async (deps: MarketDeps, draft: OfferDraft): Promise<Result<readonly Gap[]>> => {
  const own = offerGaps(draft, deps.market);
  if (own.length > 0) return ok(own);
  const document = documentOf(draft, deps.market);
  const plan = await planGaps(deps, draft, document);
  if (!plan.ok || plan.value.length > 0) return plan;
  const amends = await amendsOf(deps, document, draft.terms.replaces ?? null);
  if (!amends.ok) {
    const gaps = gapsOr(amends);
    return gaps === null ? amends : ok(gaps);
  }
  const amended =
    amends.value !== null && "amendedPrivateOffer" in amends.value ? amends.value.amendedPrivateOffer : null;
  const against = amended === null ? ok([]) : await amendmentGaps(deps, draft, lastOf(amended));
  if (!against.ok || against.value.length > 0) return against;
  return trial(deps, draft, document);
};

/** The draft of this very offer, where one lies at Google. */
const trial = async (deps: MarketDeps, draft: OfferDraft, document: JsonObject): Promise<Result<readonly Gap[]>> => {
  const since = new Date(draft.now.getTime() - searchDays * dayMs).toISOString();
  const found = await findByMark(deps, { marker: draft.marker, title: draft.terms.name, since });
  if (!found.ok) return found;
  const there = found.value.find(({ state }) => state === "DRAFT");
  if (there === undefined) return ok([]);
  const id = lastOf(there.name);
  const seen = await getOffer(deps, id, "full");
  if (!seen.ok) return seen;
  if (!says(document, parseBody(seen.value.text))) return ok([]);
  const sent = await deps.wire.send({
    operation: "privateOffers.publish",
    path: offerPath(deps.market, id, ":publish"),
    body: { validateOnly: true },
    isTrial: true,
  });
  if (sent.ok) return ok([]);
  const gaps = sent.fault.kind === "rejected" ? sent.fault.gaps : null;
  return gaps === null ? { ok: false, fault: sent.fault } : ok(gaps);
};
/** A draft older than that is not looked for: publishing tries it anyway. */
const searchDays = 30;

const planGap = (code: string, field: string, message: string, fix: string): Gap => ({
  field,
  code,
  message,
  fix,
  source: offerSources.offer,
});

const planGaps = async (deps: MarketDeps, draft: OfferDraft, document: JsonObject): Promise<Result<readonly Gap[]>> => {
  const name = textOf(at(document, "singleProductOffer.baseStandardOffer")) ?? "";
  const seen = await readOf(deps, standardOfferSchema, {
    operation: "services.standardOffers.get",
    path: `/v1beta/${name}`,
  });
  if (seen.ok) return ok(fitGaps(draft, seen.value.value));
  if (seen.fault.kind !== "missing") return seen;
  const fix =
    "Compare product and plan with Producer Portal, and settings.marketplace.project with the products' project.";
  return ok([planGap("not_listed", "plan", "Google knows no such plan of this product.", fix)]);
};

/** Whether the plan is sold now, and takes such a price. */
const fitGaps = ({ terms, now }: OfferDraft, plan: WireStandardOffer): readonly Gap[] => {
  const today = now.toISOString();
  const { effectiveTime, expireTime, priceModel } = plan;
  if ((effectiveTime && newer(effectiveTime, today)) || (expireTime && newer(today, expireTime)))
    return [planGap("not_allowed", "plan", "The plan is not sold now.", "Choose a plan that is in effect.")];
  const hasFee = priceModel?.flatFee != null;
  if (terms.price.model === "flat" && !hasFee)
    return [
      planGap(
        "conflicting",
        "price.model",
        "The plan is for usage and has no flat fee.",
        "Make it a commitment or usage.",
      ),
    ];
  if (terms.price.model === "commitment" && hasFee)
    return [planGap("conflicting", "price.model", "The plan has a flat fee and takes no commitment.", "Make it flat.")];
  return terms.price.model === "usage" && priceModel?.usage == null
    ? [planGap("conflicting", "price.model", "The plan has no usage.", "Make it flat.")]
    : [];
};

/** Against the offer that is amended: not within a day of its end, at least half its value, and no smaller commitment. */
const amendmentGaps = async (deps: MarketDeps, draft: OfferDraft, id: string): Promise<Result<readonly Gap[]>> => {
  const seen = await getOffer(deps, id, "full");
  if (!seen.ok) return seen.fault.kind === "missing" ? ok([]) : seen;
  const before = seen.value.value;
  const end = momentIn(before.term?.effectiveTermEndTime);
  if (before.state === "ENDED" || (end !== null && end <= draft.now)) return ok([]);
  if (end !== null && end.getTime() - draft.now.getTime() < dayMs)
    return ok([
      gapOfReplaces("not_allowed", "The order's term ends within 24 hours.", "Wait for its end, and make a new offer."),
    ]);
  return ok([...valueGaps(draft, before), ...dealTypeGaps(draft, before)]);
};

const microsIn = (amount: MoneyJson | null): bigint | null => (amount === null ? null : decimalToMicros(amount.amount));
const valueGaps = ({ terms }: OfferDraft, before: WirePrivateOffer): readonly Gap[] => {
  const [was, is] = [
    microsIn(amountOf(before.singleProductOffer?.contractValue?.totalContractValue)),
    totalOf(terms)?.micros,
  ];
  if (was !== null && is !== undefined && is * 2n < was)
    return [
      gapOfReplaces("not_allowed", "An amendment is worth at least half of what it amends.", "Raise price.total."),
    ];
  const committed = microsIn(
    amountOf(before.singleProductOffer?.standardIntervalPrice?.priceModel?.commitment?.commitmentAmount),
  );
  return terms.price.model === "commitment" && committed !== null && is !== undefined && is < committed
    ? [gapOfReplaces("not_allowed", "A commitment cannot become smaller.", "Raise price.total.")]
    : [];
};
/** What was no new deal does not become one by an amendment. */
const dealTypeGaps = ({ terms }: OfferDraft, { offerDealType }: WirePrivateOffer): readonly Gap[] =>
  renewalOf(terms) === null && offerDealType && offerDealType !== "NEW"
    ? [
        planGap(
          "not_allowed",
          "renewal",
          `The order was made as ${offerDealType.slice(0, 40)}: its amendment cannot be a new deal.`,
          "State in renewal what it is.",
        ),
      ]
    : [];
