import { base64url, SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { createAws } from "../adapters/aws/index.ts";
import type { Verdict } from "../adapters/contract.ts";
import { ok } from "../src/domain/fault.ts";
import { createSeededIds } from "../src/ids.ts";
import type { Secrets } from "../src/ports.ts";
import { hookAudience, issueToken } from "../src/tokens.ts";
import { account, connection, http, now, settings } from "./aws-double.ts";
import { testIds } from "./ids.ts";

const clock = { now: () => now, sleep: async () => {} };
const ids = createSeededIds(clock, "tokens");
const values = new Map<string, string>();
let away = false;
const secrets: Secrets = {
  get: async (ref) => {
    if (away) throw new Error("the store is away");
    const value = values.get(ref);
    return value === undefined ? null : { value, version: 1 };
  },
  rotate: async (ref, _, value) => {
    values.set(ref, value);
    return true;
  },
};
const clientId = "con_1.0badcafe";
const client = { clientId, secretRefs: ["secret:oauth:11111111", "secret:oauth:22222222"], tokenSeconds: 1800 };
const { hookKeys: _keys, ...rest } = settings;
const { hooks } = createAws().open(
  { clock, ids: testIds, http, secrets, quota: { take: async () => ok(null) } },
  connection({ settings: { ...rest, hookOAuth: client } }),
);
const body = new TextEncoder().encode(
  JSON.stringify({
    id: "e1",
    "detail-type": "Opportunity Updated",
    source: "aws.partnercentral-selling",
    account,
    time: "2026-09-01T09:59:58Z",
    region: "us-east-1",
    detail: { catalog: "AWS", opportunity: { identifier: "O1" } },
  }),
);
const verify = async (authorization: string): Promise<Verdict["kind"]> => {
  if (hooks === undefined) throw new Error("no hooks");
  return (await hooks.verify({ headers: { authorization }, body })).kind;
};
const audience = hookAudience("con_1");
const good = await issueToken({ clock, ids, secrets }, { audience, clientId, secretId: "11111111" }, 1800);
const ring = JSON.parse(values.get("token-keys") ?? "").keys[0] as { readonly kid: string; readonly key: string };
const [head = "", payload = "", signature = ""] = good.token.split(".");
const seconds = Math.floor(now.getTime() / 1000);
const encode = (value: unknown): string => base64url.encode(typeof value === "string" ? value : JSON.stringify(value));

/** A token signed with the right key, with changes: what only we could make, and must still refuse. */
const signed = async (
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
  key = base64url.decode(ring.key),
): Promise<string> =>
  new SignJWT({ ...JSON.parse(new TextDecoder().decode(base64url.decode(payload))), ...claims })
    .setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: ring.kid, ...header })
    .sign(key);
