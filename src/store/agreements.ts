/** Agreements: what offers and public purchases become, every revision of them, and which came of which. */
import * as z from "zod";
import { jsonObjectSchema, marketplaceIdSchema } from "../domain/deal.ts";
import { type AgreementState, agreementStates, agreementTable, step } from "../domain/machine.ts";
import { decimalToMicros, microsToDecimal } from "../domain/money.ts";
import {
  type AgreementObservation,
  decided,
  decisionSchema,
  instalmentSchema,
  lineages,
  waitingSchema,
} from "../domain/offer.ts";
import { absorbAgreement, isAgreementEnded } from "../domain/offer-state.ts";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";
import type { Journal } from "./journal.ts";
import type { OfferDates } from "./offer-dates.ts";
import { evidenceSchema, moneyTextSchema } from "./offer-row.ts";
import { type ListPage, parseRow } from "./rows.ts";
import { sha256Hex } from "./seal.ts";

const invoicedSchema = z.array(z.object({ id: z.string(), at: z.string(), amount: moneyTextSchema }));
export const agreementSchema = z.object({
  id: z.string(),
  connectionId: z.string(),
  remoteId: z.string(),
  remoteArn: z.string().nullable(),
  remoteVersion: z.string().nullable(),
  offerId: z.string().nullable(),
  opportunityId: z.string().nullable(),
  remoteOfferId: z
    .string()
    .nullable()
    .describe("the marketplace's id of the offer, whoever made it; null: a public purchase, or not said"),
  state: z.enum(agreementStates),
  reason: z.string().nullable(),
  previousId: z.string().nullable(),
  previousRemoteId: z.string().nullable(),
  lineage: z.enum(lineages).nullable().describe("what it does to the one before"),
  buyerAccount: z.string().nullable(),
  buyerName: z.string().nullable(),
  product: z.string().nullable(),
  plan: z.string().nullable(),
  acceptedAt: z.date().nullable(),
  startsAt: z.date().nullable(),
  endsAt: z.date().nullable(),
  autoRenews: z.boolean().nullable(),
  total: moneyTextSchema.nullable(),
  schedule: z.array(instalmentSchema),
  invoiced: invoicedSchema.describe("what was billed so far, where the marketplace tells"),
  evidence: evidenceSchema.nullable(),
  waits: waitingSchema.nullable().describe("what the marketplace waits for a person to decide; null: nothing"),
  decision: decisionSchema.nullable().describe("what was decided last: about `waits` where the keys are the same"),
  facts: jsonObjectSchema,
  revision: z.number().int().describe("counts what the marketplace changed in it: an amendment is a revision"),
  termsHash: z.string().nullable(),
  lookedAt: z.date().nullable(),
  hintedAt: z.date().nullable(),
  version: z.number().int(),
  createdAt: z.date(),
  updatedAt: z.date(),
});
export type Agreement = z.infer<typeof agreementSchema>;
export const listedAgreementSchema = agreementSchema.extend({
  marketplace: marketplaceIdSchema,
  connectionLabel: z.string(),
  source: z.string().nullable(),
  key: z.string().nullable(),
  title: z.string().nullable(),
});
export type ListedAgreement = z.infer<typeof listedAgreementSchema>;
export const agreementRevisionSchema = z.object({ revision: z.number().int(), at: z.date(), terms: jsonObjectSchema });

export interface AgreementFilter {
  readonly after: string | null;
  readonly limit: number;
  readonly states?: readonly AgreementState[];
  readonly connectionId?: string;
  readonly opportunityId?: string;
  readonly offerId?: string;
  /** Only those that wait for a decision. */
  readonly isWaiting?: true;
}
interface Seen {
  readonly connectionId: string;
  readonly observation: AgreementObservation;
  readonly actorId: string;
}
interface Absorbed {
  readonly agreement: Agreement;
  readonly isNew: boolean;
  /** It became active by this word. */
  readonly activated: boolean;
}

type Row = Readonly<Record<string, unknown>>;
const withTotal = ({ total_micros: micros, currency, ...rest }: Row): Row => ({
  ...rest,
  total: typeof micros === "bigint" ? { amount: microsToDecimal(micros), currency } : null,
});
const facts = {
  active: "agreement.activated",
  renewed: "agreement.renewed",
  cancelled: "agreement.cancelled",
  ended: "agreement.ended",
} as const;

export type Agreements = ReturnType<typeof createAgreements>;

