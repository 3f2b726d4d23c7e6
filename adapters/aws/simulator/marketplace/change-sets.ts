/**
 * Change sets: asked for at once, prepared, applied, and told of. While one runs nobody else can change what it concerns.
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-catalog_StartChangeSet.html
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { fold } from "../../../simulator/dice.ts";
import { canonical, isObject, listAt, textAt, textsAt } from "../../../simulator/document.ts";
import { addDays, addSeconds } from "../../../simulator/ground.ts";
import type { Occasion, World } from "../world.ts";
import type { Buyers } from "./buyers.ts";
import type { MarketCall } from "./calls.ts";
import { changesOf, heldBy, intentOf } from "./change-requests.ts";
import { runChanges } from "./change-runs.ts";
import { bareId, type Entities, marketplaceArn } from "./entities.ts";
import type { News } from "./news.ts";
import { pageOf } from "./paging.ts";
import { seconds } from "./periods.ts";
import type { Change, ChangeSet, Entity } from "./records.ts";
import { catalogRefusal, wrong } from "./refusals.ts";
import type { Resellers } from "./resellers.ts";

export interface ChangeSetParts {
  readonly entities: Entities;
  readonly news: News;
  readonly buyers: Buyers;
  readonly resellers: Resellers;
}

export const createChangeSets = (world: World, { entities, news, buyers, resellers }: ChangeSetParts) => {
  const { ledger, dice } = world;

  const find = (call: MarketCall): ChangeSet => {
    const id = textAt(call.input, "ChangeSetId") ?? "";
    const set = ledger.changeSets.get(id);
    if (set?.account === call.account && isKept(set, call.now)) return set;
    throw catalogRefusal("ResourceNotFoundException", `Change set ${id} was not found.`);
  };
  const isKept = (set: ChangeSet, now: Date): boolean =>
    addDays(new Date(set.startedAt), world.settings().marketplace.retentionDays) > now;

  /** Same token and same request: the first answer again. */
  const once = (call: MarketCall, act: () => JsonObject): JsonObject => {
    const token = textAt(call.input, "ClientRequestToken");
    if (token === null) return act();
    const id = `${call.account}:StartChangeSet:${token}`;
    const digest = fold(canonical(call.input)).toString(36);
    const kept = ledger.tokens.get(id);
    if (kept !== null && kept.digest !== digest)
      throw wrong("ClientRequestToken was used for another request", "ClientRequestToken");
    if (kept !== null) return kept.answer;
    const answer = act();
    ledger.tokens.put(id, { operation: call.operation, digest, answer, at: call.now.toISOString() });
    return answer;
  };

  const hold = (ids: readonly string[], lock: string | null): void => {
    for (const id of ids) {
      const entity = ledger.entities.get(id);
      if (entity) ledger.entities.put(id, { ...entity, lock });
    }
  };

  const begin = (call: MarketCall): JsonObject => {
    const changes = changesOf(call.input);
    const held = heldBy(changes, call.account, { world, entities });
    const id = world.letters("change set", 25);
    const stuck = call.struck.has("async_task_stuck");
    const failure = call.struck.find("async_task_fails");
    const set: ChangeSet = {
      id,
      account: call.account,
      sequence: world.sequence(),
      name: textAt(call.input, "ChangeSetName") ?? `Change set ${id}`,
      intent: intentOf(call.input),
      status: "PREPARING",
      startedAt: call.now.toISOString(),
      endedAt: null,
      failureCode: null,
      failureDescription: null,
      changes: [...changes],
      held: [...held],
      plan: stuck || failure ? { kind: stuck ? "stuck" : "fail", reason: failure?.reason ?? "InternalError" } : null,
    };
    ledger.changeSets.put(id, set);
    hold(held, id);
    const wait = dice.between(world.settings().marketplace.prepareSeconds, "prepare", set.sequence);
    world.schedule("change_set", id, addSeconds(call.now, wait));
    return { ChangeSetId: id, ChangeSetArn: marketplaceArn(call.account, "ChangeSet", id) };
  };

  const end = (set: ChangeSet, outcome: Partial<ChangeSet>, occasion: Occasion): ChangeSet => {
    const ended: ChangeSet = { ...set, ...outcome, endedAt: occasion.now.toISOString() };
    ledger.changeSets.put(set.id, ended);
    hold(set.held, null);
    news.changeSet(ended, occasion);
    return ended;
  };

  /** Stores what a set made of its entities, all of them before anybody hears of one. */
  const settle = (left: readonly Entity[], occasion: Occasion): void => {
    const pairs = left.map((entity) => {
      const before = ledger.entities.get(entity.id);
      return { before, saved: entities.save({ ...entity, lock: null }, occasion.now) };
    });
    for (const { before, saved } of pairs) {
      const isReleased = saved.releasedAt !== null && (before === null || before.releasedAt === null);
      const isMoved = before !== null && before.availableUntil !== saved.availableUntil;
      if (saved.kind === "Offer" && isReleased) {
        news.offerReleased(saved, occasion);
        buyers.expect(saved, occasion.now);
      } else if (saved.kind === "Offer" && isMoved) buyers.reconsider(saved, occasion.now);
      if (saved.kind === "OfferSet" && isReleased) news.setReleased(saved, occasion);
      if (saved.kind === "ResaleAuthorization" && isReleased) resellers.expect(saved, occasion.now);
    }
  };

  const finish = (set: ChangeSet, occasion: Occasion): void => {
    if (set.plan?.kind === "fail") {
      const failureDescription = `The change set failed on AWS's side: ${set.plan.reason}`;
      end(set, { status: "FAILED", failureCode: "SERVER_FAULT", failureDescription }, occasion);
      return;
    }
    const mark = ledger.mark();
    const run = runChanges(world, entities, set);
    const isGood = run.entities.length > 0;
    if (!isGood) {
      ledger.undoTo(mark);
      end(set, { status: "FAILED", failureCode: "CLIENT_ERROR", changes: [...run.changes] }, occasion);
      return;
    }
    if (set.intent === "APPLY") settle(run.entities, occasion);
    const changes = run.changes.map((change): Change => {
      const entity = change.resolved === null ? null : ledger.entities.get(change.resolved);
      return { ...change, resolved: entity === null ? null : `${entity.id}@${entity.revision}` };
    });
    end(set, { status: "SUCCEEDED", changes }, occasion);
  };

  return {
    start: (call: MarketCall): JsonObject => once(call, () => begin(call)),
    describe: (call: MarketCall): JsonObject => {
      const set = find(call);
      return {
        ...summaryOf(set),
        Intent: set.intent,
        ...(set.failureDescription === null ? {} : { FailureDescription: set.failureDescription }),
        ChangeSet: set.changes.map(changeView),
      };
    },
    cancel: (call: MarketCall): JsonObject => {
      const set = find(call);
      if (set.status !== "PREPARING")
        throw catalogRefusal(
          "ResourceInUseException",
          `The change set is ${set.status} and can no longer be cancelled.`,
        );
      end(set, { status: "CANCELLED" }, call);
      return { ChangeSetId: set.id, ChangeSetArn: marketplaceArn(set.account, "ChangeSet", set.id) };
    },
    list: (call: MarketCall): JsonObject => {
      const sortBy = textAt(call.input, "Sort.SortBy") ?? "StartTime";
      if (sortBy !== "StartTime" && sortBy !== "EndTime") throw wrong(`Cannot sort by ${sortBy}`, "SortBy");
      const rows = ledger.changeSets
        .all()
        .filter((set) => set.account === call.account && isKept(set, call.now) && isWanted(set, call.input))
        .map((set) => ({
          id: `${String(set.sequence).padStart(12, "0")}`,
          key: (sortBy === "EndTime" ? set.endedAt : set.startedAt) ?? "",
          view: { ...summaryOf(set), EntityIdList: idsOf(set) },
        }));
      const { views, token } = pageOf(rows, {
        ...call,
        descending: textAt(call.input, "Sort.SortOrder") !== "ASCENDING",
        size: Number(call.input.MaxResults ?? 20),
      });
      return { ChangeSetSummaryList: views, ...(token === null ? {} : { NextToken: token }) };
    },
    /** The next stage of a set is due. */
    proceed: (set: ChangeSet, occasion: Occasion): void => {
      if (set.status === "APPLYING") finish(set, occasion);
      if (set.status !== "PREPARING") return;
      ledger.changeSets.put(set.id, { ...set, status: "APPLYING" });
      if (set.plan?.kind === "stuck") return;
      const wait = dice.between(world.settings().marketplace.applySeconds, "apply", set.sequence);
      world.schedule("change_set", set.id, addSeconds(occasion.now, wait));
    },
  };
};
export type ChangeSets = ReturnType<typeof createChangeSets>;

