/** Invitations and answer rules on the command line, against a service that is all the test's. */
import { describe, expect, test } from "vitest";
import { cosell, fakeApi, listRoute, type Route } from "./cli-shell.ts";

const id = (prefix: string, digit = "a"): string => `${prefix}_${digit.repeat(32)}`;
const connection = {
  id: id("con"),
  marketplace: "aws",
  label: "AWS production",
  account: "123456789012",
  environment: "production",
  state: "active",
  parkedReason: null,
};
const connections = listRoute("/v1/connections", [connection]);
const facts = {
  title: "Order platform",
  sender: "AWS",
  message: "Please look at it",
  customer: {
    name: "Foods",
    website: "https://foods.example",
    country: "DE",
    industry: "Retail",
    segment: null,
    maturity: null,
  },
  problem: "Orders are planned by hand.",
  useCase: null,
  closeDate: "2027-01-31",
  monthlySpend: { amount: "900.00", currency: "USD" },
  roles: ["Software Partner"],
  origin: null,
  score: null,
  members: 1,
};
const invitation = (remoteId: string, more: Readonly<Record<string, unknown>> = {}) => ({
  id: id("inv"),
  remoteId,
  kind: "referral",
  state: "received",
  facts,
  daysLeft: 3,
  expiresAt: "2026-12-01T09:00:00.000Z",
  next: "Accept or reject, it expires in 3 d.",
  connectionLabel: "AWS production",
  candidates: 0,
  ...more,
});
const listed = listRoute("/v1/invitations", [
  invitation("engi-late", { daysLeft: 9 }),
  invitation("engi-done", { id: id("inv", "b"), state: "rejected", next: "Nothing: it was rejected." }),
  invitation("engi-soon", { id: id("inv", "c"), daysLeft: 1, kind: "lead" }),
]);
const answered =
  (verb: string, state: string): Route =>
  (call) =>
    call.method === "POST" && call.path.endsWith(`/${verb}`)
      ? {
          body: {
            invitation: { id: id("inv"), state, shareId: null },
            dryRun: (call.body as { dryRun?: boolean }).dryRun ?? false,
          },
        }
      : undefined;
const one: Route = (call) =>
  call.method === "GET" && call.path === `/v1/invitations/${id("inv")}`
    ? {
        body: {
          ...invitation("engi-late"),
          later: ["contacts", "account.city"],
          candidates: [{ id: id("opp"), source: "sf", key: "1", title: "Shop", stage: "qualified" }],
          connection: { label: "AWS production" },
          people: [{ name: "Sam Ito", email: "sam@aws.example", title: "PDM" }],
          shareId: id("shr"),
          opportunityId: id("opp"),
        },
      }
    : undefined;
const history = listRoute(`/v1/invitations/${id("inv")}/history`, [
  { at: "2026-11-22T09:00:00.000Z", actorName: "cosell", what: "received", toState: "received", note: null },
]);

