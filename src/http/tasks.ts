/** Tasks over HTTP: what a person has to do at a partner by hand, as a list, as a form, as a page to print. */
import * as z from "zod";
import type { Assisted } from "../../adapters/contract.ts";
import { taskFieldSchema } from "../domain/by-hand.ts";
import { type Connection, connectionSchema, shareSchema } from "../domain/deal.ts";
import { taskStates } from "../domain/machine.ts";
import { sqlStateOf, uniqueViolation } from "../store/rows.ts";
import { type ListedTask, listedTaskSchema, taskSchema } from "../store/tasks.ts";
import { reportShape, shownNumber } from "./by-hand.ts";
import { type AppDeps, anyOf, commit, type Endpoint, endpoint, idOf, listOf, pageQuery } from "./endpoint.ts";
import { mustFindConnection } from "./invitation-answers.ts";
import { notFound } from "./problem.ts";
import { cancelTask, finishTask } from "./task-ends.ts";
import { createTaskPage } from "./task-page.ts";

const taskParams = z.strictObject({ id: idOf("tsk", "task") });

const wordSchema = z.object({ word: z.string(), means: z.string() });
const shownSchema = listedTaskSchema.extend({
  number: z.string().nullable().describe("the partner's number of the record, once it was pasted"),
  isOverdue: z.boolean(),
});
export const taskStorySchema = shownSchema.extend({
  connection: connectionSchema.pick({ id: true, marketplace: true, label: true, environment: true, state: true }),
  portal: z
    .object({ name: z.string(), url: z.string() })
    .nullable()
    .describe("where it is done; null: by the API by now"),
  steps: z.array(z.string()).describe("what to do there, in order"),
  fields: z
    .array(taskFieldSchema)
    .describe("what to type there, in the order of the partner's form; none once it has ended"),
  numberFormat: z
    .object({ name: z.string(), format: z.string(), example: z.string() })
    .nullable()
    .describe("what the number to paste looks like"),
  statuses: z.array(wordSchema).describe("every status that may be told"),
  stages: z.array(wordSchema).describe("every stage that may be told"),
});
export type TaskStory = z.output<typeof taskStorySchema>;
const endedSchema = z.object({ task: taskSchema, share: shareSchema });

export const taskEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  listEndpoint(deps),
  readEndpoint(deps),
  printEndpoint(deps),
  doneEndpoint(deps),
  cancelEndpoint(deps),
];

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/tasks",
    tag: "Tasks",
    scope: "read",
    summary: "List what people have to do at partners by hand, the oldest first",
    description:
      "Where a connection lacks the partner's API, a share waits for a person who does the partner's side in the partner's portal. Nothing is sent for such a connection, and what the partner says is known only once somebody tells it.",
    query: pageQuery.extend({
      state: anyOf(taskStates, "only tasks in these states"),
      connection: idOf("con", "connection").optional(),
      share: idOf("shr", "share").optional(),
      sort: z.enum(["oldest", "newest"]).default("oldest").describe("which come first; the oldest are due first"),
    }),
    answers: { 200: { description: "one page", schema: listOf(shownSchema) } },
    handle: async ({ query }) => {
      const page = await deps.store.tasks.list(deps.db.sql, {
        limit: query.limit,
        after: query.after ?? null,
        sort: query.sort,
        ...(query.state === undefined ? {} : { states: query.state }),
        ...(query.connection === undefined ? {} : { connectionId: query.connection }),
        ...(query.share === undefined ? {} : { shareId: query.share }),
      });
      const connections = await deps.store.connections.list(deps.db.sql);
      const known = new Map(connections.map((connection) => [connection.id, assistedIn(deps, connection)]));
      const items = page.items.map((task) => shown(deps, task, known.get(task.connectionId) ?? null));
      return { status: 200, body: { ...page, items } };
    },
  });

const readEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/tasks/{id}",
    tag: "Tasks",
    scope: "read",
    summary: "Read a task: the steps, and the partner's form filled in",
    params: taskParams,
    answers: { 200: { description: "the task", schema: taskStorySchema } },
    problems: ["not-found"],
    handle: async ({ params }) => ({ status: 200, body: await readTask(deps, params.id) }),
  });

const printEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/tasks/{id}/print",
    tag: "Tasks",
    scope: "read",
    summary: "A task as a page to print or to copy from",
    description: "No script: a click on a value selects all of it. It holds what the form holds, also people.",
    params: taskParams,
    answers: { 200: { description: "the page", mediaType: "text/html" } },
    problems: ["not-found"],
    handle: async ({ params }) => createTaskPage(await readTask(deps, params.id)),
  });

const doneEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/tasks/{id}/done",
    tag: "Tasks",
    scope: "write",
    summary: "Say that a task is done",
    description:
      "Registering a deal needs the number that the partner's portal gave it. The share then goes on as if it had been sent. What the partner says already may be told in the same request. The same number again changes nothing; a number of another share is refused. A number that was pasted wrongly is replaced by naming it in `replaces`.",
    params: taskParams,
    bodyOptional: true,
    body: z
      .strictObject({
        number: z.string().max(200).optional().describe("the partner's number of the record; needed for kind create"),
        form: z.number().int().min(1).optional().describe("which filling of the form was typed; absent: the latest"),
        replaces: z.string().max(200).optional().describe("the number that was pasted before and was wrong"),
        ...reportShape,
      })
      .default({}),
    bodyExample: { number: "DR-0123456" },
    answers: { 200: { description: "the task and its share", schema: endedSchema } },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller }) => {
      const asked = { ...body, id: params.id, actorId: caller.actorId };
      const finish = () => commit(deps, (tx) => finishTask(deps, tx, asked));
      // Another share took the number at the same time: the second look finds it and refuses it by name.
      const ended = await finish().catch((error: unknown) => {
        if (sqlStateOf(error) !== uniqueViolation) throw error;
        return finish();
      });
      return { status: 200, body: ended };
    },
  });

const cancelEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/tasks/{id}/cancel",
    tag: "Tasks",
    scope: "write",
    summary: "Say that a task will not be done",
    description:
      "A deal that will not be registered needs action: change it and it becomes a task again, or withdraw the share. Changes that will not be made are dropped. A withdrawal cannot be cancelled.",
    params: taskParams,
    body: z.strictObject({ reason: z.string().trim().min(1).max(255).describe("why, for those who ask later") }),
    bodyExample: { reason: "The customer asked us to wait." },
    answers: { 200: { description: "the task and its share", schema: endedSchema } },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller }) => ({
      status: 200,
      body: await commit(deps, (tx) => cancelTask(deps, tx, { ...body, id: params.id, actorId: caller.actorId })),
    }),
  });

const assistedIn = (deps: AppDeps, connection: Connection): Assisted | null => {
  try {
    return deps.registry.open(connection).coSell?.assisted ?? null;
  } catch {
    return null;
  }
};

const shown = (deps: AppDeps, task: ListedTask, assisted: Assisted | null): z.output<typeof shownSchema> => ({
  ...task,
  number: task.remoteId === null || assisted === null ? task.remoteId : shownNumber(assisted, { id: task.remoteId }),
  isOverdue: task.state === "open" && task.dueAt <= deps.clock.now(),
});

const readTask = async (deps: AppDeps, id: string): Promise<TaskStory> => {
  const { tasks } = deps.store;
  const { sql } = deps.db;
  const [task] = (await tasks.list(sql, { after: null, limit: 1, sort: "oldest", id })).items;
  if (task === undefined) throw notFound("task", id);
  const connection = await mustFindConnection(deps, sql, task.connectionId);
  const assisted = assistedIn(deps, connection);
  const { portal = null, number, statuses = [], stages = [] } = assisted ?? {};
  return taskStorySchema.parse({
    ...shown(deps, task, assisted),
    connection,
    portal,
    steps: assisted?.steps[task.kind] ?? [],
    fields: (await tasks.readForms(sql, id)).at(-1)?.fields ?? [],
    numberFormat: number === undefined ? null : { name: number.name, format: number.format, example: number.example },
    statuses,
    stages,
  });
};
