/** A store for tests of the merge of three sides: each of them can speak, and what they come to can be read. */
import type { Json, OpportunityInput } from "../src/domain/deal.ts";
import { fieldsOf } from "../src/domain/fields.ts";
import { openStore } from "./store-fixture.ts";

type Change = Partial<OpportunityInput> | ((now: OpportunityInput) => Partial<OpportunityInput>);
interface Word {
  readonly name: string;
  readonly value: Json;
  readonly isInformed?: boolean;
  readonly at?: Date;
}

export const openFields = async (seed: string) => {
  const fixture = await openStore(seed);
  const { db, store, clock, actorId } = fixture;
  const save = (input: OpportunityInput) => db.transaction((tx) => store.opportunities.save(tx, input, actorId));
  const wholeInput = async (id: string): Promise<OpportunityInput> => {
    const whole = await store.opportunities.whole(db.sql, id);
    if (whole === null) throw new Error("no deal");
    const { opportunity, account, contacts, partner } = whole;
    return { ...opportunity, account, contacts: [...contacts], partner: partner?.name ?? null, taggedAt: null };
  };
  /** Reads, then changes what it read: as a PATCH with If-Match does. */
  const edit = (id: string, change: Change) =>
    db.transaction(async (tx) => {
      const held = await store.opportunities.lock(tx, id);
      if (held === null) throw new Error("no deal");
      const whole = await store.opportunities.whole(tx, id);
      if (whole === null) throw new Error("no deal");
      const { opportunity, account, contacts, partner } = whole;
      const input = {
        ...opportunity,
        account,
        contacts: [...contacts],
        partner: partner?.name ?? null,
        taggedAt: null,
      };
      const changed = typeof change === "function" ? change(input) : change;
      return store.opportunities.edit(tx, held, { ...input, ...changed }, actorId);
    });
  const follow = (opportunityId: string, { name, value, isInformed = false, at = clock.now() }: Word) =>
    db.transaction(async (tx) => {
      await store.opportunities.lock(tx, opportunityId);
      const claims = [{ name, value, isInformed }];
      const from = { opportunityId, connectionId: "con_1", shareId: "shr_1" };
      return store.opportunities.follow(tx, { ...from, at, actorId, values: new Map([[name, value]]), claims });
    });
  const pass = (ms = 1_000) => clock.advanceTo(new Date(clock.now().getTime() + ms));
  const read = async (id: string) => fieldsOf(await wholeInput(id));
  const notes = async (id: string) =>
    (await store.journal.listHistory(db.sql, { subject: id, after: 0n, limit: 100 })).items.map(({ note }) => note);
  const digest = async (): Promise<string> => {
    const [row] = await db.sql<{ digest: string }[]>`select md5(string_agg(t, '|' order by t)) as digest from (
      select opportunity::text as t from opportunity union all select account::text from account union all
      select contact.id from contact union all select statement::text from statement union all
      select seq::text from outbox union all select seq::text from history) as rows`;
    return row?.digest ?? "";
  };
  return { fixture, save, wholeInput, edit, follow, pass, read, notes, digest };
};
