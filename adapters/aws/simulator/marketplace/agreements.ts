/** What becomes of an offer that its buyer accepts: an agreement, its amendments, its renewal and its end. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { fold } from "../../../simulator/dice.ts";
import { isObject, listAt, textAt } from "../../../simulator/document.ts";
import { addDays } from "../../../simulator/ground.ts";
import { modelled } from "../answers.ts";
import type { Occasion, World } from "../world.ts";
import { acceptedOf, acceptedTerms, type Choice, currencyOf, worthOf } from "./accepted-terms.ts";
import type { Billing } from "./billing.ts";
import { buyersOf, termOf, typeOf } from "./change-rule.ts";
import type { Entities } from "./entities.ts";
import { feePpmOf } from "./fees.ts";
import type { News } from "./news.ts";
import { after, endOfDay, micros, printed, startOfDay } from "./periods.ts";
import type { Agreement, Entity } from "./records.ts";
import { renewedTerms } from "./renewed-terms.ts";

const noticeDays = [180, 120, 90, 60, 30];

export interface AgreementParts {
  readonly entities: Entities;
  readonly news: News;
  readonly billing: Billing;
}
/** What an agreement begins from. */
interface Beginning {
  readonly offer: Entity;
  readonly acceptor: string;
  readonly terms: readonly JsonObject[];
  readonly startsAt: string;
  readonly endsAt: string | null;
  readonly intent: Agreement["intent"];
  readonly previous: Agreement | null;
  readonly autoRenews: boolean;
}

