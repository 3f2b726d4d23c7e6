/** Cloud Channel's opportunities: create, get, patch. */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { at, textAt, withAt } from "../../simulator/document.ts";
import { addSeconds } from "../../simulator/ground.ts";
import { invalid, notFound, violation } from "./answers.ts";
import type { SimulatedCredential } from "./credential.ts";
import { checkEdit, checkState, demand, fieldOf, stateOf } from "./gate.ts";
import type { OpportunityRecord } from "./ledger.ts";
import { isOutputPath, masked, readMask } from "./mask.ts";
import type { Reviews } from "./reviews.ts";
import { outputPaths, printed, readMessage, writable } from "./shapes.ts";
import type { OperationName } from "./surfaces.ts";
import { type Catalogue, channelCatalogue, snake } from "./tables.ts";
import { dateOf, hiddenUntil, type Occasion, type World } from "./world.ts";

/** One authenticated request of a partner that may make it. */
export interface Call extends Occasion {
  readonly operation: OperationName;
  readonly caller: SimulatedCredential;
  /** The id behind `partners/`. */
  readonly partner: string;
  readonly names: readonly string[];
  readonly query: URLSearchParams;
  /** The body as JSON; an empty object where the method has none. */
  readonly input: JsonObject;
}

const type = "Opportunity";

export const createOpportunities = (world: World, reviews: Reviews) => {
  const { ledger } = world;

  const find = (call: Call): OpportunityRecord => {
    const [id = ""] = call.names;
    const row = ledger.opportunities.get(id);
    if (row?.partner === call.partner) return row;
    throw notFound(`opportunities/${id}`);
  };

  const sentBy = (call: Call): JsonObject =>
    sent(world, call.input, { catalogue: channelCatalogue, message: type, path: "opportunity" });

  const create = (call: Call): JsonObject => {
    const { rules } = world.settings();
    const given = sentBy(call);
    const state = textAt(given, "state") ?? "DRAFT";
    checkState(state);
    demand(given, rules.requiredToCreate);
    const stored = belonging(unreferenced(given), call.partner);
    const document = {
      ...withAt(stored, "stage", rules.stages[0]),
      state: "DRAFT",
      source: "PARTNER",
      creatorEmail: call.caller.clientEmail,
    };
    const fresh = born(world, { document, partner: call.partner }, call);
    const row = { ...(state === "SUBMITTED" ? submit(fresh, call) : fresh), hiddenUntil: hiddenUntil(call) };
    ledger.opportunities.put(row.id, row);
    return view(world, row);
  };

  const submit = (row: OpportunityRecord, call: Call): OpportunityRecord => {
    demand(row.document, world.settings().rules.requiredToSubmit);
    return reviews.submitted(row, call);
  };

  const patch = (call: Call): JsonObject => {
    const row = find(call);
    const { rules } = world.settings();
    const given = sentBy(call);
    const open = openPaths(call, given);
    const was = stateOf(row.document);
    const state = open.includes("state") ? stateOf(given) : was;
    if (state !== was) checkState(state);
    const wanted = masked(row.document, given, open);
    const next = belonging(withOutputs(row.document, unreferenced(wanted, row.document)), call.partner);
    checkEdit(row.document, next, rules);
    const isSubmitted = state === "SUBMITTED" && was !== "SUBMITTED";
    const edited = { ...row, document: next, hiddenUntil: hiddenUntil(call) ?? row.hiddenUntil };
    return view(world, reviews.save(isSubmitted ? submit(edited, call) : edited, call));
  };

  /** What the mask names and a partner may write. The two enums have no empty value: what is not sent stays. */
  const openPaths = (call: Call, given: JsonObject): readonly string[] => {
    const paths = readMask(channelCatalogue, type, call.query.get("updateMask"));
    const output = paths.filter((path) => isOutputPath(channelCatalogue, type, path));
    if (world.settings().rules.output === "refuse" && output.length > 0) {
      const words = (path: string) => `The field '${snake(path)}' is output only and cannot be updated`;
      throw invalid(output.map((path) => violation("update_mask", words(path))));
    }
    const absent = ["state", "stage"].filter((path) => given[path] === undefined);
    return paths.filter((path) => !output.includes(path) && !absent.includes(path));
  };

  /** Google may not let a partner write this member: then it stays what it was. */
  const unreferenced = (document: JsonObject, before: JsonObject = {}): JsonObject =>
    world.settings().rules.reference === "keep"
      ? document
      : withAt(document, "referenceOpportunityId", at(before, "referenceOpportunityId"));

  return {
    create,
    patch,
    get: (call: Call): JsonObject => {
      const row = find(call);
      return view(world, { ...row, ...seenNow(row, call) });
    },
  };
};
export type Opportunities = ReturnType<typeof createOpportunities>;

