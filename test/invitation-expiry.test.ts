import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { day, hour, openReferrals } from "./referral-world.ts";

const at = await openReferrals("expiry", { sweepCron: "TZ=UTC 0 */6 * * *" });
const { world, aws, timeline } = at;
afterAll(() => world.close());
beforeEach(() => aws.controls.clearFaults());

const reminded = async (id: string): Promise<readonly number[]> => {
  const path = `/v1/events?name=invitation.expiring&subject=${id}`;
  const { body } = await world.call<{ items: readonly { data: { daysLeft: number } }[] }>("GET", path);
  return body.items.map((event) => event.data.daysLeft);
};
const outcomes = async (id: string): Promise<readonly unknown[]> => {
  const path = `/v1/events?name=invitation.answered&subject=${id}`;
  const { body } = await world.call<{ items: readonly { data: { outcome: string; by: string } }[] }>("GET", path);
  return body.items.map(({ data }) => [data.outcome, data.by]);
};

describe("an invitation that nobody answers", () => {
  it("reminds five, two and one day before it expires, once each, and ends by AWS's event", async () => {
    const id = await at.arrived((await at.refer({ expirationDays: 6.5 })).id);
    await timeline.advance(6.4 * day);
    expect(await reminded(id)).toEqual([5, 2, 1]);
    expect((await at.read(id)).next).toContain("it expires today");
    await timeline.advance(3 * hour);
    expect(await at.read(id)).toMatchObject({ state: "expired", daysLeft: 0 });
    expect(await outcomes(id)).toEqual([["expired", "clock"]]);
    expect((await world.call("POST", `/v1/invitations/${id}/accept`, {})).status).toBe(409);
  });

  it("ends by the clock when AWS's word of it was lost, and while the connection is parked", async () => {
    const heard = await at.arrived((await at.refer({ expirationDays: 0.5 })).id);
    await aws.controls.setFaults([{ on: "event", fault: "event_lost" }]);
    await timeline.advance(day);
    expect((await at.read(heard)).state).toBe("expired");
    await aws.controls.clearFaults();
    const parked = await at.arrived((await at.refer({ expirationDays: 0.5 })).id);
    await world.db.transaction((tx) =>
      world.service.store.connections.park(tx, world.connectionId, "no key", at.actorId),
    );
    await timeline.advance(day);
    expect((await at.read(parked)).state).toBe("expired");
    await world.call("POST", `/v1/connections/${world.connectionId}/resume`);
  });

  it("is not reminded of once it is answered", async () => {
    const id = await at.arrived((await at.refer({ expirationDays: 6 })).id);
    await world.call("POST", `/v1/invitations/${id}/reject`, { reason: "other" });
    await timeline.advance(6 * day);
    expect([await reminded(id), await outcomes(id)]).toEqual([[], [["rejected", "person"]]]);
  });
});
