import { afterAll, describe, expect, it } from "vitest";
import type { Connection, Share } from "../src/domain/deal.ts";
import { tokenOf } from "../src/store/effects.ts";
import type { NewDelivery } from "../src/store/inbox.ts";
import { createQuota } from "../src/store/quota.ts";
import { createSeal } from "../src/store/seal.ts";
import { dealInput, openStore, testKey } from "./store-fixture.ts";

const fixture = await openStore("store");
const { db, store, clock, actorId, ids } = fixture;
afterAll(() => fixture.close());

let counter = 0;
const aConnection = (): Promise<Connection> =>
  db.transaction((tx) =>
    store.connections.save(
      tx,
      {
        marketplace: "aws",
        label: "AWS",
        account: `${100_000_000_000 + counter++}`,
        environment: "simulated",
        settings: {},
      },
      actorId,
    ),
  );
const aShare = async (): Promise<{
  readonly share: Share;
  readonly connection: Connection;
  readonly opportunityId: string;
}> => {
  const connection = await aConnection();
  const saved = await db.transaction((tx) => store.opportunities.save(tx, dealInput(`s-${counter++}`), actorId));
  const share = await db.transaction((tx) =>
    store.shares.create(tx, { opportunityId: saved.opportunity.id, connectionId: connection.id, fields: {}, actorId }),
  );
  if (share === null) throw new Error("no share");
  return { share, connection, opportunityId: saved.opportunity.id };
};

describe("deals", () => {
  it("are unique per source and key: the same input again changes nothing and tells nothing", async () => {
    const first = await db.transaction((tx) => store.opportunities.save(tx, dealInput("same"), actorId));
    const told = (await store.journal.listEvents(db.sql, { after: 0n, limit: 200, subject: first.opportunity.id }))
      .items.length;
    const second = await db.transaction((tx) => store.opportunities.save(tx, dealInput("same"), actorId));
    expect([first.outcome, second.outcome]).toEqual(["created", "unchanged"]);
    expect(second.opportunity.id).toBe(first.opportunity.id);
    expect(
      (await store.journal.listEvents(db.sql, { after: 0n, limit: 200, subject: first.opportunity.id })).items,
    ).toHaveLength(told);
  });
  it("carry the moment their tag was given, and keep it while the tag stays", async () => {
    const tagged = await db.transaction((tx) =>
      store.opportunities.save(tx, dealInput("tag", { tag: "sourced" }), actorId),
    );
    const at = tagged.opportunity.taggedAt;
    expect(at?.toISOString()).toBe(clock.now().toISOString());
    clock.advanceTo(new Date(clock.now().getTime() + 86_400_000));
    const renamed = await db.transaction((tx) =>
      store.opportunities.save(tx, dealInput("tag", { tag: "sourced", title: "Other" }), actorId),
    );
    expect(renamed.opportunity.taggedAt?.toISOString()).toBe(at?.toISOString());
  });
  it("without a tag are listed as such", async () => {
    await db.transaction((tx) => store.opportunities.save(tx, dealInput("untagged"), actorId));
    const page = await store.opportunities.list(db.sql, { after: null, limit: 200, untagged: true });
    expect(page.items.map((item) => item.key)).toContain("untagged");
    expect(page.items.map((item) => item.key)).not.toContain("tag");
  });
  it("tell every deal of an account when the account changes", async () => {
    const account = { name: "Twin", website: "https://twin.example", country: "FR" };
    const one = await db.transaction((tx) => store.opportunities.save(tx, dealInput("twin-1", { account }), actorId));
    await db.transaction((tx) => store.opportunities.save(tx, dealInput("twin-2", { account }), actorId));
    await db.transaction((tx) =>
      store.opportunities.save(tx, dealInput("twin-2", { account: { ...account, city: "Lyon" } }), actorId),
    );
    const events = await store.journal.listEvents(db.sql, { after: 0n, limit: 200, subject: one.opportunity.id });
    expect(events.items.map((event) => event.name)).toEqual(["opportunity.created", "opportunity.changed"]);
  });
  it("keep money exact through the database", async () => {
    const amount = { amount: "9007199254.740993", currency: "USD" };
    const saved = await db.transaction((tx) => store.opportunities.save(tx, dealInput("money", { amount }), actorId));
    expect((await store.opportunities.find(db.sql, saved.opportunity.id))?.amount).toEqual(amount);
  });
  it("page without overlap or gap", async () => {
    const seen: string[] = [];
    for (let after: string | null = null, rounds = 0; rounds < 50; rounds++) {
      const page: Awaited<ReturnType<typeof store.opportunities.list>> = await store.opportunities.list(db.sql, {
        after,
        limit: 2,
      });
      seen.push(...page.items.map((item) => item.id));
      if (page.next === null) break;
      after = page.next;
    }
    const [count] = await db.sql`select count(*)::int as n from opportunity`;
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(count?.n);
  });
});

