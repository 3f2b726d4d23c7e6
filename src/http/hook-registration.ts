/** Where a partner delivers its webhooks, read and set at the partner itself. Every write there is journalled first. */
import * as z from "zod";
import type { HookRegistration, RegisteredHook } from "../../adapters/contract.ts";
import type { Connection, JsonObject } from "../domain/deal.ts";
import type { Fault, Result } from "../domain/fault.ts";
import type { EffectEntry } from "../store/effects.ts";
import { refusedBy, sessionOf } from "./credentials.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf } from "./endpoint.ts";
import { mustFindConnection } from "./oauth-clients.ts";
import { ProblemError } from "./problem.ts";

const params = z.strictObject({ id: idOf("con", "connection") });
const path = "/v1/connections/{id}/webhook-registration";

const hookSchema = z.object({
  url: z.string().describe("where the partner delivers"),
  events: z.array(z.string()).describe("what it delivers"),
});
const stateSchema = z.object({
  hookUrl: z.string().describe("our address for this connection"),
  wanted: z.array(z.string()).describe("the events that we ask for"),
  registered: hookSchema.nullable().describe("what the partner has now; null: it delivers nowhere"),
  isOurs: z.boolean().describe("true: all wanted events come to our address"),
});
const savedSchema = z.object({
  outcome: z
    .enum(["unchanged", "registered", "extended", "replaced"])
    .describe("registered: there was none; extended: events were added to our address; replaced: another address"),
  dryRun: z.boolean(),
  before: hookSchema.nullable(),
  after: hookSchema,
});
const testSchema = z.object({
  state: z.enum(["waiting", "delivered", "failed"]),
  detail: z.string().describe("what our address answered, as the partner saw it"),
});

export const hookRegistrationEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path,
    tag: "Connections",
    scope: "read",
    summary: "Read where the partner delivers its webhooks",
    description:
      "The partner is asked. Not every partner has such a registration; AWS delivers by rules in your own account.",
    params,
    answers: { 200: { description: "as the partner has it", schema: stateSchema } },
    problems: ["not-found", "conflict", "check-failed"],
    handle: async ({ params: { id } }) => {
      const { door, hookUrl } = await openDoor(deps, id);
      const registered = mustHave(await door.read());
      return {
        status: 200,
        body: {
          hookUrl,
          wanted: door.events,
          registered,
          isOurs: outcomeOf(door, registered, hookUrl) === "unchanged",
        },
      };
    },
  }),
  saveEndpoint(deps),
  endpoint({
    method: "POST",
    path: `${path}/test`,
    tag: "Connections",
    scope: "admin",
    summary: "Ask the partner for a test delivery",
    description: "Microsoft takes two such requests a minute.",
    params,
    answers: {
      202: { description: "it will come", schema: z.object({ id: z.string().describe("to read its state by") }) },
    },
    problems: ["not-found", "conflict", "check-failed"],
    handle: async ({ params: { id } }) => {
      const { connection, door } = await openDoor(deps, id);
      const write = { connection, operation: testOperation, key: `webhook-test:${deps.ids.uuid()}`, body: {} };
      const asked = await journalled(deps, write, door.test);
      return { status: 202, body: { id: asked.id } };
    },
  }),
  endpoint({
    method: "GET",
    path: `${path}/test/{test}`,
    tag: "Connections",
    scope: "read",
    summary: "Read what became of a test delivery",
    params: z.strictObject({
      id: idOf("con", "connection"),
      test: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,64}$/, "the id that was answered")
        .describe("id of the test"),
    }),
    answers: { 200: { description: "its state", schema: testSchema } },
    problems: ["not-found", "conflict", "check-failed"],
    handle: async ({ params: { id, test } }) => {
      const { door } = await openDoor(deps, id);
      const state = await door.testState(test);
      if (!state.ok && state.fault.kind === "missing")
        throw new ProblemError("not-found", "The partner knows no such test. Tests are kept for some days.");
      return { status: 200, body: mustHave(state) };
    },
  }),
];

const saveEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "PUT",
    path,
    tag: "Connections",
    scope: "admin",
    summary: "Make the partner deliver its webhooks to us",
    description:
      "Microsoft keeps one address for a tenant: ours takes the place of another, for example of a CRM connector's, which then hears nothing any more. That needs replace; a dry run says what would be replaced.",
    params,
    body: z.strictObject({
      replace: z.boolean().default(false).describe("true: another address may be replaced"),
      dryRun: z.boolean().default(false).describe("true: say what would change and change nothing"),
    }),
    bodyOptional: true,
    bodyExample: { dryRun: true },
    answers: { 200: { description: "as the partner has it now, or would have it", schema: savedSchema } },
    problems: ["not-found", "conflict", "check-failed"],
    handle: async ({ params: { id }, body, caller }) => {
      const { connection, door, hookUrl } = await openDoor(deps, id);
      const before = mustHave(await door.read());
      const outcome = outcomeOf(door, before, hookUrl);
      await settleUncertain(deps, connection, { hookUrl, isDone: outcome === "unchanged" });
      const wanted = {
        url: hookUrl,
        events: [...new Set([...door.events, ...(before?.url === hookUrl ? before.events : [])])],
      };
      if (body.dryRun || outcome === "unchanged") {
        const after = outcome === "unchanged" && before !== null ? before : wanted;
        return { status: 200, body: { outcome, dryRun: body.dryRun, before, after } };
      }
      refuseToSave(connection, { hookUrl, replaces: outcome === "replaced" && !body.replace ? before : null });
      const write = {
        connection,
        operation: "RegisterWebhook",
        key: writeKey(hookUrl),
        body: { ...wanted, replaces: before?.url ?? null },
      };
      const after = await journalled(deps, write, () => door.save(hookUrl));
      const note = before === null ? hookUrl : `${hookUrl} in place of ${before.url}`;
      await commit(deps, (tx) =>
        deps.store.journal.note(tx, {
          subject: connection.id,
          actorId: caller.actorId,
          what: "webhook_registered",
          note,
        }),
      );
      return { status: 200, body: { outcome, dryRun: false, before, after } };
    },
  });