export const createAgreements = (world: World, { entities, news, billing }: AgreementParts) => {
  const { ledger } = world;

  const save = (agreement: Agreement, occasion: Occasion, intent: string = agreement.intent): Agreement => {
    const at = occasion.now.toISOString();
    const { status, value } = agreement;
    const saved = { ...agreement, updatedAt: at, history: [...agreement.history, { at, status, intent, value }] };
    ledger.agreements.put(saved.id, saved);
    return saved;
  };

  /** Why nobody can accept the offer now; null: it can be accepted. */
  const refusal = (offer: Entity, acceptor: string, now: Date): string | null => {
    if (offer.kind !== "Offer" || offer.releasedAt === null) return `${offer.id} has not been released`;
    if (offer.availableUntil !== null && offer.availableUntil < now.toISOString()) return `${offer.id} has expired`;
    const named = buyersOf(offer.document);
    if (named.length > 0 && !named.includes(acceptor)) return `${offer.id} is not for account ${acceptor}`;
    const setId = textAt(offer.document, "OfferSetId");
    if (setId !== null && (entities.find(setId)?.releasedAt ?? null) === null)
      return `the offer set ${setId} has not been released`;
    // A public offer is taken again and again.
    const isTaken =
      named.length > 0 && ledger.agreements.all().some((row) => row.offerId === offer.id && row.acceptor === acceptor);
    if (isTaken) return `${offer.id} has already been accepted by ${acceptor}`;
    const target = offer.targetAgreementId === null ? null : ledger.agreements.get(offer.targetAgreementId);
    return offer.targetIntent === "REPLACE" && target?.status !== "ACTIVE"
      ? `the agreement that ${offer.id} replaces is no longer active`
      : null;
  };

  const begin = (beginning: Beginning, occasion: Occasion): Agreement => {
    const { offer, acceptor, terms, intent, previous } = beginning;
    const productId = textAt(offer.document, "ProductId") ?? "";
    const value = worthOf(terms);
    const currency = currencyOf(terms);
    const isResold = offer.manufacturer !== offer.account;
    const isPublic = buyersOf(offer.document).length === 0;
    const isRenewal = intent === "RENEW" || offer.document.PreExistingAgreement !== undefined;
    const id = `agmt-${world.letters("agreement", 25)}`;
    const net = acceptedOf(terms, "netPaymentTerm");
    const agreement: Agreement = {
      id,
      sequence: world.sequence(),
      account: offer.account,
      manufacturer: offer.manufacturer,
      acceptor,
      fate: `${offer.fate} ${acceptor} ${previous === null ? 0 : previous.renewals + 1}`,
      offerId: offer.id,
      offerSetId: textAt(offer.document, "OfferSetId"),
      authorizationId: offer.authorizationId,
      productId,
      resourceType: entities.find(productId)?.kind ?? "SaaSProduct",
      intent,
      status: "ACTIVE",
      acceptedAt: occasion.now.toISOString(),
      startsAt: beginning.startsAt,
      endsAt: beginning.endsAt,
      updatedAt: occasion.now.toISOString(),
      initialId: previous?.initialId ?? id,
      previousId: previous?.id ?? null,
      terms: [...terms],
      currency,
      value: printed(value, currency),
      cost: isResold ? printed(costOf(offer), currency) : null,
      autoRenews: beginning.autoRenews,
      renewals: intent === "RENEW" ? (previous?.renewals ?? 0) + 1 : 0,
      feePpm: feePpmOf({ value, currency, isRenewal, isResold, isPublic }, world.settings().marketplace),
      netDays: daysOf(net === null ? null : textAt(net, "paymentDuePeriod")) ?? world.settings().marketplace.netDays,
      charges: [],
      invoices: [],
      history: [],
    };
    const planned = billing.plan(save(agreement, occasion), occasion.now);
    watch(planned, occasion.now);
    news.begun(planned, "Created", occasion);
    return planned;
  };

  /** What the authorization asks of the reseller for the whole. */
  const costOf = (offer: Entity): bigint => {
    const authorization = offer.authorizationId === null ? null : entities.find(offer.authorizationId);
    if (authorization === null) return 0n;
    const document = {
      Terms: listAt(authorization.document, "Terms")
        .filter(isObject)
        .map((term) => ({ ...term, Type: typeOf(term).replace(/^Resale/, "") })),
    };
    return worthOf(acceptedTerms(document, { autoRenews: false, quantities: {} }));
  };

  const watch = (agreement: Agreement, now: Date): void => {
    if (agreement.endsAt === null) return;
    const end = new Date(agreement.endsAt);
    world.schedule("agreement_end", agreement.id, end);
    for (const days of noticeDays)
      if (addDays(end, -days) > now) world.schedule("agreement_notice", `${agreement.id}|${days}`, addDays(end, -days));
  };

  const close = (agreement: Agreement, status: Agreement["status"], occasion: Occasion): Agreement => {
    billing.drop(agreement);
    const ended = save({ ...agreement, status }, occasion);
    news.ended(ended, occasion);
    return ended;
  };

  const accept = (offer: Entity, { acceptor, ...choice }: Acceptance, occasion: Occasion): Agreement => {
    const why = refusal(offer, acceptor, occasion.now);
    if (why !== null) throw modelled("ConflictException", why);
    const terms = acceptedTerms(offer.document, choice);
    const { startsAt, endsAt } = spanOf(offer, terms, occasion.now);
    const previous = offer.targetAgreementId === null ? null : ledger.agreements.get(offer.targetAgreementId);
    const intent = offer.targetIntent ?? "NEW";
    const { autoRenews } = choice;
    const made = begin({ offer, acceptor, terms, startsAt, endsAt, intent, previous, autoRenews }, occasion);
    if (intent === "REPLACE" && previous !== null) close(previous, "REPLACED", occasion);
    return made;
  };

  /** The buyer or the clock renews it: a new agreement of a new offer that AWS makes of the old one's terms. */
  const renew = (agreement: Agreement, occasion: Occasion): Agreement => {
    const old = entities.find(agreement.offerId);
    if (old === null || agreement.endsAt === null)
      throw modelled("ConflictException", `${agreement.id} has no end, or its offer is gone`);
    const startsAt = agreement.endsAt > occasion.now.toISOString() ? agreement.endsAt : occasion.now.toISOString();
    const lastsMs = Date.parse(agreement.endsAt) - Date.parse(agreement.startsAt);
    const endsAt = new Date(Date.parse(startsAt) + lastsMs).toISOString();
    const offer = entities.save(
      {
        ...old,
        ...identityOf(entities.blank("Offer", old.account, occasion.now)),
        releasedAt: occasion.now.toISOString(),
        availableUntil: startsAt,
        targetAgreementId: agreement.id,
        targetIntent: "RENEW",
        createdBy: "AwsMarketplace",
      },
      occasion.now,
    );
    const terms = renewedTerms(agreement, startsAt);
    const { acceptor, autoRenews } = agreement;
    const made = begin(
      { offer, acceptor, terms, startsAt, endsAt, intent: "RENEW", previous: agreement, autoRenews },
      occasion,
    );
    close(agreement, "RENEWED", occasion);
    return made;
  };

  const isRenewable = ({ terms, autoRenews, renewals }: Agreement): boolean => {
    const term = acceptedOf(terms, "renewalTerm");
    const most = term?.maxRenewals;
    return term !== null && autoRenews && (typeof most !== "number" || renewals < most);
  };

  return {
    accept,
    refusal,
    renew,
    isRenewable,
    find: (id: string): Agreement => {
      const agreement = ledger.agreements.get(id);
      if (agreement) return agreement;
      throw modelled("ResourceNotFoundException", `There is no agreement ${id}`);
    },
    /** Ends an active agreement. */
    end: (agreement: Agreement, status: "CANCELLED" | "EXPIRED" | "TERMINATED", occasion: Occasion): Agreement => {
      if (agreement.status !== "ACTIVE") throw modelled("ConflictException", `${agreement.id} is ${agreement.status}`);
      return close(agreement, status, occasion);
    },
    /** Its last instant has come: it renews or expires. */
    reachEnd: (agreement: Agreement, occasion: Occasion): void => {
      if (agreement.status !== "ACTIVE") return;
      if (isRenewable(agreement)) renew(agreement, occasion);
      else close(agreement, "EXPIRED", occasion);
    },
    notice: (agreement: Agreement, days: number, occasion: Occasion): void => {
      if (agreement.status === "ACTIVE") news.ending(agreement, days, occasion);
    },
    /** The buyer buys more, or changes whether the agreement renews: a revision of the same agreement. */
    amend: (agreement: Agreement, change: Amendment, occasion: Occasion): Agreement => {
      if (agreement.status !== "ACTIVE") throw modelled("ConflictException", `${agreement.id} is ${agreement.status}`);
      const autoRenews = change.autoRenews ?? agreement.autoRenews;
      const amount = change.amount ?? null;
      const value = micros(agreement.value) + micros(amount ?? "0");
      const amended = save(
        {
          ...agreement,
          autoRenews,
          value: printed(value, agreement.currency),
          terms: agreement.terms.map((term) =>
            isObject(term.renewalTerm)
              ? { renewalTerm: { ...term.renewalTerm, configuration: { enableAutoRenew: autoRenews } } }
              : term,
          ),
        },
        occasion,
        "AMEND",
      );
      const at = occasion.now.toISOString();
      const charged =
        amount === null
          ? amended
          : billing.addCharge(amended, { kind: "upfront", at, amount, termId: "amendment" }, occasion.now);
      news.begun(charged, "Amended", occasion);
      return charged;
    },
    /** What of the dice the agreement's future depends on. */
    fateOf: (offer: Pick<Entity, "document">): string => {
      const name = fold(`${buyersOf(offer.document).join()}|${textAt(offer.document, "Name") ?? ""}`).toString(36);
      const count = (ledger.fates.get(name)?.count ?? 0) + 1;
      ledger.fates.put(name, { count });
      return `${name}-${count}`;
    },
  };
};
export type Agreements = ReturnType<typeof createAgreements>;

