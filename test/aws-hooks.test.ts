import { describe, expect, it } from "vitest";
import { createAws } from "../adapters/aws/index.ts";
import { detailTypes } from "../adapters/aws/wire.ts";
import type { Verdict } from "../adapters/contract.ts";
import { ok } from "../src/domain/fault.ts";
import { account, connection, http, now, type OpenWith, openSession, secrets, settings } from "./aws-double.ts";
import { testIds } from "./ids.ts";

const event = (over: Readonly<Record<string, unknown>> = {}) => ({
  version: "1",
  id: "6f1d9a2c-0000-4000-8000-000000000001",
  "detail-type": "Opportunity Updated",
  source: "aws.partnercentral-selling",
  account,
  time: "2026-09-01T09:59:58Z",
  region: "us-east-1",
  detail: { schemaVersion: "1", catalog: "AWS", opportunity: { identifier: "O1234567", arn: "arn:aws:x" } },
  ...over,
});
const key = secrets["hook-1"] ?? "";
const second = secrets["hook-2"] ?? "";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Given {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly event?: unknown;
  readonly open?: OpenWith;
}
const verify = async (given: Given = {}): Promise<Verdict> => {
  const { hooks } = openSession(given.open).session;
  if (hooks === undefined) throw new Error("no hooks");
  return hooks.verify({
    headers: given.headers ?? { "x-cosell-key": key },
    body: given.body ?? bytes(JSON.stringify(given.event ?? event())),
  });
};

/** Every forged delivery's valid twin is the same delivery with the right key. */
const forgeries: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["no header", {}],
  ["an empty header", { "x-cosell-key": "" }],
  ["a space", { "x-cosell-key": " " }],
  ["the key without its last sign", { "x-cosell-key": key.slice(0, -1) }],
  ["the key without its first sign", { "x-cosell-key": key.slice(1) }],
  ["half the key", { "x-cosell-key": key.slice(0, key.length / 2) }],
  ["one sign more", { "x-cosell-key": `${key}x` }],
  ["a space after", { "x-cosell-key": `${key} ` }],
  ["a space before", { "x-cosell-key": ` ${key}` }],
  ["a tab after", { "x-cosell-key": `${key}\t` }],
  ["a NUL after", { "x-cosell-key": `${key}\0` }],
  ["capitals", { "x-cosell-key": key.toUpperCase() }],
  ["the key twice, comma-joined", { "x-cosell-key": `${key}, ${key}` }],
  ["both keys, comma-joined", { "x-cosell-key": `${key},${second}` }],
  ["the key and a wrong one, comma-joined", { "x-cosell-key": `${key}, wrong` }],
  ["a trailing comma", { "x-cosell-key": `${key},` }],
  ["a bearer scheme", { "x-cosell-key": `Bearer ${key}` }],
  ["quotes", { "x-cosell-key": `"${key}"` }],
  ["base64 of the key", { "x-cosell-key": Buffer.from(key).toString("base64") }],
  ["the key URL-encoded twice", { "x-cosell-key": encodeURIComponent(encodeURIComponent(`${key}%`)) }],
  ["the reference instead of the key", { "x-cosell-key": "secret:hook-1" }],
  ["the name of the secret", { "x-cosell-key": "hook-1" }],
  ["a look-alike sign", { "x-cosell-key": key.replace("o", "о") }],
  ["a key of another connection", { "x-cosell-key": "third-hook-key-00003" }],
  ["the right key in another header", { "x-api-key": key }],
  ["the right key in Authorization", { authorization: key }],
  ["a JavaScript null", { "x-cosell-key": "null" }],
  ["undefined in words", { "x-cosell-key": "undefined" }],
  ["the prototype's name", { "x-cosell-key": "__proto__" }],
  ["10,000 signs", { "x-cosell-key": key.repeat(600) }],
];
/** Authentic, but not for us: acknowledged, never acted on. */
const strangers: readonly (readonly [string, unknown])[] = [
  ["another account", event({ account: "999988887777" })],
  ["our account with a space", event({ account: `${account} ` })],
  ["the account as a number", event({ account: Number(account) })],
  ["another source", event({ source: "aws.partnercentral" })],
  ["the source in capitals", event({ source: "AWS.PARTNERCENTRAL-SELLING" })],
  ["another region", event({ region: "eu-west-1" })],
  ["catalog Sandbox", event({ detail: { catalog: "Sandbox", opportunity: { identifier: "O1234567" } } })],
  ["catalog in small letters", event({ detail: { catalog: "aws", opportunity: { identifier: "O1234567" } } })],
  ["no catalog", event({ detail: { opportunity: { identifier: "O1234567" } } })],
  ["an unknown detail-type", event({ "detail-type": "Opportunity Deleted" })],
  ["the sample's wrong detail-type", event({ "detail-type": "Opportunity Engagement Invitation Created" })],
  ["no id", event({ id: "" })],
  ["no detail", event({ detail: null })],
  ["no opportunity", event({ detail: { catalog: "AWS" } })],
  ["an empty opportunity id", event({ detail: { catalog: "AWS", opportunity: { identifier: "" } } })],
  ["an endless opportunity id", event({ detail: { catalog: "AWS", opportunity: { identifier: "O".repeat(65) } } })],
  ["a list", [event()]],
  ["a text", "event"],
];
const text = JSON.stringify(event());
const nested = `${"[".repeat(40)}${"]".repeat(40)}`;
const malformed: readonly (readonly [string, Uint8Array])[] = [
  ["nothing", bytes("")],
  ["half of it", bytes(text.slice(0, text.length / 2))],
  ["HTML", bytes("<html></html>")],
  ["a byte order mark", bytes(`\ufeff${text}`)],
  ["no UTF-8", new Uint8Array([0xff, 0xfe, 0x00])],
  ["too deep", bytes(text.replace('"version":"1"', `"version":${nested}`))],
  ["a member named twice", bytes(text.replace('"version":"1"', '"account":"1","version":"1"'))],
  ["a member named twice, once escaped", bytes(text.replace('"version":"1"', '"\\u0061ccount":"1","version":"1"'))],
  [
    "too many members",
    bytes(
      text.replace('"version":"1"', `"v":{${Array.from({ length: 2_001 }, (_, index) => `"k${index}":1`).join(",")}}`),
    ),
  ],
  ["two documents", bytes(`${text}${text}`)],
];

