/** Writes down what a reconciliation concluded: only what is other than before, so that the same again writes nothing. */

import { namedParts } from "../domain/finance/allocation.ts";
import { amountText } from "../domain/finance/amount.ts";
import type { Billing } from "../domain/finance/billing.ts";
import type { CreditLock } from "../domain/finance/credit-lock.ts";
import type { CreditMovement } from "../domain/finance/credit-movements.ts";
import type { Credit } from "../domain/finance/credits.ts";
import { monthText } from "../domain/finance/day.ts";
import { type CloseException, exceptionKey } from "../domain/finance/exception.ts";
import { factText } from "../domain/finance/fact-schemas.ts";
import type { Link } from "../domain/finance/links.ts";
import { actions } from "../domain/finance/pack/findings.ts";
import type { Sum } from "../domain/finance/partition.ts";
import type { Payout } from "../domain/finance/payouts.ts";
import type { Query, Tx } from "../ports.ts";
import { type BulkColumn, changeBulk, insertBulk } from "./bulk.ts";
import type { Disposition } from "./ledger-lines.ts";

const text = <Row>(name: string, of: (row: Row) => string | null): BulkColumn<Row> => ({
  name,
  type: "text",
  text: of,
});
const money = <Row>(name: string, of: (row: Row) => bigint | null): BulkColumn<Row> => ({
  name,
  type: "int8",
  text: (row) => of(row)?.toString() ?? null,
});
const whole = <Row>(name: string, of: (row: Row) => number | null): BulkColumn<Row> => ({
  name,
  type: "int4",
  text: (row) => of(row)?.toString() ?? null,
});
const json = <Row>(name: string, of: (row: Row) => object): BulkColumn<Row> => ({
  name,
  type: "jsonb",
  text: (row) => factText(of(row)),
});

export interface LineChange {
  readonly file: number;
  readonly n: number;
  readonly disposition: Disposition;
  readonly agreement: string | null;
}
const lineColumns: readonly BulkColumn<LineChange>[] = [
  whole("file_seq", ({ file }) => file),
  whole("n", ({ n }) => n),
  text("disposition", ({ disposition }) => disposition),
  text("agreement", ({ agreement }) => agreement),
];
export const writeLineChanges = (tx: Query, changes: readonly LineChange[]): Promise<number> =>
  changeBulk(
    tx,
    {
      columns: lineColumns,
      statement: `update ledger_line set disposition = given.disposition, agreement = given.agreement
        from given where ledger_line.file_seq = given.file_seq and ledger_line.n = given.n`,
    },
    changes,
  );

export interface LinkRow {
  readonly link: Link;
  readonly billing: Billing;
}
const linkColumns: readonly BulkColumn<LinkRow>[] = [
  text("marketplace", ({ link }) => link.agreement.marketplace),
  text("agreement_id", ({ link }) => link.agreement.id),
  text("deal_id", ({ link }) => (link.parts.length === 1 ? (link.parts[0]?.deal.dealId ?? null) : null)),
  json("shared", ({ link }) => (link.parts.length > 1 ? namedParts(link.parts) : [])),
  text("method", ({ link }) => link.method),
  text("evidence", ({ link }) => link.evidence),
  text("offer_id", ({ link }) => link.agreement.offerId),
  text("buyer_key", ({ link }) => link.agreement.buyerKey),
  text("currency", ({ link }) => link.agreement.currency),
  money("contract_value", ({ link }) => link.agreement.contractValue),
  money("invoiced", ({ billing }) => billing.invoiced),
  money("refunded", ({ billing }) => billing.refunded),
  json("candidates", ({ link }) => link.candidates.map(({ dealId }) => dealId)),
  json("rivals", ({ link }) => link.rivals),
  json("suggestions", ({ link }) =>
    link.suggestions.map(({ deal, rule, score, parts, isSuggested }) => ({
      ...{ dealId: deal.dealId, rule, score, parts, isSuggested },
    })),
  ),
];
interface Named {
  readonly marketplace: string;
  readonly id: string;
}
const nameColumns: readonly BulkColumn<Named>[] = [
  text("marketplace", ({ marketplace }) => marketplace),
  text("id", ({ id }) => id),
];

