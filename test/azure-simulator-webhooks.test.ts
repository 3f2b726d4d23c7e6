/** Webhooks of the simulated Partner Center: registered by API, signed with its own chain, told at most ten times, and forged. */
import { describe, expect, it } from "vitest";
import { createKeys, pemOf, rootOf } from "../adapters/azure/simulator/certificates.ts";
import type { Forgery } from "../adapters/azure/simulator/index.ts";
import { simulatedCredential } from "../adapters/azure/simulator/index.ts";
import {
  codeOf,
  everyEvent,
  hookUrl,
  judge,
  openRig,
  type Received,
  type Rig,
  type RigOptions,
  registrationUrl,
  replace,
} from "./azure-simulator-rig.ts";
import headersSample from "./vectors/azure/partner-center.delivery-headers.json" with { type: "json" };
import eventSamples from "./vectors/azure/partner-center.events.json" with { type: "json" };
import registrationSample from "./vectors/azure/partner-center.registration.json" with { type: "json" };

const open = async (options: RigOptions = {}): Promise<Rig> => {
  const rig = openRig(options);
  await rig.register();
  return rig;
};
const names = (rig: Rig): readonly string[] => rig.received.map(({ event }) => event.EventName);
const last = (rig: Rig): Received => {
  const delivery = rig.received.at(-1);
  if (!delivery) throw new Error("nothing was delivered");
  return delivery;
};

describe("the registration", () => {
  it("is made by POST as documented, read by GET and replaced by PUT, one for a tenant", async () => {
    const rig = openRig();
    const { body } = registrationSample.register;
    expect(codeOf(await rig.center("GET"))).toBe("404 itemNotFound");
    const made = await rig.center("POST", "", body);
    expect([made.status, Object.keys(made.body)]).toEqual([
      200,
      [...Object.keys(registrationSample.register.response200), "signatureTokenToMsSignatureHeader"],
    ]);
    expect(made.body).toMatchObject({ WebhookUrl: body.WebhookUrl, WebhookEvents: body.WebhookEvents });
    expect(codeOf(await rig.center("POST", "", body))).toBe("409 conflict");
    const replaced = await rig.center("PUT", "", { webhookUrl: hookUrl, webhookEvents: ["test-created"] });
    expect(replaced.body).toEqual({
      SubscriberId: made.body.SubscriberId,
      WebhookUrl: hookUrl,
      WebhookEvents: ["test-created"],
    });
    expect((await rig.center("GET")).body).toEqual(replaced.body);
    expect((await rig.center("GET", "/events")).body).toEqual(expect.arrayContaining(everyEvent));
  });
  it("refuses an address that is none and an event nobody knows", async () => {
    const rig = openRig();
    expect(codeOf(await rig.center("POST", "", { WebhookUrl: "/hook", WebhookEvents: ["test-created"] }))).toBe(
      "400 invalidRequest",
    );
    expect(codeOf(await rig.center("POST", "", { WebhookUrl: hookUrl, WebhookEvents: ["deal-won"] }))).toBe(
      "400 invalidRequest",
    );
    expect(codeOf(await rig.center("PUT", "", { WebhookUrl: hookUrl, WebhookEvents: ["test-created"] }))).toBe(
      "404 itemNotFound",
    );
    expect(codeOf(await rig.raw(registrationUrl))).toBe("401 unauthenticated");
  });
  it("is tried by a test event whose story can be asked for, twice a minute, for a week", async () => {
    const rig = openRig();
    await rig.center("POST", "", registrationSample.register.body);
    const { body } = await rig.center("POST", "/validationEvents");
    expect(Object.keys(body)).toEqual(Object.keys(registrationSample.validate.post.response));
    const path = `/validationEvents/${body.correlationId}`;
    expect((await rig.center("GET", path)).body.status).toBe("inprogress");
    await rig.center("POST", "/validationEvents");
    const third = await rig.center("POST", "/validationEvents");
    expect([codeOf(third), third.headers.get("retry-after")]).toEqual(["429 tooManyRequests", "60"]);
    await rig.settle();
    const told = (await rig.center("GET", path)).body;
    expect(Object.keys(told)).toEqual(Object.keys(registrationSample.validate.get.response));
    expect(told).toMatchObject({ status: "completed", results: [{ responseCode: "Accepted", systemError: false }] });
    expect(last(rig).event.ResourceUri).toMatch(
      /^http:\/\/api\.partnercenter\.microsoft\.com\/webhooks\/v1\/registration\/validationEvents\/[0-9a-f-]{36}$/,
    );
    await rig.controls.advance(7);
    expect(codeOf(await rig.center("GET", path))).toBe("404 itemNotFound");
  });
  it("without the test event cannot be tried", async () => {
    const rig = openRig();
    await rig.controls.putRegistration({ url: hookUrl, events: ["referral-created"] });
    expect(codeOf(await rig.center("POST", "/validationEvents"))).toBe("400 invalidRequest");
  });
});

