/** A submission as data: create, associate each entity, start the engagement, wait for its task. Pure. */
import type { JsonObject, Observation, ShareDraft } from "../../src/domain/deal.ts";
import type { Next, Outcome, Write } from "../contract.ts";
import { nest } from "../nested.ts";
import { listed, textsOf } from "../text.ts";
import { contactsOf, documentOf } from "./map.ts";
import { arnOf } from "./offers/arns.ts";
import { involvementTypes, visibilities } from "./picklists.generated.ts";
import { theirsOf } from "./revision.ts";
import { entityKinds } from "./rules-share.ts";
import { type Target, withDefaults } from "./settings.ts";

const createWrite = (draft: ShareDraft, target: Target): Write => {
  const team = contactsOf(draft, "owner");
  return {
    operation: "CreateOpportunity",
    key: "create",
    body: {
      Catalog: target.catalog,
      Origin: "Partner Referral",
      ...nest(documentOf(draft, target)),
      ...(team === undefined ? {} : { OpportunityTeam: team }),
    },
    token: "partner-keeps",
  };
};

const associateWrites = (id: string, fields: JsonObject, target: Target): readonly Write[] =>
  entityKinds.flatMap(({ field, type }) =>
    [...new Set(textsOf(fields[field]) ?? [])].map(
      (entity): Write => ({
        operation: "AssociateOpportunity",
        key: `associate:${entity}`,
        body: {
          Catalog: target.catalog,
          OpportunityIdentifier: id,
          RelatedEntityType: type,
          RelatedEntityIdentifier: entity,
        },
        // AWS keeps no token here, but the record itself tells at once whether the association is there.
        token: "we-read",
      }),
    ),
  );

const startWrite = (id: string, draft: ShareDraft, target: Target): Write => {
  const fields = withDefaults(target, draft.fields);
  const word = (value: unknown, list: readonly string[]) => (typeof value === "string" ? listed(value, list) : null);
  const visibility = word(fields.visibility, visibilities);
  const body = {
    Catalog: target.catalog,
    Identifier: id,
    AwsSubmission: {
      InvolvementType: word(fields.involvementType, involvementTypes) ?? "Co-Sell",
      ...(visibility === null ? {} : { Visibility: visibility }),
    },
  };
  return { operation: "StartEngagementFromOpportunityTask", key: "start", body, token: "partner-keeps" };
};

/**
 * The next step of a submission. `done` holds the confirmed outcomes of this share's generation; refused ones are not
 * among them.
 *
 * Keys: `create`, `associate:<id>` and `start` never vary with the deal, so that none can be under way twice. A start
 * that AWS refused (its task failed) happens again under the same key: the engine counts refused tries of a key into
 * the token, and AWS sees a new request.
 */
export const nextStep = (draft: ShareDraft, done: readonly Outcome[], target: Target): Next => {
  const created = done.find(({ key }) => key === "create");
  if (created === undefined) return { kind: "write", write: createWrite(draft, target) };
  const id = created.ref.id;
  const finished = new Set(done.map(({ key }) => key));
  const started = done.findLast(({ key }) => key === "start");
  // A task that failed at once is polled too: the poll is what tells the engine why.
  if (started !== undefined) {
    const ended = started.task === null || started.task.state === "done";
    return ended ? { kind: "done" } : { kind: "poll", outcome: started };
  }
  const associate = associateWrites(id, withDefaults(target, draft.fields), target).find(
    ({ key }) => !finished.has(key),
  );
  return { kind: "write", write: associate ?? startWrite(id, draft, target) };
};

/** The deal's private offer, as AWS's record names it: one for each opportunity. A resale authorization is none. */
const offerWrites = (id: string, { offer }: ShareDraft, target: Target): readonly Write[] => {
  if (offer == null || offer.id.startsWith("resaleauthz-")) return [];
  const arn = offer.arn ?? arnOf(target.account, offer.id);
  const isSet = arn.includes("/OfferSet/");
  const body = {
    Catalog: target.catalog,
    OpportunityIdentifier: id,
    RelatedEntityType: isSet ? "AwsMarketplaceOfferSets" : "AwsMarketplaceOffers",
    RelatedEntityIdentifier: arn,
  };
  return [{ operation: "AssociateOpportunity", key: `associate:${arn}`, body, token: "we-read" }];
};

/**
 * The next entity of ours that AWS's record lacks while it takes associations: a deal that came from AWS has none yet, and AWS
 * asks for one before it may go on. Null: nothing is missing, or nothing can be added now.
 */
export const nextAddition = (
  draft: ShareDraft,
  observation: Observation,
  at: { readonly settled: ReadonlySet<string>; readonly target: Target },
): Write | null => {
  const { opportunity, gate } = theirsOf(observation.body);
  if (!gate.takesEntities) return null;
  const related = opportunity.RelatedEntityIdentifiers;
  const held = new Set(Object.values(related ?? {}).flatMap((ids) => (Array.isArray(ids) ? ids : [])));
  const offers = [...(related?.AwsMarketplaceOffers ?? []), ...(related?.AwsMarketplaceOfferSets ?? [])];
  const wanted = [
    ...associateWrites(opportunity.Id, withDefaults(at.target, draft.fields), at.target),
    // AWS takes no second one: whichever a person tied to the deal stays.
    ...(offers.length > 0 ? [] : offerWrites(opportunity.Id, draft, at.target)),
  ];
  return (
    wanted.find(({ key, body }) => !at.settled.has(key) && !held.has(body.RelatedEntityIdentifier ?? null)) ?? null
  );
};
