/** A person's sign-in at a partner: begun by who administers, finished once by who brings back its state, and the connection goes on. */
import { afterAll, describe, expect, it } from "vitest";
import { createUserCredential, type UserTarget } from "../adapters/azure/credential.ts";
import { createTokens } from "../adapters/azure/tokens.ts";
import type { Session } from "../adapters/contract.ts";
import type { Registry } from "../adapters/registry.ts";
import { failed, ok } from "../src/domain/fault.ts";
import { createEntra } from "./entra.ts";
import { fakeMarketplace, openHttp } from "./http-fixture.ts";

const entra = createEntra();
const publicUrl = "https://cosell.example";
const at: { refused: string | null; http: Awaited<ReturnType<typeof openHttp>> | null } = { refused: null, http: null };
const sessionOf = (connectionId: string): Session => {
  if (at.http === null) throw new Error("too early");
  const { secrets, clock } = at.http;
  const target: UserTarget = {
    connectionId,
    tenantId: "tenant",
    clientId: "client",
    refreshTokenRef: `secret:refresh-${connectionId}`,
    unusedDays: 90,
    isSimulated: false,
    renew: "cosell connect azure --renew",
  };
  const { consent } = createUserCredential({ clock, http: entra.http, secrets, tokens: createTokens() }, target);
  const check = async () => (at.refused === null ? ok({}) : failed({ kind: "denied" as const, message: at.refused }));
  return { lacks: {}, check, consent };
};
const registry: Registry = {
  marketplaces: [fakeMarketplace],
  find: () => fakeMarketplace,
  open: ({ id }) => sessionOf(id),
};
const http = await openHttp({ registry, publicUrl });
at.http = http;
afterAll(http.close);
const { ask, store, db, clock } = http;

let count = 0;
const connect = async (): Promise<string> => {
  const input = {
    marketplace: "azure",
    label: "Microsoft <b>",
    account: `org-${count++}`,
    environment: "production",
    settings: {},
  } as const;
  return (await db.transaction((tx) => store.connections.save(tx, input, http.actorId))).id;
};
const begin = async (id: string) => {
  const begun = await ask("POST", `/v1/connections/${id}/consent`);
  expect(begun.status).toBe(201);
  const url = new URL(begun.body.signInUrl);
  const state = url.searchParams.get("state") ?? "";
  /** What Microsoft does with a person who has signed in. */
  const signIn = (code = `code-${state}`): string => {
    entra.codes.set(code, url.searchParams.get("code_challenge") ?? "");
    return code;
  };
  return { url, state, signIn, body: begun.body };
};
const back = (query: Record<string, string>) =>
  ask("GET", `/consent/callback?${new URLSearchParams(query)}`, { as: null });