describe("EventBridge deliveries", () => {
  it.each([
    ["the first key", key],
    ["the second key, while both are valid", second],
  ])("are verified with %s and hint at the opportunity", async (_, value) => {
    const verdict = await verify({ headers: { "x-cosell-key": value } });
    expect(verdict).toEqual({
      kind: "verified",
      delivery: {
        key: "6f1d9a2c-0000-4000-8000-000000000001",
        kind: "Opportunity Updated",
        hints: [{ kind: "opportunity", id: "O1234567", at: "2026-09-01T09:59:58Z" }],
      },
    });
  });
  it.each(forgeries)("are forged with %s", async (_, headers) => {
    expect((await verify({ headers })).kind).toBe("forged");
  });
  it("are forged before anything is parsed: a wrong key and a broken body give the same answer", async () => {
    const headers = { "x-cosell-key": "wrong" };
    const verdicts = await Promise.all([
      ...malformed.map(([, body]) => verify({ headers, body })),
      verify({ headers }),
    ]);
    expect(new Set(verdicts.map((verdict) => JSON.stringify(verdict))).size).toBe(1);
  });
  it.each(strangers)("are ignored with %s", async (_, given) => {
    expect((await verify({ event: given })).kind).toBe("ignored");
  });
  it.each(malformed)("are ignored when authentic but malformed: %s", async (_, body) => {
    expect((await verify({ body })).kind).toBe("ignored");
  });
  it("of the Sandbox are verified by a Sandbox connection only", async () => {
    const sandbox = event({ detail: { catalog: "Sandbox", opportunity: { identifier: "O1" } } });
    const open: OpenWith = { environment: "vendor_test", settings: { catalog: "Sandbox" } };
    expect((await verify({ event: sandbox, open })).kind).toBe("verified");
    expect((await verify({ open })).kind).toBe("ignored");
  });
  it("of every other detail-type are ignored, unless they name an opportunity", async () => {
    for (const type of detailTypes) {
      const bare = await verify({
        event: event({ "detail-type": type, detail: { catalog: "AWS", engagement: { id: "eng-1" } } }),
      });
      expect([type, bare.kind]).toEqual([type, "ignored"]);
    }
    const snapshot = event({
      "detail-type": "Engagement Resource Snapshot Created",
      detail: { catalog: "AWS", resourceSnapshot: { resourceType: "Opportunity", resourceId: "O7" } },
    });
    const verdict = await verify({ event: snapshot });
    expect(verdict.kind === "verified" && verdict.delivery.hints.map(({ id }) => id)).toEqual(["O7"]);
  });
  it("are told to come back when a key cannot be read and no other fits", async () => {
    const away: OpenWith = { secrets: { "hook-1": null } };
    expect((await verify({ open: away })).kind).toBe("unsure");
    expect((await verify({ open: away, headers: { "x-cosell-key": second } })).kind).toBe("verified");
    expect((await verify({ open: { secrets: { "hook-2": "" } }, headers: { "x-cosell-key": "wrong" } })).kind).toBe(
      "unsure",
    );
  });
  it("are never accepted with an empty key, also when an empty secret is stored", async () => {
    const empty: OpenWith = { secrets: { "hook-1": "", "hook-2": "" } };
    expect((await verify({ open: empty, headers: { "x-cosell-key": "" } })).kind).toBe("forged");
    expect((await verify({ open: empty, headers: {} })).kind).toBe("forged");
  });
  it("have no route on a connection without keys", () => {
    const { hookKeys: _, ...rest } = settings;
    const deps = {
      clock: { now: () => now, sleep: async () => {} },
      ids: testIds,
      http,
      secrets: { get: async () => null, rotate: async () => false },
      quota: { take: async () => ok(null) },
    };
    expect(createAws().open(deps, connection({ settings: rest })).hooks).toBeUndefined();
  });
  it("take the key from the header the connection names, whatever its case", async () => {
    const open: OpenWith = { settings: { hookKeys: { headerName: "X-Shared-Key", keyRefs: ["secret:hook-1"] } } };
    expect((await verify({ open, headers: { "x-shared-key": key } })).kind).toBe("verified");
    expect((await verify({ open, headers: { "x-shared-key": second } })).kind).toBe("forged");
  });
});

describe("events of invitations", () => {
  const deliver = (detail: object, type = "Engagement Invitation Created") =>
    verify({ event: event({ "detail-type": type, detail: { catalog: "AWS", engagementInvitation: detail } }) });
  it.each(["Created", "Accepted", "Rejected", "Expired"])("%s hints at an invitation to us", async (word) => {
    const verdict = await deliver({ id: "engi-1", participantType: "Receiver" }, `Engagement Invitation ${word}`);
    expect(verdict).toMatchObject({ kind: "verified", delivery: { hints: [{ kind: "invitation", id: "engi-1" }] } });
  });
  it.each([
    { id: "engi-1", participantType: "Sender" },
    { participantType: "Receiver" },
    { id: "x".repeat(65), participantType: "Receiver" },
  ])("%o tells nothing new", async (detail) => {
    expect(await deliver(detail)).toMatchObject({ kind: "ignored" });
  });
});
