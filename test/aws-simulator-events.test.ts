import { describe, expect, it } from "vitest";
import { complaints, edit, openRig, type Rig, type RigOptions, submit } from "./aws-simulator-rig.ts";

const destination = { url: "http://hooks.example/aws?x=1", headerName: "x-cosell-key", headerValue: "key-1" };
/** A rig with a destination, closed after `work`. */
const withRig = async (options: RigOptions, work: (rig: Rig) => Promise<void>): Promise<void> => {
  const rig = await openRig(options);
  await rig.controls.putDestination(destination);
  try {
    await work(rig);
  } finally {
    await rig.close();
  }
};
const settle = async (rig: Rig, seconds = 60): Promise<void> => {
  await rig.controls.advance(seconds / 86_400);
};
const types = (rig: Rig): readonly string[] => rig.received.map(({ event }) => event["detail-type"]);

describe("events", () => {
  it("are thin, in EventBridge's envelope, with the destination's header", () =>
    withRig({}, async (rig) => {
      const id = await rig.create();
      await settle(rig);
      const [first] = rig.received;
      expect(first?.event).toEqual({
        version: "1",
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/),
        "detail-type": "Opportunity Created",
        source: "aws.partnercentral-selling",
        account: "111122223333",
        time: "2026-06-01T09:00:01Z",
        region: "us-east-1",
        detail: { schemaVersion: "1", catalog: "AWS", opportunity: { identifier: id } },
      });
      expect(first?.headers.get("x-cosell-key")).toBe("key-1");
      expect(first?.headers.get("content-type")).toBe("application/json; charset=utf-8");
    }));

  it("of a submission are Updated, Engagement Created, Snapshot, Member Added and Invitation Created", () =>
    withRig({}, async (rig) => {
      await submit(rig, await rig.create());
      await settle(rig);
      expect(types(rig).toSorted()).toEqual([
        "Engagement Created",
        "Engagement Invitation Created",
        "Engagement Member Added",
        "Engagement Resource Snapshot Created",
        "Opportunity Created",
        "Opportunity Updated",
        "Opportunity Updated",
      ]);
      const invitation = rig.received.find(({ event }) => event["detail-type"] === "Engagement Invitation Created");
      expect(invitation?.event).toMatchObject({
        version: "0",
        detail: { catalog: "AWS", engagementInvitation: { participantType: "Sender", receiverAccountId: "AWS" } },
      });
    }));

  it("of an approval are Invitation Accepted, Member Added, Updated and Snapshot; of a rejection, Rejected", () =>
    withRig({}, async (rig) => {
      const [good, bad] = [await rig.create(), await rig.create()];
      for (const id of [good, bad]) await submit(rig, id);
      await settle(rig);
      rig.received.length = 0;
      await rig.controls.approve(good);
      await settle(rig);
      expect(types(rig).toSorted()).toEqual([
        "Engagement Invitation Accepted",
        "Engagement Member Added",
        "Engagement Resource Snapshot Created",
        "Opportunity Updated",
      ]);
      rig.received.length = 0;
      await rig.controls.reject(bad);
      await settle(rig);
      expect(types(rig)).toContain("Engagement Invitation Rejected");
    }));

  it("echo our own updates, and say nothing of refused ones", () =>
    withRig({}, async (rig) => {
      const id = await rig.create();
      await edit(rig, id, (deal) => (deal.Project.Title = "Echo"));
      expect(complaints(await edit(rig, id, (deal) => (deal.Project.CustomerUseCase = "Baking")))).toHaveLength(1);
      await settle(rig);
      expect(types(rig)).toEqual(["Opportunity Created", "Opportunity Updated"]);
    }));

  it("go only to destinations of their account and catalog", () =>
    withRig({}, async (rig) => {
      await rig.controls.putDestination({ ...destination, account: "111122223333", catalog: "AWS" });
      await rig.create({ Catalog: "Sandbox" });
      await rig.create();
      await settle(rig);
      expect(rig.received.map(({ event }) => event.detail.catalog)).toEqual(["AWS"]);
    }));
});