describe("contacts", () => {
  it("lie in the database unreadable, and nowhere else", async () => {
    const email = "very.private@lumenfreight.example";
    await db.transaction((tx) =>
      store.opportunities.save(
        tx,
        dealInput("private", { contacts: [{ role: "customer", email, lastName: "Geheimrat" }] }),
        actorId,
      ),
    );
    const tables = await db.sql<
      { name: string }[]
    >`select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`;
    for (const { name } of tables) {
      const rows = await db.sql.unsafe(`select row_to_json(t)::text as row from ${name} t`);
      for (const row of rows) {
        const hexes = [...String(row.row).matchAll(/\\\\x([0-9a-f]+)/g)].map((match) =>
          Buffer.from(match[1] ?? "", "hex").toString("latin1"),
        );
        expect(`${row.row}${hexes.join()}`, name).not.toMatch(/very\.private|Geheimrat/);
      }
    }
  });
  it("are erased with every body that may repeat them, while the deal stays", async () => {
    const { share, opportunityId } = await aShare();
    await db.transaction(async (tx) => {
      await store.shares.engage(tx, share, { id: "O77" }, "v1");
      await store.shares.keepBase(tx, share.id, { a: 1 });
      await tx`update engagement set sealed_body = ${await fixture.seal.close("x", `body:${share.id}`)} where share_id = ${share.id}`;
    });
    const erased = await db.transaction((tx) => store.contacts.forget(tx, " CARL@lumenfreight.example "));
    expect(erased.contacts).toBeGreaterThan(0);
    expect(erased.bodies).toBe(1);
    expect(await store.shares.readBase(db.sql, share.id)).toBeNull();
    const whole = await store.opportunities.whole(db.sql, opportunityId);
    expect(whole?.contacts.map((contact) => contact.role)).toEqual(["owner"]);
  });
  it("cannot be opened under another key", async () => {
    const other = await createSeal(btoa("k".repeat(32)), ids);
    const sealed = await fixture.seal.close("secret", "here");
    await expect(other.open(sealed, "here")).rejects.toThrow();
    await expect(fixture.seal.open(sealed, "there")).rejects.toThrow();
    expect(await (await createSeal(testKey, ids)).open(sealed, "here")).toBe("secret");
  });
});

describe("shares", () => {
  it("are open once per deal and connection, however many ask at the same time", async () => {
    const { share, connection, opportunityId } = await aShare();
    const again = await Promise.all(
      Array.from({ length: 8 }, () =>
        db
          .transaction((tx) =>
            store.shares.create(tx, { opportunityId, connectionId: connection.id, fields: {}, actorId }),
          )
          .catch(() => null),
      ),
    );
    expect(again.every((made) => made === null)).toBe(true);
    await db.transaction((tx) => store.shares.withdraw(tx, share, "gone", actorId));
    const next = await db.transaction((tx) =>
      store.shares.create(tx, { opportunityId, connectionId: connection.id, fields: {}, actorId }),
    );
    expect(next?.generation).toBe(2);
  });
  it("name the actor of every step in their history", async () => {
    const { share } = await aShare();
    await db.transaction((tx) => store.shares.judge(tx, share, [], actorId));
    const history = await store.journal.listHistory(db.sql, { subject: share.id, after: 0n, limit: 50 });
    expect(history.items.map((row) => [row.what, row.actorName])).toEqual([
      ["created", "tester"],
      ["readied", "tester"],
    ]);
  });
  it("with gaps stay drafts and show them; without, ask to be pushed in the same transaction", async () => {
    const { share } = await aShare();
    const gap = { field: "account.website", code: "required", message: "is missing", fix: "fill it", source: "test" };
    const draft = await db.transaction((tx) => store.shares.judge(tx, share, [gap], actorId));
    expect([draft.state, draft.gaps]).toEqual(["draft", [gap]]);
    const ready = await db.transaction((tx) => store.shares.judge(tx, draft, [], actorId));
    expect(ready.state).toBe("ready");
    const events = await store.journal.listEvents(db.sql, { after: 0n, limit: 50, subject: share.id });
    expect(events.items.map((event) => event.name)).toEqual(["share.push.requested"]);
  });
  it("coalesce waiting edits into one row per field, and tell what became of them", async () => {
    const { share } = await aShare();
    await db.transaction((tx) => store.shares.keepWaiting(tx, share.id, ["title", "closeDate"], "in review"));
    await db.transaction((tx) => store.shares.keepWaiting(tx, share.id, ["title"], "still in review"));
    expect(
      (await store.shares.listEdits(db.sql, share.id)).map((edit) => [edit.field, edit.state, edit.reason]),
    ).toEqual([["title", "waiting", "still in review"]]);
    await db.transaction((tx) =>
      store.shares.settleEdits(tx, share.id, ["title"], [{ field: "industry", reason: "locked for good" }]),
    );
    expect((await store.shares.listEdits(db.sql, share.id)).map((edit) => [edit.field, edit.state])).toEqual([
      ["industry", "dropped"],
      ["title", "sent"],
    ]);
  });
});