/** Agreements with their deals in place of those before: of all, or of those in `scope`. */
export const writeLinks = async (
  tx: Query,
  rows: readonly LinkRow[],
  scope: readonly Named[] | null,
): Promise<void> => {
  if (scope === null) await tx`delete from agreement_link`;
  else
    await changeBulk(
      tx,
      {
        columns: nameColumns,
        statement: `delete from agreement_link using given
          where agreement_link.marketplace = given.marketplace and agreement_link.agreement_id = given.id`,
      },
      scope,
    );
  await insertBulk(tx, { table: "agreement_link", columns: linkColumns }, rows);
};

const subjectColumns = <
  Row extends Pick<
    Credit,
    "dealId" | "agreementId" | "partnerId" | "kind" | "amount" | "currency" | "ruleId" | "ruleVersion"
  >,
>(): readonly BulkColumn<Row>[] => [
  text("deal_id", ({ dealId }) => dealId),
  text("agreement_id", ({ agreementId }) => agreementId),
  text("partner_id", ({ partnerId }) => partnerId),
  text("kind", ({ kind }) => kind),
  money("amount", ({ amount }) => amount),
  text("currency", ({ currency }) => currency),
  text("rule_id", ({ ruleId }) => ruleId),
  whole("rule_version", ({ ruleVersion }) => ruleVersion),
];
const creditColumns: readonly BulkColumn<Credit>[] = [
  ...subjectColumns<Credit>(),
  money("contested", ({ contested }) => contested),
  text("basis", ({ basis }) => basis),
  json("touch_ids", ({ touchIds }) => touchIds),
];
const movementColumns: readonly BulkColumn<CreditMovement>[] = [
  ...subjectColumns<CreditMovement>(),
  { name: "period", type: "date", text: ({ month }) => `${monthText(month)}-01` },
  text("movement", ({ movement }) => movement),
];
const lockColumns: readonly BulkColumn<CreditLock>[] = [
  text("deal_id", ({ dealId }) => dealId),
  json("lock", (lock) => lock),
  whole("close_day", ({ closeDay }) => closeDay),
];

/** Credits, how they came about, and what a close would lock, in place of those before: of all deals or of those in `scope`. */
export const writeCredits = async (
  tx: Query,
  given: {
    readonly credits: readonly Credit[];
    readonly movements: readonly CreditMovement[];
    readonly locks: readonly CreditLock[];
  },
  scope: readonly string[] | null,
): Promise<void> => {
  const ofScope = scope === null ? tx`true` : tx`deal_id = any(${[...scope]}::text[])`;
  await tx`delete from credit where ${ofScope}`;
  await tx`delete from credit_movement where ${ofScope}`;
  await tx`delete from credit_lock where locked_at is null and ${ofScope}`;
  await insertBulk(tx, { table: "credit", columns: creditColumns }, given.credits);
  await insertBulk(tx, { table: "credit_movement", columns: movementColumns }, given.movements);
  await insertBulk(
    tx,
    { table: "credit_lock", columns: lockColumns, ending: "on conflict (deal_id) do nothing" },
    given.locks,
  );
};

const payoutColumns: readonly BulkColumn<Payout>[] = [
  text("marketplace", ({ marketplace }) => marketplace),
  text("id", ({ id }) => id),
  text("currency", ({ currency }) => currency),
  whole("day", ({ day }) => day),
  money("amount", ({ amount }) => amount),
  money("children", ({ children }) => children),
  money("earned", ({ earned }) => earned),
  text("trace", ({ trace }) => trace),
  { name: "failed", type: "bool", text: ({ failed }) => (failed ? "t" : "f") },
  text("repeats", ({ repeats }) => repeats),
  json("deposits", ({ deposits }) =>
    deposits.map(({ depositId, day, amount, currency }) => ({ ...{ id: depositId, day, amount, currency } })),
  ),
];
const payoutValues = ["currency", "day", "amount", "children", "earned", "trace", "failed", "repeats", "deposits"];