describe("invitations", () => {
  test("are listed with those that run out first on top, and say what to do", async () => {
    const { out, code } = await cosell(["invitations"], { api: fakeApi(listed).api });
    expect(code).toBe(0);
    expect(out.indexOf("engi-soon")).toBeLessThan(out.indexOf("engi-late"));
    expect(out.indexOf("engi-late")).toBeLessThan(out.indexOf("engi-done"));
    expect(out).toContain("lead: Foods: Order platform");
    expect(out).toContain("3 invitations, 2 wait for an answer");
  });

  test("are filtered by state, kind and connection; unknown words come back with the nearest", async () => {
    const { api, calls } = fakeApi(connections, listed);
    await cosell(["invitations", "--state", "received,accepted", "--kind", "lead", "--connection", "AWS production"], {
      api,
    });
    expect(calls.at(-1)?.query).toMatchObject({ state: "received,accepted", kind: "lead", connection: connection.id });
    const wrong = await cosell(["invitations", "--state", "recieved"], { api });
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("did you mean received?")]);
    const nothing = await cosell(["invitations"], { api: fakeApi(listRoute("/v1/invitations", [])).api });
    expect(nothing.out).toContain("no invitations");
  });

  test("tell their story: known now, told later, deals it may be about, history", async () => {
    const { out } = await cosell(["invitations", "show", "engi-late"], { api: fakeApi(listed, one, history).api });
    for (const part of [
      "in 3 d",
      "Foods, https://foods.example, DE, Retail",
      "900.00 USD a month",
      "contacts, account.city",
      "Sam Ito, PDM",
      "sf:1",
      "received",
    ])
      expect(out).toContain(part);
    const { json } = await cosell(["invitations", "show", id("inv"), "--json"], {
      api: fakeApi(listed, one, history).api,
    });
    expect(json()).toMatchObject({ remoteId: "engi-late", history: [{ what: "received" }] });
    const missing = await cosell(["invitations", "show", "engi-none"], { api: fakeApi(listed).api });
    expect([missing.code, missing.err]).toEqual([1, expect.stringContaining("there is no invitation engi-none")]);
  });

  test("are accepted, also as a deal that is named by its CRM key; a dry run says so", async () => {
    const deals = listRoute("/v1/opportunities", [
      { id: id("opp"), source: "sf", key: "1", title: "Shop", stage: "qualified" },
    ]);
    const { api, calls } = fakeApi(listed, deals, answered("accept", "accepting"), one);
    const linked = await cosell(["invitations", "accept", "engi-late", "--deal", "sf:1"], { api });
    expect(calls.find((call) => call.method === "POST")?.body).toEqual({ opportunityId: id("opp"), openNew: false });
    expect([linked.code, linked.out]).toEqual([0, expect.stringContaining("engi-late")]);
    const dry = await cosell(["invitations", "accept", "engi-late", "--new", "--dry-run", "--json"], { api });
    expect(dry.json()).toEqual({ invitation: id("inv"), state: "accepting", share: null, dryRun: true });
    const both = await cosell(["invitations", "accept", "engi-late", "--new", "--deal", "sf:1"], { api });
    expect(both.code).toBe(2);
  });

  test("of a company with known deals fail with each of them and what to type", async () => {
    const refused: Route = (call) =>
      call.method === "POST"
        ? {
            status: 409,
            body: {
              title: "A deal of the same company is known",
              errors: [{ field: "opportunityId", code: "candidate", message: `${id("opp")}: sf:1 Shop (qualified)` }],
            },
          }
        : undefined;
    const { code, err } = await cosell(["invitations", "accept", "engi-late"], { api: fakeApi(listed, refused).api });
    expect(code).toBe(1);
    expect(err).toContain("sf:1 Shop");
    expect(err).toContain("cosell invitations accept engi-late --deal <opp_…>, or --new");
  });

  test("are rejected with a reason only, and list the reasons", async () => {
    const reasons: Route = (call) =>
      call.path.endsWith("/rejection-reasons")
        ? { body: { items: [{ code: "other", label: "Other", description: "Any other reason." }] } }
        : undefined;
    const { api, calls } = fakeApi(connections, listed, reasons, answered("reject", "rejecting"), one);
    expect((await cosell(["invitations", "reject", "engi-late"], { api })).code).toBe(2);
    await cosell(["invitations", "reject", "engi-late", "--reason", "other"], { api });
    expect(calls.find((call) => call.method === "POST")?.body).toEqual({ reason: "other" });
    expect((await cosell(["invitations", "reasons"], { api })).out).toContain("Any other reason.");
  });
});

