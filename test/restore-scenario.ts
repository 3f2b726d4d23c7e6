/** What happens around a backup that grows old: before it, after it, and after it was restored. */
import type { OpportunityInput } from "../src/domain/deal.ts";
import { awsDeal } from "./deals.ts";
import type { Rig } from "./restore-rig.ts";

const minute = 60_000;

export interface Sizes {
  /** Deals that the backup knows; half of them are shared before it is taken. */
  readonly known: number;
  /** Deals that are younger than the backup. */
  readonly younger: number;
}

type Row = Awaited<ReturnType<Rig["aws"]["controls"]["ledger"]>>["opportunities"][number];

export const createScenario = (rig: Rig, sizes: Sizes) => {
  /** The CRM: what it holds now, by key. It forgets nothing. */
  const crm = new Map<string, OpportunityInput>();
  const ids = new Map<string, string>();
  const put = async (deal: OpportunityInput): Promise<void> => {
    crm.set(deal.key, deal);
    ids.set(deal.key, await rig.import(deal));
  };
  const share = async (key: string): Promise<number> => rig.share(ids.get(key) ?? "");
  const knownKeys = Array.from({ length: sizes.known }, (_, index) => `known-${index}`);
  const youngerKeys = Array.from({ length: sizes.younger }, (_, index) => `younger-${index}`);
  const shared = knownKeys.slice(0, Math.ceil(sizes.known / 2));
  const dealOf = (key: string): OpportunityInput => {
    // A few customers with several deals each: a search by name alone finds the wrong ones too.
    const customer = `Customer ${key.length % 3}`;
    const { account } = awsDeal(key);
    return awsDeal(key, { account: { ...account, name: customer } });
  };
  const records = async (): Promise<readonly Row[]> => (await rig.aws.controls.ledger()).opportunities;
  const recordsOf = async (key: string): Promise<readonly Row[]> =>
    (await records()).filter((row) => row.document.PartnerOpportunityIdentifier === key);
  const recordOf = async (key: string): Promise<string> => (await recordsOf(key)).at(-1)?.id ?? "";
  const writes = async (): Promise<number> =>
    (await rig.aws.controls.ledger()).counters.reduce((sum, row) => sum + row.writes, 0);
  /** Calls that were answered well, by operation. */
  const operations = async (): Promise<Readonly<Record<string, number>>> =>
    Object.fromEntries(
      Object.entries((await rig.aws.controls.ledger()).counters[0]?.operations ?? {}).map(([name, { ok }]) => [
        name,
        ok,
      ]),
    );
  const openShare = async (key: string): Promise<string> => {
    const [row] = await rig.db().sql<{ id: string }[]>`select share.id from share join opportunity
      on opportunity.id = opportunity_id where key = ${key} order by generation desc limit 1`;
    return row?.id ?? "";
  };
  const hasEnded = async (key: string): Promise<boolean> => {
    const [row] = await rig.db().sql<{ ended: boolean }[]>`select
      bool_and(share.state in ('declined', 'won', 'lost', 'withdrawn')) as ended from share
      join opportunity on opportunity.id = opportunity_id where key = ${key}`;
    return row?.ended === true;
  };
  const withdraw = async (key: string): Promise<void> => {
    await rig.call("POST", `/v1/shares/${await openShare(key)}/withdraw`, { reason: "No Opportunity" });
  };
  const decide = async (keys: readonly string[]): Promise<void> => {
    for (const [index, key] of keys.entries()) {
      const id = await recordOf(key);
      if (index % 5 === 4) await rig.aws.controls.review(id);
      else if (index % 5 === 3) await rig.aws.controls.reject(id);
      else if (index % 5 === 2) await rig.aws.controls.ask(id, { comments: "Please tell more of the problem." });
      else await rig.aws.controls.approve(id);
    }
  };

  /** A deal takes three writes, one a second for all of them, and its task a minute and a half. */
  const pushMs = (5 + (sizes.known + sizes.younger) / 15) * minute;

  return {
    records,
    operations,
    writes,
    /** Half of the known deals are with AWS, some of them decided on; one push is under way. */
    before: async (): Promise<void> => {
      for (const key of knownKeys) await put(dealOf(key));
      for (const key of shared.slice(1)) await share(key);
      await rig.advance(pushMs);
      await decide(shared.slice(2));
      await rig.advance(10 * minute);
      await share(shared[0] ?? "");
      await rig.advance(2_000);
    },
    /** Creates, associations, starts, edits, withdrawals, a second generation; AWS decides, asks and launches. */
    after: async (): Promise<void> => {
      for (const key of knownKeys.slice(shared.length)) await share(key);
      for (const key of youngerKeys) {
        await put(dealOf(key));
        await share(key);
      }
      await rig.advance(pushMs);
      await decide(knownKeys.slice(shared.length));
      await decide(youngerKeys);
      await rig.aws.controls.approve(await recordOf(shared[1] ?? ""));
      await rig.advance(10 * minute);
      const edited = [...crm.values()].map((deal) => ({ ...deal, nextSteps: `Edited ${deal.key}` }));
      for (const deal of edited) await put(deal);
      await rig.advance(pushMs);
      for (const key of [shared[1] ?? "", knownKeys[shared.length] ?? "", youngerKeys[0] ?? ""]) await withdraw(key);
      await rig.advance(10 * minute);
      await share(shared[1] ?? "");
      await rig.aws.controls.launch(await recordOf(youngerKeys[1] ?? ""));
      await rig.advance(10 * minute);
      // Still on its way when the process dies.
      await put(dealOf("last"));
      await share("last");
      await rig.advance(3_000);
    },
    /** The CRM sends everything it has again, and every deal is shared. */
    again: async (): Promise<void> => {
      for (const deal of crm.values()) await put(deal);
      for (const key of crm.keys()) {
        // A deal whose share has ended is shared again only on purpose: that opens a new generation.
        if (!(await hasEnded(key))) await share(key);
      }
    },
    /** AWS's records that are not as our shares say: `<id>: <theirs>, <ours>`. */
    differences: async (): Promise<readonly string[]> => {
      const told: string[] = [];
      for (const row of await records()) {
        const [ours] = await rig.db().sql<{ state: string }[]>`select share.state from engagement
          join share on share.id = share_id where remote_id = ${row.id}`;
        const theirs = stateOf(row);
        if (ours === undefined || !theirs.includes(ours.state))
          told.push(`${row.id} ${String(row.document.PartnerOpportunityIdentifier)}: ${theirs[0]}, ${ours?.state}`);
      }
      return told;
    },
    openWork: async (): Promise<Readonly<Record<string, number>>> => {
      const [counts] = await rig.db().sql<{ found: number; recoveries: number; effects: number }[]>`select
        (select count(*)::int from found_record) as found, (select count(*)::int from recovery) as recoveries,
        (select count(*)::int from effect where state not in ('confirmed', 'refused')) as effects`;
      return { ...counts };
    },
  };
};

const states: Readonly<Record<string, string>> = {
  Submitted: "submitted",
  "In review": "in_review",
  "Action Required": "needs_action",
  Approved: "accepted",
  Rejected: "declined",
  "Pending Submission": "submitting",
};
/** The states of a share that AWS's record allows. */
const stateOf = (row: Row): readonly string[] => {
  const life = row.document.LifeCycle;
  const word = (name: string): string =>
    typeof life === "object" && life !== null && !Array.isArray(life) ? String(Reflect.get(life, name)) : "";
  if (word("Stage") === "Closed Lost") return ["lost", "withdrawn"];
  if (word("Stage") === "Launched") return ["won"];
  return [states[word("ReviewStatus")] ?? "unknown"];
};
