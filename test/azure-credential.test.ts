/** Signing in as application and user: a refresh token is never lost, never used up twice, and its end is told with its remedy. */
import { describe, expect, it } from "vitest";
import { createUserCredential, TokenError, type UserTarget } from "../adapters/azure/credential.ts";
import { createTokens } from "../adapters/azure/tokens.ts";
import { createVirtualClock } from "../src/clock.ts";
import type { Secrets } from "../src/ports.ts";
import { challengeOf, createEntra, type EntraRules } from "./entra.ts";

const referrals = "https://api.partner.microsoft.com/.default";
const webhooks = "https://api.partnercenter.microsoft.com/.default";
const start = new Date("2026-10-01T08:00:00Z");
const dayMs = 86_400_000;
const target: UserTarget = {
  connectionId: "con_1",
  tenantId: "11111111-1111-4111-8111-111111111111",
  clientId: "22222222-2222-4222-8222-222222222222",
  clientSecretRef: "secret:client",
  refreshTokenRef: "secret:refresh",
  unusedDays: 90,
  isSimulated: false,
  renew: 'cosell connect azure --renew "Microsoft"',
};

/** The vault as it is stored; each worker sees it through a cache of its own, as with `createSecrets`. */
const createVault = (token: string | null = "first") => {
  const rows = new Map<string, { value: string; version: number }>([
    ["client", { value: "client-secret", version: 1 }],
  ]);
  const sealed = {
    token,
    tenantId: target.tenantId,
    clientId: target.clientId,
    grantedAt: start,
    renewedAt: start,
    ended: null,
  };
  if (token !== null) rows.set("refresh", { value: JSON.stringify(sealed), version: 1 });
  const hooks: { beforeRotate?: (() => Promise<void> | void) | undefined } = {};
  const worker = (): Secrets => {
    const cache = new Map<string, { value: string; version: number }>();
    return {
      get: async (ref, how) => {
        const known = cache.get(ref);
        if (known !== undefined && how?.fresh !== true) return known;
        const row = rows.get(ref);
        if (row === undefined) return null;
        cache.set(ref, { ...row });
        return { ...row };
      },
      rotate: async (ref, expected, value) => {
        await hooks.beforeRotate?.();
        cache.delete(ref);
        if ((rows.get(ref)?.version ?? 0) !== expected) return false;
        rows.set(ref, { value, version: expected + 1 });
        return true;
      },
    };
  };
  const stored = () => JSON.parse(rows.get("refresh")?.value ?? "null");
  return { rows, worker, stored, hooks };
};

const stand = (rules: EntraRules = {}, vault = createVault()) => {
  const entra = createEntra(rules);
  const clock = createVirtualClock(start);
  const worker = (more: Partial<UserTarget> = {}, tokens = createTokens()) =>
    createUserCredential({ clock, http: entra.http, secrets: vault.worker(), tokens }, { ...target, ...more });
  return { entra, clock, vault, worker };
};

describe("an access token", () => {
  it("is asked for with the application's secret and the refresh token, and the rotated one is kept with the time", async () => {
    const { entra, clock, vault, worker } = stand();
    clock.advanceTo(new Date(start.getTime() + dayMs));
    expect(await worker().token(referrals)).toEqual({ ok: true, value: `access-1-${referrals}` });
    expect(entra.asked.map(({ url }) => url)).toEqual([
      `https://login.microsoftonline.com/${target.tenantId}/oauth2/v2.0/token`,
    ]);
    expect(Object.fromEntries(entra.asked[0]?.form ?? [])).toEqual({
      client_id: target.clientId,
      client_secret: "client-secret",
      grant_type: "refresh_token",
      refresh_token: "first",
      scope: `${referrals} offline_access`,
    });
    expect(vault.stored()).toMatchObject({
      token: "refresh-1",
      grantedAt: start.toISOString(),
      renewedAt: clock.now().toISOString(),
    });
  });

  it("is kept per scope for all sessions of a process until shortly before it expires", async () => {
    const { entra, clock, worker } = stand();
    const tokens = createTokens();
    for (let session = 0; session < 5; session++) await worker({}, tokens).token(referrals);
    expect(entra.asked.length).toBe(1);
    await worker({}, tokens).token(webhooks);
    await worker({ connectionId: "con_2" }, tokens).token(referrals);
    expect(entra.asked.length).toBe(3);
    clock.advanceTo(new Date(start.getTime() + 54 * 60_000));
    await worker({}, tokens).token(referrals);
    expect(entra.asked.length).toBe(3);
    clock.advanceTo(new Date(start.getTime() + 56 * 60_000));
    await worker({}, tokens).token(referrals);
    expect(entra.asked.length).toBe(4);
  });

  it("is asked for once by parallel calls of a session, and anew after it was refused", async () => {
    const { entra, worker } = stand();
    const credential = worker();
    const got = await Promise.all(Array.from({ length: 10 }, () => credential.token(referrals)));
    expect(new Set(got.map((one) => (one.ok ? one.value : ""))).size).toBe(1);
    expect(entra.asked.length).toBe(1);
    credential.drop(referrals);
    expect(await credential.getToken([referrals])).toEqual({
      token: `access-2-${referrals}`,
      expiresOnTimestamp: start.getTime() + 3_600_000,
    });
  });

  it("comes from a simulator's address where the connection names one", async () => {
    const { entra, worker } = stand();
    await worker({ endpoint: "http://127.0.0.1:3000/simulator/azure" }).token(referrals);
    expect(entra.asked[0]?.url).toBe(
      `http://127.0.0.1:3000/simulator/azure/login.microsoftonline.com/${target.tenantId}/oauth2/v2.0/token`,
    );
  });
});