describe("the inbox", () => {
  const delivery = (connection: { readonly id: string; readonly version: number }, key: string) => ({
    connection,
    key,
    kind: "changed",
    headers: {},
    body: "{}",
    hints: [],
  });
  const receive = async (...deliveries: readonly NewDelivery[]) =>
    store.inbox.receive(db.sql, await Promise.all(deliveries.map(store.inbox.seal)));
  it("keeps one delivery per key, however many arrive at once", async () => {
    const connection = await aConnection();
    const results = await Promise.all(
      Array.from({ length: 8 }, () => receive(delivery(connection, "evt-1"), delivery(connection, "evt-1"))),
    );
    expect(results.flat().toSorted()).toEqual(["accepted", ...Array(15).fill("duplicate")]);
  });
  it("keeps nothing that was verified against an older version of the connection", async () => {
    const connection = await aConnection();
    expect(
      await receive(
        delivery({ ...connection, version: connection.version - 1 }, "evt-2"),
        delivery(connection, "evt-2b"),
      ),
    ).toEqual(["stale", "accepted"]);
    const rows = await db.sql`select key from delivery where connection_id = ${connection.id} and key = 'evt-2'`;
    expect(rows).toHaveLength(0);
  });
  it("tells of each record once, in order, an invitation by its own name", async () => {
    const connection = await aConnection();
    const hints = [
      { kind: "opportunity", id: "O2" },
      { kind: "invitation", id: "engi-1" },
      { kind: "opportunity", id: "O1" },
      { kind: "opportunity", id: "O2" },
    ] as const;
    await receive({ ...delivery(connection, "evt-3"), hints });
    const told = await db.sql`select name, data ->> 'remoteId' as id from outbox where subject = ${connection.id}
      and name in ('delivery.accepted', 'hint.raised', 'invitation.hinted') order by seq desc limit 4`;
    expect(told.map((row) => [row.name, row.id]).toReversed()).toEqual([
      ["delivery.accepted", null],
      ["hint.raised", "O2"],
      ["invitation.hinted", "engi-1"],
      ["hint.raised", "O1"],
    ]);
  });
  it("asks what we know where the word does not say what a record is: a share's own, one that is related to it, or one unknown", async () => {
    const { share, connection } = await aShare();
    const beside = { id: "theirs-1" };
    await db.transaction(async (tx) => {
      await store.shares.engage(tx, share, { id: "ours-1" }, null);
      await store.shares.relate(tx, share, ["theirs-0"]);
      await store.shares.relate(tx, share, [beside.id]);
    });
    const hints = ["ours-1", beside.id, "unknown-1"].map((id) => ({ kind: "record" as const, id }));
    await receive({ ...delivery(connection, "evt-4"), hints });
    const told = await db.sql`select name, subject, data ->> 'remoteId' as id from outbox
      where data ->> 'connectionId' = ${connection.id} and name in ('hint.raised', 'invitation.hinted') order by seq`;
    expect(told.map((row) => [row.name, row.subject, row.id])).toEqual([
      ["hint.raised", share.id, "ours-1"],
      ["hint.raised", share.id, "ours-1"],
      ["invitation.hinted", connection.id, "unknown-1"],
    ]);
    expect((await store.shares.findByRemote(db.sql, connection.id, beside.id))?.remoteId).toBe("ours-1");
    expect(await store.shares.findByRemote(db.sql, connection.id, "theirs-0")).toBeNull();
    expect(await store.shares.hinted(db.sql, connection.id, beside.id)).toMatchObject({ shareId: share.id });
    const other = await aConnection();
    await receive({ ...delivery(other, "evt-4"), hints: [{ kind: "record", id: beside.id }] });
    const [elsewhere] = await db.sql`select name from outbox where subject = ${other.id} and name like '%hint%'`;
    expect(elsewhere?.name).toBe("invitation.hinted");
  });
  it("forgets raw bodies after the retention time, and keeps younger ones", async () => {
    const connection = await aConnection();
    await receive(delivery(connection, "old"));
    clock.advanceTo(new Date(clock.now().getTime() + 91 * 86_400_000));
    await receive(delivery(connection, "young"));
    await store.journal.expire(db.sql, new Date(clock.now().getTime() - 90 * 86_400_000));
    const rows = await db.sql`select key from delivery where connection_id = ${connection.id}`;
    expect(rows.map((row) => row.key)).toEqual(["young"]);
  });
});