describe("a sign-in", () => {
  it("begun by an administrator ends on a page, and the token lies in the vault", async () => {
    const id = await connect();
    expect((await ask("GET", `/v1/connections/${id}/consent`)).body).toEqual({ consent: null });
    const { url, state, signIn, body } = await begin(id);
    expect([url.hostname, url.searchParams.get("redirect_uri"), body.redirectUri]).toEqual([
      "login.microsoftonline.com",
      `${publicUrl}/consent/callback`,
      `${publicUrl}/consent/callback`,
    ]);
    const page = await back({ code: signIn(), state, session_state: "x" });
    expect([page.status, page.headers.get("content-type"), page.headers.get("content-security-policy")]).toEqual([
      200,
      "text/html; charset=utf-8",
      "default-src 'none'; frame-ancestors 'none'",
    ]);
    expect(page.text).toContain("Microsoft &lt;b&gt;");
    expect(page.text).not.toMatch(/<b>|<script|code-|refresh-|access-/);
    expect((await ask("GET", `/v1/connections/${id}/consent`)).body).toEqual({
      consent: {
        grantedAt: "2026-10-01T08:00:00.000Z",
        renewedAt: "2026-10-01T08:00:00.000Z",
        lapsesAt: "2026-12-30T08:00:00.000Z",
        ended: null,
      },
    });
  });

  it("is finished once: the same address again, another's state, a made-up one and a late one do nothing", async () => {
    const id = await connect();
    const first = await begin(id);
    expect((await back({ code: first.signIn(), state: first.state })).status).toBe(200);
    const calls = entra.asked.length;
    const again = await back({ code: first.signIn("again"), state: first.state });
    expect([again.status, again.text]).toEqual([400, expect.stringContaining("used already")]);
    expect((await back({ code: "x", state: "A".repeat(43) })).status).toBe(400);
    const other = await begin(await connect());
    const body = { code: other.signIn(), state: other.state };
    expect((await ask("PUT", `/v1/connections/${id}/consent`, { body })).status).toBe(409);
    const late = await begin(id);
    clock.advanceTo(new Date(clock.now().getTime() + 60 * 60_000));
    expect((await back({ code: late.signIn(), state: late.state })).status).toBe(400);
    expect(entra.asked.length).toBe(calls);
  });

  it("raced by two browsers is taken up by one", async () => {
    const id = await connect();
    const { state, signIn } = await begin(id);
    signIn("a");
    signIn("b");
    const pages = await Promise.all([back({ code: "a", state }), back({ code: "b", state })]);
    expect(pages.map(({ status }) => status).toSorted()).toEqual([200, 400]);
  });

  it("keeps state and verifier unreadable in the database, also where an answer is kept for repeats", async () => {
    const id = await connect();
    const repeat = { headers: { "idempotency-key": "consent-1" } };
    const made = await ask("POST", `/v1/connections/${id}/consent`, repeat);
    const state = new URL(made.body.signInUrl).searchParams.get("state") ?? "none";
    expect((await ask("POST", `/v1/connections/${id}/consent`, repeat)).body.signInUrl).toBeNull();
    const [rows] = await db.sql<
      { all: string }[]
    >`select coalesce((select string_agg(c::text, ' ') from consent_request c), '')
      || coalesce((select string_agg(i::text, ' ') from idempotency i), '') as all`;
    expect(rows?.all).toContain(id);
    expect(rows?.all).not.toContain(state);
  });

  it.each([
    [
      { error: "access_denied", error_description: "AADSTS65004: carla@customer.example declined <script>" },
      "declined (AADSTS65004)",
    ],
    [{ error: "server_error", error_description: "call +49 30 1234" }, "did not come about"],
    [{ code: "x" }, "Nothing was brought along"],
    [{}, "Nothing was brought along"],
  ])("that did not come about says so on a page and repeats nothing of the address: %j", async (query, says) => {
    const page = await back(query as Record<string, string>);
    expect([page.status, page.text]).toEqual([400, expect.stringContaining(says)]);
    expect(page.text).not.toMatch(/carla|script>|\+49/);
  });

  it("refused by Microsoft names the remedy, on the page and by the API, and changes nothing", async () => {
    const id = await connect();
    const page = await begin(id);
    const shown = await back({ code: "wrong", state: page.state });
    expect([shown.status, shown.text]).toEqual([400, expect.stringContaining("sign in again")]);
    const byHand = await begin(id);
    const refused = await ask("PUT", `/v1/connections/${id}/consent`, { body: { code: "wrong", state: byHand.state } });
    expect([refused.status, refused.body.fault]).toEqual([422, "denied"]);
    expect((await ask("GET", `/v1/connections/${id}/consent`)).body).toEqual({ consent: null });
  });

  it("is not to be had where nobody signs in", async () => {
    const plain = await openHttp({
      registry: {
        ...registry,
        open: () => ({ lacks: { consent: "AWS asks for keys or a role" }, check: async () => ok({}) }),
      },
    });
    const input = { marketplace: "aws", label: "AWS", account: "1", environment: "simulated", settings: {} } as const;
    const { id } = await plain.db.transaction((tx) => plain.store.connections.save(tx, input, plain.actorId));
    const refused = await plain.ask("POST", `/v1/connections/${id}/consent`);
    expect([refused.status, refused.body.detail]).toEqual([409, "AWS asks for keys or a role"]);
    await plain.close();
  });
});

describe("a parked connection", () => {
  const park = (id: string) =>
    db.transaction((tx) => store.connections.park(tx, id, "nobody has signed in", http.actorId));
  const stateOf = async (id: string) => (await store.connections.find(db.sql, id))?.state;
  const openCodes = async (subject: string) =>
    (await store.journal.listExceptions(db.sql, { open: true, after: null, limit: 10, subject })).items.map(
      ({ code }) => code,
    );

  it("goes on after the sign-in, signed by who asked for it, and what was open about it is closed", async () => {
    const id = await connect();
    await park(id);
    await db.transaction((tx) => store.journal.openException(tx, "CONSENT_LAPSES", id, "it ends soon"));
    const { state, signIn } = await begin(id);
    const done = await ask("PUT", `/v1/connections/${id}/consent`, { body: { code: signIn(), state } });
    expect(done.body).toMatchObject({ connection: "resumed", trouble: null });
    expect([await stateOf(id), await openCodes(id)]).toEqual(["active", []]);
    const told = await store.journal.listEvents(db.sql, { after: 0n, limit: 50, subject: id });
    expect(told.items.map(({ name }) => name)).toContain("connection.resumed");
    const history = await store.journal.listHistory(db.sql, { subject: id, after: 0n, limit: 20 });
    expect(history.items.map(({ what }) => what)).toEqual(["connected", "parked", "signed_in", "resumed"]);
  });

  it("stays parked when the partner still refuses it, and says why", async () => {
    const id = await connect();
    await park(id);
    at.refused = "the user lacks the role Referrals admin";
    const { state, signIn } = await begin(id);
    const page = await back({ code: signIn(), state });
    at.refused = null;
    expect([page.status, page.text]).toEqual([200, expect.stringContaining("lacks the role Referrals admin")]);
    expect(await stateOf(id)).toBe("parked");
  });
});
