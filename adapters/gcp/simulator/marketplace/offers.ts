/**
 * Private offers of the Cloud Commerce Producer API: drafts, their publication, and what becomes of them.
 * https://github.com/googleapis/googleapis/blob/master/google/cloud/commerceproducer/v1beta/commerce_transaction.proto
 */
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import { at, changedPaths, leaves, textAt, withAt } from "../../../simulator/document.ts";
import { addDays, addSeconds } from "../../../simulator/ground.ts";
import { forbidden, invalid, notFound, violation } from "../answers.ts";
import { type Fields, readFilter, readOrder } from "../filter.ts";
import { isOutputPath, masked, readMask } from "../mask.ts";
import type { Call } from "../opportunities.ts";
import { type Reader, readMessage, writable } from "../shapes.ts";
import { hiddenUntil, type Occasion, type World } from "../world.ts";
import { type Asked, changeViolations, namingViolations, offerName, ordersMet, targetOf } from "./amendments.ts";
import { billingOf } from "./billing.ts";
import { planOf, projectNumber } from "./catalogue.ts";
import { readDateTime } from "./civil.ts";
import { contentOf } from "./content.ts";
import { formViolations } from "./form.ts";
import { paged } from "./pages.ts";
import { contractValue } from "./price.ts";
import { deadlineViolations, type Publication, publishViolations } from "./publishing.ts";
import type { OfferRecord } from "./records.ts";
import { producerCatalogue, rivals } from "./tables.ts";
import { createViews } from "./views.ts";

const type = "PrivateOffer";
const reader: Reader = { catalogue: producerCatalogue, enums: {}, unlisted: "refuse", keepsEmpty: true, rivals };
const fields: Fields = { catalogue: producerCatalogue, message: type, allowed: ["updateTime"] };

export const offerState = (row: OfferRecord): string => textAt(row.document, "state") ?? "";
export const dealTypeOf = (row: OfferRecord): string | null => textAt(row.document, "offerDealType");

/** What a request says of a message, without what only Google writes. Throws for whatever does not fit the tables. */
export const sentAs = (message: string, input: JsonObject, path: string): JsonObject => {
  const { value, violations } = readMessage(reader, message, { json: input, path });
  if (violations.length > 0) throw invalid(violations);
  return writable(producerCatalogue, message, value);
};