const flipped = (text: string, at: number): string =>
  `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;

const forgeries: (readonly [string, string])[] = [];
beforeAll(async () => {
  const add = (name: string, token: string): void => void forgeries.push([name, `Bearer ${token}`]);
  for (const alg of [
    "none",
    "None",
    "nOnE",
    "NONE",
    "",
    null,
    "HS384",
    "HS512",
    "RS256",
    "ES256",
    "EdDSA",
    ["HS256"],
  ]) {
    for (const mark of ["", signature])
      add(
        `alg ${JSON.stringify(alg)}, signature ${mark === "" ? "empty" : "kept"}`,
        `${encode({ alg, typ: "at+jwt", kid: ring.kid })}.${payload}.${mark}`,
      );
  }
  for (const kid of [
    "../../dev/null",
    "' or 1=1 --",
    "https://evil.example/key",
    "k".repeat(1500),
    "",
    null,
    7,
    [ring.kid],
    "__proto__",
  ])
    add(
      `kid ${JSON.stringify(kid).slice(0, 20)}`,
      `${encode({ alg: "HS256", typ: "at+jwt", kid })}.${payload}.${signature}`,
    );
  for (const more of [
    { jku: "https://evil.example" },
    { jwk: { kty: "oct", k: "AA" } },
    { x5u: "https://evil.example" },
    { x5c: ["AA"] },
  ])
    add(`${Object.keys(more)[0]} with another key`, await signed({}, more, new Uint8Array(32)));
  add(
    "an unknown crit",
    `${encode({ alg: "HS256", typ: "at+jwt", kid: ring.kid, crit: ["x"], x: 1 })}.${payload}.${signature}`,
  );
  add("an empty key", await signed({}, {}, new Uint8Array(32)));
  for (const typ of ["JWT", "jwt", undefined]) add(`typ ${typ}`, await signed({}, { typ }));
  for (let index = 0; index < 32; index++)
    add(`signature sign ${index} changed`, `${head}.${payload}.${flipped(signature, index)}`);
  for (let index = 0; index < 16; index++)
    add(`payload sign ${index * 7} changed`, `${head}.${flipped(payload, index * 7)}.${signature}`);
  for (const cut of [1, 2, 10, signature.length])
    add(`signature without ${cut}`, `${head}.${payload}.${signature.slice(0, -cut)}`);
  add("two parts", `${head}.${payload}`);
  add("four parts", `${good.token}.${signature}`);
  add("an empty payload", `${head}..${signature}`);
  add("padding", `${good.token}=`);
  add("a nested token", await signed({}, { cty: "JWT", typ: "JWT" }));
  for (const aud of [
    [audience],
    [audience, "x"],
    `${audience}/`,
    audience.slice(0, -1),
    `${audience}0`,
    audience.toUpperCase(),
    "*",
    "",
    null,
    undefined,
  ])
    add(`aud ${JSON.stringify(aud)}`, await signed({ aud }));
  for (const iss of ["Cosell", "cosell/", "", null, undefined, ["cosell"]])
    add(`iss ${JSON.stringify(iss)}`, await signed({ iss }));
  for (const exp of [seconds - 301, String(seconds + 900), -1, null, undefined, true])
    add(`exp ${JSON.stringify(exp)}`, await signed({ exp }));
  add("exp in the past, iat too", await signed({ iat: seconds - 4_000, exp: seconds - 400 }));
  for (const iat of [seconds + 302, seconds - 3_600 - 302, String(seconds), null, undefined])
    add(`iat ${JSON.stringify(iat)}`, await signed({ iat, exp: seconds + 900 }));
  add("an endless life", await signed({ iat: seconds - 3_902, exp: 1e12 }));
  add("nbf in the future", await signed({ nbf: seconds + 400 }));
  for (const id of ["con_1.0badcaff", "con_2.0badcafe", "", null, undefined])
    add(`client ${id}`, await signed({ client_id: id, sub: id }));
  add("a subject that is not the client", await signed({ sub: "someone" }));
  for (const id of ["33333333", "", "1111111", null, undefined]) add(`secret ${id}`, await signed({ secret_id: id }));
  add("no token id", await signed({ jti: undefined }));
  for (const [name, value] of [
    ["no scheme", good.token],
    ["Basic", `Basic ${good.token}`],
    ["two spaces", `Bearer  ${good.token}`],
    ["twice", `Bearer ${good.token}, Bearer ${good.token}`],
    ["a trailing space", `Bearer ${good.token} `],
    ["nothing", ""],
    ["only the scheme", "Bearer "],
    ["3,000 signs", `Bearer ${"a".repeat(3_000)}`],
    ["a quoted token", `Bearer "${good.token}"`],
    ["a Cyrillic look-alike", `Bearer ${good.token.replace(/a/, "а")}`],
  ] as const)
    forgeries.push([name, value]);
});

describe("a delivery with a bearer token", () => {
  it("is verified when the token is ours, alive and for this connection, whatever the case of the scheme", async () => {
    for (const scheme of ["Bearer", "bearer", "BEARER"])
      expect(await verify(`${scheme} ${good.token}`)).toBe("verified");
    for (const claims of [{ exp: seconds - 299 }, { iat: seconds + 299 }, { secret_id: "22222222" }])
      expect([claims, await verify(`Bearer ${await signed(claims)}`)]).toEqual([claims, "verified"]);
  });
  it("is forged with any of 130 bad tokens, each of which has this valid twin", async () => {
    expect(forgeries.length).toBeGreaterThanOrEqual(130);
    const taken: string[] = [];
    for (const [name, value] of forgeries) if ((await verify(value)) !== "forged") taken.push(name);
    expect(taken).toEqual([]);
    expect(await verify(`Bearer ${good.token}`)).toBe("verified");
  });
  it("is told to come back when the keys cannot be read", async () => {
    away = true;
    expect(await verify(`Bearer ${good.token}`)).toBe("unsure");
    away = false;
  });
  it("is earned with the whole secret: no part, no longer text and no other case is the same", async () => {
    const { isSameSecret } = await import("../src/tokens.ts");
    const right = "a".repeat(64);
    for (const wrong of ["", "a", `${"a".repeat(63)}b`, `b${"a".repeat(63)}`, "a".repeat(65), right.toUpperCase()])
      expect(isSameSecret(wrong, right)).toBe(false);
    expect(isSameSecret(right, right)).toBe(true);
  });
});
