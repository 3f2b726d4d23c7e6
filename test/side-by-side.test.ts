/** One deal at several clouds: the one thing to do next, and why a cloud holds another value than the deal. */
import { describe, expect, test } from "vitest";
import type { Entry } from "../src/domain/fields.ts";
import { type CloudStep, type CloudWord, differencesOf, nextAcross } from "../src/domain/side-by-side.ts";
import { cosell, fakeApi, listRoute } from "./cli-shell.ts";

const step = (cloud: string, state: CloudStep["state"], more: Partial<CloudStep> = {}): CloudStep => ({
  ...{ cloud, state, parkedReason: null, next: `Do what ${cloud} needs.` },
  ...more,
});

describe("what to do next across the clouds", () => {
  test("a partner's question goes before a parked connection, that before gaps, and all of them before work and waiting", () => {
    const order = [
      step("Microsoft", "needs_action"),
      step("Google", "accepted", { parkedReason: "lapsed" }),
      step("AWS", "draft"),
      step("B", "accepted"),
      step("C", "declined"),
      step("D", "withdrawing"),
      step("E", "in_review"),
      step("F", "won"),
    ];
    for (let first = 0; first < order.length - 1; first++)
      expect(nextAcross(order.slice(first).toReversed())).toBe(`${order[first]?.cloud}: ${order[first]?.next}`);
  });

  test("clouds that ask for the same are named together; one cloud alone is not named at all", () => {
    const mend = { next: "Mend problem: Write more." };
    expect(nextAcross([step("AWS", "draft", mend), step("Google", "draft", mend), step("Microsoft", "won")])).toBe(
      "AWS and Google: Mend problem: Write more.",
    );
    expect(nextAcross([step("AWS", "draft", mend), step("Google", "draft", mend)])).toBe(mend.next);
    expect(nextAcross([step("AWS", "won")])).toBe("Do what AWS needs.");
    expect(nextAcross([])).toBe("Share it.");
  });

  test("a parked connection of a share that has ended holds nobody up", () => {
    expect(nextAcross([step("AWS", "won", { parkedReason: "lapsed" }), step("Google", "in_review")])).toMatch(
      /^Google/,
    );
  });
});

const said = (fields: Readonly<Record<string, Entry["value"]>>): CloudWord["said"] =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      { actorId: "act", at: "2026-11-20T09:00:00.000Z", ...(value === undefined ? {} : { value }) },
    ]),
  );
const word = (connectionId: string, more: Partial<CloudWord> = {}): CloudWord => ({
  ...{ connectionId, state: "in_review", said: {}, edits: [], changedByThem: new Set<string>(), isRevising: false },
  ...more,
});
const edit = (field: string, state: "waiting" | "sent" | "dropped", reason: string | null) => ({
  ...{ field, state, reason, updatedAt: new Date("2026-11-22T10:00:00Z") },
});

