/** The effect journal: one row for each intended partner write, and its fate. */
import * as z from "zod";
import type { Connection, JsonObject, Opportunity, Share } from "../domain/deal.ts";
import type { Fault } from "../domain/fault.ts";
import type { Invitation } from "../domain/invitation.ts";
import { type EffectEvent, effectStates, effectTable, step } from "../domain/machine.ts";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";
import { mustParse } from "./journal.ts";
import { parseFirst, parseRows } from "./rows.ts";
import { sha256Hex } from "./seal.ts";

export const outcomeSchema = z.object({
  key: z.string(),
  ref: z.object({ id: z.string(), arn: z.string().nullish() }),
  version: z.string().nullable(),
  task: z
    .object({
      id: z.string(),
      state: z.enum(["running", "done", "failed"]),
      made: z.object({ id: z.string(), arn: z.string().nullish() }).nullish(),
    })
    .nullable(),
});
export type StoredOutcome = z.infer<typeof outcomeSchema>;

const gapSchema = z.object({
  field: z.string(),
  code: z.string(),
  message: z.string(),
  fix: z.string(),
  source: z.string(),
});
const faultSchema = z.object({
  kind: z.string(),
  message: z.string(),
  retryAt: z.string().optional(),
  gaps: z.array(gapSchema).optional(),
});

/** What tells whether a lost write happened; `untraceable`: nothing does. */
const tokenKinds = ["partner-keeps", "we-read", "we-search", "untraceable"] as const;

export const effectSchema = z.object({
  id: z.string(),
  connectionId: z.string(),
  shareId: z.string().nullable(),
  invitationId: z.string().nullable(),
  offerId: z.string().nullable(),
  agreementId: z.string().nullable(),
  key: z.string(),
  writeKey: z.string(),
  operation: z.string(),
  token: z.string(),
  tokenKind: z.enum(tokenKinds),
  state: z.enum(effectStates),
  requestHash: z.string(),
  attempts: z.number().int(),
  refutations: z.number().int(),
  searchedAt: z.date().nullable(),
  sentAt: z.date().nullable(),
  outcome: outcomeSchema.nullable(),
  fault: faultSchema.nullable(),
  createdAt: z.date(),
  updatedAt: z.date(),
});
export type EffectEntry = z.infer<typeof effectSchema>;

/** One write as data, as the adapter contract has it. */
interface PlannedWrite {
  readonly operation: string;
  readonly key: string;
  readonly body: JsonObject;
  readonly token: (typeof tokenKinds)[number];
}

/** What a write is about: a share or an offer of ours, an invitation of theirs, an agreement, or the connection itself. */
type Subject =
  | { readonly connection: Connection }
  | {
      readonly connection: Connection;
      readonly share: Share;
      readonly opportunity: Pick<Opportunity, "source" | "key">;
    }
  | { readonly connection: Connection; readonly invitation: Pick<Invitation, "id" | "remoteId"> }
  | { readonly connection: Connection; readonly offer: { readonly id: string; readonly marker: string } }
  | { readonly connection: Connection; readonly agreement: { readonly id: string; readonly remoteId: string } };
type Intent = Subject & { readonly write: PlannedWrite };

interface Fate {
  readonly outcome?: StoredOutcome;
  readonly fault?: Fault;
  readonly searched?: boolean;
}

export type Effects = ReturnType<typeof createEffects>;