export const createAgreements = (
  deps: ClockDep & IdsDep & SealDep & { readonly journal: Journal; readonly dates: OfferDates },
) => {
  const read = (rows: readonly Row[]): Agreement | null =>
    rows[0] === undefined ? null : parseRow(agreementSchema, withTotal(rows[0]));
  const find = async (query: Query, id: string): Promise<Agreement | null> =>
    read(await query`select * from agreement where id = ${id}`);
  const findByRemote = async (query: Query, connectionId: string, remoteId: string): Promise<Agreement | null> =>
    read(await query`select * from agreement where connection_id = ${connectionId} and remote_id = ${remoteId}`);
  const lock = async (tx: Query, id: string): Promise<Agreement> => {
    const agreement = read(await tx`select * from agreement where id = ${id} for update`);
    if (agreement === null) throw new Error(`agreement ${id} does not exist`);
    return agreement;
  };

  const move = async (
    tx: Query,
    agreement: Agreement,
    change: {
      readonly event: "activated" | "renewed" | "cancelled" | "ended";
      readonly actorId: string;
      readonly reason?: string;
    },
  ): Promise<Agreement> => {
    const to = step(agreementTable, agreement.state, change.event);
    if (to === null || to === "pending") return agreement;
    const { id, connectionId, state: from } = agreement;
    await tx`update agreement set state = ${to}, reason = ${change.reason ?? null}, version = version + 1, updated_at = ${deps.clock.now()} where id = ${id}`;
    const note = { subject: id, actorId: change.actorId, what: change.event, from, to };
    await deps.journal.note(tx, { ...note, note: change.reason ?? null });
    await deps.journal.tell(tx, facts[to], id, { agreementId: id, connectionId, from, to });
    if (isAgreementEnded(to)) {
      await deps.dates.drop(tx, id);
      const settled = { subject: id, because: `the agreement is ${to}`, actorId: change.actorId };
      await deps.journal.settleException(tx, { ...settled, code: "RENEWAL_DUE" });
    }
    return lock(tx, id);
  };

  const lockByRemote = async (tx: Query, connectionId: string, remoteId: string): Promise<Agreement | null> =>
    read(
      await tx`select * from agreement where connection_id = ${connectionId} and remote_id = ${remoteId} for update`,
    );

  /** The row of an agreement, made on first sight. Renewals and public purchases have no offer of ours. */
  const meet = async (tx: Query, { connectionId, observation, actorId }: Seen) => {
    const remoteId = observation.ref.id;
    const known = await lockByRemote(tx, connectionId, remoteId);
    if (known !== null) return { isNew: false, agreement: known };
    const now = deps.clock.now();
    const id = deps.ids.next("agr");
    const rows =
      await tx`insert into agreement (id, connection_id, remote_id, remote_arn, state, created_at, updated_at)
      values (${id}, ${connectionId}, ${remoteId}, ${observation.ref.arn ?? null}, 'pending', ${now}, ${now})
      on conflict (connection_id, remote_id) do nothing returning id`;
    const isNew = rows.length > 0;
    if (isNew) {
      await deps.journal.note(tx, { subject: id, actorId, what: "found", to: "pending" });
      await deps.journal.tell(tx, "agreement.found", id, { agreementId: id, connectionId });
      // Agreements that named it as the one before came first.
      await tx`update agreement set previous_id = ${id} where connection_id = ${connectionId} and previous_remote_id = ${remoteId}`;
    }
    const agreement = await lockByRemote(tx, connectionId, remoteId);
    if (agreement === null) throw new Error(`agreement ${remoteId} is neither new nor known`);
    return { isNew, agreement };
  };

  /** What they say of it. Tells whether its terms are others than before. */
  const keep = async (tx: Query, agreement: Agreement, { connectionId, observation, actorId }: Seen) => {
    const { previous, buyer, total } = observation;
    const terms = termsOf(observation);
    const hash = await sha256Hex(JSON.stringify(terms));
    const isOther = hash !== agreement.termsHash;
    const revision = agreement.termsHash !== null && isOther ? agreement.revision + 1 : agreement.revision;
    const sealed = await deps.seal.close(observation.body, `body:${agreement.id}`);
    const rows =
      await tx`update agreement set remote_version = ${observation.version}, remote_arn = coalesce(${observation.ref.arn ?? null}, remote_arn),
      remote_offer_id = coalesce(${observation.offer}, remote_offer_id), previous_remote_id = coalesce(${previous?.ref.id ?? null}, previous_remote_id),
      previous_id = coalesce((select id from agreement before where before.connection_id = ${connectionId} and before.remote_id = ${previous?.ref.id ?? null}), previous_id),
      lineage = coalesce(${previous?.how ?? null}, lineage), buyer_account = coalesce(${buyer.account}, buyer_account), buyer_name = coalesce(${buyer.name}, buyer_name),
      product = coalesce(${observation.product}, product), plan = coalesce(${observation.plan}, plan),
      accepted_at = coalesce(${observation.acceptedAt}::timestamptz, accepted_at), starts_at = coalesce(${observation.startsAt}::timestamptz, starts_at),
      ends_at = ${observation.endsAt}::timestamptz, auto_renews = ${observation.autoRenews},
      total_micros = ${total === null ? null : decimalToMicros(total.amount)}, currency = ${total?.currency ?? null},
      schedule = ${tx.json([...observation.schedule])}, invoiced = ${tx.json([...observation.invoiced])},
      evidence = coalesce(${observation.evidence === undefined ? null : tx.json({ ...observation.evidence })}, evidence), facts = ${tx.json(observation.facts)},
      waits = ${observation.waits === undefined ? null : tx.json(observation.waits)}, revision = ${revision}, terms_hash = ${hash}, sealed_body = ${sealed}, looked_at = ${observation.seenAt},
      updated_at = case when ${isOther} then ${deps.clock.now()} else updated_at end where id = ${agreement.id} returning *`;
    if (isOther)
      await tx`insert into agreement_revision (agreement_id, revision, at, terms) values (${agreement.id}, ${revision}, ${deps.clock.now()}, ${tx.json(terms)})
        on conflict do nothing`;
    if (revision > agreement.revision)
      await deps.journal.tell(tx, "agreement.amended", agreement.id, {
        agreementId: agreement.id,
        connectionId,
        revision,
      });
    const kept = read(rows) ?? agreement;
    if (kept.waits?.key !== agreement.waits?.key)
      await callFor(tx, kept, { wasWaiting: agreement.waits !== null, actorId });
    return { isOther, agreement: kept };
  };

  /** A person is called where a decision is due, and released when it is not any more. */
  const callFor = async (
    tx: Query,
    { id: subject, waits, decision }: Agreement,
    at: { readonly wasWaiting: boolean; readonly actorId: string },
  ): Promise<void> => {
    const code = "DECISION_DUE";
    const because = "the marketplace no longer waits for it";
    if (at.wasWaiting) await deps.journal.settleException(tx, { code, subject, because, actorId: at.actorId });
    if (waits !== null && decided(waits, decision) === null)
      await deps.journal.openException(
        tx,
        code,
        subject,
        `${waits.says}: cosell agreements approve ${subject}${waits.canReject ? `, or reject ${subject} --reason <text>` : ""}.`,
      );
  };

  /** Where another goes on in its place, the one before is renewed: not every marketplace says so of the old one. */
  const succeed = async (tx: Query, agreement: Agreement, actorId: string): Promise<void> => {
    if (agreement.previousId === null || agreement.previousId === agreement.id) return;
    const before = await lock(tx, agreement.previousId);
    await move(tx, before, { event: "renewed", actorId, reason: `${agreement.remoteId} goes on in its place` });
  };

  return {
    find,
    lock,
    findByRemote,
    move,
    /**
     * Takes in what the marketplace says of an agreement: a new one, a state, an amendment, each told once. States move only
     * along the table; what cannot follow opens an exception.
     */
    absorb: async (tx: Query, seen: Seen): Promise<Absorbed> => {
      const { observation, actorId } = seen;
      const met = await meet(tx, seen);
      const kept = await keep(tx, met.agreement, seen);
      let current = kept.agreement;
      const rows = absorbAgreement(current.state, observation.event);
      if (rows === null)
        await deps.journal.openException(
          tx,
          "UNEXPECTED_STATE",
          current.id,
          `The marketplace reports ${observation.event}, which cannot follow ${current.state}. The state is kept; look at the agreement in the marketplace's portal.`,
        );
      for (const [, event] of rows ?? [])
        if (event !== "accepted") current = await move(tx, current, { event, actorId });
      const activated = (rows ?? []).some(([, event]) => event === "activated");
      if (activated) await succeed(tx, current, actorId);
      if (current.state === "active" && (activated || kept.isOther)) {
        await deps.dates.keepRenewal(tx, current);
        await deps.dates.keepInstalments(tx, current);
      }
      return { agreement: current, isNew: met.isNew, activated };
    },
    /** Ties it to an offer and to a deal of ours. */
    link: async (
      tx: Query,
      agreement: Agreement,
      to: {
        readonly offerId: string | null;
        readonly opportunityId: string | null;
        readonly actorId: string;
        readonly note: string;
      },
    ): Promise<Agreement> => {
      await tx`update agreement set offer_id = coalesce(${to.offerId}, offer_id), opportunity_id = coalesce(${to.opportunityId}, opportunity_id),
        version = version + 1, updated_at = ${deps.clock.now()} where id = ${agreement.id}`;
      await deps.journal.note(tx, { subject: agreement.id, actorId: to.actorId, what: "linked", note: to.note });
      return lock(tx, agreement.id);
    },
    /** Those of `ids` that are in force and have an end. */
    ending: async (
      query: Query,
      ids: readonly string[],
    ): Promise<readonly { readonly id: string; readonly endsAt: Date; readonly autoRenews: boolean | null }[]> => {
      if (ids.length === 0) return [];
      const rows = await query<
        { id: string; ends_at: Date; auto_renews: boolean | null }[]
      >`select id, ends_at, auto_renews
        from agreement where id = any(${[...ids]}::text[]) and state = 'active' and ends_at is not null order by id`;
      return rows.map((row) => ({ id: row.id, endsAt: row.ends_at, autoRenews: row.auto_renews }));
    },
    /** The marketplace has it no more. False: that was known. */
    noteDeletion: async (tx: Query, { id, facts }: Agreement, actorId: string): Promise<boolean> => {
      if (facts.deletedThere !== undefined) return false;
      const deletedThere = deps.clock.now().toISOString();
      await tx`update agreement set facts = facts || ${tx.json({ deletedThere })}::jsonb, version = version + 1,
        looked_at = ${deps.clock.now()} where id = ${id}`;
      await deps.journal.note(tx, { subject: id, actorId, what: "deleted_there" });
      return true;
    },
    /** Keeps what a person decided about what the marketplace waits for. */
    decide: async (
      tx: Query,
      agreement: Agreement,
      made: { readonly answer: "approve" | "reject"; readonly reason: string | null; readonly actorId: string },
    ): Promise<Agreement> => {
      const { id, waits } = agreement;
      if (waits === null) throw new Error(`agreement ${id} waits for no decision`);
      const { answer, reason, actorId } = made;
      await tx`update agreement set decision = ${tx.json({ key: waits.key, answer, reason })}, version = version + 1,
        hinted_at = ${deps.clock.now()}, updated_at = ${deps.clock.now()} where id = ${id}`;
      const what = answer === "approve" ? "approved" : "rejected";
      await deps.journal.note(tx, { subject: id, actorId, what, note: reason ?? waits.says });
      const settled = { code: "DECISION_DUE", subject: id, because: `it was ${what}`, actorId };
      await deps.journal.settleException(tx, settled);
      return lock(tx, id);
    },
    hinted: async (tx: Query, connectionId: string, remoteId: string): Promise<void> => {
      await tx`update agreement set hinted_at = ${deps.clock.now()} where connection_id = ${connectionId} and remote_id = ${remoteId}`;
    },
    /** Those to look at again: told of or begun since the last look, or looked at too long ago. */
    dueForLook: async (
      query: Query,
      connectionId: string,
      at: { readonly staleBefore: Date; readonly limit: number },
    ): Promise<readonly string[]> => {
      const rows = await query<
        { remote_id: string }[]
      >`select remote_id from agreement where connection_id = ${connectionId}
        and state in ('pending', 'active') and (looked_at is null or looked_at < ${at.staleBefore} or hinted_at > looked_at
          or (starts_at > looked_at and starts_at <= ${deps.clock.now()}))
        order by looked_at nulls first, id limit ${at.limit}`;
      return rows.map((row) => row.remote_id);
    },
    list: async (query: Query, filter: AgreementFilter): Promise<ListPage<ListedAgreement>> => {
      const rows =
        await query`select agreement.*, connection.marketplace, connection.label as connection_label, source, key, title
        from agreement join connection on connection.id = agreement.connection_id left join opportunity on opportunity.id = agreement.opportunity_id
        where true
          ${filter.after === null ? query`` : query`and agreement.id < ${filter.after}`}
          ${filter.states === undefined ? query`` : query`and agreement.state = any(${[...filter.states]}::text[])`}
          ${filter.connectionId === undefined ? query`` : query`and agreement.connection_id = ${filter.connectionId}`}
          ${filter.opportunityId === undefined ? query`` : query`and agreement.opportunity_id = ${filter.opportunityId}`}
          ${filter.offerId === undefined ? query`` : query`and agreement.offer_id = ${filter.offerId}`}
          ${filter.isWaiting === undefined ? query`` : query`and waits is not null`}
        order by agreement.id desc limit ${filter.limit + 1}`;
      const items = rows.slice(0, filter.limit).map((row) => parseRow(listedAgreementSchema, withTotal(row)));
      return { items, next: rows.length > filter.limit ? (items.at(-1)?.id ?? null) : null };
    },
    revisions: async (query: Query, id: string): Promise<readonly z.infer<typeof agreementRevisionSchema>[]> =>
      (
        await query`select revision, at, terms from agreement_revision where agreement_id = ${id} order by revision limit 1000`
      ).map((row) => parseRow(agreementRevisionSchema, row)),
  };
};

/** What makes a revision: what the parties owe each other, not what was billed or how it is described. */
const termsOf = (observation: AgreementObservation) => {
  const { buyer, product, plan, startsAt, endsAt, autoRenews, total, schedule } = observation;
  return {
    ...{ buyer: buyer.account, product, plan, startsAt, endsAt, autoRenews, total },
    schedule: schedule.map(({ date, amount }) => ({ date, amount })),
  };
};