describe("why a cloud holds another value than the deal", () => {
  const deal = new Map([
    ["closeDate", "2027-03-31"],
    ["title", "Data lake"],
  ]);
  const held = said({ closeDate: "2027-01-31", title: "Data lake" });
  const whyOf = (cloud: CloudWord) =>
    differencesOf(deal, [cloud]).flatMap(({ field, clouds }) =>
      clouds.map(({ why, reason }) => ({ field, why, reason })),
    );

  test("an edit that waits is frozen, one on its way queued, one refused declined: each with its reason", () => {
    const waiting = [edit("closeDate", "waiting", "Google reviews it"), edit("closeDate", "dropped", "before")];
    expect(whyOf(word("g", { said: held, edits: waiting, isRevising: true }))).toEqual([
      { field: "closeDate", why: "frozen", reason: "Google reviews it" },
    ]);
    expect(whyOf(word("g", { said: held, isRevising: true }))[0]).toMatchObject({ why: "queued" });
    expect(whyOf(word("g", { said: held, state: "submitting" }))[0]).toMatchObject({ why: "queued" });
    expect(whyOf(word("g", { said: held, edits: [edit("closeDate", "dropped", "locked once approved")] }))).toEqual([
      { field: "closeDate", why: "declined", reason: "locked once approved" },
    ]);
  });

  test("what was sent since a refusal does not count as refused", () => {
    const edits = [edit("closeDate", "sent", null), edit("closeDate", "dropped", "locked")];
    expect(whyOf(word("g", { said: held, edits }))[0]).toMatchObject({ why: "mapped" });
  });

  test("their own change, an ended share and their coarser words are told apart", () => {
    expect(whyOf(word("m", { said: held, changedByThem: new Set(["closeDate"]) }))[0]).toMatchObject({ why: "theirs" });
    expect(whyOf(word("m", { said: held, state: "won" }))[0]).toMatchObject({ why: "ended" });
    expect(whyOf(word("m", { said: held }))[0]).toMatchObject({ why: "mapped" });
  });

  test("a field stands beside each cloud that says it: its value, since when, and whether it agrees", () => {
    const frozen = edit("amount", "waiting", "frozen while it is reviewed");
    const differences = differencesOf(deal, [
      word("a", { said: said({ closeDate: "2027-03-31" }) }),
      word("g", { said: held, edits: [edit("closeDate", "waiting", "reviewed"), frozen] }),
      word("m"),
    ]);
    expect(differences).toEqual([
      {
        field: "closeDate",
        value: "2027-03-31",
        clouds: [
          {
            ...{ connectionId: "a", value: "2027-03-31", isTold: true, at: "2026-11-20T09:00:00.000Z" },
            ...{ why: null, reason: null },
          },
          {
            ...{ connectionId: "g", value: "2027-01-31", isTold: true, at: "2026-11-20T09:00:00.000Z" },
            ...{ why: "frozen", reason: "reviewed" },
          },
        ],
      },
      {
        field: "amount",
        value: null,
        clouds: [
          {
            ...{ connectionId: "g", value: null, isTold: false, at: "2026-11-22T10:00:00.000Z" },
            ...{ why: "frozen", reason: "frozen while it is reviewed" },
          },
        ],
      },
    ]);
  });

  test("where all agree nothing is told", () => {
    expect(differencesOf(deal, [word("a", { said: said({ closeDate: "2027-03-31" }) }), word("m")])).toEqual([]);
  });
});

describe("on the command line", () => {
  const share = (deal: string, marketplace: string, state: string, more: object = {}) => ({
    ...{ id: `shr_${deal}${marketplace}`, opportunityId: `opp_${deal}`, connectionId: `con_${marketplace}`, state },
    ...{ source: "sf", key: deal, title: `Deal ${deal}`, accountName: "Acme", tag: "sourced", marketplace },
    ...{ connectionLabel: `${marketplace} here`, reason: null, gaps: [] },
    ...more,
  });
  const gaps = [{ field: "problem", code: "x", message: "too short", fix: "write more" }];

  test("a row for each deal, a column for each cloud, and the one thing to do next", async () => {
    const shares = [
      share("1", "aws", "accepted"),
      share("1", "azure", "draft", { gaps }),
      share("1", "gcp", "in_review"),
      share("2", "aws", "in_review"),
      share("2", "aws", "declined", { id: "shr_2a" }),
      share("2", "azure", "submitted", { parkedReason: "the consent has lapsed" }),
    ];
    const { api } = fakeApi(listRoute("/v1/shares", shares));
    const { out, json, code } = await cosell(["shares", "--by", "deal", "--json"], { api });
    const told = await cosell(["shares", "--by", "deal"], { api, columns: 240 });
    expect(told.out).toMatch(/deal +account +AWS +Google +Microsoft +what to do next/);
    expect(told.out).toMatch(
      /sf:1 Deal 1 +Acme +accepted +in_review +draft, 1 gap +Microsoft: Mend problem: Write more\./,
    );
    expect(told.out).toMatch(/sf:2 Deal 2 +Acme +in_review +– +submitted +Microsoft: Mend the connection to Microsoft/);
    expect(told.out).toContain("2 deals shared");
    expect(code).toBe(0);
    expect(out).not.toBe("");
    expect(json()).toMatchObject({ total: 2, deals: [{ clouds: [{ state: "accepted" }, {}, {}] }, {}] });
    expect((await cosell(["shares", "--by", "cloud"], { api })).code).toBe(2);
  });

  test("taking back a deal that several clouds have asks which, and takes nothing back", async () => {
    const id = `opp_${"1".repeat(32)}`;
    const item = { id, source: "sf", key: "1", title: "Deal 1", stage: "qualified" };
    const { api, calls } = fakeApi(
      listRoute("/v1/opportunities", [item]),
      listRoute("/v1/shares", [share("1", "aws", "accepted"), share("1", "azure", "in_review")]),
    );
    const { err, code } = await cosell(["withdraw", "sf:1", "--reason", "cancelled"], { api });
    expect(err).toMatch(/aws here \(shr_1aws\), azure here \(shr_1azure\)[\s\S]*shr_/);
    expect(code).toBe(2);
    expect(calls.every(({ method }) => method === "GET")).toBe(true);
  });
});
