/** What a connection's settings leave to a person: called for, answered once, journalled, told to the marketplace. */
import { afterAll, describe, expect, it } from "vitest";
import { cosell } from "./cli-shell.ts";
import { hour, openOffers } from "./offer-world.ts";

const world = await openOffers({
  ...{ seed: "decisions", sweepCron: "TZ=UTC 30 3 * * *" },
  settings: { duties: "ask" },
});
const { fake, timeline, call } = world;
afterAll(() => world.close());

const waiting = async (): Promise<{ readonly id: string; readonly remoteId: string }> => {
  const remoteId = fake.buy({ event: "accepted", waits: true });
  await timeline.advance(24 * hour);
  const { items } = (await call("GET", "/v1/agreements?waiting=true&limit=200")).body;
  const found = items.find((row: { remoteId: string }) => row.remoteId === remoteId);
  return { id: found?.id ?? `${remoteId} is not listed`, remoteId };
};
const sent = (operation: string): number => fake.calls.filter((name) => name === operation).length;

describe("an agreement at which the marketplace waits for a person", () => {
  it("calls for a decision and sends nothing; an approval is sent once, however often it is asked for", async () => {
    const { id } = await waiting();
    expect(await world.exceptions(id)).toEqual(["DECISION_DUE"]);
    expect(await world.show(id)).toMatchObject({ state: "pending", waits: { canReject: true }, effects: [] });
    expect(sent("ApproveAgreement")).toBe(0);
    for (const _ of [1, 2]) expect((await call("POST", `/v1/agreements/${id}/approve`, {})).status).toBe(202);
    expect((await call("POST", `/v1/agreements/${id}/reject`, { reason: "No" })).status).toBe(409);
    expect(await world.exceptions(id)).toEqual([]);
    await timeline.advance(hour);
    const after = await world.show(id);
    expect(after).toMatchObject({
      state: "active",
      waits: null,
      effects: [{ writeKey: "approve", state: "confirmed" }],
    });
    expect(sent("ApproveAgreement")).toBe(1);
    expect((await call("POST", `/v1/agreements/${id}/approve`, {})).status).toBe(409);
  });

  it("is rejected with a reason, which its history keeps", async () => {
    const { id, remoteId } = await waiting();
    const api = async (request: Request): Promise<Response> => world.service.app.fetch(request);
    const typed = (...words: readonly string[]) => cosell([...words], { api, token: world.keys.ann });
    expect((await typed("agreements", "--waiting")).out).toContain("pending, waits");
    expect((await typed("agreements", "reject", remoteId)).code).not.toBe(0);
    expect((await typed("agreements", "reject", remoteId, "--reason", "Not sold there")).out).toContain("on its way");
    await timeline.advance(hour);
    expect(await world.show(id)).toMatchObject({ state: "cancelled", waits: null });
    const { items } = (await call("GET", `/v1/agreements/${id}/history`)).body;
    expect(items).toContainEqual(
      expect.objectContaining({ what: "rejected", note: "Not sold there", actorName: "Ann Sales" }),
    );
  });

  it("is called for no more once somebody answered in the marketplace's portal", async () => {
    const { id, remoteId } = await waiting();
    fake.amend(remoteId, { waits: false, event: "activated" });
    await timeline.advance(24 * hour);
    expect(await world.show(id)).toMatchObject({ state: "active", waits: null });
    expect(await world.exceptions(id)).toEqual([]);
  });
});

it("an agreement that the marketplace deleted is over, and calls once for what is owed then", async () => {
  const remoteId = fake.buy();
  await timeline.advance(24 * hour);
  const { items } = (await call("GET", "/v1/agreements?limit=200")).body;
  const { id } = items.find((row: { remoteId: string }) => row.remoteId === remoteId);
  fake.forget(remoteId);
  const { db, connectionId, service } = world;
  const hint = async () => {
    await service.store.journal.tell(db.sql, "agreement.hinted", id, { connectionId, remoteId });
    await timeline.advance(hour);
  };
  await hint();
  expect(await world.show(id)).toMatchObject({ state: "ended", facts: { deletedThere: expect.any(String) } });
  expect(await world.exceptions(id)).toEqual(["DATA_DELETION_DUE"]);
  const [exception] = (await call("GET", `/v1/exceptions?subject=${id}`)).body.items;
  const done = { reason: "Deleted by the data team on the same day" };
  expect((await call("POST", `/v1/exceptions/${exception.id}/close`, done)).status).toBe(200);
  await hint();
  expect(await world.exceptions(id)).toEqual([]);
});
