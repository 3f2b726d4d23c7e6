import { afterAll, describe, expect, it } from "vitest";
import { awsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const world = await openWorld({ seed: "oauth" });
const { aws, call, connectionId, timeline } = world;
afterAll(() => world.close());
const path = `/v1/connections/${connectionId}/oauth`;
interface Client {
  readonly tokenUrl: string;
  readonly hookUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
}
const make = async (): Promise<Client> => (await call<Client>("POST", path, {})).body;
const pointAt = ({ hookUrl, tokenUrl, clientId, clientSecret }: Client) =>
  aws.controls.putDestination({ url: hookUrl, oauth: { tokenUrl, clientId, clientSecret } });
const remoteId = async (share: string): Promise<string> =>
  (await world.service.store.shares.findEngagement(world.db.sql, share))?.remoteId ?? "";
const undelivered = async (): Promise<number> => {
  const { events } = await aws.controls.ledger();
  return events.reduce((sum, event) => sum + event.pending + event.dropped, 0);
};

describe("events of AWS with an OAuth connection", () => {
  it("arrive with tokens of ours alone, through rotation and a lapse of the client, and none is lost", async () => {
    const first = await make();
    await pointAt(first);
    await call("DELETE", `/v1/connections/${connectionId}/hook-keys`);
    const share = await world.share(awsDeal("oauth"));
    await timeline.advance(3_600_000);
    expect(await world.state(share)).toBe("submitted");
    await aws.controls.review(await remoteId(share));
    await timeline.advance(120_000);
    expect(await world.state(share)).toBe("in_review");

    // Rotated and the old secret ended: the token at hand is refused, and the old secret earns no other.
    const second = await make();
    await call("DELETE", `${path}?which=previous`);
    await aws.controls.approve(await remoteId(share));
    await timeline.advance(60_000);
    expect(await undelivered()).toBeGreaterThan(0);
    expect(await world.state(share)).toBe("in_review");
    // The operator types the new secret into EventBridge: what waited comes.
    await pointAt(second);
    await timeline.advance(600_000);
    expect([await world.state(share), await undelivered()]).toEqual(["accepted", 0]);
    expect(world.logged.join()).not.toMatch(new RegExp(`${first.clientSecret}|${second.clientSecret}`));
  });
});