describe("the refresh token", () => {
  it.each([true, false])(
    "survives two workers who renew at the same time: the loser keeps the winner's (strict authority: %s)",
    async (strict) => {
      const { entra, vault, worker } = stand({ strict });
      // Both have sent the same token before either has stored anything.
      let waiting: (() => void)[] = [];
      let arrived = 0;
      vault.hooks.beforeRotate = async () => {
        if (++arrived > 2) return;
        await new Promise<void>((go) => {
          waiting.push(go);
          if (strict || waiting.length === 2) {
            for (const one of waiting) one();
            waiting = [];
          }
        });
      };
      const workers = [worker(), worker()];
      const got = await Promise.all(workers.map((one) => one.token(referrals)));
      expect(got.map(({ ok }) => ok)).toEqual([true, true]);
      expect(entra.alive.has(vault.stored().token)).toBe(true);
      expect(vault.stored().ended).toBeNull();
      // Neither falls back to what it knew before.
      for (const one of workers) one.drop(referrals);
      const again = await Promise.all(workers.map((one) => one.token(webhooks)));
      expect(again.map(({ ok }) => ok)).toEqual([true, true]);
      expect(entra.alive.has(vault.stored().token)).toBe(true);
    },
  );

  it("survives a crash between the answer and the store: what lies in the vault still works, because the old one was not touched", async () => {
    const { entra, vault, worker } = stand();
    vault.hooks.beforeRotate = () => {
      throw new Error("killed");
    };
    await expect(worker().token(referrals)).rejects.toThrow("killed");
    expect(vault.stored().token).toBe("first");
    vault.hooks.beforeRotate = undefined;
    expect((await worker().token(referrals)).ok).toBe(true);
    expect(entra.alive.has(vault.stored().token)).toBe(true);
  });

  it("is stored before the access token is handed out: no token leaves whose successor could be lost", async () => {
    const { vault, worker } = stand();
    const order: string[] = [];
    vault.hooks.beforeRotate = () => {
      order.push("stored");
    };
    await worker()
      .token(referrals)
      .then(() => order.push("handed out"));
    expect(order).toEqual(["stored", "handed out"]);
  });

  it("outlives another worker's note that it has ended, when the answer proves the contrary", async () => {
    const { vault, worker } = stand();
    vault.hooks.beforeRotate = () => {
      vault.hooks.beforeRotate = undefined;
      vault.rows.set("refresh", { value: JSON.stringify({ ...vault.stored(), ended: "over" }), version: 2 });
    };
    expect((await worker().token(referrals)).ok).toBe(true);
    expect(vault.stored()).toMatchObject({ token: "refresh-1", ended: null });
  });

  it("gives way to a new sign-in that came at the same time", async () => {
    const { vault, worker } = stand();
    vault.hooks.beforeRotate = () => {
      vault.hooks.beforeRotate = undefined;
      vault.rows.set("refresh", { value: JSON.stringify({ ...vault.stored(), token: "signed-in-anew" }), version: 2 });
    };
    expect((await worker().token(referrals)).ok).toBe(true);
    expect(vault.stored().token).toBe("signed-in-anew");
  });

  it("of another worker is looked for before a refusal counts", async () => {
    const vault = createVault();
    const { entra, worker } = stand({ strict: true }, vault);
    const late = worker();
    await late.consent.state();
    expect((await worker().token(referrals)).ok).toBe(true);
    // This one still has the token in its cache that the other has used up.
    expect((await late.token(webhooks)).ok).toBe(true);
    expect(entra.asked.map(({ form }) => form.get("refresh_token"))).toEqual(["first", "first", "refresh-1"]);
  });

  it("stays as it is where no new one is answered, and one put there bare is taken up", async () => {
    const vault = createVault(null);
    vault.rows.set("refresh", { value: "first", version: 1 });
    const { worker } = stand({ rotates: false }, vault);
    expect((await worker().token(referrals)).ok).toBe(true);
    expect(vault.stored()).toMatchObject({ token: "first", clientId: target.clientId });
  });

  it("of another application under the same name is neither used nor overwritten", async () => {
    const { entra, vault, worker } = stand();
    const other = worker({ clientId: "33333333-3333-4333-8333-333333333333" });
    const got = await other.token(referrals);
    expect(got.ok ? "" : got.fault.kind).toBe("denied");
    expect(got.ok ? "" : got.fault.message).toContain("settings.consent.refreshTokenRef");
    entra.codes.set("code", await challengeOf("v"));
    expect(
      (await other.consent.finish({ redirectUri: "https://x.example/consent/callback", code: "code", verifier: "v" }))
        .ok,
    ).toBe(false);
    expect(vault.stored().token).toBe("first");
  });
});