/** All payouts in place of those before. Those that are as they were are left alone. */
export const writePayouts = async (tx: Query, payouts: readonly Payout[]): Promise<void> => {
  await insertBulk(
    tx,
    {
      table: "payout",
      columns: payoutColumns,
      ending: `on conflict (marketplace, id) do update set ${payoutValues.map((name) => `${name} = excluded.${name}`).join(", ")}
        where (${payoutValues.map((name) => `payout.${name}`).join(", ")}) is distinct from (${payoutValues.map((name) => `excluded.${name}`).join(", ")})`,
    },
    payouts,
  );
  const known = await tx<Named[]>`select marketplace, id from payout`;
  if (known.length === payouts.length) return;
  const kept = new Set(payouts.map(({ marketplace, id }) => `${marketplace}|${id}`));
  const gone = known.filter(({ marketplace, id }) => !kept.has(`${marketplace}|${id}`));
  await changeBulk(
    tx,
    {
      columns: nameColumns,
      statement: "delete from payout using given where payout.marketplace = given.marketplace and payout.id = given.id",
    },
    gone,
  );
};

const sumColumns: readonly BulkColumn<Sum>[] = [
  text("kind", ({ kind }) => kind),
  text("marketplace", ({ marketplace }) => marketplace),
  text("name", ({ name }) => name),
  text("currency", ({ currency }) => currency),
  { name: "amount", type: "numeric", text: ({ amount }) => `${amount}` },
  whole("lines", ({ lines }) => lines),
];
/** Sums in place of those before; one that is nothing goes. */
export const writeSums = async (tx: Query, changed: readonly Sum[]): Promise<void> => {
  await insertBulk(
    tx,
    {
      table: "ledger_sum",
      columns: sumColumns,
      ending: `on conflict (kind, marketplace, name, currency) do update set amount = excluded.amount, lines = excluded.lines`,
    },
    changed,
  );
  await tx`delete from ledger_sum where amount = 0 and lines = 0`;
};

const dueColumns: readonly BulkColumn<readonly [string, number]>[] = [
  text("ref", ([about]) => about),
  whole("day", ([, day]) => day),
];
/** Days to look again. Null: in place of all; else those of `scope` and those that have come. */
export const writeDues = async (
  tx: Query,
  dues: ReadonlyMap<string, number>,
  scope: { readonly refs: readonly string[]; readonly asOfDay: number } | null,
): Promise<void> => {
  if (scope === null) await tx`delete from ledger_due`;
  else await tx`delete from ledger_due where ref = any(${[...scope.refs]}::text[]) or day <= ${scope.asOfDay}`;
  await insertBulk(
    tx,
    {
      table: "ledger_due",
      columns: dueColumns,
      ending: "on conflict (ref) do update set day = least(ledger_due.day, excluded.day)",
    },
    [...dues],
  );
};

type Keyed = readonly [key: string, exception: CloseException];
const messageOf = ({ type, subjectType, subjectId, amount, currency, cause }: CloseException): string => {
  const words = type.toLowerCase().replaceAll("_", " ");
  const about = cause === "" || cause === subjectId ? "" : ` (${cause})`;
  return `${words}: ${subjectType} ${subjectId}${about}${currency === "" ? "" : `, ${amountText(amount, currency)} ${currency}`}`;
};
const exceptionColumns = (now: Date): readonly BulkColumn<Keyed>[] => [
  text("key", ([key]) => key),
  text("code", ([, { type }]) => type),
  text("subject", ([, { subjectId }]) => subjectId),
  text("message", ([, exception]) => messageOf(exception)),
  { name: "opened_at", type: "timestamptz", text: () => now.toISOString() },
  text("subject_type", ([, { subjectType }]) => subjectType),
  text("marketplace", ([, { marketplace }]) => marketplace),
  money("amount_micros", ([, { amount }]) => amount),
  text("currency", ([, { currency }]) => currency),
  text("cause", ([, { cause }]) => cause),
  whole("since_day", ([, { sinceDay }]) => sinceDay),
  json("details", ([, { details }]) => details),
  text("next_action", ([, { type }]) => actions[type].action),
];
const idOfKey = "'exc_' || left(encode(sha256(convert_to(given.key, 'UTF8')), 'hex'), 32)";
const told = ["message", "amount_micros", "currency", "since_day", "details"];
const upsertExceptions = `insert into exception (id, code, subject, message, opened_at, key, subject_type, marketplace,
    amount_micros, currency, cause, since_day, details, next_action)
  select ${idOfKey}, code, subject, message, opened_at, key, subject_type, marketplace,
    amount_micros, currency, cause, since_day, details, next_action from given
  on conflict (key) do update set ${told.map((name) => `${name} = excluded.${name}`).join(", ")},
    opened_at = case when exception.closed_at is null or exception.closed_by is not null then exception.opened_at else excluded.opened_at end,
    state = case when exception.state = 'closed' and exception.closed_by is null then 'open' else exception.state end,
    closed_at = case when exception.closed_by is null then null else exception.closed_at end,
    closed_reason = case when exception.closed_by is null then null else exception.closed_reason end
  where (exception.closed_at is not null and exception.closed_by is null)
    or (${told.map((name) => `exception.${name}`).join(", ")}) is distinct from (${told.map((name) => `excluded.${name}`).join(", ")})`;

