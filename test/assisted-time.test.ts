/** A share that waits for a person waits quietly: no sweep asks the partner, no run is taken up, one reminder comes and goes. */
import { afterAll, expect, it } from "vitest";
import { day, openHand } from "./assisted-world.ts";
import { dealInput } from "./store-fixture.ts";

const at = await openHand("assisted-time", { taskDays: 2 });
afterAll(at.close);
const { timeline, call, taskOf, done, share } = at;

it("reminds once of an open task when its day has come, asks nobody at the partner meanwhile, and the exception closes with the task", async () => {
  const shareId = await share(dealInput("T1"));
  const { id } = await taskOf(shareId);
  const pushes = async () => (await at.told(shareId)).filter((name) => name === "share.push.requested").length;
  expect(await pushes()).toBe(1);
  await timeline.advance(1.9 * day);
  expect(await at.exceptions(shareId)).toEqual([]);
  await timeline.advance(0.5 * day);
  expect(await at.exceptions(shareId)).toEqual(["TASK_WAITING"]);
  expect((await call("GET", `/v1/tasks/${id}`)).body.isOverdue).toBe(true);
  await timeline.advance(0.5 * day);
  expect((await at.told(shareId)).filter((name) => name === "exception.opened")).toHaveLength(1);
  expect([await pushes(), at.called]).toEqual([1, []]);
  const doctor = (await call("POST", `/v1/connections/${at.connectionId}/diagnose`)).body;
  expect(JSON.stringify(doctor)).toContain("people do it in Small Hub. 1 open, 1 of them overdue");
  await done(id, { number: "DR-401" });
  expect(await at.exceptions(shareId)).toEqual([]);
  // What stands at the partner cannot be looked at, by hand or by the clock.
  const sync = await call("POST", `/v1/shares/${shareId}/sync`);
  expect([sync.status, sync.body.detail]).toEqual([409, expect.stringContaining("Nothing of this connection is read")]);
  await timeline.advance(2 * day);
  expect(at.called).toEqual([]);
  const { items } = (await call("GET", "/v1/runs?state=failed")).body;
  const complaints = at.logged.filter((line) => !line.startsWith("info"));
  expect([items, complaints]).toEqual([[], []]);
});
