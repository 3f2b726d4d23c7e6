import { createLocalJWKSet, type JWTVerifyOptions, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { procurementEventSchema, pushClaimsSchema, pushEnvelopeSchema } from "../adapters/gcp/wire-offers.ts";
import { buyer, openMarketplace, project, pushUrl } from "./gcp-marketplace-rig.ts";
import { rawOf, requestOf } from "./gcp-simulator-rig.ts";

type Rig = ReturnType<typeof openMarketplace>;
const account = `marketplace-push@${project}.iam.gserviceaccount.com`;
const keysUrl = "https://www.googleapis.com/oauth2/v3/certs";
const keys = async (rig: Rig) => rawOf(await rig.simulator.fetch(requestOf("GET", keysUrl, { bearer: null })));
/** What a careful receiver does with a token. */
const verified = async (rig: Rig, token: string | null, more: JWTVerifyOptions = {}) => {
  const known = createLocalJWKSet((await keys(rig)).body);
  const options = { algorithms: ["RS256"], issuer: "https://accounts.google.com", audience: pushUrl };
  const { payload } = await jwtVerify(token ?? "", known, { ...options, currentDate: rig.now(), ...more });
  const claims = pushClaimsSchema.parse(payload);
  if (claims.email !== account) throw new Error(`pushed by ${claims.email}`);
  return claims;
};
const subscribed = async (settings = {}): Promise<Rig> => {
  const rig = openMarketplace();
  await rig.controls.change({ marketplace: settings });
  await rig.controls.subscribe({ url: pushUrl });
  return rig;
};
const buy = async (rig: Rig) => (await rig.controls.purchase({ billingAccount: buyer })).id;

describe("a push", () => {
  it("wraps the message in base64, to the endpoint, with a token of the push account", async () => {
    const rig = await subscribed();
    const id = await buy(rig);
    await rig.controls.advance(1 / 1440);
    const [push] = rig.pushes;
    expect(push).toMatchObject({ url: pushUrl, subscription: `projects/${project}/subscriptions/marketplace-push` });
    expect(procurementEventSchema.parse(push?.event)).toMatchObject({
      eventType: "ENTITLEMENT_CREATION_REQUESTED",
      providerId: project,
      entitlement: { id },
    });
    expect(await verified(rig, push?.token ?? null)).toMatchObject({ aud: pushUrl, email: account });
    expect((await keys(rig)).headers.get("cache-control")).toContain("max-age=");
  });
  it("has the envelope that Google describes, for an audience that the operator chose", async () => {
    const rig = openMarketplace();
    await rig.controls.subscribe({ url: pushUrl, audience: "cosell", serviceAccount: account });
    await buy(rig);
    await rig.controls.advance(1 / 1440);
    const [push] = rig.pushes;
    const { message } = pushEnvelopeSchema.parse(push?.envelope);
    expect(Object.keys(message).toSorted()).toEqual(
      ["attributes", "data", "messageId", "message_id", "publishTime", "publish_time"].toSorted(),
    );
    await expect(verified(rig, push?.token ?? null)).rejects.toThrow("aud");
    await expect(verified(rig, push?.token ?? null, { audience: "cosell" })).resolves.toBeDefined();
  });
  it("is made nowhere without a subscription, and nowhere any more once that is gone", async () => {
    const rig = openMarketplace();
    await buy(rig);
    await rig.controls.subscribe({ url: pushUrl });
    await rig.controls.advance(1);
    expect(rig.pushes).toHaveLength(0);
    await rig.controls.unsubscribe();
    await buy(rig);
    await rig.controls.advance(1);
    expect(rig.pushes).toHaveLength(0);
  });
  it("is signed by a new key after a rotation, while the old one is still published", async () => {
    const rig = await subscribed();
    await buy(rig);
    await rig.controls.advance(1 / 1440);
    await rig.controls.rotatePushKey();
    await buy(rig);
    await rig.controls.advance(1 / 1440);
    const kids = rig.pushes.map(({ token }) => JSON.parse(atob(token?.split(".")[0] ?? "")).kid);
    expect(new Set(kids).size).toBe(2);
    for (const { token } of rig.pushes) await expect(verified(rig, token)).resolves.toBeDefined();
    expect((await keys(rig)).body.keys).toHaveLength(2);
  });
});

describe("delivery", () => {
  it("is tried again with growing pauses until it is acknowledged", async () => {
    const rig = await subscribed();
    rig.answerWith(500);
    await buy(rig);
    await rig.controls.advance(1 / 24);
    const tries = rig.pushes.length;
    expect(tries).toBeGreaterThan(8);
    expect(tries).toBeLessThan(20);
    expect(new Set(rig.pushes.map(({ messageId }) => messageId)).size).toBe(1);
    rig.answerWith(202);
    await rig.controls.advance(1);
    expect(rig.pushes).toHaveLength(tries + 1);
    await rig.controls.advance(1);
    expect(rig.pushes).toHaveLength(tries + 1);
  });
  it.each([200, 201, 202, 204])("ends with %d", async (status) => {
    const rig = await subscribed();
    rig.answerWith(status);
    await buy(rig);
    await rig.controls.advance(1);
    expect(rig.pushes).toHaveLength(1);
  });
  it.each([203, 206, 302, 400, 401, 404, 429])("tries again after %d", async (status) => {
    const rig = await subscribed();
    rig.answerWith(status);
    await buy(rig);
    await rig.controls.advance(1 / 1440);
    expect(rig.pushes.length).toBeGreaterThan(1);
  });
  it("gives a message up after its retention", async () => {
    const rig = await subscribed({ retentionDays: 0.1 });
    rig.answerWith(500);
    await buy(rig);
    await rig.controls.advance(1);
    const tries = rig.pushes.length;
    await rig.controls.advance(1);
    expect(rig.pushes).toHaveLength(tries);
    expect((await rig.controls.ledger()).pushes[0]).toMatchObject({ pending: 0, deliveries: 0, dropped: 1 });
  });
  it("keeps no order", async () => {
    const rig = await subscribed({ pushSeconds: [0, 3_600] });
    for (let count = 0; count < 12; count += 1) await buy(rig);
    await rig.controls.advance(1);
    const ids = rig.pushes.map(({ messageId }) => messageId);
    expect(ids).toHaveLength(12);
    expect(ids).not.toEqual(ids.toSorted());
  });
  it("under faults brings a message twice, a fact as two messages, late, or never", async () => {
    const rig = await subscribed();
    const event = "ENTITLEMENT_CREATION_REQUESTED";
    const arrivals = async (fault: "duplicate_event" | "event_repeated" | "event_late" | "event_lost") => {
      await rig.controls.setFaults([{ on: "event", event, fault, times: 1, seconds: 86_400 }]);
      await buy(rig);
      await rig.controls.advance(0.5);
      return rig.pushes.splice(0);
    };
    const twice = await arrivals("duplicate_event");
    expect([twice.length, new Set(twice.map(({ messageId }) => messageId)).size]).toEqual([2, 1]);
    const repeated = await arrivals("event_repeated");
    expect(new Set(repeated.map(({ event: { eventId } }) => eventId)).size).toBe(2);
    expect(new Set(repeated.map(({ event: { entitlement } }) => entitlement?.id)).size).toBe(1);
    expect(await arrivals("event_late")).toHaveLength(0);
    await rig.controls.advance(1);
    expect(rig.pushes.splice(0)).toHaveLength(1);
    expect(await arrivals("event_lost")).toHaveLength(0);
    await rig.controls.advance(30);
    expect(rig.pushes).toHaveLength(0);
  });
  it("may overtake the answer of the call that caused it", async () => {
    const rig = await subscribed();
    const { entitlement } = await rig.controls.purchase({ billingAccount: buyer });
    await rig.controls.advance(1);
    rig.pushes.splice(0);
    await rig.controls.setFaults([{ on: "providers.accounts.approve", fault: "event_before_response" }]);
    await rig.approveAccount(String(entitlement.account));
    expect(rig.pushes.map(({ event }) => event.eventType)).toEqual(["ACCOUNT_ACTIVE"]);
  });
  it("repeats the last messages on demand, with the ids that they had", async () => {
    const rig = await subscribed();
    await buy(rig);
    await rig.controls.advance(1);
    expect(await rig.controls.replay(1)).toEqual({ scheduled: 1 });
    expect(new Set(rig.pushes.map(({ messageId }) => messageId)).size).toBe(1);
    expect(rig.pushes).toHaveLength(2);
  });
});

describe("a forger", () => {
  it.each([
    ["wrong_audience", '"aud"'],
    ["other_account", "pushed by"],
    ["unverified_email", "email_verified"],
    ["unsigned", "alg"],
    ["other_key", "signature"],
    ["symmetric_key", "alg"],
    ["wrong_issuer", '"iss"'],
    ["expired", '"exp"'],
    ["no_token", "Compact JWS"],
  ] as const)("is found out by a careful receiver: %s", async (kind, why) => {
    const rig = await subscribed();
    await buy(rig);
    await rig.controls.advance(1);
    rig.pushes.splice(0);
    expect(await rig.controls.forge({ kind })).toEqual({ scheduled: 1 });
    const [push] = rig.pushes;
    expect(push?.event.eventType).toBe("ENTITLEMENT_ACTIVE");
    await expect(verified(rig, push?.token ?? null)).rejects.toThrow(why);
  });
});