describe("a refusal", () => {
  const cases: readonly (readonly [string, number, unknown, string, string, boolean])[] = [
    [
      "an unused token",
      400,
      { error: "invalid_grant", error_codes: [700_082], error_description: "AADSTS700082: x" },
      "denied",
      "not used for 90 days",
      true,
    ],
    [
      "a changed password",
      400,
      { error: "invalid_grant", error_codes: [50_173] },
      "denied",
      "password was changed",
      true,
    ],
    [
      "a demand for MFA",
      400,
      { error: "interaction_required", error_codes: [50_076], suberror: "basic_action" },
      "denied",
      "multifactor authentication",
      true,
    ],
    [
      "Partner Center's demand for MFA",
      401,
      { error: "interaction_required", error_description: "AADSTS900421: x" },
      "denied",
      "900421",
      true,
    ],
    [
      "a missing permission",
      400,
      { error: "invalid_grant", error_codes: [65_001] },
      "denied",
      "grant admin consent",
      true,
    ],
    ["a reason nobody knows", 400, { error: "invalid_grant", error_codes: [123_456] }, "denied", "(123456)", true],
    [
      "a wrong client secret",
      401,
      { error: "invalid_client", error_codes: [7_000_215] },
      "denied",
      "client secret is wrong",
      false,
    ],
    [
      "an expired client secret",
      401,
      { error: "invalid_client", error_codes: [7_000_222] },
      "denied",
      "has expired",
      false,
    ],
    [
      "an unknown application",
      400,
      { error: "unauthorized_client", error_codes: [700_016] },
      "denied",
      "no such application",
      false,
    ],
    ["an outage", 503, {}, "unavailable", "503", false],
    ["their own trouble", 400, { error: "temporarily_unavailable" }, "unavailable", "temporarily", false],
    ["a throttle", 429, {}, "throttled", "wait", false],
    ["nonsense", 200, { hello: 1 }, "drift", "without a token", false],
  ];
  it.each(cases)(
    "for %s is classified, says what mends it, and keeps the token",
    async (_, status, body, kind, says, ends) => {
      const { entra, vault, worker } = stand({ refusal: { status, body } });
      const got = await worker().token(referrals);
      if (got.ok) throw new Error("it was granted");
      expect([got.fault.kind, got.fault.message]).toEqual([kind, expect.stringContaining(says)]);
      if (kind === "denied") expect(got.fault.message).toContain(target.renew);
      expect(vault.stored().token).toBe("first");
      expect(vault.stored().ended !== null).toBe(ends);
      // Mended there, it works at once: what was noted is no verdict.
      entra.rules.refusal = undefined;
      expect((await worker().token(referrals)).ok).toBe(true);
      expect(vault.stored().ended).toBeNull();
    },
  );

  it("never repeats what Entra writes for developers, which names users, nor any token", async () => {
    const { entra, worker } = stand();
    entra.alive.clear();
    const credential = worker();
    const got = await credential.token(referrals);
    expect(JSON.stringify(got)).not.toMatch(/carla|first|client-secret|access-|refresh-/);
    await expect(credential.getToken(referrals)).rejects.toThrow(TokenError);
  });

  it("where nobody has signed in, or the client secret is not stored, names the command", async () => {
    const vault = createVault(null);
    const { worker } = stand({}, vault);
    const got = await worker().token(referrals);
    expect(got.ok ? "" : got.fault).toEqual({ kind: "denied", message: expect.stringContaining(target.renew) });
    vault.rows.delete("client");
    const other = await worker().token(referrals);
    expect(other.ok ? "" : other.fault).toEqual({ kind: "denied", message: expect.stringContaining("secret:client") });
  });
});

