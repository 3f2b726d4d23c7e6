/** Tasks: what a person does at a partner by hand, one write of the effect journal each, with the form that they type. */
import * as z from "zod";
import { handKinds, type TaskField, type Typed, taskFieldSchema } from "../domain/by-hand.ts";
import type { Share } from "../domain/deal.ts";
import { step, type TaskEvent, type TaskState, taskStates, taskTable } from "../domain/machine.ts";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";
import type { Effects } from "./effects.ts";
import { type Journal, mustParse } from "./journal.ts";
import { type ListPage, parseFirst, parseRows } from "./rows.ts";

export const taskSchema = z.object({
  id: z.string(),
  connectionId: z.string(),
  shareId: z.string(),
  effectId: z.string(),
  kind: z.enum(handKinds).describe("create: register the deal; revise: change fields; withdraw: take it back"),
  state: z.enum(taskStates),
  form: z
    .number()
    .int()
    .describe("counts how often the form was filled: 1 at first, more after each change of the deal"),
  reason: z.string().nullable().describe("why it was cancelled"),
  dueAt: z.date().describe("when an exception reminds of it"),
  endedAt: z.date().nullable(),
  createdAt: z.date(),
  updatedAt: z.date(),
});
export type Task = z.infer<typeof taskSchema>;

export const listedTaskSchema = taskSchema.extend({
  opportunityId: z.string(),
  title: z.string(),
  source: z.string(),
  key: z.string(),
  accountName: z.string(),
  marketplace: z.string(),
  connectionLabel: z.string(),
  remoteId: z.string().nullable(),
});
export type ListedTask = z.infer<typeof listedTaskSchema>;

const typedSchema = z.record(z.string(), z.string());
const formSchema = z.object({
  fields: z.array(taskFieldSchema),
  /** What stands at the partner once the fields are typed; null: the task types no form. */
  next: typedSchema.nullable(),
});
export interface HandForm {
  readonly fields: readonly TaskField[];
  readonly next: Typed | null;
}

export interface TaskFilter {
  readonly after: string | null;
  readonly limit: number;
  readonly sort: "oldest" | "newest";
  readonly states?: readonly TaskState[];
  readonly connectionId?: string;
  readonly shareId?: string;
  /** Only this one. */
  readonly id?: string;
}

/** The code of the exception that reminds of a task. Its subject is the share. */
export const taskWaitsCode = "TASK_WAITING";

/** Forms that are kept while a task is open: who printed an earlier one may still say which they typed. */
const formsMax = 10;
const remindedMax = 500;

export type Tasks = ReturnType<typeof createTasks>;