export interface Sent {
  readonly catalogue: Catalogue;
  readonly message: string;
  /** The name that the body has in the request message. */
  readonly path: string;
}
/** What the partner may write of the body. Throws INVALID_ARGUMENT with everything that does not fit the tables. */
export const sent = (world: World, input: JsonObject, { catalogue, message, path }: Sent): JsonObject => {
  const { enums, unlistedEnums, output } = world.settings().rules;
  const { value, violations } = readMessage({ catalogue, enums, unlisted: unlistedEnums }, message, {
    json: input,
    path,
  });
  // A name in the body is taken for the one in the address.
  const outputs = output === "refuse" ? outputPaths(catalogue, message, value).filter((name) => name !== "name") : [];
  const refused = outputs.map((name) =>
    violation(snake(`${path}.${name}`), `The field '${snake(`${path}.${name}`)}' is output only`),
  );
  if (violations.length + refused.length > 0) throw invalid([...violations, ...refused]);
  return writable(catalogue, message, value);
};

export const partnerPath = "opportunityInfo.partnerEntity";
/** The deal is the calling partner's, whether it says so or not. */
const belonging = (document: JsonObject, partner: string): JsonObject => {
  const entity = textAt(document, partnerPath);
  const mine = `partners/${partner}`;
  if (entity !== null && entity !== mine) {
    const field = fieldOf(partnerPath);
    throw invalid([violation(field, `The field '${field}' must be ${mine}, the partner of the request`)]);
  }
  return withAt(document, partnerPath, mine);
};

/** `after` with everything that only Google writes as `before` has it. */
const withOutputs = (before: JsonObject, after: JsonObject): JsonObject =>
  outputPaths(channelCatalogue, type, before).reduce(
    (document, path) => withAt(document, path, at(before, path)),
    after,
  );

export interface Birth {
  readonly document: JsonObject;
  readonly partner: string;
}
/** A new record, not yet in the ledger. */
export const born = (world: World, { document, partner }: Birth, { now }: Occasion): OpportunityRecord => {
  const at = world.stamp(now);
  const customer = textAt(document, "customerInfo.customerDetails.organizationName");
  return {
    id: world.letters("opportunity", 14),
    partner,
    sequence: world.sequence(),
    fate: world.fateOf(customer, textAt(document, "opportunityInfo.description")),
    createdAt: at,
    updatedAt: at,
    document: {
      ...document,
      creationDate: dateOf(now),
      ...(customer === null ? {} : { customerDisplayName: customer }),
    },
    rounds: 0,
    steps: 0,
    previous: null,
    staleUntil: null,
    hiddenUntil: null,
  };
};

/** What a read shows at this moment: usually the record, the version before it while it is stale. */
const seenNow = (row: OpportunityRecord, { now, struck }: Occasion) => {
  const stale = struck.has("stale_read") || (row.staleUntil !== null && now.toISOString() < row.staleUntil);
  return stale && row.previous ? row.previous : row;
};
/** What a query shows: the index may lag behind. Null: it does not know the record yet. */
export const indexed = (
  row: OpportunityRecord,
  lagSeconds: number,
  { now, struck }: Occasion,
): OpportunityRecord | null => {
  const rule = struck.find("search_lag");
  const lag = Math.max(lagSeconds, rule ? (rule.seconds ?? 60) : 0);
  const isHidden = row.hiddenUntil !== null && now.toISOString() < row.hiddenUntil;
  const isLate = lag > 0 && now < addSeconds(new Date(row.updatedAt), lag);
  if (isHidden || isLate) return row.previous ? { ...row, ...row.previous } : null;
  const seen = seenNow(row, { now, struck });
  return seen === row ? row : { ...row, ...seen };
};

/** The record as the wire shows it. */
export const view = (
  world: World,
  row: Pick<OpportunityRecord, "id" | "document" | "createdAt" | "updatedAt">,
): JsonObject => {
  const whole = {
    name: `opportunities/${row.id}`,
    ...row.document,
    createTime: row.createdAt,
    updateTime: row.updatedAt,
  };
  return world.settings().rules.defaults === "print" ? printed(channelCatalogue, type, whole) : whole;
};

/** For the control API: a record by its id or name, whoever owns it. */
export const recordOf = (world: World, name: string): OpportunityRecord => {
  const row = world.ledger.opportunities.get(name.split("/").at(-1) ?? "");
  if (!row) throw notFound(name);
  return row;
};
