/** What one request carries, and what each answer of Google's comes to: the fault, the remedy, and never a repeat that nobody asked for. */
import { decodeJwt, decodeProtectedHeader, exportPKCS8, generateKeyPair, importSPKI, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { keyFileOf, simulatedCredential } from "../adapters/gcp/simulator/index.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import type { Http } from "../src/ports.ts";
import { coSellOf, draftOf, fault, openGoogle, openSession, partnerId, start, value, writeOf } from "./gcp-double.ts";
import sample from "./vectors/gcp/opportunity.json" with { type: "json" };

const clock = { now: () => start, sleep: async () => {} };
const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });
const granted = () => json(200, { access_token: "ya29.token", expires_in: 3_599, token_type: "Bearer" });
const refusal = (status: string, details: readonly unknown[] = [], code = 400) => ({
  error: { code, status, message: "why", details },
});

interface Scripted {
  readonly answers?: readonly (Response | Error)[];
  readonly token?: () => Response;
  readonly settings?: JsonObject;
  readonly secrets?: Readonly<Record<string, string | null>>;
}
/** A session whose API answers in order; the last answer stays. */
const scripted = ({ answers = [], token = granted, settings, secrets }: Scripted = {}) => {
  const requests: Request[] = [];
  const order: string[] = [];
  const queue = [...answers];
  const http: Http = async (request, limits) => {
    if (!limits.hosts.includes(new URL(request.url).host)) throw new Error(`not allowed: ${request.url}`);
    const isToken = request.url.includes("oauth2.googleapis.com");
    order.push(isToken ? "token" : "call");
    requests.push(request);
    if (isToken) return token();
    const next = queue.length > 1 ? queue.shift() : queue[0];
    if (next instanceof Error) throw next;
    return next?.clone() ?? json(200, {});
  };
  const session = openSession({
    http,
    clock,
    asked: order,
    ...(settings ? { settings } : {}),
    ...(secrets ? { secrets } : {}),
  });
  return { session, coSell: coSellOf(session), requests, order };
};
const record = { name: "opportunities/A1", state: "DRAFT", updateTime: "2026-06-01T09:00:00.123456Z" };
const none = json(200, {});
const done = [{ key: "create", ref: { id: "A1" }, version: null, task: null }] as const;