describe("answer rules", () => {
  const rule = {
    id: id("anr"),
    connectionId: connection.id,
    position: 5,
    name: "Retail",
    condition: 'industry == "Retail"',
    action: "accept_as_new",
    reason: null,
    version: 2,
  };
  const rules = listRoute("/v1/answer-rules", [rule]);
  const echo: Route = (call) =>
    call.path.startsWith("/v1/answer-rules") && (call.method === "POST" || call.method === "PUT")
      ? { status: call.method === "POST" ? 201 : 200, body: { ...rule, ...(call.body as object), version: 3 } }
      : undefined;
  test("are listed in their order", async () => {
    const { out } = await cosell(["answer-rules"], { api: fakeApi(rules).api });
    for (const part of ["Retail", 'industry == "Retail"', "accept", "1 rule"]) expect(out).toContain(part);
  });

  test("are written from flags; what is missing or unknown is named", async () => {
    const { api, calls } = fakeApi(connections, rules, echo);
    const made = await cosell(
      ["answer-rules", "save", "No mining", "--when", 'industry == "Mining"', "--do", "reject", "--reason", "other"],
      { api },
    );
    expect([made.code, calls.at(-1)?.body]).toEqual([
      0,
      {
        name: "No mining",
        condition: 'industry == "Mining"',
        action: "reject",
        reason: "other",
        position: 100,
        connectionId: connection.id,
      },
    ]);
    expect((await cosell(["answer-rules", "save", "x", "--do", "accept"], { api })).err).toContain("--when");
    expect((await cosell(["answer-rules", "save", "x", "--when", "true", "--do", "acept"], { api })).err).toContain(
      "did you mean accept?",
    );
  });

  test("are known by id or name, change from what they are at the version read, and are deleted", async () => {
    const removed: Route = (call) => (call.method === "DELETE" ? { body: rule } : undefined);
    const { api, calls } = fakeApi(rules, echo, removed);
    const changed = await cosell(["answer-rules", "save", "Retail", "--position", "1"], { api });
    expect(changed.out).toContain("Retail: saved, version 3");
    expect(calls.at(-1)).toMatchObject({
      method: "PUT",
      body: { name: "Retail", condition: 'industry == "Retail"', action: "accept_as_new", reason: null, position: 1 },
    });
    expect((await cosell(["answer-rules", "delete", id("anr")], { api })).out).toContain("Retail is deleted");
    expect(calls.at(-1)?.path).toBe(`/v1/answer-rules/${id("anr")}`);
    expect((await cosell(["answer-rules", "delete", "Retails"], { api })).err).toContain("there is no answer rule");
    const twins = fakeApi(listRoute("/v1/answer-rules", [rule, { ...rule, id: id("anr2") }]), removed);
    expect((await cosell(["answer-rules", "delete", "Retail"], { api: twins.api })).err).toContain(
      "more than one rule",
    );
    expect(twins.calls.some((call) => call.method === "DELETE")).toBe(false);
  });

  test("are tried, alone and with one more, and show what a condition may read", async () => {
    const trial: Route = (call) =>
      call.path === "/v1/answer-rules/dry-run"
        ? {
            body: {
              items: [
                {
                  invitationId: id("inv"),
                  remoteId: "engi-1",
                  title: "Order platform",
                  ruleName: null,
                  action: null,
                  reason: null,
                },
              ],
            },
          }
        : undefined;
    const fields: Route = (call) =>
      call.path === "/v1/answer-rules/fields"
        ? { body: { items: [{ name: "daysLeft", type: "number", description: "whole days until it expires" }] } }
        : undefined;
    const { api, calls } = fakeApi(connections, trial, fields);
    expect((await cosell(["answer-rules", "dry-run"], { api })).out).toContain("wait for a person");
    await cosell(["answer-rules", "dry-run", "--when", "daysLeft <= 2", "--do", "leave"], { api });
    expect(calls.at(-1)?.body).toMatchObject({ rule: { condition: "daysLeft <= 2", action: "leave", name: "tried" } });
    expect((await cosell(["answer-rules", "fields"], { api })).out).toContain("daysLeft");
  });
});
