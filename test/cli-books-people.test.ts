/** What people do with exceptions, months and decisions from the command line: what is asked of the service, and what is told. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cosell, fakeApi, listRoute, type Route } from "./cli-shell.ts";

const exc = `exc_${"a".repeat(32)}`;
const exception = {
  ...{ id: exc, code: "FEE_MISMATCH", subject: "agmt-1", message: "a fee differs", openedAt: "2026-06-01T08:00:00Z" },
  ...{ state: "assigned", ownerName: "Fay", ownerRole: "Finance", nextAction: "send the claim", amount: "-900.00" },
  ...{ currency: "USD", ageDays: 11, isOverdue: true },
};
const post =
  (path: string, body: unknown, status = 200): Route =>
  (call) =>
    call.method === "POST" && call.path === path ? { status, body } : undefined;
const run = async (words: readonly string[], ...routes: readonly Route[]) => {
  const { api, calls } = fakeApi(...routes);
  return { ...(await cosell(words, { api })), calls };
};

describe("cosell exceptions", () => {
  it("asks for what is picked, and tells amount, age, state and owner of each", async () => {
    const { out, calls } = await run(
      [
        "exceptions",
        "--type",
        "FEE_MISMATCH",
        "--owner",
        "Fay",
        "--min-amount",
        "100",
        "--older-than",
        "5",
        "--sort",
        "amount",
      ],
      listRoute("/v1/exceptions", [exception]),
    );
    expect(calls[0]?.query).toMatchObject({
      type: "FEE_MISMATCH",
      owner: "Fay",
      minAmount: "100",
      olderThan: "5",
      sort: "amount",
    });
    expect(out).toMatch(/FEE_MISMATCH +agmt-1 +-900\.00 USD +11 d late +assigned +Fay/);
  });

  it("gives them to a person by id or by filter, never by neither or both", async () => {
    const byId = await run(
      ["exceptions", "assign", exc, "--to", "Fay"],
      post(`/v1/exceptions/${exc}/assign`, exception),
    );
    expect([byId.code, byId.calls[0]?.body]).toEqual([0, { to: "Fay" }]);
    const all = { assigned: 3, ids: [], dryRun: true };
    const byFilter = await run(
      ["exceptions", "assign", "--marketplace", "aws", "--to", "Fay", "--dry-run"],
      post("/v1/exceptions/assign", all),
    );
    expect(byFilter.calls[0]?.body).toEqual({ to: "Fay", filter: { marketplace: "aws" }, dryRun: true });
    expect(byFilter.out).toBe("3 exceptions would go to Fay\n");
    for (const words of [["--to", "Fay"], [exc, "--type", "CLAWBACK", "--to", "Fay"], [exc]])
      expect((await run(["exceptions", "assign", ...words])).code).toBe(2);
  });

  it("judges each with a reason, and tells why the service refuses", async () => {
    expect((await run(["exceptions", "accept", exc])).err).toMatch(/--reason is missing/);
    const problem = {
      title: "The state does not allow it",
      detail: "The exception is open; accepted cannot follow: assign it first.",
    };
    const refused = await run(
      ["exceptions", "accept", exc, "--reason", "small"],
      post(`/v1/exceptions/${exc}/accept`, problem, 409),
    );
    expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(/assign it first/)]);
  });
});

describe("cosell periods", () => {
  const period = { marketplace: "aws", month: "2026-05", state: "open" };
  const refusal = {
    code: "PERIOD_NOT_OVER",
    message: "2026-05 ends on 2026-05-31",
    fix: "close as of 2026-05-31 or later",
  };
  const difference = [
    { agreementId: "a1", movement: "paid_out", currency: "USD", amount: "7.00", owed: "-7.00", postedIn: "2026-06" },
  ];

  it("tells what refuses a lock with its remedy, and what opening a month again changes", async () => {
    const tried = { period, refusals: [refusal], difference: [], dryRun: true };
    const lock = await run(
      ["periods", "lock", "aws", "2026-05", "--dry-run"],
      post("/v1/periods/aws/2026-05/lock", tried),
    );
    expect(lock.calls[0]?.body).toEqual({ dryRun: true });
    expect([lock.code, lock.out]).toEqual([
      1,
      expect.stringMatching(/PERIOD_NOT_OVER: 2026-05 ends.*\n +fix: close as of/),
    ]);
    const opened = { period, refusals: [], difference, dryRun: false };
    const reopen = await run(["periods", "reopen", "aws", "2026-05"], post("/v1/periods/aws/2026-05/reopen", opened));
    expect(reopen.out).toMatch(/a1 +paid out +7\.00 +USD +2026-06[\s\S]*aws 2026-05 is open again/);
    expect((await run(["periods", "lock", "aws", "May"])).err).toMatch(/names no month/);
  });

  it("writes a month's journals, QuickBooks' in as many files as there are parts", async () => {
    const directory = await mkdtemp(join(tmpdir(), "cosell-periods-"));
    try {
      const part: Route = ({ path, query }) =>
        path.endsWith("/journals") && Number(query.part ?? 1) < 3 ? { body: `part ${query.part ?? 1}` } : undefined;
      const out = join(directory, "may.csv");
      const { code } = await run(
        ["periods", "journals", "aws", "2026-05", "--format", "quickbooks", "--out", out],
        part,
      );
      expect(code).toBe(0);
      expect(await readFile(out, "utf8")).toContain("part 1");
      expect(await readFile(join(directory, "may-2.csv"), "utf8")).toContain("part 2");
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

it("cosell decisions tells what was decided by whom and why, and takes one back", async () => {
  const made = {
    ...{
      id: `mdc_${"b".repeat(32)}`,
      kind: "link",
      marketplace: "aws",
      subject: "agmt-1",
      decision: { dealId: "sf:1" },
    },
    ...{ reason: "confirmed", actorName: "Fay", decidedAt: "2026-06-01T08:00:00Z" },
  };
  expect((await run(["decisions"], listRoute("/v1/decisions", [made]))).out).toMatch(
    /Fay +link aws agmt-1 +sf:1 +confirmed/,
  );
  const back = await run(
    ["decisions", "revoke", made.id, "--reason", "wrong"],
    post(`/v1/decisions/${made.id}/revoke`, { ...made, decision: null }),
  );
  expect(back.out).toMatch(/link of aws agmt-1: taken back/);
});

it("cosell decisions allocate asks for the parts as they were typed, and refuses what does not sum before it asks", async () => {
  const parts = [
    { dealId: "sf:1", basisPoints: 6_000 },
    { dealId: "sf:2", basisPoints: 4_000 },
  ];
  const made = {
    ...{ id: `mdc_${"c".repeat(32)}`, kind: "allocation", marketplace: "aws", subject: "agmt-1", decision: { parts } },
    ...{ reason: "one order", actorName: "Fay", decidedAt: "2026-06-01T08:00:00Z" },
  };
  const words = ["decisions", "allocate", "aws", "agmt-1"];
  const done = await run(
    [...words, "sf:1=6000", "sf:2=4000", "--reason", "one order"],
    post("/v1/agreements/allocations", made),
  );
  expect(done.calls[0]?.body).toEqual({ marketplace: "aws", agreementId: "agmt-1", parts, reason: "one order" });
  expect(done.out).toContain("allocation of aws agmt-1: sf:1 60 % + sf:2 40 %");
  expect((await run(["decisions"], listRoute("/v1/decisions", [made]))).out).toMatch(/sf:1 60 % \+ sf:2 40 %/);
  const short = await run([...words, "sf:1=6000", "sf:2=3000", "--reason", "one order"]);
  expect([short.code, short.calls, short.err]).toEqual([2, [], expect.stringContaining("sum to 9000 basis points")]);
  const bare = await run([...words, "sf:1", "sf:2=3000", "--reason", "one order"]);
  expect([bare.code, bare.err]).toEqual([2, expect.stringMatching(/"sf:1" names no part.*=6000/)]);
});