describe("signing in", () => {
  it("trades a short-lived assertion, signed by the service account, for the surface's scope", async () => {
    const { session, requests } = scripted();
    value(await session.check());
    const form = new URLSearchParams(await requests[0]?.text());
    const assertion = form.get("assertion") ?? "";
    const key = await importSPKI(simulatedCredential.publicKey, "RS256");
    await jwtVerify(assertion, key, {
      issuer: simulatedCredential.clientEmail,
      audience: "https://oauth2.googleapis.com/token",
      currentDate: start,
    });
    const { iat = 0, exp = 0, scope } = decodeJwt(assertion);
    expect([exp - iat, scope]).toEqual([3_600, "https://www.googleapis.com/auth/apps.order"]);
    expect(decodeProtectedHeader(assertion)).toMatchObject({ alg: "RS256", kid: simulatedCredential.privateKeyId });
    expect(requests[1]?.headers.get("authorization")).toBe("Bearer ya29.token");
  });
  it("happens once while the token lives, and again before it ends", async () => {
    const google = openGoogle();
    for (let call = 0; call < 3; call++) value(await google.session.check());
    expect(google.tokens).toHaveLength(1);
    google.rig.pause(3_500);
    value(await google.session.check());
    expect(google.tokens).toHaveLength(2);
  });
  it("happens anew when Google does not take the token any more, and the call is made once again", async () => {
    const google = openGoogle();
    value(await google.session.check());
    await google.rig.controls.revokeTokens();
    value(await google.session.check());
    expect(google.tokens).toHaveLength(2);
  });
  it("takes a private key alone beside the service account's address", async () => {
    const { session } = scripted({
      settings: { credentials: { keyRef: "secret:pem", clientEmail: simulatedCredential.clientEmail } },
      secrets: { pem: simulatedCredential.privateKey.replaceAll("\n", "\\n") },
    });
    value(await session.check());
  });
  it.each([
    ["nothing stored", { key: "" }, "denied", /secret:key is not stored/],
    ["a store that is away", { key: null }, "unavailable", /cannot be read now/],
    ["no key file", { key: "hush" }, "denied", /no key file of a service account/],
    [
      "a key that is none",
      {
        key: JSON.stringify({
          type: "service_account",
          client_email: "a@b.iam.gserviceaccount.com",
          private_key: "hush-hush-hush-hush-hush",
        }),
      },
      "denied",
      /cannot be read; it must be the key file/,
    ],
  ])("%s is told by name, and never what the secret holds", async (_, secrets, kind, message) => {
    const { session, requests } = scripted({ secrets });
    const told = fault(await session.check());
    expect(told).toMatchObject({ kind, message });
    expect(JSON.stringify(told)).not.toContain("hush");
    expect(requests).toHaveLength(0);
  });
  it("with a key of another pair is refused with what to do about it", async () => {
    const { privateKey } = await generateKeyPair("RS256", { extractable: true });
    const made: unknown = keyFileOf(simulatedCredential);
    const file = typeof made === "string" ? JSON.parse(made) : made;
    const google = openGoogle();
    const session = openSession({
      http: (request) => google.rig.simulator.fetch(request),
      clock: google.rig.clock,
      secrets: { key: JSON.stringify({ ...file, private_key: await exportPKCS8(privateKey) }) },
    });
    expect(fault(await session.check())).toMatchObject({ kind: "denied", message: /make a new key and store it/ });
  });
  it.each([
    [
      "an unknown account",
      json(400, { error: "invalid_grant", error_description: "Invalid grant: account not found" }),
      "denied",
      /does not exist any more/,
    ],
    [
      "a wrong clock",
      json(400, { error: "invalid_grant", error_description: "Invalid JWT: Token must be a short-lived token" }),
      "denied",
      /clock is wrong/,
    ],
    ["an outage", json(503, "<html>"), "unavailable", /status 503/],
    ["too many sign-ins", json(429, { error: "rate_limited" }), "unavailable", /status 429/],
    ["an answer without a token", json(200, {}), "unavailable", /without a token/],
  ])("that meets %s was before any deal left, so it is never ambiguous", async (_, answer, kind, message) => {
    const { coSell, order } = scripted({ token: () => answer.clone() });
    expect(fault(await coSell.run(writeOf(coSell, draftOf()), "t"))).toMatchObject({ kind, message });
    expect(order).not.toContain("call");
  });
});

describe("a request", () => {
  it("asks the quota immediately before it is sent", async () => {
    const { coSell, order } = scripted({ answers: [none, json(200, record)] });
    value(await coSell.run(writeOf(coSell, draftOf()), "t"));
    expect(order).toEqual(["token", "quota read", "call", "quota write", "call"]);
  });
  it("has Google's host as the first part of the path where the connection has another address", async () => {
    const { session, requests } = scripted({ settings: { endpoint: "http://127.0.0.1:3000/simulator/gcp/" } });
    value(await session.check());
    expect(requests.map(({ url }) => url.split("?")[0])).toEqual([
      "http://127.0.0.1:3000/simulator/gcp/oauth2.googleapis.com/token",
      "http://127.0.0.1:3000/simulator/gcp/cloudchannel.googleapis.com/v1alpha1/opportunities:query",
    ]);
  });
});

