/** Who acts: actors, their API keys (stored as hashes), and the answers kept for repeated requests. */
import * as z from "zod";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";
import { parseFirst, parseRows } from "./rows.ts";
import { sha256Hex, toHex } from "./seal.ts";

/** read: look at everything; write: deals and shares; admin: connections, keys, erasure. */
export const scopes = ["read", "write", "admin"] as const;
export type Scope = (typeof scopes)[number];

export const apiKeySchema = z.object({
  id: z.string(),
  actorId: z.string(),
  name: z.string(),
  prefix: z.string(),
  scopes: z.array(z.enum(scopes)),
  createdAt: z.date(),
  expiresAt: z.date().nullable(),
  revokedAt: z.date().nullable(),
  lastUsedAt: z.date().nullable(),
});
export type ApiKey = z.infer<typeof apiKeySchema>;

export interface Caller {
  readonly actorId: string;
  readonly scopes: readonly Scope[];
}

const storedAnswerSchema = z.object({
  requestHash: z.string(),
  status: z.number().int().nullable(),
  headers: z.record(z.string(), z.string()).nullable(),
  sealedBody: z.instanceof(Uint8Array).nullable(),
});

export type ReplayedAnswer =
  | { readonly kind: "new" }
  | { readonly kind: "running" }
  | { readonly kind: "mismatch" }
  | {
      readonly kind: "replay";
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    };

const lastUsedGrainMs = 60_000;

export type Access = ReturnType<typeof createAccess>;

export const createAccess = (deps: ClockDep & IdsDep & SealDep) => ({
  /** The actor with this kind and name, made on first sight. Returns its id. */
  actor: async (query: Query, kind: "person" | "service" | "system" | "partner", name: string): Promise<string> => {
    await query`insert into actor (id, kind, name, created_at) values (${deps.ids.next("act")}, ${kind}, ${name}, ${deps.clock.now()})
      on conflict (kind, name) do nothing`;
    const [row] = await query<{ id: string }[]>`select id from actor where kind = ${kind} and name = ${name}`;
    return row?.id ?? "";
  },

  /** A person or service by id or by name; null when there is none. */
  findActor: async (query: Query, idOrName: string): Promise<string | null> => {
    const [row] = await query<{ id: string }[]>`select id from actor
      where id = ${idOrName} or (name = ${idOrName} and kind in ('person', 'service')) order by (id = ${idOrName}) desc, kind limit 1`;
    return row?.id ?? null;
  },

  /** Makes a key. The returned secret is shown once and never stored. */
  createKey: async (
    tx: Query,
    input: {
      readonly actorId: string;
      readonly name: string;
      readonly scopes: readonly Scope[];
      readonly expiresAt: Date | null;
    },
  ): Promise<{ readonly key: ApiKey; readonly secret: string }> => {
    const secret = `cosell_${toHex(deps.ids.bytes(32))}`;
    const [key] = parseRows(
      apiKeySchema,
      await tx`insert into api_key (id, actor_id, name, prefix, hash, scopes, created_at, expires_at)
      values (${deps.ids.next("key")}, ${input.actorId}, ${input.name}, ${secret.slice(0, 13)}, ${await sha256Hex(secret)},
        ${[...input.scopes]}::text[], ${deps.clock.now()}, ${input.expiresAt}) returning *`,
    );
    if (key === undefined) throw new Error("the key was not stored");
    return { key, secret };
  },

  listKeys: async (query: Query): Promise<readonly ApiKey[]> =>
    parseRows(apiKeySchema, await query`select * from api_key order by id desc limit 500`),

  /** Revokes a key. Null when there is none; revoking twice keeps the first time. */
  revokeKey: async (query: Query, id: string): Promise<ApiKey | null> =>
    parseFirst(
      apiKeySchema,
      await query`update api_key set revoked_at = coalesce(revoked_at, ${deps.clock.now()}) where id = ${id} returning *`,
    ),

  /** Who holds this secret, or null: unknown, revoked or expired. Looked up by hash, so nothing is compared byte by byte. */
  authenticate: async (query: Query, secret: string): Promise<Caller | null> => {
    const now = deps.clock.now();
    const key = parseFirst(
      apiKeySchema,
      await query`select * from api_key where hash = ${await sha256Hex(secret)}
      and revoked_at is null and (expires_at is null or expires_at > ${now})`,
    );
    if (key === null) return null;
    if (key.lastUsedAt === null || now.getTime() - key.lastUsedAt.getTime() > lastUsedGrainMs) {
      await query`update api_key set last_used_at = ${now} where id = ${key.id}`;
    }
    return { actorId: key.actorId, scopes: key.scopes };
  },

  /** Claims an Idempotency-Key, or tells what became of its first use. */
  claimAnswer: async (query: Query, actorId: string, key: string, requestHash: string): Promise<ReplayedAnswer> => {
    const claimed = await query`insert into idempotency (actor_id, key, request_hash, created_at)
      values (${actorId}, ${key}, ${requestHash}, ${deps.clock.now()}) on conflict do nothing returning key`;
    if (claimed.length === 1) return { kind: "new" };
    const stored = parseFirst(
      storedAnswerSchema,
      await query`select request_hash, status, headers, sealed_body from idempotency
      where actor_id = ${actorId} and key = ${key}`,
    );
    if (stored === null) return { kind: "running" };
    if (stored.requestHash !== requestHash) return { kind: "mismatch" };
    if (stored.status === null || stored.sealedBody === null) return { kind: "running" };
    const body = await deps.seal.open(stored.sealedBody, `answer:${actorId}:${key}`);
    return { kind: "replay", status: stored.status, headers: stored.headers ?? {}, body };
  },

  keepAnswer: async (
    query: Query,
    actorId: string,
    key: string,
    answer: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string },
  ): Promise<void> => {
    const sealed = await deps.seal.close(answer.body, `answer:${actorId}:${key}`);
    await query`update idempotency set status = ${answer.status}, headers = ${query.json(answer.headers)}, sealed_body = ${sealed}
      where actor_id = ${actorId} and key = ${key}`;
  },

  /** Frees a key whose request failed before it changed anything, so that it may be tried again. */
  releaseAnswer: async (query: Query, actorId: string, key: string): Promise<void> => {
    await query`delete from idempotency where actor_id = ${actorId} and key = ${key} and status is null`;
  },

  /** Takes over a claim made before `lostBefore` that was never answered: its process died. False when somebody else did. */
  takeOverAnswer: async (query: Query, actorId: string, key: string, lostBefore: Date): Promise<boolean> => {
    const rows = await query`update idempotency set created_at = ${deps.clock.now()}
      where actor_id = ${actorId} and key = ${key} and status is null and created_at < ${lostBefore} returning key`;
    return rows.length === 1;
  },
});