describe("the outbox", () => {
  it("holds an event exactly when its transaction committed", async () => {
    const before = (await store.journal.unsent(db.sql, 10_000)).length;
    await db
      .transaction(async (tx) => {
        await store.journal.tell(tx, "connection.resumed", "con_x", { connectionId: "con_x" });
        throw new Error("undone");
      })
      .catch(() => {});
    expect(await store.journal.unsent(db.sql, 10_000)).toHaveLength(before);
    await db.transaction((tx) => store.journal.tell(tx, "connection.resumed", "con_x", { connectionId: "con_x" }));
    expect(await store.journal.unsent(db.sql, 10_000)).toHaveLength(before + 1);
  });
});

describe("the effect journal", () => {
  const write = {
    operation: "CreateOpportunity",
    key: "create",
    body: { Title: "secret title" },
    token: "partner-keeps" as const,
  };
  const intend = async () => {
    const { share, connection, opportunityId } = await aShare();
    const opportunity = await store.opportunities.find(db.sql, opportunityId);
    if (opportunity === null) throw new Error("no deal");
    const entry = await db.transaction((tx) => store.effects.intend(tx, { connection, share, opportunity, write }));
    return { share, connection, opportunity, entry };
  };
  it("freezes the request of an intent: the same intent again is the same row with the first bytes", async () => {
    const { share, connection, opportunity, entry } = await intend();
    const again = await db.transaction((tx) =>
      store.effects.intend(tx, {
        connection,
        share,
        opportunity,
        write: { ...write, body: { Title: "changed since" } },
      }),
    );
    expect(again.id).toBe(entry.id);
    expect(await store.effects.readRequest(db.sql, entry.id)).toEqual(write.body);
  });
  it("makes the token from seller, deal and write alone, so that a restored backup mints the same one", async () => {
    const { connection, opportunity, entry } = await intend();
    expect(entry.key).toBe(`aws/${connection.account}/simulated/test/${opportunity.key}/share1/create/try1`);
    expect(entry.token).toBe(await tokenOf(entry.key));
    expect(entry.token).toMatch(/^[a-z2-7]{52}$/);
  });
  it("gives a refused write a new token, and erases the request once it is confirmed", async () => {
    const { share, connection, opportunity, entry } = await intend();
    const sent = await db.transaction((tx) => store.effects.move(tx, entry, "sending"));
    await db.transaction((tx) =>
      store.effects.move(tx, sent, "refused", { fault: { kind: "rejected", message: "no", gaps: [] } }),
    );
    const second = await db.transaction((tx) => store.effects.intend(tx, { connection, share, opportunity, write }));
    expect(second.token).not.toBe(entry.token);
    const resent = await db.transaction((tx) => store.effects.move(tx, second, "sending"));
    await db.transaction((tx) =>
      store.effects.move(tx, resent, "kept", {
        outcome: { key: "create", ref: { id: "O1" }, version: "v", task: null },
      }),
    );
    await expect(store.effects.readRequest(db.sql, second.id)).rejects.toThrow("erased");
  });
  it("refuses a move that its table does not have, and one that somebody else made first", async () => {
    const { entry } = await intend();
    await expect(db.transaction((tx) => store.effects.move(tx, entry, "kept"))).rejects.toThrow("cannot follow");
    await db.transaction((tx) => store.effects.move(tx, entry, "sending"));
    await expect(db.transaction((tx) => store.effects.move(tx, entry, "sending"))).rejects.toThrow("somebody else");
  });
});

