/** The life of exceptions over HTTP: whose they are, what was said of them, and that every code has a duty. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dutyCodes, dutyOf } from "../src/domain/exception-duty.ts";
import { answerTypes, packTypes } from "../src/domain/finance/exception.ts";
import { openHttp } from "./http-fixture.ts";
import { drawLedger } from "./ledger.ts";
import { keepFile } from "./ledger-rig.ts";

const at = await openHttp();
afterAll(at.close);
const { ask, store, db } = at;

/** A drawn ledger in which a fee differs. */
const feeSeed = 12;
const day = (text: string): number => Date.parse(text) / 86_400_000;
const hex = (n: number): string => n.toString(16).padStart(32, "0");
const idOf = (n: number): string => `exc_${hex(n)}`;
/** As a reconciliation writes them. */
const found = (
  n: number,
  given: { type: string; amount: bigint; currency?: string; since: string; marketplace?: string },
) =>
  db.sql`insert into exception (id, code, subject, message, opened_at, key, subject_type, marketplace, amount_micros, currency, cause, since_day)
    values (${idOf(n)}, ${given.type}, ${`a-${n}`}, 'found', ${at.clock.now()}, ${`${given.type}|agreement|a-${n}|`}, 'agreement',
      ${given.marketplace ?? "aws"}, ${given.amount}, ${given.currency ?? "USD"}, '', ${day(given.since)})`;

beforeAll(async () => {
  await found(1, { type: "FEE_MISMATCH", amount: 50_000_000n, since: "2026-09-01" });
  await found(2, { type: "FEE_MISMATCH", amount: -900_000_000n, since: "2026-09-20" });
  await found(3, { type: "CLAWBACK", amount: 70_000_000n, since: "2026-08-01", marketplace: "azure" });
  await found(4, { type: "WITHHELD", amount: 60_000_000n, currency: "EUR", since: "2026-09-25", marketplace: "gcp" });
  await at.clock.sleep(1_000);
  await db.transaction((tx) => store.journal.openException(tx, "DRIFT", "con_1", "An answer was not understood."));
});

const listed = async (query: string): Promise<readonly string[]> =>
  (await ask("GET", `/v1/exceptions?${query}`)).body.items.map((one: { subject: string }) => one.subject);