export const createOffers = (world: World) => {
  const { ledger, dice } = world;
  const views = createViews(world);

  const find = (call: Call): OfferRecord => {
    const [project = "", , id = ""] = call.names;
    const row = ledger.offers.get(id);
    if (row?.project === project) return row;
    throw notFound(offerName(project, id));
  };

  /** Stores a new version: updateTime moves, always forward. */
  const save = (
    row: OfferRecord,
    changes: Readonly<Record<string, Json | undefined>>,
    occasion: Occasion,
  ): OfferRecord => {
    const { now, struck } = occasion;
    const before = ledger.offers.get(row.id) ?? row;
    const stale = struck.find("stale_read");
    const saved: OfferRecord = {
      ...row,
      document: Object.entries(changes).reduce((left, [path, value]) => withAt(left, path, value), row.document),
      updatedAt: world.stamp(now, before.updatedAt),
      previous: { updatedAt: before.updatedAt, document: before.document },
      staleUntil: stale ? addSeconds(now, stale.seconds ?? 60).toISOString() : row.staleUntil,
      hiddenUntil: hiddenUntil(occasion) ?? row.hiddenUntil,
    };
    ledger.offers.put(row.id, saved);
    return saved;
  };

  const mustBe = (row: OfferRecord, states: readonly string[], deed: string): void => {
    const state = offerState(row);
    if (states.includes(state)) return;
    const name = offerName(row.project, row.id);
    const words = `A private offer in state ${state} cannot be ${deed}; it must be ${states.join(" or ")}`;
    throw forbidden("FAILED_PRECONDITION", [violation(name, words)]);
  };

  /** A new draft, whoever makes it. Throws for what no draft may say. */
  const draft = (project: string, input: JsonObject, occasion: Occasion): OfferRecord => {
    const given = sentAs(type, input, "private_offer");
    const problems = formViolations(given);
    if (problems.length > 0) throw invalid(problems);
    const stamp = world.stamp(occasion.now);
    const row: OfferRecord = {
      id: world.uuid("private offer"),
      project,
      sequence: world.sequence(),
      fate: world.fateOf(textAt(given, "title"), textAt(given, "customer.entityTitle")),
      createdAt: stamp,
      updatedAt: stamp,
      document: { ...given, state: "DRAFT" },
      order: null,
      startedAt: null,
      previous: null,
      staleUntil: null,
      hiddenUntil: hiddenUntil(occasion),
    };
    ledger.offers.put(row.id, row);
    return row;
  };

  /** The paths that a patch writes: those of the mask, or without one whatever the body has. */
  const openPaths = (call: Call, given: JsonObject): readonly string[] => {
    const mask = call.query.get("updateMask") ?? "";
    const paths = mask.trim() === "" ? [...leaves(given).keys()] : readMask(producerCatalogue, type, mask);
    return paths.filter((path) => !isOutputPath(producerCatalogue, type, path));
  };

  const patch = (call: Call): JsonObject => {
    const row = find(call);
    const given = sentAs(type, call.input, "private_offer");
    const paths = openPaths(call, given);
    const next = paths.reduce((left, path) => withoutRivals(left, given, path), masked(row.document, given, paths));
    const problems = formViolations(next);
    if (problems.length > 0) throw invalid(problems);
    if (offerState(row) === "DRAFT") return views.stored(save({ ...row, document: next }, {}, call));
    const changed = changedPaths(row.document, next);
    const others = changed.filter((path) => path.split(".")[0] !== "acceptDeadlineTime");
    if (others.length > 0 || offerState(row) !== "PUBLISHED") mustBe(row, ["DRAFT"], "edited");
    if (changed.length === 0) return views.stored(row);
    return extend(row, next, call);
  };

  /** A deadline may be moved while the offer can be accepted: later, and within three months from its publication. */
  const extend = (row: OfferRecord, next: JsonObject, call: Call): JsonObject => {
    const published = new Date(textAt(row.document, "publishTime") ?? row.updatedAt);
    const problems = [...deadlineViolations(publication(row.project, next, call.now), published)];
    const [was, is] = [row.document, next].map((one) => readDateTime(one.acceptDeadlineTime, "accept"));
    if (was instanceof Date && is instanceof Date && is < was)
      problems.push(
        violation("private_offer.accept_deadline_time", "The deadline of a published offer can only be extended"),
      );
    if (problems.length > 0) throw invalid(problems);
    const saved = save({ ...row, document: next }, {}, call);
    expectDeadline(saved);
    return views.stored(saved);
  };

  const expectDeadline = (row: OfferRecord): void => {
    world.cancel(row.id, ["offer_deadline"]);
    const deadline = readDateTime(row.document.acceptDeadlineTime, "accept");
    if (deadline instanceof Date) world.schedule("offer_deadline", row.id, deadline);
  };

  const publication = (project: string, offer: JsonObject, now: Date): Publication => ({
    offer,
    project,
    now,
    plan: planOf(textAt(offer, "singleProductOffer.baseStandardOffer"), project),
    billing: billingOf(world, textAt(offer, "customer.targetBillingAccount") ?? "").kind,
    documents: [],
    zoneless: world.settings().marketplace.zoneless,
  });

  /** Everything that keeps a draft from being published. */
  const obstacles = (row: OfferRecord, now: Date) => {
    const rows = ledger.offerDocuments.all().filter(({ offer }) => offer === row.id);
    const documents = rows.flatMap(({ document }) => textAt(document, "documentType") ?? []);
    const of = { ...publication(row.project, row.document, now), documents };
    return [...publishViolations(of), ...amendmentObstacles(of)];
  };
  const amendmentObstacles = ({ offer, project, plan, now }: Publication) => {
    const billingAccount = textAt(offer, "customer.targetBillingAccount");
    if (plan === null || billingAccount === null) return [];
    const asked = { project, billingAccount, plan, isMultiple: world.settings().marketplace.multipleOrders };
    const met = ordersMet(ledger.entitlements.all(), asked);
    const problems = namingViolations(offer, targetOf(met, asked));
    const named = textAt(offer, "singleProductOffer.amendedPrivateOffer");
    const isByList = textAt(offer, "singleProductOffer.amendedStandardOffer") !== null;
    const order = met.find(({ offerId }) => (offerId === null ? isByList : offerName(project, offerId) === named));
    if (problems.length > 0 || order === undefined) return problems;
    const amended = { order, terms: contentOf(world, order).terms };
    const upcoming = order.pending?.startsAt == null ? null : new Date(order.pending.startsAt);
    return changeViolations({ offer, now, amended, upcoming });
  };
  const publish = (call: Call): JsonObject => {
    const row = find(call);
    mustBe(row, ["DRAFT"], "published");
    const problems = obstacles(row, call.now);
    if (problems.length > 0) throw invalid(problems);
    if (call.input.validateOnly === true) return views.stored(row);
    const { publishSeconds, reviewDays, reviewDollars } = world.settings().marketplace;
    const value = contractValue(row.document, call.now) ?? 0n;
    const isReviewed = dealTypeOf(row) === "NATIVE_RENEWAL" && value > BigInt(reviewDollars) * 100n;
    const plan = planOf(textAt(row.document, "singleProductOffer.baseStandardOffer"), row.project);
    const saved = save(
      row,
      {
        state: "PUBLISHING",
        "singleProductOffer.serviceLevel": plan?.level,
        ...(isReviewed ? { publishRequirementGoogleReview: {} } : {}),
      },
      call,
    );
    if (!isReviewed)
      world.schedule(
        "offer_published",
        row.id,
        addSeconds(call.now, dice.between(publishSeconds, row.fate, "publish")),
      );
    else if (world.settings().reviewer === "seeded")
      world.schedule("offer_review", row.id, addDays(call.now, dice.between(reviewDays, row.fate, "review")));
    return views.stored(saved);
  };

  /** The offer is there for its buyer. */
  const published = (row: OfferRecord, occasion: Occasion): OfferRecord => {
    if (offerState(row) !== "PUBLISHING") return row;
    world.cancel(row.id, ["offer_published"]);
    const saved = save(row, { state: "PUBLISHED", publishTime: world.stamp(occasion.now) }, occasion);
    expectDeadline(saved);
    const { reviewer, marketplace } = world.settings();
    const days = dice.between(marketplace.buyerDays, row.fate, "buyer");
    if (reviewer === "seeded") world.schedule("buyer", row.id, addDays(occasion.now, days));
    return saved;
  };

  const cancel = (call: Call): JsonObject => {
    const row = find(call);
    mustBe(row, ["PUBLISHING", "PUBLISHED"], "cancelled");
    world.cancel(row.id, ["offer_published", "offer_review", "offer_deadline", "buyer"]);
    const note = textAt(call.input, "cancellationNote") ?? undefined;
    const changes = { state: "CANCELLED", cancelTime: world.stamp(call.now), cancellationNote: note };
    return views.stored(save(row, changes, call));
  };

  const remove = (call: Call): JsonObject => {
    const row = find(call);
    mustBe(row, ["DRAFT"], "deleted");
    const children = ledger.offerDocuments.all().filter(({ offer }) => offer === row.id);
    if (children.length > 0 && call.query.get("force") !== "true")
      throw forbidden("FAILED_PRECONDITION", [
        violation(offerName(row.project, row.id), "The private offer has documents; delete them first, or set force"),
      ]);
    for (const { id } of children) ledger.offerDocuments.remove(id);
    ledger.offers.remove(row.id);
    return {};
  };

  const list = (call: Call): JsonObject => {
    const { test } = readFilter(call.query.get("filter") ?? "", fields);
    const [order] = readOrder(call.query.get("orderBy") ?? "", fields);
    const rows = ledger.offers
      .all()
      .flatMap((row) => (row.project === call.names[0] ? (views.indexed(row, call) ?? []) : []))
      .filter((row) => test(([name]) => (name === "updateTime" ? row.updatedAt : undefined)))
      .toSorted((a, b) => (order ? sortedBy(a.updatedAt, b.updatedAt, order.descending) : a.sequence - b.sequence));
    return paged(
      rows.map((row) => views.basic(row)),
      "privateOffers",
      { call },
    );
  };

  const resolveAmendmentTarget = (call: Call): JsonObject => {
    const [project = ""] = call.names;
    const billingAccount = call.query.get("targetBillingAccount") ?? "";
    const base = call.query.get("baseStandardOffer") ?? "";
    const plan = planOf(base, project);
    const missing = [
      ...(/^billingAccounts\/[^/]+$/.test(billingAccount) ? [] : ["target_billing_account"]),
      ...(base === "" ? ["base_standard_offer"] : []),
    ];
    if (missing.length > 0)
      throw invalid(
        missing.map((field) => violation(field, `The field '${field}' is required and must be a resource name`)),
      );
    if (plan === null) throw notFound(base);
    const asked: Asked = { project, billingAccount, plan, isMultiple: world.settings().marketplace.multipleOrders };
    return targetOf(ordersMet(ledger.entitlements.all(), asked), asked);
  };

  return {
    save,
    views,
    draft,
    obstacles,
    published,
    /** Google has looked at a large renewal and lets it through. */
    reviewed: (row: OfferRecord, occasion: Occasion): OfferRecord => {
      world.cancel(row.id, ["offer_review"]);
      const path = "publishRequirementGoogleReview.reviewApproveTime";
      return published(save(row, { [path]: world.stamp(occasion.now) }, occasion), occasion);
    },
    expire: (row: OfferRecord, occasion: Occasion): void => {
      if (offerState(row) !== "PUBLISHED") return;
      world.cancel(row.id, ["buyer"]);
      save(row, { state: "EXPIRED" }, occasion);
    },
    find,
    work: {
      "privateOffers.list": list,
      "privateOffers.get": (call: Call): JsonObject => {
        const row = views.seen(find(call), call);
        return (call.query.get("view") ?? "").endsWith("_FULL") ? views.full(row, call.now) : views.basic(row);
      },
      "privateOffers.resolveAmendmentTarget": resolveAmendmentTarget,
      "privateOffers.create": (call: Call): JsonObject => views.stored(draft(call.names[0] ?? "", call.input, call)),
      "privateOffers.patch": patch,
      "privateOffers.publish": publish,
      "privateOffers.cancel": cancel,
      "privateOffers.delete": remove,
    },
  };
};
export type Offers = ReturnType<typeof createOffers>;

/** How entitlements name an offer: by the project's number, below a service whose name means nothing. */
export const boundName = (row: Pick<OfferRecord, "id">, service: string): string =>
  `projects/${projectNumber}/services/${service}/privateOffers/${row.id}`;

const sortedBy = (a: string, b: string, isDescending: boolean): number =>
  (a < b ? -1 : a > b ? 1 : 0) * (isDescending ? -1 : 1);

/** Setting one member of a oneof clears the others. */
const withoutRivals = (document: JsonObject, given: JsonObject, path: string): JsonObject => {
  const steps = path.split(".");
  let left = document;
  for (const [index, name] of steps.entries()) {
    const group = Object.values(rivals)
      .flat()
      .find((names) => names.includes(name));
    const base = steps.slice(0, index);
    if (group === undefined || at(given, [...base, name].join(".")) === undefined) continue;
    for (const other of group) if (other !== name) left = withAt(left, [...base, other].join("."), undefined);
  }
  return left;
};