const summaryOf = (set: ChangeSet): JsonObject => ({
  ChangeSetId: set.id,
  ChangeSetArn: marketplaceArn(set.account, "ChangeSet", set.id),
  ChangeSetName: set.name,
  StartTime: seconds(set.startedAt),
  ...(set.endedAt === null ? {} : { EndTime: seconds(set.endedAt) }),
  Status: set.status,
  ...(set.failureCode === null ? {} : { FailureCode: set.failureCode }),
});
const idsOf = (set: ChangeSet): readonly string[] => {
  const made = set.changes.flatMap(({ resolved }) => (resolved === null ? [] : bareId(resolved)));
  return [...new Set([...set.held, ...made])];
};
const changeView = (change: Change): JsonObject => {
  const identifier = change.resolved ?? change.identifier;
  return {
    ChangeType: change.type,
    Entity: { Type: change.entityType, ...(identifier === null ? {} : { Identifier: identifier }) },
    Details: JSON.stringify(change.details),
    DetailsDocument: change.details,
    ErrorDetailList: change.errors.map(({ code, message }) => ({ ErrorCode: code, ErrorMessage: message })),
    ...(change.name === null ? {} : { ChangeName: change.name }),
  };
};

/** https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-catalog_ListChangeSets.html */
const isWanted = (set: ChangeSet, input: JsonObject): boolean =>
  listAt(input, "FilterList")
    .filter(isObject)
    .every((filter) => {
      const name = textAt(filter, "Name") ?? "";
      const values = textsAt(filter, "ValueList");
      const test = filters[name];
      if (test === undefined) throw wrong(`There is no filter ${name}`, "FilterList");
      return values.some((value) => test(set, value));
    });
const filters: Readonly<Record<string, (set: ChangeSet, value: string) => boolean>> = {
  ChangeSetName: (set, value) => set.name === value,
  Status: (set, value) => set.status === value,
  EntityId: (set, value) => idsOf(set).includes(bareId(value)),
  BeforeStartTime: (set, value) => seconds(set.startedAt) < value,
  AfterStartTime: (set, value) => seconds(set.startedAt) > value,
  BeforeEndTime: (set, value) => set.endedAt !== null && seconds(set.endedAt) < value,
  AfterEndTime: (set, value) => set.endedAt !== null && seconds(set.endedAt) > value,
};
