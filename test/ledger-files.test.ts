import { createHash } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import type { Facts } from "../src/domain/finance/facts.ts";
import { noFacts } from "../src/domain/finance/facts.ts";
import { createSha256 } from "../src/domain/sha256.ts";
import { readFact } from "../src/store/ledger-facts.ts";
import { selectLines } from "../src/store/ledger-lines.ts";
import { drawLedger, readFiles } from "./ledger.ts";
import { openStore } from "./store-fixture.ts";

const fixture = await openStore("ledger-files");
const { db, store } = fixture;
afterAll(() => fixture.close());

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = {
  status: "read",
  format: { id: "aws.billing-event" },
  rows: 1,
  problems: [],
  problemCount: 0,
  unknownColumns: [],
  notes: [],
} as const;

describe("a file of finance", () => {
  it("comes back byte for byte, with the hash of its bytes, whatever the pieces it came in", async () => {
    const content = Uint8Array.from({ length: 2_500_000 }, (_, at) => (at * 7_919) % 251);
    const pieces = [content.subarray(0, 13), content.subarray(13, 1_900_000), content.subarray(1_900_000)];
    const { file, isNew } = await store.reportFiles.receive(db.sql, { connectionId: null, path: "a/data.csv" }, pieces);
    expect(isNew).toBe(true);
    expect(file).toMatchObject({ bytes: content.length, status: "receiving" });
    expect(file.sha256).toBe(createHash("sha256").update(content).digest("hex"));
    const back: Uint8Array[] = [];
    for await (const piece of store.reportFiles.bytes(db.sql, file.id)) back.push(piece);
    expect(Buffer.compare(Buffer.concat(back), Buffer.from(content))).toBe(0);
  });
  it("is the same when the same bytes come again under its path, and another under another", async () => {
    const send = (path: string, text: string) =>
      store.reportFiles.receive(db.sql, { connectionId: null, path }, [bytesOf(text)]);
    const first = await send("b/data.csv", "one");
    await store.reportFiles.judge(db.sql, first.file.id, read);
    const again = await send("b/data.csv", "one");
    expect([again.isNew, again.file.id]).toEqual([false, first.file.id]);
    expect((await send("b/data.csv", "two")).isNew).toBe(true);
    expect((await send("c/data.csv", "one")).isNew).toBe(true);
  });
  it("is received once for each delivery of the vendor, and again where that broke off", async () => {
    const given = { connectionId: null, path: "d/data.csv", sourceKey: "bucket/d@1" };
    const begun = await store.reportFiles.begin(db.sql, given);
    const resumed = await store.reportFiles.receive(db.sql, given, [bytesOf("text")]);
    expect([resumed.isNew, resumed.file.id]).toEqual([true, begun.file.id]);
    await store.reportFiles.judge(db.sql, begun.file.id, read);
    expect((await store.reportFiles.receive(db.sql, given, [bytesOf("other")])).isNew).toBe(false);
  });
  it("of the company's own gives way to the newer of its path; a marketplace's does not", async () => {
    const send = async (path: string, text: string, format: string) => {
      const { file } = await store.reportFiles.receive(db.sql, { connectionId: null, path }, [bytesOf(text)]);
      return store.reportFiles.judge(db.sql, file.id, { ...read, format: { id: format } });
    };
    const deals = await send("internal/deals.csv", "1", "internal.deals");
    const newer = await send("internal/deals.csv", "2", "internal.deals");
    expect((await store.reportFiles.get(db.sql, deals.id))?.supersededBy).toBe(newer.id);
    expect(newer.supersededBy).toBeNull();
    const feed = await send("feed.csv", "1", "aws.billing-event");
    await send("feed.csv", "2", "aws.billing-event");
    expect((await store.reportFiles.get(db.sql, feed.id))?.supersededBy).toBeNull();
  });
  it("is listed newest first, by status and path, page by page", async () => {
    const page = await store.reportFiles.list(db.sql, { after: null, limit: 1, statuses: ["read"], path: "internal/" });
    expect(page.items).toHaveLength(1);
    const next = await store.reportFiles.list(db.sql, {
      ...{ after: page.next, limit: 5, path: "internal/" },
      statuses: ["read"],
    });
    expect(next.items).toHaveLength(1);
    expect(next.next).toBeNull();
  });
  it("keeps what it stated when its bytes are erased", async () => {
    const { items } = await store.reportFiles.list(db.sql, { after: null, limit: 1, statuses: ["read"] });
    const [file] = items;
    expect(await store.reportFiles.expire(db.sql, new Date(Date.parse("2030-01-01")))).toBeGreaterThan(0);
    expect(await store.reportFiles.bytes(db.sql, file?.id ?? "").next()).toMatchObject({ done: true });
    expect(await store.reportFiles.get(db.sql, file?.id ?? "")).toEqual(file);
  });
});

describe("SHA-256 piece by piece", () => {
  it("is that of the whole, for every length around the block's", () => {
    for (let length = 0; length < 200; length += 1) {
      const bytes = Uint8Array.from({ length }, (_, at) => at * 31);
      const hasher = createSha256();
      hasher.push(bytes.subarray(0, length / 3));
      hasher.push(bytes.subarray(length / 3));
      expect(hasher.end()).toBe(createHash("sha256").update(bytes).digest("hex"));
    }
  });
});

describe("the facts of a file", () => {
  it("come back exactly as they were read, in their order, and once however often they are kept", async () => {
    const { files } = drawLedger(7, 6);
    const facts = readFiles(Object.entries(files));
    const { file } = await store.reportFiles.begin(db.sql, { connectionId: null, path: "drawn" });
    await store.ledger.keep(db.sql, file, { facts });
    await store.ledger.keep(db.sql, file, { facts });
    const stored = await selectLines(
      db.sql,
      { sql: "select * from ledger_line where file_seq = $1 order by n", values: [file.seq] },
      (text) => text,
    );
    expect(stored.map(({ line }) => line)).toEqual(facts.lines.map((line) => ({ ...line, file: file.seq })));
    expect(stored.every(({ disposition }) => disposition === "current")).toBe(true);
    const back: Facts = noFacts();
    const rows = await db.sql<
      { file_seq: number; kind: string; fact: object }[]
    >`select file_seq, kind, fact from ledger_fact where file_seq = ${file.seq} order by kind, n`;
    const kept = rows.map(readFact);
    for (const [kind, of] of Object.entries(facts)) {
      if (kind === "lines") continue;
      const found = kept.filter((one) => one.kind === kind).map(({ fact }) => JSON.stringify(fact, whole));
      const given = of.map((fact: object) =>
        JSON.stringify("file" in fact ? { ...fact, file: file.seq } : fact, whole),
      );
      expect(found.toSorted(), kind).toEqual(given.toSorted());
    }
    expect(rows.length).toBeGreaterThan(30);
    expect(back.lines).toHaveLength(0);
  });
});
const whole = (_: string, value: unknown) => (typeof value === "bigint" ? `${value}` : value);