export const createEffects = (deps: ClockDep & IdsDep & SealDep) => {
  const columns = (query: Query) =>
    query.unsafe(
      "id, connection_id, share_id, invitation_id, offer_id, agreement_id, key, write_key, operation, token, token_kind, state, request_hash, " +
        "attempts, refutations, searched_at, sent_at, outcome, fault, created_at, updated_at",
    );
  const read = async (query: Query, id: string): Promise<EffectEntry> =>
    mustParse(effectSchema, await query`select ${columns(query)} from effect where id = ${id}`, `effect ${id}`);
  /**
   * Writes the intent down, with the request frozen. The key names the seller, the deal or the partner's invitation, the
   * write and how often that write was refused (or, for the connection itself, ended) before, and no id of ours: a restored backup mints the same token. The same
   * intent again returns the first row.
   */
  const intend = async (tx: Query, intent: Intent): Promise<EffectEntry> => {
    const { connection, write } = intent;
    const subject = subjectOf(intent);
    const owner = subject.column === null ? null : tx`${tx(subject.column)} = ${subject.id}`;
    // A share's write is done once; what is set at the partner for the connection may be set again.
    const [ended] = await tx<
      { count: bigint }[]
    >`select count(*) as count from effect where write_key = ${write.key} and ${
      owner === null
        ? tx`connection_id = ${connection.id} and num_nonnulls(share_id, invitation_id, offer_id, agreement_id) = 0 and state in ('refused', 'confirmed')`
        : tx`${owner} and state = 'refused'`
    }`;
    const key = [
      connection.marketplace,
      connection.account,
      connection.environment,
      ...subject.words,
      write.key,
      `try${Number(ended?.count ?? 0n) + 1}`,
    ]
      .map(encodeURIComponent)
      .join("/");
    const body = JSON.stringify(write.body);
    const id = deps.ids.next("eff");
    const sealed = await deps.seal.close(body, `request:${id}`);
    const now = deps.clock.now();
    await tx`insert into effect (id, connection_id, share_id, invitation_id, offer_id, agreement_id, key, write_key, operation, token, token_kind, state, request_hash, sealed_request, created_at, updated_at)
        values (${id}, ${connection.id}, ${subject.idIn("share_id")}, ${subject.idIn("invitation_id")}, ${subject.idIn("offer_id")}, ${subject.idIn("agreement_id")}, ${key}, ${write.key}, ${write.operation}, ${await tokenOf(key)}, ${write.token}, 'intended',
          ${await sha256Hex(body)}, ${sealed}, ${now}, ${now}) on conflict (key) do nothing`;
    return mustParse(effectSchema, await tx`select ${columns(tx)} from effect where key = ${key}`, `effect ${key}`);
  };
  /** Moves an effect along its table and writes down its fate. Throws when the table has no such row. */
  const move = async (tx: Query, entry: EffectEntry, event: EffectEvent, fate: Fate = {}): Promise<EffectEntry> => {
    const to = step(effectTable, entry.state, event);
    if (to === null) throw new Error(`effect ${entry.id} is ${entry.state}; ${event} cannot follow`);
    const now = deps.clock.now();
    const rows = await tx`update effect set state = ${to}, updated_at = ${now},
          attempts = attempts + ${event === "sending" ? 1 : 0}, refutations = refutations + ${event === "refuted" ? 1 : 0},
          sent_at = ${event === "sending" ? now : entry.sentAt},
          searched_at = ${event === "sending" ? null : fate.searched === true ? (entry.searchedAt ?? now) : entry.searchedAt},
          outcome = ${fate.outcome === undefined ? entry.outcome && tx.json(entry.outcome) : tx.json(fate.outcome)},
          fault = ${fate.fault === undefined ? null : tx.json(JSON.parse(JSON.stringify({ ...fate.fault, body: undefined })))},
          sealed_request = case when ${to} = 'confirmed' then null else sealed_request end
        where id = ${entry.id} and state = ${entry.state} returning ${columns(tx)}`;
    const moved = parseFirst(effectSchema, rows);
    if (moved === null) throw new Error(`effect ${entry.id} was moved by somebody else at the same time`);
    return moved;
  };
  return {
    read,
    intend,
    move,
    /**
     * Notes writes of a submission that the partner's record shows as done although we never sent them: a deal that came
     * from the partner is neither created nor submitted a second time.
     */
    adopt: async (tx: Query, subject: Subject, outcomes: readonly StoredOutcome[]): Promise<void> => {
      for (const outcome of outcomes) {
        const write = { operation: "(done already)", key: outcome.key, body: {}, token: "we-read" } as const;
        const entry = await intend(tx, { ...subject, write });
        if (entry.state === "intended") await move(tx, entry, "adopted", { outcome });
      }
    },
    /** The frozen request, exactly as it was intended. Throws when it was erased already. */
    readRequest: async (query: Query, id: string): Promise<JsonObject> => {
      const [row] = await query<
        { sealed_request: Uint8Array | null }[]
      >`select sealed_request from effect where id = ${id}`;
      if (!row?.sealed_request) throw new Error(`the request of effect ${id} was erased`);
      return z
        .record(z.string(), z.json())
        .parse(JSON.parse(await deps.seal.open(row.sealed_request, `request:${id}`)));
    },
    /** Notes that a first search came back empty; the state stays until a later search agrees. */
    noteSearch: async (tx: Query, entry: EffectEntry): Promise<EffectEntry> =>
      mustParse(
        effectSchema,
        await tx`update effect set searched_at = coalesce(searched_at, ${deps.clock.now()}), updated_at = ${deps.clock.now()}
        where id = ${entry.id} returning ${columns(tx)}`,
        `effect ${entry.id}`,
      ),
    /** A task of a confirmed write went on or ended. */
    keepOutcome: async (tx: Query, id: string, outcome: StoredOutcome): Promise<void> => {
      await tx`update effect set outcome = ${tx.json(outcome)}, updated_at = ${deps.clock.now()} where id = ${id}`;
    },
    /** A write for the connection itself whose fate is not known; null: there is none. */
    findUncertain: async (query: Query, connectionId: string, writeKey: string): Promise<EffectEntry | null> =>
      parseFirst(
        effectSchema,
        await query`select ${columns(query)} from effect where connection_id = ${connectionId} and write_key = ${writeKey}
          and num_nonnulls(share_id, invitation_id, offer_id, agreement_id) = 0 and state in ('sent', 'ambiguous')`,
      ),
    /** The writes of a share, an invitation, an offer or an agreement, oldest first. */
    listOf: async (query: Query, subject: string): Promise<readonly EffectEntry[]> =>
      parseRows(
        effectSchema,
        await query`select ${columns(query)} from effect where share_id = ${subject} or invitation_id = ${subject} or offer_id = ${subject} or agreement_id = ${subject}
          order by created_at, id limit 1000`,
      ),
  };
};

