/** The yardstick of a close: what a DuckDB script does with the same files. It loads, joins exactly, adds up, and joins the rest by domain. */
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

export interface DuckTimes {
  readonly loadMs: number;
  /** Exact join, sums by agreement, deals by offer, deals by domain. */
  readonly matchMs: number;
  readonly cpuMs: number;
  readonly lines: number;
  readonly invoicedCents: number;
}

/** Runs the script on a folder that `writeCloseData` wrote, with so many threads. */
export const runDuck = async (folder: string, threads: number): Promise<DuckTimes> => {
  const instance = await DuckDBInstance.create(":memory:", { threads: String(threads) });
  const connection = await instance.connect();
  const csv = (path: string): string =>
    `read_csv('${join(folder, path)}', header = true, all_varchar = true, union_by_name = true)`;
  const cpu = process.cpuUsage();
  const began = performance.now();
  await connection.run(`create table event as select * replace (cast(amount as decimal(18, 2)) as amount)
    from ${csv("aws/billingeventfeed_v1/*/*/data.csv")}`);
  await connection.run(`create table agreement as select * from ${csv("aws/agreementfeed_v1/*/*/data.csv")}`);
  await connection.run(`create table address as select * from ${csv("aws/addressfeed_v1/*/*/data.csv")}`);
  await connection.run(`create table account as select * from ${csv("aws/accountfeed_v1/*/*/data.csv")}`);
  await connection.run(`create table deal as select * from ${csv("internal/deals.csv")}`);
  const loaded = performance.now();
  for (const statement of matching) await connection.run(statement);
  const reader = await connection.runAndReadAll(
    "select count(*)::int as lines, cast(sum(invoiced) * 100 as bigint)::double as cents from by_agreement, (select count(*) from line)",
  );
  const matched = performance.now();
  const counted = await connection.runAndReadAll("select count(*)::int from line");
  const { user, system } = process.cpuUsage(cpu);
  connection.closeSync();
  instance.closeSync();
  return {
    loadMs: loaded - began,
    matchMs: matched - loaded,
    cpuMs: (user + system) / 1_000,
    lines: Number(counted.getRows()[0]?.[0] ?? 0),
    invoicedCents: Number(reader.getRows()[0]?.[1] ?? 0),
  };
};

/** One equi-join for each key: a join on either of two keys does not end. */
const matching: readonly string[] = [
  `create table line as select * from event
    qualify row_number() over (partition by billing_event_id order by update_date desc) = 1`,
  `create table offered as select offer_id, any_value(agreement_id) as agreement_id from agreement
    group by offer_id having count(*) = 1`,
  `create table tied as
    select line.*, agreement.agreement_id as found from line join agreement using (agreement_id)
    union all
    select line.*, offered.agreement_id from line join offered using (offer_id) where coalesce(line.agreement_id, '') = ''`,
  `create table own as
    select billing_event_id, found from tied
    union all
    select line.billing_event_id, tied.found from line join tied on tied.billing_event_id = line.parent_billing_event_id
    where coalesce(line.agreement_id, '') = '' and coalesce(line.offer_id, '') = ''`,
  `create table by_agreement as select own.found as agreement_id,
      sum(amount) filter (where action = 'INVOICED' and transaction_type = 'SELLER_REV_SHARE') as invoiced,
      -sum(amount) filter (where action = 'INVOICED' and transaction_type = 'AWS_REV_SHARE') as fee,
      sum(amount) filter (where action = 'COLLECTED') as collected, sum(amount) filter (where action = 'DISBURSED') as paid
    from line join own using (billing_event_id) group by own.found`,
  `create table linked as select agreement.agreement_id, deal.deal_id from agreement join deal on deal.private_offer_id = agreement.offer_id`,
  `create table near as select agreement.agreement_id, deal.deal_id from agreement
    join account on account.account_id = agreement.acceptor_account_id
    join address on address.aws_account_id = account.aws_account_id
    join deal on deal.account_domain = address.email_domain and deal.currency = agreement.currency_code
      and cast(deal.amount as decimal(18, 2)) = cast(agreement.estimated_agreement_value as decimal(18, 2))
    where coalesce(deal.private_offer_id, '') = '' and agreement.agreement_id not in (select agreement_id from linked)`,
  `create table off as select agreement_id, fee, invoiced from by_agreement
    where abs(fee - round(invoiced * 0.03, 2)) > 0.02 and abs(fee - round(invoiced * 0.015, 2)) > 0.02`,
];

/** What one of the bench's own questions of the database took. */
export const wallOf = async <Result>(work: () => Promise<Result>) => {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const result = await work();
  const { user, system } = process.cpuUsage(cpu);
  return { result, ms: performance.now() - began, cpuMs: (user + system) / 1_000 };
};