/** Who accepts, and what they choose. */
export interface Acceptance extends Choice {
  readonly acceptor: string;
}
export interface Amendment {
  readonly amount?: string | undefined;
  readonly autoRenews?: boolean | undefined;
}

const identityOf = ({ id, sequence, revision, createdAt, rounds, lock }: Entity) => ({
  id,
  sequence,
  revision,
  createdAt,
  rounds,
  lock,
});

const daysOf = (period: string | null): number | null => {
  const found = /^P(\d+)D$/.exec(period ?? "");
  return found ? Number(found[1]) : null;
};

/** When the agreement begins and ends, by its terms; without any it has no end. */
const spanOf = (
  offer: Entity,
  terms: readonly JsonObject[],
  now: Date,
): { readonly startsAt: string; readonly endsAt: string | null } => {
  const validity = termOf(offer.document, "ValidityTerm");
  const fixed = termOf(offer.document, "FixedUpfrontPricingTerm");
  const configurable = acceptedOf(terms, "configurableUpfrontPricingTerm");
  const start = validity === null ? null : textAt(validity, "AgreementStartDate");
  const startsAt = start === null ? now.toISOString() : startOfDay(start);
  const end = validity === null ? null : textAt(validity, "AgreementEndDate");
  if (end !== null) return { startsAt, endsAt: endOfDay(end) };
  const duration =
    (validity === null ? null : textAt(validity, "AgreementDuration")) ??
    (fixed === null ? null : textAt(fixed, "Duration")) ??
    (configurable === null ? null : textAt(configurable, "configuration.selectorValue"));
  return { startsAt, endsAt: duration === null ? null : after(new Date(startsAt), duration).toISOString() };
};
