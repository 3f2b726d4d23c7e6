/** One deal and several clouds over HTTP: shared with all of them by one request, and read side by side. */
import * as z from "zod";
import type { CoSell } from "../../adapters/contract.ts";
import { nextStep } from "../domain/advice.ts";
import { type Connection, type Json, jsonObjectSchema, marketplaceIdSchema, partnerNames } from "../domain/deal.ts";
import { gapSentence } from "../domain/fault.ts";
import { shareStates } from "../domain/machine.ts";
import {
  type CloudStep,
  type CloudWord,
  differenceReasons,
  differencesOf,
  nextAcross,
} from "../domain/side-by-side.ts";
import type { Query, Tx } from "../ports.ts";
import { type ListedShare, listedShareSchema } from "../store/shares.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf, rehearse } from "./endpoint.ts";
import { itemsOfGaps, notFound, ProblemError } from "./problem.ts";
import { gapSchema, type OpenedShare, type Opening, openShare } from "./shares.ts";

const cloudsMax = 20;
const sharesMax = 200;

const dealParams = z.strictObject({ id: idOf("opp", "deal") });
export const shareOutcomes = ["goes_out", "gaps", "open_already"] as const;
const plannedSchema = z.object({
  connectionId: z.string(),
  marketplace: marketplaceIdSchema,
  label: z.string(),
  outcome: z
    .enum(shareOutcomes)
    .describe("gaps: nothing is sent there; open_already: shared there before, and left alone"),
  shareId: z.string().nullable().describe("null in a dry run of a new share"),
  state: z.enum(shareStates),
  gaps: z.array(gapSchema),
  notices: z.array(z.string()).describe("what to know before it is sent, for example that it cannot be undone"),
  parkedReason: z.string().nullable().describe("why the connection sends nothing now; null: it works"),
});
type Planned = z.output<typeof plannedSchema>;
const plannedExample: z.input<typeof plannedSchema> = {
  connectionId: "con_0199c0de00007000800000000000a002",
  marketplace: "azure",
  label: "Microsoft",
  outcome: "goes_out",
  shareId: null,
  state: "ready",
  gaps: [],
  notices: ["A deal that is shared with Microsoft stays shared: Microsoft has no way to take it back."],
  parkedReason: null,
};

const jsonOrNull = z.json();
const sideSchema = listedShareSchema.extend({ next: z.string().describe("what a person should do next there") });
const differenceSchema = z.object({
  field: z.string(),
  value: jsonOrNull.describe("what the deal has; null: empty"),
  clouds: z.array(
    z.object({
      connectionId: z.string(),
      value: jsonOrNull,
      isTold: z.boolean().describe("false: the programme does not give this field back, so the value is not known"),
      at: z.iso.datetime().nullable().describe("since when"),
      why: z
        .enum(differenceReasons)
        .nullable()
        .describe(
          "null: agrees with the deal; frozen: our edit waits until their record opens; queued: our edit is on its way; declined: they do not take it; theirs: they changed it; ended: the share has ended; mapped: their own words",
        ),
      reason: z.string().nullable(),
    }),
  ),
});
const sidesSchema = z.object({
  opportunityId: z.string(),
  next: z.string().describe("what a person should do next across the clouds, most urgent first"),
  clouds: z.array(sideSchema).describe("the newest share with each connection"),
  differences: z.array(differenceSchema).describe("fields on which a cloud differs from the deal, and why"),
});

export const cloudEndpoints = (deps: AppDeps): readonly Endpoint[] => [sidesEndpoint(deps), shareEndpoint(deps)];

const shareEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/opportunities/{id}/clouds",
    tag: "Shares",
    scope: "write",
    summary: "Share a deal with several programmes",
    description:
      "One plan: each programme judges the deal, and only where nothing is missing something is sent. Without keepDrafts it is all or nothing: a gap anywhere saves nothing anywhere. With keepDrafts the programmes without gaps get the deal, and the others keep a draft that goes out once the deal is mended. A programme that has the deal already is left alone, so asking again changes nothing. dryRun tells the plan, with each programme's notices, and saves nothing.",
    params: dealParams,
    body: z.strictObject({
      connectionIds: z.array(idOf("con", "connection")).min(1).max(cloudsMax),
      fields: z
        .partialRecord(marketplaceIdSchema, jsonObjectSchema)
        .default({})
        .describe("fields only one programme asks for, by marketplace; they overlay the deal's"),
      keepDrafts: z.boolean().default(false),
      dryRun: z.boolean().default(false).describe("true: only the plan; nothing is saved"),
    }),
    bodyExample: {
      connectionIds: ["con_0199c0de00007000800000000000a001", "con_0199c0de00007000800000000000a002"],
      dryRun: true,
    },
    answers: {
      200: {
        description: "what each programme gets, in the order asked for",
        schema: z.object({ dryRun: z.boolean(), clouds: z.array(plannedSchema) }),
        example: { dryRun: true, clouds: [plannedExample] },
      },
    },
    problems: ["not-found", "gaps", "conflict"],
    handle: async ({ params, body, caller }) => {
      const { connectionIds, fields, keepDrafts, dryRun } = body;
      const open = (tx: Tx) =>
        openShares(deps, tx, { opportunityId: params.id, connectionIds, fields, actorId: caller.actorId });
      if (dryRun) {
        const planned = (await rehearse(deps, open)).map((opened) => plannedOf(opened, true));
        return { status: 200, body: { dryRun, clouds: planned } };
      }
      const opened = await commit(deps, async (tx) => {
        const all = await open(tx);
        if (!keepDrafts) refuseGaps(all);
        return all;
      });
      return { status: 200, body: { dryRun, clouds: opened.map((one) => plannedOf(one, false)) } };
    },
  });

interface Openings {
  readonly opportunityId: string;
  readonly connectionIds: readonly string[];
  readonly fields: Readonly<Partial<Record<string, Opening["fields"]>>>;
  readonly actorId: string;
}

/** Opened in the order of their ids, so that two who share the same deal at once wait for each other instead of both failing. */
const openShares = async (deps: AppDeps, tx: Tx, openings: Openings): Promise<readonly OpenedShare[]> => {
  const { opportunityId, connectionIds, fields, actorId } = openings;
  const opened = new Map<string, OpenedShare>();
  for (const connectionId of [...new Set(connectionIds)].toSorted()) {
    const connection = await deps.store.connections.find(tx, connectionId);
    const own = connection === null ? {} : (fields[connection.marketplace] ?? {});
    opened.set(connectionId, await openShare(deps, tx, { opportunityId, connectionId, actorId, fields: own }));
  }
  return [...new Set(connectionIds)].flatMap((id) => opened.get(id) ?? []);
};

const refuseGaps = (opened: readonly OpenedShare[]): void => {
  const lacking = opened.filter(({ gaps, isNew }) => isNew && gaps.length > 0);
  if (lacking.length === 0) return;
  const detail = lacking.map(({ connection, gaps }) => `${connection.label}: ${gapSentence(gaps)}`).join(" ");
  const errors = lacking.flatMap(({ connection, gaps }) =>
    itemsOfGaps(gaps).map((item) => ({ ...item, message: `${connection.label}: ${item.message}` })),
  );
  throw new ProblemError("gaps", detail, { errors });
};

const plannedOf = ({ share, connection, gaps, notices, isNew }: OpenedShare, isDryRun: boolean): Planned => ({
  connectionId: connection.id,
  marketplace: connection.marketplace,
  label: connection.label,
  outcome: isNew ? (gaps.length > 0 ? "gaps" : "goes_out") : "open_already",
  shareId: isNew && isDryRun ? null : share.id,
  state: share.state,
  gaps: gaps.map((gap) => ({ ...gap })),
  notices: [...notices],
  parkedReason: connection.state === "parked" ? (connection.parkedReason ?? "no reason was kept") : null,
});

const sidesEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/opportunities/{id}/clouds",
    tag: "Shares",
    scope: "read",
    summary: "Read a deal's shares side by side",
    description:
      "The newest share with each connection, the one thing to do next across them, and every field on which a cloud differs from the deal: its value there, since when, and why.",
    params: dealParams,
    answers: { 200: { description: "the deal at its clouds", schema: sidesSchema } },
    problems: ["not-found"],
    handle: async ({ params }) => ({ status: 200, body: await readSides(deps, params.id) }),
  });

const readSides = async (deps: AppDeps, opportunityId: string): Promise<z.output<typeof sidesSchema>> => {
  const { store, db } = deps;
  const deal = await store.opportunities.find(db.sql, opportunityId);
  if (deal === null) throw notFound("deal", opportunityId);
  const known = await store.opportunities.known(db.sql, deal);
  const page = await store.shares.list(db.sql, { opportunityId, limit: sharesMax, after: null });
  const newest = page.items.filter(
    (share, index, all) => all.findIndex((other) => other.connectionId === share.connectionId) === index,
  );
  const shares = newest.toSorted((a, b) => (a.connectionLabel < b.connectionLabel ? -1 : 1));
  const words: CloudWord[] = [];
  const sides: (ListedShare & CloudStep)[] = [];
  for (const share of shares) {
    const said = known.said.find(({ source }) => source === share.connectionId)?.fields ?? {};
    const word = await wordOf(deps, share, said);
    words.push(word);
    sides.push({ ...share, cloud: share.connectionLabel, next: nextFor(share, word) });
  }
  return sidesSchema.parse({
    opportunityId,
    next: nextAcross(sides),
    clouds: sides,
    differences: differencesOf(known.fields, words),
  });
};

const nextFor = (share: ListedShare, { edits }: CloudWord): string => {
  const text = (name: string): string | null => textOf(share.facts?.[name]);
  return nextStep({
    state: share.state,
    reason: share.reason,
    gaps: share.gaps,
    partner: partnerNames[marketplaceIdSchema.parse(share.marketplace)],
    said: text("reviewComments") ?? text("reviewStatusReason"),
    advised: text("nextBestActions"),
    parked: share.parkedReason,
    waiting: edits.filter(({ state }) => state === "waiting").map(({ field }) => field),
  });
};
const textOf = (value: Json | undefined): string | null =>
  typeof value === "string" && value.trim() !== "" ? value.trim() : null;

const wordOf = async (deps: AppDeps, listed: ListedShare, said: CloudWord["said"]): Promise<CloudWord> => {
  const { shares } = deps.store;
  const drafted = await shares.drafted(deps.db.sql, listed);
  return {
    connectionId: listed.connectionId,
    state: listed.state,
    said,
    edits: await shares.listEdits(deps.db.sql, listed.id),
    changedByThem: await changedByThem(deps, deps.db.sql, drafted),
    isRevising: drafted.revisionWanted,
  };
};

/** What their record, as last read, changed since both sides last agreed. Nothing is contacted. */
const changedByThem = async (
  deps: AppDeps,
  query: Query,
  { share, connection, draft }: Awaited<ReturnType<AppDeps["store"]["shares"]["drafted"]>>,
): Promise<ReadonlySet<string>> => {
  const { shares } = deps.store;
  const theirs = coSellWhereItOpens(deps, connection)?.theirs;
  const observation = theirs === undefined ? null : await shares.readObservation(query, share.id);
  if (theirs === undefined || observation === null) return new Set();
  const { values } = theirs({ draft, observation, ...(await shares.readBases(query, share.id)) });
  return new Set(values.filter(({ isEdit }) => isEdit).map(({ field }) => field));
};

/** What was read stays readable when a connection's simulator or settings are gone; then nothing is known of their changes. */
const coSellWhereItOpens = (deps: AppDeps, connection: Connection): CoSell | null => {
  try {
    return deps.registry.open(connection).coSell ?? null;
  } catch {
    return null;
  }
};