const testOperation = "TestWebhook";
const writeKey = (hookUrl: string): string => `webhook-registration:${hookUrl}`;

const openDoor = async (
  deps: AppDeps,
  id: string,
): Promise<{ readonly connection: Connection; readonly door: HookRegistration; readonly hookUrl: string }> => {
  const connection = await mustFindConnection(deps, id);
  const session = sessionOf(deps, connection);
  if (session.hookRegistration === undefined)
    throw new ProblemError(
      "conflict",
      session.lacks.hookRegistration ??
        "This marketplace keeps no registration of webhooks that could be set from here.",
    );
  return { connection, door: session.hookRegistration, hookUrl: `${deps.publicUrl}/hooks/${id}` };
};

const mustHave = <T>(result: Result<T>): T => {
  if (!result.ok) throw refusedBy(result.fault);
  return result.value;
};

const outcomeOf = (door: HookRegistration, there: RegisteredHook | null, hookUrl: string) => {
  if (there === null) return "registered" as const;
  if (there.url !== hookUrl) return "replaced" as const;
  return door.events.every((event) => there.events.includes(event)) ? ("unchanged" as const) : ("extended" as const);
};

const refuseToSave = (
  { environment }: Connection,
  at: { readonly hookUrl: string; readonly replaces: RegisteredHook | null },
): void => {
  if (environment !== "simulated" && !at.hookUrl.startsWith("https:"))
    throw new ProblemError(
      "conflict",
      "Partners deliver to https only. Set COSELL_PUBLIC_URL to the https address that they reach.",
    );
  if (at.replaces === null) return;
  throw new ProblemError(
    "conflict",
    `The partner delivers ${at.replaces.events.length} events to ${at.replaces.url} now, perhaps to a CRM connector, which would hear nothing any more. Send replace: true to take its place.`,
    { extra: { registeredUrl: at.replaces.url } },
  );
};

/** A registration whose answer was lost: what was just read tells whether it happened. */
const settleUncertain = async (
  deps: AppDeps,
  connection: Connection,
  at: { readonly hookUrl: string; readonly isDone: boolean },
): Promise<void> => {
  const key = writeKey(at.hookUrl);
  const { effects } = deps.store;
  const entry = await effects.findUncertain(deps.db.sql, connection.id, key);
  if (entry === null) return;
  if (at.isDone) await effects.move(deps.db.sql, entry, "located", { outcome: outcomeFor(key) });
  else await effects.move(deps.db.sql, entry, "refuted");
};
const outcomeFor = (key: string) => ({ key, ref: { id: "webhook-registration" }, version: null, task: null });

interface ConnectionWrite {
  readonly connection: Connection;
  readonly operation: string;
  readonly key: string;
  readonly body: JsonObject;
}

/** Intends, commits, marks as sent, commits, sends, and writes down what came of it. Throws the problem of a fault. */
const journalled = async <T>(deps: AppDeps, write: ConnectionWrite, send: () => Promise<Result<T>>): Promise<T> => {
  const { connection, ...planned } = write;
  const { effects } = deps.store;
  const intended = await commit(deps, (tx) =>
    effects.intend(tx, { connection, write: { ...planned, token: "we-read" } }),
  );
  if (intended.state !== "intended")
    throw new ProblemError("conflict", "The same is being asked of the partner at this moment. Look again soon.");
  const entry = await effects.move(deps.db.sql, intended, "sending");
  const result = await send();
  await record(deps, entry, result.ok ? null : result.fault);
  return mustHave(result);
};

const record = async (deps: AppDeps, entry: EffectEntry, fault: Fault | null): Promise<void> => {
  const { effects } = deps.store;
  const { sql } = deps.db;
  const isUncertain = fault?.kind === "ambiguous" || fault?.kind === "drift";
  if (fault === null) await effects.move(sql, entry, "kept", { outcome: outcomeFor(entry.writeKey) });
  // A test can neither be looked for nor does it matter whether it came: it is asked for again.
  else if (isUncertain && entry.operation !== testOperation) await effects.move(sql, entry, "answer_lost", { fault });
  else await effects.move(sql, entry, "refused", { fault });
};
