/** Google by hand in Partner Network Hub: the same life as through its API, with no account of theirs and nothing sent. */
import { afterAll, expect, it } from "vitest";
import { createGcp } from "../adapters/gcp/index.ts";
import { openHand } from "./assisted-world.ts";
import { dealInput } from "./store-fixture.ts";

const at = await openHand("assisted-gcp", {
  instead: {
    marketplace: createGcp(),
    connection: {
      account: "aBcDeFgHiJ",
      settings: { partnerId: "aBcDeFgHiJ", mode: "assisted", defaults: { legalLanguageAccepted: true } },
    },
  },
});
afterAll(at.close);
const { call, timeline, taskOf, done, tell, story } = at;

const deal = (more: Parameters<typeof dealInput>[1] = {}) =>
  dealInput("G1", {
    account: {
      ...{ name: "Lumen Freight", website: "lumenfreight.example", country: "US", state: "California" },
      ...{ city: "San Jose", postalCode: "95110", street: "1 Main Street", industry: "Software" },
    },
    programmes: {
      gcp: {
        ...{ productFamily: ["GOOGLE_CLOUD_PLATFORM"], supportLevel: "ALIGN_SALES_ACCOUNT", employeeCount: 120 },
        ...{
          deliveryModel: "SAAS_ON_GOOGLE_CLOUD",
          contractVehicle: "GOOGLE_CLOUD_MARKETPLACE",
          region: "NORTH_AMERICA",
        },
      },
    },
    ...more,
  });

it("goes from the filled form by its deal number to acceptance, change and win, and never asks Google", async () => {
  const shareId = await at.share(deal());
  const task = await taskOf(shareId);
  const fields = task.fields.map(({ field }) => field);
  expect(new Set(fields).size).toBe(fields.length);
  const typed = new Map(task.fields.map(({ label, value }) => [label, value]));
  expect(
    Object.fromEntries([...typed].filter(([label]) => /name$|value|Budget|Authority|Need|Timeline|phase/.test(label))),
  ).toEqual({
    "Customer name": "Lumen Freight",
    "Opportunity name": expect.stringContaining("Deal G1"),
    "Total contract value": "USD 120000.00",
    // Nobody said anything of these, so nothing is asserted.
    ...{ Budget: "", Authority: "", Need: "", Timeline: "", "Decision phase": "" },
  });
  const wrong = await done(task.id, { number: "0065g00000" });
  expect([wrong.status, wrong.body.detail]).toEqual([422, expect.stringContaining("it must be DR- followed by")]);
  await done(task.id, { number: "dr-AbC123" });
  expect((await call("GET", `/v1/tasks/${task.id}`)).body).toMatchObject({ state: "done", number: "DR-AbC123" });
  expect((await tell(shareId, { status: "rejected", reason: "say more of the workload" })).body.share).toMatchObject({
    ...{ state: "needs_action", reason: "say more of the workload" },
  });
  await call("POST", "/v1/opportunities", deal({ problem: "Planning takes two days; it moves to BigQuery and GKE." }));
  await timeline.settle();
  const revise = await taskOf(shareId);
  expect(revise.fields.map(({ label }) => label)).toEqual(["Description"]);
  expect((await done(revise.id)).body.share.state).toBe("submitted");
  expect(
    (await tell(shareId, { status: "ACCEPTED", stage: "qualify", owner: "fsr@google.example" })).body.share.state,
  ).toBe("accepted");
  expect(await story(shareId)).toMatchObject({ people: [{ email: "fsr@google.example" }], edits: expect.any(Array) });
  expect((await tell(shareId, { status: "CLOSED_WON" })).body.share.state).toBe("won");
  expect(at.called).toEqual([]);
});

it("has no withdrawal, and says so; what nobody registered yet can be taken back", async () => {
  const shareId = await at.share({ ...deal(), key: "G2" });
  await call("POST", `/v1/shares/${shareId}/withdraw`, { reason: "too early" });
  await timeline.settle();
  expect((await story(shareId)).state).toBe("withdrawn");
  const registered = await at.registered({ ...deal(), key: "G3" }, "DR-G3");
  const refused = await call("POST", `/v1/shares/${registered}/withdraw`, { reason: "too late" });
  expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining("has no withdrawal")]);
});