type OwnerColumn = "share_id" | "invitation_id" | "offer_id" | "agreement_id";
/** The words that name a write's subject for ever, and our row that it belongs to. */
const subjectOf = (subject: Subject) => {
  const named = (column: OwnerColumn | null, id: string | null, words: readonly string[]) => ({
    column,
    id,
    words,
    idIn: (other: OwnerColumn): string | null => (column === other ? id : null),
  });
  if ("share" in subject) {
    const { source, key } = subject.opportunity;
    return named("share_id", subject.share.id, [source, key, `share${subject.share.generation}`]);
  }
  if ("invitation" in subject)
    return named("invitation_id", subject.invitation.id, ["invitation", subject.invitation.remoteId]);
  if ("offer" in subject) return named("offer_id", subject.offer.id, ["offer", subject.offer.marker]);
  if ("agreement" in subject)
    return named("agreement_id", subject.agreement.id, ["agreement", subject.agreement.remoteId]);
  return named(null, null, ["connection"]);
};

const base32 = "abcdefghijklmnopqrstuvwxyz234567";
/** A pure function of the intent: 52 lower-case base32 characters of its SHA-256. */
export const tokenOf = async (key: string): Promise<string> => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key)));
  let bits = 0;
  let held = 0;
  let token = "";
  for (const byte of digest) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      token += base32[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? token + base32[(held << (5 - bits)) & 31] : token;
};