const say = (id: string, verb: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  ask("POST", `/v1/exceptions/${id}/${verb}`, { body, headers });

describe("the list of exceptions", () => {
  it("is filtered by code, marketplace, amount, age and subject, sorted by age or amount, and paged", async () => {
    expect(await listed("type=FEE_MISMATCH,CLAWBACK&sort=amount")).toEqual(["a-2", "a-3", "a-1"]);
    expect(await listed("sort=oldest")).toEqual(["a-3", "a-1", "a-2", "a-4", "con_1"]);
    expect((await listed(""))[0]).toBe("con_1");
    expect(await listed("marketplace=gcp")).toEqual(["a-4"]);
    expect(await listed("minAmount=70&currency=USD&sort=amount")).toEqual(["a-2", "a-3"]);
    expect(await listed("olderThan=29&sort=oldest")).toEqual(["a-3", "a-1"]);
    expect(await listed("subject=a-1")).toEqual(["a-1"]);
    const first = (await ask("GET", "/v1/exceptions?sort=amount&limit=2")).body;
    expect(first.items.map((one: { subject: string }) => one.subject)).toEqual(["a-2", "a-3"]);
    expect(await listed(`sort=amount&limit=2&after=${first.next}`)).toEqual(["a-4", "a-1"]);
    expect((await ask("GET", "/v1/exceptions?state=lost")).status).toBe(400);
  });

  it("says whose it is by role, what to do next, how old it is and whether it is overdue", async () => {
    const { body } = await ask("GET", `/v1/exceptions/${idOf(2)}`);
    expect(body).toMatchObject({
      ...{ state: "open", amount: "-900.00", currency: "USD", ageDays: 11, isOverdue: false, ownerRole: "Finance" },
      nextAction: expect.stringMatching(/claim packet/),
    });
  });
});

describe("an exception", () => {
  it("is assigned before anything is said of it, and each move is in its history with who and why", async () => {
    const early = await say(idOf(1), "explain", { reason: "A credit comes." });
    expect([early.status, early.body.detail]).toEqual([409, expect.stringMatching(/is open.*assign it first/)]);
    const assigned = await say(idOf(1), "assign", { to: "Fay Finance" }, { "if-match": '"1"' });
    expect(assigned.body).toMatchObject({ state: "assigned", ownerName: "Fay Finance", version: 2 });
    expect((await say(idOf(1), "dispute", { reason: "Claim sent." }, { "if-match": '"1"' })).status).toBe(412);
    expect((await say(idOf(1), "dispute", { reason: "Claim sent, case 1844." })).body.state).toBe("disputed");
    expect((await say(idOf(1), "accept", { reason: "The marketplace proved its rate." })).body.state).toBe("accepted");
    expect((await say(idOf(1), "close", { reason: "Done." })).body).toMatchObject({
      state: "closed",
      closedReason: "Done.",
    });
    expect(await listed("owner=Fay Finance")).toEqual([]);
    expect((await say(idOf(1), "reopen", { reason: "It came back." })).body).toMatchObject({
      ...{ state: "open", id: idOf(1), closedAt: null, ownerName: null },
    });
    const { history } = (await ask("GET", `/v1/exceptions/${idOf(1)}`)).body;
    expect(history.map((one: Record<string, string>) => [one.what, one.fromState, one.toState, one.note])).toEqual([
      ["exception_assigned", "open", "assigned", null],
      ["exception_disputed", "assigned", "disputed", "Claim sent, case 1844."],
      ["exception_accepted", "disputed", "accepted", "The marketplace proved its rate."],
      ["exception_closed", "accepted", "closed", "Done."],
      ["exception_reopened", "closed", "open", "It came back."],
    ]);
    expect(history[0]?.actorName).toBe("Ann Admin");
  });

  it("that the service opened lives likewise, and is not opened again beside another about the same", async () => {
    const [drift] = (await ask("GET", "/v1/exceptions?type=DRIFT")).body.items;
    expect(drift.ownerRole).toBe("Operations");
    expect((await say(drift.id, "close", { reason: "Mended." })).status).toBe(200);
    expect((await say(drift.id, "close", { reason: "Mended." })).status).toBe(404);
    await db.transaction((tx) => store.journal.openException(tx, "DRIFT", "con_1", "Again."));
    expect((await say(drift.id, "reopen", { reason: "Not mended." })).status).toBe(409);
  });

  it("closed by later data keeps what was said of it, and has it again when it comes back", async () => {
    await say(idOf(4), "assign", { to: "Fay Finance" });
    await say(idOf(4), "explain", { reason: "The buyer pays in October." });
    const close = (closed: Date | null) =>
      db.sql`update exception set closed_at = ${closed}, closed_reason = ${closed === null ? null : "later data explains it"} where id = ${idOf(4)}`;
    await close(at.clock.now());
    expect((await ask("GET", `/v1/exceptions/${idOf(4)}`)).body).toMatchObject({
      state: "closed",
      ownerName: "Fay Finance",
    });
    expect(await listed("state=closed&marketplace=gcp")).toEqual(["a-4"]);
    await close(null);
    expect((await ask("GET", `/v1/exceptions/${idOf(4)}`)).body).toMatchObject({
      state: "explained",
      ownerName: "Fay Finance",
    });
  });
});

describe("assigning by filter", () => {
  it("counts without changing when it is a dry run, then gives all of them to one person and says so once", async () => {
    const assign = (dryRun: boolean) =>
      ask("POST", "/v1/exceptions/assign", {
        body: { filter: { type: "CLAWBACK,FEE_MISMATCH", state: "open" }, to: "Tom Treasury", dryRun },
      });
    expect((await assign(true)).body).toMatchObject({ assigned: 3, dryRun: true });
    expect(await listed("owner=none&type=CLAWBACK,FEE_MISMATCH")).toHaveLength(3);
    expect((await assign(false)).body.assigned).toBe(3);
    expect(await listed("owner=Tom Treasury&sort=oldest")).toEqual(["a-3", "a-1", "a-2"]);
    expect((await assign(false)).body.assigned).toBe(0);
    const { history } = (await ask("GET", `/v1/exceptions/${idOf(3)}`)).body;
    expect(history).toHaveLength(1);
    expect(await listed("owner=Nobody Here")).toEqual([]);
  });
});

describe("what a reconciliation says again", () => {
  it("keeps what a person said: closed by later data, and back under the same id; and a fee that differs has its claim", async () => {
    const files = drawLedger(feeSeed, 6).files;
    for (const file of Object.entries(files)) await keepFile(store, db.sql, file);
    await store.ledger.reconcile(db, { id: "rec_1", asOfDay: day("2026-06-30"), mode: "full" });
    const [fee] = (await ask("GET", "/v1/exceptions?type=FEE_MISMATCH&owner=none&state=open")).body.items;
    const claim = await ask("GET", `/v1/exceptions/${fee.id}/claim`);
    expect(claim.body.text).toMatch(
      new RegExp(`^# Listing fee of agreement ${fee.subject}[\\s\\S]*\\| Invoiced \\| Gross`),
    );
    await say(fee.id, "assign", { to: "Fay Finance" });
    await say(fee.id, "dispute", { reason: "Claim sent." });
    // Another day on which nothing of it was known, then the same as before.
    await store.ledger.reconcile(db, { id: "rec_2", asOfDay: day("2025-01-01"), mode: "full" });
    expect((await ask("GET", `/v1/exceptions/${fee.id}`)).body).toMatchObject({
      state: "closed",
      closedReason: "later data explains it",
    });
    await store.ledger.reconcile(db, { id: "rec_3", asOfDay: day("2026-06-30"), mode: "full" });
    expect((await ask("GET", `/v1/exceptions/${fee.id}`)).body).toMatchObject({
      state: "disputed",
      ownerName: "Fay Finance",
      closedAt: null,
    });
    expect((await ask("GET", `/v1/exceptions/${idOf(3)}/claim`)).status).toBe(404);
  });
});

describe("the duties", () => {
  it("have a row for each type of a close and for each code that the service opens", () => {
    for (const type of [...answerTypes, ...packTypes]) expect(dutyCodes, type).toContain(type);
    const root = join(import.meta.dirname, "..");
    const files = ["src/store", "workflows", "src"].flatMap((folder) =>
      readdirSync(join(root, folder))
        .filter((name) => name.endsWith(".ts"))
        .map((name) => join(root, folder, name)),
    );
    const codes = files.flatMap((file) => {
      const text = readFileSync(file, "utf8");
      return [
        ...text.matchAll(/openException\(\s*[\w.]+,\s*"([A-Z_]+)"/g),
        ...text.matchAll(/tellFound\([^{]*\{ code: "([A-Z_]+)"/g),
        ...text.matchAll(/(?:Code|Exception)(?:Code)? = "([A-Z_]+)"/g),
      ].map(([, code]) => code ?? "");
    });
    expect(codes.length).toBeGreaterThan(20);
    for (const code of codes) expect(dutyCodes, code).toContain(code);
    expect(dutyOf("NEVER_HEARD_OF").owner).toBe("Operations");
  });
});