describe("the quota", () => {
  const rates = { readsPerSecond: 10, writesPerSecond: 1, readsPerDay: 100_000, writesPerDay: 50 };
  it("never grants more than one write a second, across workers that share it", async () => {
    const workers = [createQuota({ db, clock }, "q1", rates), createQuota({ db, clock }, "q1", rates)];
    const times: number[] = [];
    for (let index = 0; index < 20; index++) {
      const granted = await workers[index % 2]?.take("write");
      expect(granted?.ok).toBe(true);
      times.push(clock.now().getTime());
    }
    times.slice(1).forEach((at, index) => {
      expect(at - (times[index] ?? 0)).toBeGreaterThanOrEqual(1_000);
    });
  });
  it("answers throttled with the time to come back when the rolling day is used up, and grants again after it", async () => {
    const quota = createQuota({ db, clock }, "q2", rates);
    for (let index = 0; index < 50; index++) expect((await quota.take("write")).ok).toBe(true);
    const refused = await quota.take("write");
    if (refused.ok || refused.fault.kind !== "throttled") throw new Error("the 51st write of a day was granted");
    clock.advanceTo(new Date(refused.fault.retryAt));
    expect((await quota.take("write")).ok).toBe(true);
  });
  it("tells each that is refused for the day a time of its own, at which it is granted at once, however many wait", async () => {
    const quota = createQuota({ db, clock }, "q4", rates);
    for (let index = 0; index < 50; index++) {
      expect((await quota.take("write")).ok).toBe(true);
      if (index % 7 === 0) clock.advanceTo(new Date(clock.now().getTime() + 20 * 60_000));
    }
    const told: number[] = [];
    for (let index = 0; index < 120; index++) {
      const refused = await quota.take("write");
      if (refused.ok || refused.fault.kind !== "throttled") throw new Error("granted although the day is full");
      told.push(Date.parse(refused.fault.retryAt));
    }
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(new Set(told).size).toBe(120);
    const refusals: number[] = [];
    for (const at of told) {
      clock.advanceTo(new Date(at));
      if (!(await quota.take("write")).ok) refusals.push(at);
    }
    expect(refusals).toEqual([]);
  });
  it("gives long queues back instead of holding a call open", async () => {
    const frozen = { now: () => clock.now(), sleep: async () => {} };
    const quota = createQuota({ db, clock: frozen }, "q3", rates);
    const results = await Promise.all(Array.from({ length: 40 }, () => quota.take("write")));
    const granted = results.filter((result) => result.ok).length;
    expect(granted).toBeGreaterThan(10);
    expect(granted).toBeLessThan(30);
  });
});

describe("API keys", () => {
  it("are stored as hashes, found by hash, and dead once revoked or expired", async () => {
    const { key, secret } = await store.access.createKey(db.sql, {
      actorId,
      name: "ci",
      scopes: ["read"],
      expiresAt: new Date(clock.now().getTime() + 1_000),
    });
    expect(JSON.stringify(await db.sql`select * from api_key`)).not.toContain(secret);
    expect(await store.access.authenticate(db.sql, secret)).toEqual({ actorId, scopes: ["read"] });
    expect(await store.access.authenticate(db.sql, `${secret}0`)).toBeNull();
    clock.advanceTo(new Date(clock.now().getTime() + 1_001));
    expect(await store.access.authenticate(db.sql, secret)).toBeNull();
    const other = await store.access.createKey(db.sql, { actorId, name: "ci2", scopes: ["read"], expiresAt: null });
    await store.access.revokeKey(db.sql, other.key.id);
    expect(await store.access.authenticate(db.sql, other.secret)).toBeNull();
    expect(key.prefix).toBe(secret.slice(0, 13));
  });
});