describe("the consent", () => {
  const redirectUri = "https://cosell.example/consent/callback";
  it("begins at Microsoft's page with PKCE, state and the one permission, for the tenant's own users", async () => {
    const { worker } = stand();
    const url = new URL(worker().consent.signInUrl({ redirectUri, state: "s t", challenge: "c" }));
    expect(url.origin + url.pathname).toBe(
      `https://login.microsoftonline.com/${target.tenantId}/oauth2/v2.0/authorize`,
    );
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: target.clientId,
      response_type: "code",
      response_mode: "query",
      redirect_uri: redirectUri,
      scope: `${referrals} offline_access`,
      state: "s t",
      code_challenge: "c",
      code_challenge_method: "S256",
      prompt: "select_account",
    });
  });
  it("of a rehearsal begins at the simulator of the service that asks, never at Microsoft", async () => {
    const { worker } = stand();
    const at = { redirectUri, state: "s", challenge: "c" };
    expect(worker({ isSimulated: true }).consent.signInUrl(at)).toMatch(
      /^https:\/\/cosell\.example\/simulator\/azure\/login\.microsoftonline\.com\//,
    );
    expect(worker({ isSimulated: true, endpoint: "http://127.0.0.1:1/x" }).consent.signInUrl(at)).toMatch(
      /^http:\/\/127\.0\.0\.1:1\/x\/login/,
    );
  });
  it("ends with a lasting token in the vault, which is used from then on; its life is told without asking anybody", async () => {
    const vault = createVault(null);
    const { entra, clock, worker } = stand({}, vault);
    const tokens = createTokens();
    const { consent } = worker({}, tokens);
    expect(await consent.state()).toBeNull();
    entra.codes.set("code", await challengeOf("verifier"));
    const finished = await consent.finish({ redirectUri, code: "code", verifier: "verifier" });
    const lapsesAt = new Date(start.getTime() + 90 * dayMs);
    expect(finished).toEqual({ ok: true, value: { grantedAt: start, renewedAt: start, lapsesAt, ended: null } });
    expect(Object.fromEntries(entra.asked[0]?.form ?? [])).toMatchObject({
      grant_type: "authorization_code",
      redirect_uri: redirectUri,
      code_verifier: "verifier",
    });
    expect(await consent.state()).toEqual(finished.ok ? finished.value : null);
    await worker({}, tokens).token(referrals);
    expect(entra.asked.length).toBe(1);
    clock.advanceTo(new Date(start.getTime() + dayMs));
    await worker().token(webhooks);
    expect(await worker().consent.state()).toMatchObject({
      grantedAt: start,
      renewedAt: clock.now(),
      lapsesAt: new Date(lapsesAt.getTime() + dayMs),
    });
    expect((await worker({ unusedDays: 30 }).consent.state())?.lapsesAt).toEqual(
      new Date(start.getTime() + 31 * dayMs),
    );
  });
  it("given again replaces what ended, also where a secret was emptied; a wrong code changes nothing", async () => {
    const { entra, vault, worker } = stand();
    entra.alive.clear();
    await worker().token(referrals);
    expect((await worker().consent.state())?.ended).toContain("not used for 90 days");
    const at = { redirectUri, verifier: "v" };
    const wrong = await worker().consent.finish({ ...at, code: "wrong" });
    expect(wrong.ok ? "" : wrong.fault.kind).toBe("denied");
    vault.rows.set("refresh", { value: "", version: 7 });
    entra.codes.set("code", await challengeOf("v"));
    expect((await worker().consent.finish({ ...at, code: "code" })).ok).toBe(true);
    expect(vault.stored().ended).toBeNull();
    expect((await worker().token(referrals)).ok).toBe(true);
  });
  it("without a lasting token is refused by name", async () => {
    const { entra, worker } = stand({ rotates: false }, createVault(null));
    entra.codes.set("code", await challengeOf("v"));
    const got = await worker().consent.finish({ redirectUri, code: "code", verifier: "v" });
    expect(got.ok ? "" : got.fault.message).toContain("offline_access");
  });
});