const field = (name: string, description = "why") => [
  { "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ field: name, description }] },
];
const state = (subject: string) => [
  { "@type": "type.googleapis.com/google.rpc.PreconditionFailure", violations: [{ subject, description: "why" }] },
];
const cut = Object.assign(new Error("reset"), { name: "TypeError" });
const refused = Object.assign(new Error("x"), { cause: Object.assign(new Error("y"), { code: "ECONNREFUSED" }) });

describe("an answer to a write", () => {
  it.each<[string, Response | Error, string, RegExp]>([
    ["no role", json(403, refusal("PERMISSION_DENIED", [], 403)), "denied", /role Integrator.*mode assisted/],
    [
      "an API that is off",
      json(403, refusal("PERMISSION_DENIED", [{ reason: "SERVICE_DISABLED" }], 403)),
      "denied",
      /gcloud services enable/,
    ],
    ["a token twice refused", json(401, refusal("UNAUTHENTICATED", [], 401)), "denied", /service account and its key/],
    ["a partner that Google does not know", json(404, refusal("NOT_FOUND", [], 404)), "denied", /settings\.partnerId/],
    ["too much", json(429, refusal("RESOURCE_EXHAUSTED", [], 429), { "retry-after": "40" }), "throttled", /too many/],
    ["an outage", json(503, refusal("UNAVAILABLE", [], 503)), "ambiguous", /UNAVAILABLE/],
    ["a failure inside", json(500, refusal("INTERNAL", [], 500)), "ambiguous", /INTERNAL/],
    ["a deadline", json(504, refusal("DEADLINE_EXCEEDED", [], 504)), "ambiguous", /DEADLINE/],
    ["a proxy's page", json(502, "<html>"), "ambiguous", /none of this API's/],
    ["half an answer", json(200, '{"name": "opp'), "ambiguous", /no JSON/],
    ["an answer without a name", json(200, { updateTime: record.updateTime }), "ambiguous", /at name/],
    ["a connection that broke", cut, "ambiguous", /no whole answer/],
    ["a connection that was never made", refused, "unavailable", /ECONNREFUSED/],
    ["a change at the same moment", json(409, refusal("ABORTED", [], 409)), "unavailable", /same moment/],
    ["a record that is there already", json(409, refusal("ALREADY_EXISTS", [], 409)), "ambiguous", /already/],
    ["a method that is gone", json(501, refusal("UNIMPLEMENTED", [], 501)), "denied", /Update cosell/],
  ])("of %s", async (_, answer, kind, message) => {
    const { coSell } = scripted({ answers: [none, answer] });
    expect(fault(await coSell.run(writeOf(coSell, draftOf()), "t"))).toMatchObject({ kind, message });
  });
  it("tells when to come back, as a header or as Google's own detail", async () => {
    const retry = json(429, refusal("RESOURCE_EXHAUSTED", [{ retryDelay: "90s" }], 429));
    const { coSell } = scripted({ answers: [retry] });
    expect(fault(await coSell.changes(null))).toMatchObject({ kind: "throttled", retryAt: "2026-06-01T09:01:30.000Z" });
  });
  it.each<[string, string, string, string]>([
    [
      "opportunity.customer_info.region",
      "Invalid value at 'opportunity.customer_info.region' (type.googleapis.com/x.Region), \"hush\"",
      "gcp.region",
      "not_listed",
    ],
    ["opportunity.qualificationInfo.dealSize.units", "too large", "amount", "not_allowed"],
    ["opportunity.opportunity_info.product_family[0]", "why", "gcp.productFamily", "not_allowed"],
    ["opportunity.opportunity_info.description", "The field is required and must be set", "problem", "required"],
    ["opportunity.new_member", "why", "gcp:opportunity.new_member", "not_allowed"],
  ])("that names %s becomes a gap of the deal, without the value", async (name, description, ours, code) => {
    const { coSell } = scripted({ answers: [none, json(400, refusal("INVALID_ARGUMENT", field(name, description)))] });
    const told = fault(await coSell.run(writeOf(coSell, draftOf()), "t"));
    expect(told).toMatchObject({ kind: "rejected", gaps: [{ field: ours, code }] });
    expect(JSON.stringify(told)).not.toContain("hush");
  });
  it.each([
    ["the record's state", json(400, refusal("FAILED_PRECONDITION", state("opportunity"))), "conflict"],
    ["the state of the request", json(400, refusal("INVALID_ARGUMENT", field("opportunity.state"))), "conflict"],
    [
      "a field that the state locks",
      json(400, refusal("FAILED_PRECONDITION", state("opportunity.opportunity_info.display_name"))),
      "rejected",
    ],
    ["a change at the same moment", json(409, refusal("ABORTED", [], 409)), "conflict"],
    ["a record that is gone", json(404, refusal("NOT_FOUND", [], 404)), "missing"],
  ])("of an update because of %s is read anew or asked about, as it should", async (_, answer, kind) => {
    // What a submission reads after a refusal: still a draft.
    const { coSell } = scripted({ answers: [answer, json(200, record)] });
    expect(fault(await coSell.run(writeOf(coSell, draftOf(), done), "t")).kind).toBe(kind);
  });
});

describe("the documented sample", () => {
  it("is read with seller, stage and deal number, and holds nothing that we would send back", async () => {
    const { coSell } = scripted({ answers: [json(200, sample)] });
    const seen = value(await coSell.look({ id: "AbCdEf12GhIjKl" }));
    expect(seen).toMatchObject({
      ref: { id: "AbCdEf12GhIjKl" },
      version: sample.updateTime,
      event: "partner_accepted",
      facts: { partnerStage: "REFINE", dealNumber: "DR-AbCdEf12GhIjKl", reviewComments: null, sellers: 1 },
      people: [{ name: "Sample Seller", email: "seller@google.example" }],
    });
    const base = coSell.baseOf(seen);
    // False, zero and unspecified say nothing, whether Google spells them out or leaves them away.
    for (const path of ["opportunityInfo.confidential", "qualificationInfo.budget", "opportunityInfo.productCategory"])
      expect(base).not.toHaveProperty([path]);
    expect(base).toMatchObject({ "qualificationInfo.dealSize": { currencyCode: "USD", units: "15000" } });
  });
});

describe("a record that is not as documented", () => {
  it.each([
    ["no time of change", { name: "opportunities/A1", state: "DRAFT" }, /at updateTime/],
    ["no state", { ...record, state: undefined }, /state is missing/],
  ])("with %s is told and changes nothing", async (_, answer, message) => {
    const { coSell } = scripted({ answers: [json(200, answer)] });
    expect(fault(await coSell.look({ id: "A1" }))).toMatchObject({ kind: "drift", message });
  });
  it("with members of a later version is read as far as we know it", async () => {
    const { coSell } = scripted({
      answers: [
        json(200, {
          ...record,
          state: "ACCEPTED",
          stage: "SOMETHING_NEW",
          novelty: { a: 1 },
          qualificationInfo: { estimatedCloseDate: { year: 2027 } },
        }),
      ],
    });
    expect(value(await coSell.look({ id: "A1" }))).toMatchObject({
      event: "partner_accepted",
      facts: { partnerStage: "SOMETHING_NEW", estimatedCloseDate: null },
    });
  });
  it("of an empty partner is an empty list", async () => {
    const { coSell } = scripted({ answers: [json(200, {})] });
    expect(value(await coSell.changes(null))).toMatchObject({ items: [], more: false });
  });
});

describe("the diagnosis", () => {
  const diagnose = async (session: ReturnType<typeof scripted>["session"]) => {
    const found = [];
    for (const check of session.diagnose?.({ remoteId: null, confirmed: {} }) ?? [])
      found.push([check.id, await check.run()] as const);
    return Object.fromEntries(found);
  };
  it("is green where everything is set up", async () => {
    const google = openGoogle();
    const found = await diagnose(google.session);
    expect(found).toMatchObject({
      key: { kind: "ok" },
      token: { kind: "ok" },
      clock: { kind: "ok" },
      integrator: { kind: "ok" },
    });
  });
  it("explains a missing role, and names assisted mode as the way until then", async () => {
    const google = openGoogle();
    await google.rig.controls.revokeRole();
    const { token, integrator } = await diagnose(google.session);
    expect([token?.kind, integrator]).toMatchObject([
      "ok",
      { kind: "failed", remedy: expect.stringMatching(/role Integrator[\s\S]*--assisted/) },
    ]);
  });
  it("tells a clock that is off by Google's own", async () => {
    const { session } = scripted({ answers: [json(200, {}, { date: "Mon, 01 Jun 2026 09:10:00 GMT" })] });
    expect((await diagnose(session)).clock).toMatchObject({ kind: "failed", detail: /600 s behind/ });
  });
  it("changes nothing: it asks for no write", async () => {
    const google = openGoogle();
    await diagnose(google.session);
    expect(google.sent.map(({ method }) => method)).toEqual(["GET"]);
    expect(partnerId).not.toBe("");
  });
});