export const createTasks = (
  deps: ClockDep & IdsDep & SealDep & { readonly journal: Journal; readonly effects: Effects },
) => {
  const columns = (query: Query) =>
    query.unsafe(
      "task.id, task.connection_id, task.share_id, task.effect_id, task.kind, task.state, task.form, task.reason, task.due_at, " +
        "task.ended_at, task.created_at, task.updated_at",
    );
  const find = async (query: Query, id: string): Promise<Task | null> =>
    parseFirst(taskSchema, await query`select ${columns(query)} from task where id = ${id}`);
  const findOpen = async (query: Query, shareId: string): Promise<Task | null> =>
    parseFirst(
      taskSchema,
      await query`select ${columns(query)} from task where share_id = ${shareId} and state = 'open'`,
    );
  const readForms = async (query: Query, id: string): Promise<readonly HandForm[]> => {
    const [row] = await query<{ sealed_forms: Uint8Array | null }[]>`select sealed_forms from task where id = ${id}`;
    return row?.sealed_forms
      ? z.array(formSchema).parse(JSON.parse(await deps.seal.open(row.sealed_forms, `task:${id}`)))
      : [];
  };
  const sealForms = (id: string, forms: readonly HandForm[]): Promise<Uint8Array> =>
    deps.seal.close(JSON.stringify(forms.slice(-formsMax)), `task:${id}`);
  const factOf = ({ id, shareId, connectionId, kind }: Task) => ({ taskId: id, shareId, connectionId, kind });

  /** Ends a task along its table; its forms are erased. Throws when it is not open. */
  const end = async (
    tx: Query,
    task: Task,
    ending: { readonly event: TaskEvent; readonly reason: string | null; readonly actorId: string },
  ): Promise<Task> => {
    const to = step(taskTable, task.state, ending.event);
    if (to === null) throw new Error(`task ${task.id} is ${task.state}; ${ending.event} cannot follow`);
    const { journal } = deps;
    const { actorId, reason } = ending;
    const now = deps.clock.now();
    const ended = mustParse(
      taskSchema,
      await tx`update task set state = ${to}, reason = ${reason}, sealed_forms = null, ended_at = ${now}, updated_at = ${now}
        where id = ${task.id} returning ${columns(tx)}`,
      `task ${task.id}`,
    );
    await journal.note(tx, { subject: task.shareId, actorId, what: `task_${to}`, note: noteOf(task, reason) });
    await journal.tell(tx, to === "done" ? "task.done" : "task.cancelled", task.id, factOf(task));
    const because = `the task is ${to}`;
    await journal.settleException(tx, { code: taskWaitsCode, subject: task.shareId, because, actorId });
    return ended;
  };
  /** Ends an open task that nobody will do, and the write it stands for. */
  const cancel = async (tx: Query, task: Task, reason: string, actorId: string): Promise<Task> => {
    const ended = await end(tx, task, { event: "cancelled", reason, actorId });
    const fault = { kind: "rejected", message: reason, gaps: [] } as const;
    await deps.effects.move(tx, await deps.effects.read(tx, task.effectId), "not_done", { fault });
    return ended;
  };

  return {
    find,
    findOpen,
    readForms,
    end,
    cancel,
    lock: async (tx: Query, id: string): Promise<Task> =>
      mustParse(taskSchema, await tx`select ${columns(tx)} from task where id = ${id} for update`, `task ${id}`),

    /** What stands in the partner's form; null: not known. */
    readTyped: async (query: Query, shareId: string): Promise<Typed | null> => {
      const [row] = await query<
        { sealed_typed: Uint8Array | null }[]
      >`select sealed_typed from share where id = ${shareId}`;
      if (!row?.sealed_typed) return null;
      return typedSchema.parse(JSON.parse(await deps.seal.open(row.sealed_typed, `typed:${shareId}`)));
    },
    keepTyped: async (tx: Query, shareId: string, typed: Typed): Promise<void> => {
      const sealed = await deps.seal.close(JSON.stringify(typed), `typed:${shareId}`);
      await tx`update share set sealed_typed = ${sealed} where id = ${shareId}`;
    },

    /** Opens a task for a write that was just intended. One at a time may be open for a share. */
    open: async (
      tx: Query,
      input: {
        readonly share: Share;
        readonly effectId: string;
        readonly kind: Task["kind"];
        readonly form: HandForm;
        readonly dueAt: Date;
        readonly actorId: string;
      },
    ): Promise<Task> => {
      const { share, kind, dueAt, actorId } = input;
      const id = deps.ids.next("tsk");
      const now = deps.clock.now();
      const task = mustParse(
        taskSchema,
        await tx`insert into task (id, connection_id, share_id, effect_id, kind, state, sealed_forms, due_at, created_at, updated_at)
          values (${id}, ${share.connectionId}, ${share.id}, ${input.effectId}, ${kind}, 'open', ${await sealForms(id, [input.form])},
            ${dueAt}, ${now}, ${now}) returning ${columns(tx)}`,
        `task ${id}`,
      );
      await deps.journal.note(tx, { subject: share.id, actorId, what: "task_opened", note: noteOf(task, null) });
      await deps.journal.tell(tx, "task.opened", id, { ...factOf(task), dueAt: dueAt.toISOString() });
      return task;
    },

    /** Fills the form of an open task anew when it differs from what was filled last. */
    refill: async (tx: Query, task: Task, form: HandForm): Promise<Task> => {
      const forms = await readForms(tx, task.id);
      const last = forms.at(-1);
      if (last !== undefined && isSame(last, form)) return task;
      const isErased = last === undefined;
      return mustParse(
        taskSchema,
        await tx`update task set sealed_forms = ${await sealForms(task.id, [...forms, form])}, updated_at = ${deps.clock.now()},
          form = form + ${isErased ? 0 : 1} where id = ${task.id} returning ${columns(tx)}`,
        `task ${task.id}`,
      );
    },

    /** Asks for the forms of open tasks that were erased with a person: they are filled again without. */
    fillErased: async (tx: Query): Promise<void> => {
      const erased = await tx<
        { share_id: string; connection_id: string; kind: string }[]
      >`select share_id, connection_id, kind
        from task where state = 'open' and sealed_forms is null order by id limit 1000`;
      for (const { share_id: shareId, connection_id: connectionId, kind } of erased) {
        const name = kind === "create" ? "share.push.requested" : "share.revise.requested";
        await deps.journal.tell(tx, name, shareId, { shareId, connectionId });
      }
    },

    /** Open tasks of a share that has ended are of no use any more. */
    cancelOf: async (tx: Query, shareId: string, reason: string, actorId: string): Promise<void> => {
      const task = await findOpen(tx, shareId);
      if (task !== null) await cancel(tx, task, reason, actorId);
    },

    /** Open tasks whose day has come and of which nobody was reminded yet, at most 500. */
    dueForReminder: async (query: Query): Promise<readonly Task[]> =>
      parseRows(
        taskSchema,
        await query`select ${columns(query)} from task where state = 'open' and due_at <= ${deps.clock.now()}
          and not exists (select from exception where code = ${taskWaitsCode} and subject = task.share_id and closed_at is null)
        order by due_at, id limit ${remindedMax}`,
      ),

    /** How many of a connection's tasks are open, and how many of these are overdue. */
    countOpen: async (
      query: Query,
      connectionId: string,
    ): Promise<{ readonly open: number; readonly overdue: number }> => {
      const [row] = await query<{ open: bigint; overdue: bigint }[]>`select count(*) as open,
          count(*) filter (where due_at <= ${deps.clock.now()}) as overdue
        from task where connection_id = ${connectionId} and state = 'open'`;
      return { open: Number(row?.open ?? 0n), overdue: Number(row?.overdue ?? 0n) };
    },

    /** Tasks with their deals. */
    list: async (query: Query, filter: TaskFilter): Promise<ListPage<ListedTask>> => {
      const isOldest = filter.sort === "oldest";
      const rows = parseRows(
        listedTaskSchema,
        await query`
        select ${columns(query)}, opportunity_id, title, source, key, account.name as account_name, connection.marketplace,
          connection.label as connection_label, remote_id
        from task join share on share.id = task.share_id join opportunity on opportunity.id = opportunity_id
          join account on account.id = account_id join connection on connection.id = task.connection_id
          left join engagement on engagement.share_id = share.id
        where true
          ${filter.after === null ? query`` : isOldest ? query`and task.id > ${filter.after}` : query`and task.id < ${filter.after}`}
          ${filter.states === undefined ? query`` : query`and task.state = any(${[...filter.states]}::text[])`}
          ${filter.connectionId === undefined ? query`` : query`and task.connection_id = ${filter.connectionId}`}
          ${filter.id === undefined ? query`` : query`and task.id = ${filter.id}`}
          ${filter.shareId === undefined ? query`` : query`and task.share_id = ${filter.shareId}`}
        order by task.id ${isOldest ? query`asc` : query`desc`} limit ${filter.limit + 1}`,
      );
      const items = rows.slice(0, filter.limit);
      return { items, next: rows.length > filter.limit ? (items.at(-1)?.id ?? null) : null };
    },
  };
};

const noteOf = ({ id, kind }: Task, reason: string | null): string =>
  `${id}: ${kind} by hand${reason === null ? "" : `; ${reason}`}`;

const isSame = (left: HandForm, right: HandForm): boolean =>
  JSON.stringify([left.fields.map(words), left.next]) === JSON.stringify([right.fields.map(words), right.next]);
const words = ({ field, label, value, section, was }: TaskField) => [field, label, value, section ?? null, was ?? null];