describe("delivery", () => {
  it("is repeated with the same id until the answer is 2xx", async () => {
    const ids: string[] = [];
    const deliver = async (request: Request): Promise<Response> => {
      ids.push((await request.json()).id);
      return new Response(null, { status: ids.length < 4 ? 503 : 200 });
    };
    await withRig({ deliver }, async (rig) => {
      await rig.create();
      await settle(rig, 3600);
      expect(ids).toHaveLength(4);
      expect(new Set(ids).size).toBe(1);
      const { events, due } = await rig.controls.ledger();
      expect(events[0]).toMatchObject({ attempts: 4, deliveries: 1, pending: 0, lastStatus: 200 });
      expect(due).toEqual([]);
    });
  });

  it("backs off and gives up after a day, at most 185 attempts", async () => {
    const times: number[] = [];
    let now = () => 0;
    const deliver = async (): Promise<Response> => {
      times.push(now());
      throw new Error("refused");
    };
    await withRig({ deliver }, async (rig) => {
      now = () => rig.clock.now().getTime();
      await rig.create();
      await settle(rig, 3 * 86_400);
      const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
      expect(gaps[0]).toBeLessThanOrEqual(2000);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(470_000);
      expect(Math.max(...gaps)).toBeGreaterThan(200_000);
      expect(times.length).toBeGreaterThan(100);
      expect(times.length).toBeLessThanOrEqual(185);
      expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThanOrEqual(86_400_000);
      expect((await rig.controls.ledger()).events[0]).toMatchObject({ dropped: 1, pending: 0 });
    });
  });

  it("takes an answer that needs more than five seconds for none", { timeout: 15_000 }, async () => {
    const deliver = (): Promise<Response> => new Promise(() => undefined);
    await withRig({ deliver }, async (rig) => {
      await rig.create();
      rig.pause(10);
      const before = performance.now();
      await rig.simulator.tick();
      expect(performance.now() - before).toBeLessThan(7000);
      expect((await rig.controls.ledger()).events[0]).toMatchObject({ attempts: 1, lastStatus: 0, pending: 1 });
    });
  });

  it("survives a restart: what was pending is delivered by the next process", async () => {
    const first = await openRig({ deliver: async () => Promise.reject(new Error("down")) });
    await first.controls.putDestination(destination);
    await first.create();
    first.pause(10);
    await first.simulator.tick();
    await first.close();
    const second = await openRig({ state: first.state, start: first.clock.now() });
    await settle(second);
    expect(types(second)).toEqual(["Opportunity Created"]);
    await second.close();
  });

  it("can be replayed with the old ids", () =>
    withRig({}, async (rig) => {
      await rig.create();
      await rig.create({ PartnerOpportunityIdentifier: "CRM-2" });
      await settle(rig);
      expect(await rig.controls.replay(1)).toEqual({ scheduled: 1 });
      const ids = rig.received.map(({ event }) => event.id);
      expect(ids).toHaveLength(3);
      expect(ids[2]).toBe(ids[1]);
    }));

  it("can be shuffled", () =>
    withRig({}, async (rig) => {
      await rig.controls.setFaults([{ on: "event", fault: "event_late", seconds: 3600 }]);
      for (let index = 0; index < 8; index += 1) await rig.create();
      expect(rig.received).toEqual([]);
      expect(await rig.controls.shuffle()).toEqual({ scheduled: 8 });
      const order = rig.received.map(({ event }) => String(event.time));
      expect(order).toHaveLength(8);
      expect(order).not.toEqual(order.toSorted());
    }));
});

describe("event faults", () => {
  it("duplicate_event delivers twice with one id", () =>
    withRig({}, async (rig) => {
      await rig.controls.setFaults([{ on: "event", fault: "duplicate_event" }]);
      await rig.create();
      await settle(rig);
      const ids = rig.received.map(({ event }) => event.id);
      expect([ids.length, new Set(ids).size]).toEqual([2, 1]);
    }));
  it("event_lost never delivers, and the ledger knows", () =>
    withRig({}, async (rig) => {
      await rig.controls.setFaults([{ on: "event", fault: "event_lost", detailType: "Opportunity Created" }]);
      const id = await rig.create();
      await edit(rig, id, (deal) => (deal.Project.Title = "x"));
      await settle(rig, 86_400);
      expect(types(rig)).toEqual(["Opportunity Updated"]);
      expect((await rig.controls.ledger()).events[0]).toMatchObject({ lost: true });
    }));
  it("event_late comes an hour to eight days later", () =>
    withRig({}, async (rig) => {
      await rig.controls.setFaults([{ on: "event", fault: "event_late" }]);
      await rig.create();
      await settle(rig, 3500);
      expect(rig.received).toEqual([]);
      await settle(rig, 8 * 86_400);
      expect(rig.received).toHaveLength(1);
    }));
  it("event_before_response is delivered before the answer", () =>
    withRig({}, async (rig) => {
      await rig.controls.setFaults([{ on: "CreateOpportunity", fault: "event_before_response" }]);
      await rig.create();
      expect(types(rig)).toEqual(["Opportunity Created"]);
    }));
  it("events_shuffled puts later events before earlier ones", () =>
    withRig({}, async (rig) => {
      await rig.controls.setFaults([{ on: "event", fault: "events_shuffled" }]);
      for (let index = 0; index < 10; index += 1) await rig.create();
      await settle(rig, 3600);
      const order = rig.received.map(({ event }) => String(event.time));
      expect(order).toHaveLength(10);
      expect(order).not.toEqual(order.toSorted());
    }));
});