describe("a delivery", () => {
  it("is a pointer in one of the documented forms, and no more", async () => {
    const rig = await open();
    const own = await rig.create();
    const theirs = await rig.invite(own);
    await rig.patch(own.id, [replace("/name", "x")]);
    await rig.controls.accept(theirs.id);
    await rig.settle();
    expect(names(rig).toSorted()).toEqual(everyEvent.slice(0, 4));
    for (const { event } of rig.received) {
      const sample = eventSamples.find(({ EventName }) => EventName === event.EventName);
      expect(Object.keys(event)).toEqual(Object.keys(sample ?? {}));
      const id = event.EventName.startsWith("related") ? theirs.id : own.id;
      expect(event.ResourceUri).toBe(`https://api.partnercenter.microsoft.com/engagements/v1/referrals/${id}`);
      expect(event.ResourceChangeUtcDate).toMatch(/^2026-06-01T09:00:00\.\d{7}\+00:00$/);
    }
  });
  it("names its resource in one casing or the other", async () => {
    const rig = await open();
    for (let index = 0; index < 12; index += 1) await rig.create({ externalReferenceId: `CRM-${index}` });
    await rig.settle();
    expect(new Set(rig.received.map(({ event }) => event.ResourceName))).toEqual(new Set(["referral", "Referral"]));
  });
  it("carries the documented headers, and a signature over its bytes under Microsoft's simulated root", async () => {
    const rig = await open();
    await rig.create();
    await rig.settle();
    const { headers } = last(rig);
    expect(headers.get("x-ms-certificate-url")).toBe(headersSample["X-MS-Certificate-Url"]);
    expect(headers.get("x-ms-signature-algorithm")).toBe(headersSample["X-MS-Signature-Algorithm"]);
    expect([headers.get("authorization")?.slice(0, 10), headers.get("x-ms-signature")]).toEqual(["Signature ", null]);
    expect(await judge(rig, last(rig))).toBe("good");
  });
  it("has its signature in a header of its own when the registration asks for that", async () => {
    const rig = openRig();
    await rig.center("POST", "", registrationSample.register.body);
    await rig.create();
    await rig.settle();
    expect([last(rig).headers.get("authorization"), await judge(rig, last(rig))]).toEqual([null, "good"]);
  });
  it("can be checked in DER and in PEM, after the turn of a year, and after the key was renewed", async () => {
    const rig = await open({ start: new Date("2026-12-20T09:00:00Z") });
    const check = async (): Promise<string> => {
      await rig.create();
      await rig.settle();
      return judge(rig, last(rig));
    };
    await rig.controls.change({ webhooks: { certificate: "pem" } });
    expect(await check()).toBe("good");
    await rig.controls.advance(30);
    expect(await check()).toBe("good");
    const before = last(rig);
    await rig.controls.renewSigner();
    expect([await check(), await judge(rig, before)]).toEqual(["good", "signature"]);
  });
  it("goes nowhere without a registration, and of events that were not asked for", async () => {
    const rig = openRig();
    await rig.create();
    await rig.controls.putRegistration({ url: hookUrl, events: ["referral-updated"] });
    const { id } = await rig.create();
    await rig.patch(id, [replace("/name", "x")]);
    await rig.settle();
    expect(names(rig)).toEqual(["referral-updated"]);
  });
  it("is tried ten times, and then never again", async () => {
    let calls = 0;
    const rig = await open({
      deliver: async () => {
        calls += 1;
        return new Response(null, { status: 500 });
      },
    });
    await rig.create();
    await rig.controls.advance(30);
    const { events, due } = await rig.controls.ledger();
    expect([calls, events[0]?.dropped, events[0]?.lastStatus, due]).toEqual([10, 1, 500, []]);
    expect(await rig.controls.replay(1)).toEqual({ scheduled: 1 });
    expect(calls).toBe(11);
  });
  it("comes again byte for byte when it is replayed, and in any order when they are shuffled", async () => {
    const rig = await open();
    const { id } = await rig.create();
    await rig.settle();
    const first = last(rig);
    await rig.controls.replay(1);
    expect([last(rig).body, last(rig).headers.get("authorization")]).toEqual([
      first.body,
      first.headers.get("authorization"),
    ]);
    for (let index = 0; index < 8; index += 1) await rig.patch(id, [replace("/name", `Name ${index}`)]);
    expect(await rig.controls.shuffle()).toEqual({ scheduled: 8 });
    const dates = rig.received.slice(2).map(({ event }) => String(event.ResourceChangeUtcDate));
    expect(dates).toHaveLength(8);
    expect(dates).not.toEqual(dates.toSorted());
  });
  it("names the partner's own referral for a related one, where the settings say so", async () => {
    const rig = await open({ settings: { webhooks: { related: "own" } } });
    const own = await rig.create();
    await rig.invite(own);
    await rig.settle();
    expect(new Set(rig.received.map(({ event }) => event.ResourceUri.slice(-36)))).toEqual(new Set([own.id]));
  });
});

describe("a forger", () => {
  const found: Readonly<Record<Forgery, string>> = {
    tampered_body: "signature",
    other_key: "signature",
    unknown_authority: "authority",
    other_organization: "organization",
    expired_certificate: "expired",
    authority_itself: "no signer",
    stranger_host: "address",
    plain_http: "address",
    weak_algorithm: "algorithm",
    no_signature: "no signature",
    no_certificate: "no certificate",
  };
  it("is told by each of its mistakes, once, at the registered address", async () => {
    const rig = await open();
    await rig.create();
    await rig.settle();
    for (const [kind, why] of Object.entries(found) as readonly [Forgery, string][]) {
      const before = rig.received.length;
      expect(await rig.controls.forge({ kind })).toEqual({ scheduled: 1 });
      expect(rig.received.length).toBe(before + 1);
      expect([kind, await judge(rig, last(rig))]).toEqual([kind, why]);
    }
  });
  it("who owns a storage account of his own is proved by his own root, if anybody follows his address", async () => {
    const rig = await open();
    await rig.controls.forge({ kind: "stranger_host" });
    const url = last(rig).headers.get("x-ms-certificate-url") ?? "";
    expect(new URL(url).host).toBe("3psostorageacct2.blob.core.windows.net");
    expect((await rig.simulator.fetch(new Request(url))).status).toBe(200);
  });
});

describe("the simulated authority", () => {
  it("is the one that connections pin: the credential's root is built from the fixed keys", async () => {
    expect(pemOf(await rootOf(createKeys(), "root"))).toBe(simulatedCredential.rootCertificate);
  });
});
