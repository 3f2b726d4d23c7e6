/** What an opportunity is tied to: solutions, AWS products, offers. */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { textAt } from "../../simulator/document.ts";
import { type Complaint, complain, notFound, unfit } from "./answers.ts";
import { shapes } from "./constraints.generated.ts";
import { matches } from "./constraints.ts";
import type { Events } from "./events.ts";
import { closedFor, reviewStatusOf } from "./gate.ts";
import type { OpportunityRecord, RelatedType } from "./ledger.ts";
import type { Marketplace } from "./marketplace/index.ts";
import { type Call, hiddenUntil, type Opportunities } from "./opportunities.ts";
import type { Reviews } from "./reviews.ts";
import { otherTooLate } from "./rules.ts";
import type { World } from "./world.ts";

/** How many of each an opportunity may have. https://docs.aws.amazon.com/partner-central/latest/APIReference/quotas.html */
const quotas: Readonly<Record<RelatedType, number>> = {
  Solutions: 10,
  AwsProducts: 20,
  AwsMarketplaceOffers: 1,
  AwsMarketplaceOfferSets: 1,
  AwsMarketplaceSolutions: 10,
  AwsMarketplaceProducts: 10,
};
const itemShapes: Readonly<Record<RelatedType, string>> = {
  Solutions: "SolutionIdentifier",
  AwsProducts: "AwsProductIdentifier",
  AwsMarketplaceOffers: "AwsMarketplaceOfferIdentifier",
  AwsMarketplaceOfferSets: "AwsMarketplaceOfferSetIdentifier",
  AwsMarketplaceSolutions: "AwsMarketplaceSolutionIdentifier",
  AwsMarketplaceProducts: "AwsMarketplaceProductArn",
};
const offered: readonly RelatedType[] = ["Solutions", "AwsMarketplaceSolutions", "AwsMarketplaceProducts"];
const isRelatedType = (name: string): name is RelatedType => Object.hasOwn(quotas, name);
/** The solution that stands for none of the registered ones. */
export const otherSolution = "Other";

export interface AssociationParts {
  readonly events: Events;
  readonly reviews: Reviews;
  readonly opportunities: Opportunities;
  readonly marketplace: Pick<Marketplace, "holds">;
}
const held: readonly RelatedType[] = ["AwsMarketplaceOffers", "AwsMarketplaceOfferSets"];

export const createAssociations = (world: World, parts: AssociationParts) => {
  const { events, reviews, opportunities, marketplace } = parts;

  const target = (call: Call) => {
    const row = opportunities.find(call, textAt(call.input, "OpportunityIdentifier") ?? "");
    const type = textAt(call.input, "RelatedEntityType") ?? "";
    const id = textAt(call.input, "RelatedEntityIdentifier") ?? "";
    if (!isRelatedType(type)) throw new Error(`the model allowed a RelatedEntityType ${type} that has no quota`);
    const closed = closedFor(row.document) ?? lockedInActionRequired(row);
    if (closed) throw unfit([closed]);
    return { row, type, id, ids: row.related[type] };
  };
  const store = (row: OpportunityRecord, type: RelatedType, ids: readonly string[], call: Call): JsonObject => {
    const related = { ...row.related, [type]: [...ids] };
    const saved = reviews.save({ ...row, related, hiddenUntil: hiddenUntil(call) ?? row.hiddenUntil }, call);
    events.opportunity("Updated", saved, call);
    return {};
  };

  const solutionComplaint = (id: string): Complaint | null => {
    const { solutions, unknownSolutions } = world.settings();
    const solution = solutions.find((candidate) => candidate.id === id);
    if (id === otherSolution || unknownSolutions === "accept") return null;
    if (!solution) throw notFound("Solution", id);
    if (solution.status === "Active") return null;
    const message = `The solution ${id} is ${solution.status}; only an active solution can be associated`;
    return complain("INVALID_RESOURCE_STATE", "RelatedEntityIdentifier", message);
  };

  const formComplaint = (type: RelatedType, id: string): Complaint | null => {
    const shape = shapes[itemShapes[type]];
    const fits = shape?.pattern === undefined || matches(shape.pattern, id);
    if (fits || (type === "Solutions" && id === otherSolution)) return null;
    const message = `RelatedEntityIdentifier must match ${shape.pattern} for ${type}`;
    return complain("INVALID_STRING_FORMAT", "RelatedEntityIdentifier", message);
  };

  return {
    associate: (call: Call): JsonObject => {
      const { row, type, id, ids } = target(call);
      const wrong = formComplaint(type, id) ?? (type === "Solutions" ? solutionComplaint(id) : null);
      if (wrong) throw unfit([wrong]);
      const mustBeHeld = held.includes(type) && world.settings().unknownOffers === "refuse";
      if (mustBeHeld && !marketplace.holds(id, call.account)) throw notFound("The offer", id);
      if (id === otherSolution && otherTooLate(row.document).length > 0) throw unfit(otherTooLate(row.document));
      if (ids.includes(id)) {
        if (world.settings().duplicateAssociation === "accept") return {};
        const message = `${id} is already associated with ${row.id}`;
        throw unfit([complain("DUPLICATE_KEY_VALUE", "RelatedEntityIdentifier", message)]);
      }
      if (ids.length >= quotas[type]) {
        const message = `An opportunity can have at most ${quotas[type]} ${type}`;
        throw unfit([complain("TOO_MANY_VALUES", "RelatedEntityIdentifier", message)]);
      }
      return store(row, type, [...ids, id], call);
    },
    disassociate: (call: Call): JsonObject => {
      const { row, type, id, ids } = target(call);
      if (!ids.includes(id)) throw notFound(`The association of ${row.id} with`, id);
      const rest = offered.reduce((sum, kind) => sum + row.related[kind].length, 0) - (offered.includes(type) ? 1 : 0);
      if (rest === 0 && reviewStatusOf(row.document) !== "Pending Submission") {
        const message = "The last solution cannot be removed; associate another one first";
        throw unfit([complain("NOT_ENOUGH_VALUES", "RelatedEntityIdentifier", message)]);
      }
      return store(
        row,
        type,
        ids.filter((other) => other !== id),
        call,
      );
    },
  };
};
export type Associations = ReturnType<typeof createAssociations>;

const lockedInActionRequired = (row: OpportunityRecord): Complaint | null =>
  reviewStatusOf(row.document) === "Action Required"
    ? complain(
        "ACTION_NOT_PERMITTED",
        "RelatedEntityIdentifiers",
        "Associations cannot be changed while the review status is Action Required",
      )
    : null;
