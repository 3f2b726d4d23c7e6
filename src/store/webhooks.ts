/** Webhook endpoints: who is told of which events, whether they are, and which secrets sign what they get. */
import * as z from "zod";
import { step, webhookTable } from "../domain/machine.ts";
import { type Webhook, webhookSchema } from "../domain/webhook.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import type { Journal } from "./journal.ts";
import { parseFirst, parseRow, parseRows } from "./rows.ts";

/** The exception that tells a person of an endpoint which nobody disabled on purpose. */
export const webhookExceptionCode = "WEBHOOK_DISABLED";
export const webhooksMax = 50;

const secretRefsSchema = z.object({
  secretRef: z.string(),
  oldSecretRef: z.string().nullable(),
  oldSecretUntil: z.date().nullable(),
});

export interface WebhookInput {
  readonly url: string;
  readonly description: string | null;
  readonly events: readonly string[];
  readonly connections: readonly string[];
}

export interface Disabling {
  /** One sentence for a person. */
  readonly reason: string;
  readonly actorId: string;
  /** True when no person asked for it: one is called then. */
  readonly byItself: boolean;
}

export type Webhooks = ReturnType<typeof createWebhooks>;

export const createWebhooks = (deps: ClockDep & IdsDep & { readonly journal: Journal }) => {
  const { journal } = deps;
  const find = async (query: Query, id: string): Promise<Webhook | null> =>
    parseFirst(webhookSchema, await query`select * from webhook where id = ${id}`);
  /** The endpoint, held until the transaction ends; every writer takes it before its messages. */
  const lock = async (tx: Query, id: string): Promise<Webhook | null> =>
    parseFirst(webhookSchema, await tx`select * from webhook where id = ${id} for update`);
  return {
    find,
    lock,
    list: async (query: Query): Promise<readonly Webhook[]> =>
      parseRows(webhookSchema, await query`select * from webhook order by id limit ${webhooksMax}`),

    /** Endpoints that are told of events now. */
    enabled: async (query: Query): Promise<readonly Webhook[]> =>
      parseRows(
        webhookSchema,
        await query`select * from webhook where state = 'enabled' order by id limit ${webhooksMax}`,
      ),

    create: async (
      tx: Query,
      input: WebhookInput & { readonly id: string; readonly secretRef: string },
      actorId: string,
    ) => {
      const now = deps.clock.now();
      const [row] =
        await tx`insert into webhook (id, url, description, events, connections, state, secret_ref, created_at, updated_at)
        values (${input.id}, ${input.url}, ${input.description}, ${[...input.events]}::text[], ${[...input.connections]}::text[],
          'enabled', ${input.secretRef}, ${now}, ${now}) returning *`;
      await journal.note(tx, { subject: input.id, actorId, what: "created", to: "enabled" });
      return parseRow(webhookSchema, row ?? {});
    },

    change: async (tx: Query, id: string, input: WebhookInput, actorId: string): Promise<Webhook> => {
      const [row] = await tx`update webhook set url = ${input.url}, description = ${input.description},
        events = ${[...input.events]}::text[], connections = ${[...input.connections]}::text[], version = version + 1,
        updated_at = ${deps.clock.now()} where id = ${id} returning *`;
      await journal.note(tx, { subject: id, actorId, what: "changed" });
      return parseRow(webhookSchema, row ?? {});
    },

    /** Deletes the endpoint with its messages and its log. Returns the references of its secrets, to be erased. */
    remove: async (tx: Query, id: string, actorId: string): Promise<readonly string[]> => {
      const refs = parseRows(
        secretRefsSchema,
        await tx`delete from webhook where id = ${id} returning secret_ref, old_secret_ref, old_secret_until`,
      );
      await journal.note(tx, { subject: id, actorId, what: "deleted" });
      await closeExceptions(tx, id, "the endpoint was deleted", actorId);
      return refs.flatMap((row) => (row.oldSecretRef === null ? [row.secretRef] : [row.secretRef, row.oldSecretRef]));
    },

    /**
     * Stops telling an endpoint: what waits for it fails at once and can be replayed later. Not asked for by a person, it
     * opens an exception and tells the other endpoints. Does nothing when it is disabled already.
     */
    disable: async (tx: Query, id: string, { reason, actorId, byItself }: Disabling): Promise<void> => {
      const webhook = await lock(tx, id);
      if (webhook === null || step(webhookTable, webhook.state, "disable") === null) return;
      const now = deps.clock.now();
      await tx`update webhook set state = 'disabled', disabled_reason = ${reason}, paused_until = null, version = version + 1,
        updated_at = ${now} where id = ${id}`;
      await tx`update webhook_message set state = 'failed', due_at = null, generation = generation + 1, updated_at = ${now}
        where webhook_id = ${id} and state = 'pending'`;
      await journal.note(tx, { subject: id, actorId, what: "disabled", from: "enabled", to: "disabled", note: reason });
      if (!byItself) return;
      await journal.tell(tx, "webhook.disabled", id, { webhookId: id, reason });
      await journal.openException(
        tx,
        webhookExceptionCode,
        id,
        `${reason} Mend the receiver, enable the endpoint again and replay what failed.`,
      );
    },

    /** Tells an endpoint again, from now on. An enabled one stays as it is. */
    enable: async (tx: Query, id: string, actorId: string): Promise<void> => {
      const webhook = await lock(tx, id);
      if (webhook === null || step(webhookTable, webhook.state, "enable") === null) return;
      await tx`update webhook set state = 'enabled', disabled_reason = null, failing_since = null, version = version + 1,
        updated_at = ${deps.clock.now()} where id = ${id}`;
      await journal.note(tx, { subject: id, actorId, what: "enabled", from: "disabled", to: "enabled" });
      await closeExceptions(tx, id, "the endpoint was enabled again", actorId);
    },

    /** A second live secret; the one before it signs along until `oldUntil`. Returns the reference that is no longer used. */
    rotateSecret: async (
      tx: Query,
      id: string,
      {
        secretRef,
        oldUntil,
        actorId,
      }: { readonly secretRef: string; readonly oldUntil: Date; readonly actorId: string },
    ): Promise<string | null> => {
      const known = await readRefs(tx, id);
      await tx`update webhook set secret_ref = ${secretRef}, old_secret_ref = secret_ref, old_secret_until = ${oldUntil},
        version = version + 1, updated_at = ${deps.clock.now()} where id = ${id}`;
      await journal.note(tx, { subject: id, actorId, what: "secret_rotated" });
      return known?.oldSecretRef ?? null;
    },

    /** Ends the older secret now. Returns its reference, or null when there was none. */
    dropOldSecret: async (tx: Query, id: string, actorId: string): Promise<string | null> => {
      const known = await readRefs(tx, id);
      if (known === null || known.oldSecretRef === null) return null;
      await tx`update webhook set old_secret_ref = null, old_secret_until = null, version = version + 1,
        updated_at = ${deps.clock.now()} where id = ${id}`;
      await journal.note(tx, { subject: id, actorId, what: "old_secret_dropped" });
      return known.oldSecretRef;
    },

    /** Forgets older secrets whose time is over. Returns their references, to be erased. */
    expireSecrets: async (query: Query): Promise<readonly string[]> => {
      const rows = await query<{ ref: string }[]>`with ended as (
          select id, old_secret_ref as ref from webhook where old_secret_until <= ${deps.clock.now()} for update
        )
        update webhook set old_secret_ref = null, old_secret_until = null from ended where ended.id = webhook.id returning ended.ref`;
      return rows.map((row) => row.ref);
    },

    /** References of the secrets that sign now, the newest first. */
    liveSecrets: async (query: Query, id: string): Promise<readonly string[]> => {
      const known = await readRefs(query, id);
      if (known === null) return [];
      const old = known.oldSecretUntil !== null && known.oldSecretUntil > deps.clock.now() ? known.oldSecretRef : null;
      return old === null ? [known.secretRef] : [known.secretRef, old];
    },

    /** Notes what an attempt says about the endpoint. Touches the row only where that is news. */
    noteHealth: async (tx: Query, id: string, health: { readonly ok: boolean; readonly pausedUntil: Date | null }) => {
      const now = deps.clock.now();
      if (health.ok)
        await tx`update webhook set failing_since = null, paused_until = null
          where id = ${id} and (failing_since is not null or paused_until is not null)`;
      else
        await tx`update webhook set failing_since = coalesce(failing_since, ${now}),
            paused_until = greatest(paused_until, ${health.pausedUntil}::timestamptz)
          where id = ${id} and (failing_since is null or ${health.pausedUntil}::timestamptz is not null)`;
    },
  };

  async function closeExceptions(tx: Query, id: string, reason: string, actorId: string): Promise<void> {
    const open = await tx<{ id: string }[]>`select id from exception
      where code = ${webhookExceptionCode} and subject = ${id} and closed_at is null`;
    for (const exception of open) await journal.closeException(tx, exception.id, reason, actorId);
  }
};

const readRefs = async (query: Query, id: string): Promise<z.infer<typeof secretRefsSchema> | null> =>
  parseFirst(
    secretRefsSchema,
    await query`select secret_ref, old_secret_ref, old_secret_until from webhook where id = ${id}`,
  );