/** Whether an open exception is one that this reconciliation judged: its like was raised again, or it is gone. */
export type IsJudged = (exception: Pick<CloseException, "subjectType" | "marketplace" | "subjectId">) => boolean;
interface OpenRow {
  readonly id: string;
  readonly key: string;
  readonly subject_type: CloseException["subjectType"];
  readonly marketplace: CloseException["marketplace"];
  readonly subject: string;
}

/**
 * Raises exceptions by their keys: new ones are opened, those that are open are told anew, those that had closed by themselves open again
 * under their id. Open ones that were judged and are not among them close by themselves. What a person said of one stays.
 */
export const writeExceptions = async (
  tx: Tx,
  raised: readonly CloseException[],
  context: {
    readonly now: Date;
    readonly judged: { readonly is: IsJudged; readonly subjects: readonly string[] } | null;
    /** What became known of locked months of these marketplaces, judged apart from all else: it needs whole months (periods.ts). */
    readonly lateOf?: readonly string[];
  },
): Promise<{ readonly opened: readonly string[]; readonly closed: readonly string[] }> => {
  const { now, judged, lateOf } = context;
  const areLate = lateOf !== undefined;
  const own = raised.filter(({ type }) => (type === lateType) === areLate);
  const rows: readonly Keyed[] = [...new Map(own.map((one) => [exceptionKey(one), one]))];
  const keys = new Set(rows.map(([key]) => key));
  const open = await tx<OpenRow[]>`select id, key, subject_type, marketplace, subject from exception
    where key is not null and closed_at is null and (code = ${lateType}) = ${areLate}
      ${lateOf === undefined ? tx`` : tx`and marketplace = any(${[...lateOf]}::text[])`}
      ${judged === null ? tx`` : tx`and (subject = any(${[...judged.subjects]}::text[]) or subject_type not in ('agreement', 'deal', 'line'))`}`;
  const known = new Set(open.map(({ key }) => key));
  const fresh = rows.filter(([key]) => !known.has(key));
  const opened = await freshIds(tx, fresh);
  await changeBulk(tx, { columns: exceptionColumns(now), statement: upsertExceptions }, rows);
  const gone = open.filter(
    ({ key, subject_type: subjectType, marketplace, subject: subjectId }) =>
      !keys.has(key) && (judged === null || judged.is({ subjectType, marketplace, subjectId })),
  );
  const closed = gone.map(({ id }) => id);
  if (closed.length > 0)
    await tx`update exception set closed_at = ${now}, closed_reason = 'later data explains it',
        state = case when state = 'open' then 'closed' else state end
      where id = any(${closed}::text[])`;
  return { opened, closed };
};

const lateType = "LATE_DATA_IN_CLOSED_PERIOD";

/** The ids of those that will be opened: not known yet, or closed by themselves. */
const freshIds = async (tx: Tx, fresh: readonly Keyed[]): Promise<readonly string[]> => {
  const opened: string[] = [];
  const batch = 5_000;
  for (let from = 0; from < fresh.length; from += batch) {
    const keys = fresh.slice(from, from + batch).map(([key]) => key);
    const rows = await tx.unsafe<{ id: string }[]>(
      `select ${idOfKey} as id from unnest($1::text[]) as given (key) left join exception on exception.key = given.key
        where exception.id is null or (exception.closed_at is not null and exception.closed_by is null)`,
      [keys],
    );
    for (const { id } of rows) opened.push(id);
  }
  return opened;
};
