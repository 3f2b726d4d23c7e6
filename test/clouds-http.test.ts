/** One deal at three clouds over HTTP: shared by one request, followed side by side, and by rules that name any of them. */
import { afterAll, describe, expect, test } from "vitest";
import { simulatedGcp } from "../adapters/gcp/simulator/cloud.ts";
import type { MarketplaceId } from "../src/domain/deal.ts";
import { cloudsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const clouds = ["aws", "azure", "gcp"] as const;
const world = await openWorld({ seed: "clouds", clouds, sweepCron: "TZ=UTC 0 */6 * * *" });
const { call, timeline } = world;
afterAll(() => world.close());

const idOf = (cloud: MarketplaceId): string => world.connections[cloud] ?? "none";
const all = clouds.map(idOf);
const save = async (key: string, change: Parameters<typeof cloudsDeal>[1] = {}): Promise<string> =>
  (await call<{ id: string }>("POST", "/v1/opportunities", cloudsDeal(key, change))).body.id;
interface Cloud {
  readonly connectionId: string;
  readonly marketplace: MarketplaceId;
  readonly outcome: string;
  readonly shareId: string | null;
  readonly state: string;
  readonly gaps: readonly { readonly field: string }[];
  readonly notices: readonly string[];
  readonly next: string;
}
const share = (id: string, body: object) =>
  call<{ clouds: readonly Cloud[]; detail: string; errors: readonly { message: string }[] }>(
    "POST",
    `/v1/opportunities/${id}/clouds`,
    { connectionIds: all, ...body },
  );
interface Sides {
  readonly next: string;
  readonly clouds: readonly Cloud[];
  readonly differences: readonly {
    readonly field: string;
    readonly value: unknown;
    readonly clouds: readonly { readonly connectionId: string; readonly value: unknown; readonly why: string | null }[];
  }[];
}
const sides = async (id: string): Promise<Sides> => (await call<Sides>("GET", `/v1/opportunities/${id}/clouds`)).body;
/** Too short for AWS alone. */
const short = { problem: "They plan by hand." };

describe("sharing a deal with several clouds", () => {
  test("a dry run tells what each gets, lacks and cannot undo, and saves nothing", async () => {
    const id = await save("plan", short);
    const { status, body } = await share(id, { dryRun: true });
    expect(status).toBe(200);
    expect(body.clouds.map(({ marketplace, outcome, shareId }) => [marketplace, outcome, shareId])).toEqual([
      ["aws", "gaps", null],
      ["azure", "goes_out", null],
      ["gcp", "goes_out", null],
    ]);
    expect(body.clouds[0]?.gaps.map(({ field }) => field)).toEqual(["problem"]);
    expect(body.clouds[1]?.notices.join(" ")).toMatch(/cannot be undone/);
    expect((await sides(id)).clouds).toEqual([]);
  });

  test("without keepDrafts a gap at one cloud keeps all of them from getting anything", async () => {
    const id = await save("strict", short);
    const { status, body } = await share(id, {});
    expect(status).toBe(422);
    expect(body.detail).toMatch(/^AWS \(simulated\): /);
    expect(body.errors[0]?.message).toMatch(/^AWS \(simulated\): /);
    expect((await sides(id)).clouds).toEqual([]);
  });

  test("with keepDrafts the cloud with gaps keeps a draft; asked again nothing changes; mended it goes out", async () => {
    const id = await save("drafts", short);
    const first = await share(id, { keepDrafts: true });
    expect(first.body.clouds.map(({ outcome, state }) => [outcome, state])).toEqual([
      ["gaps", "draft"],
      ["goes_out", "ready"],
      ["goes_out", "ready"],
    ]);
    const again = await share(id, { keepDrafts: true });
    expect(again.body.clouds.map(({ outcome, shareId }) => [outcome, shareId])).toEqual(
      first.body.clouds.map(({ shareId }) => ["open_already", shareId]),
    );
    await timeline.advance(300_000);
    const before = await sides(id);
    expect(before.next).toMatch(/^AWS \(simulated\): Mend problem/);
    expect(before.clouds.map(({ marketplace, state }) => [marketplace, state])).toEqual([
      ["aws", "draft"],
      ["gcp", "submitted"],
      ["azure", "in_review"],
    ]);
    await save("drafts");
    await timeline.advance(300_000);
    expect((await sides(id)).clouds[0]).toMatchObject({ marketplace: "aws", state: "submitted" });
  });

  test("a connection that does not exist is named, and nothing is saved", async () => {
    const id = await save("nowhere");
    const { status } = await share(id, { connectionIds: [idOf("gcp"), `con_${"0".repeat(32)}`] });
    expect(status).toBe(422);
    expect((await sides(id)).clouds).toEqual([]);
  });
});

describe("side by side", () => {
  test("an edit that one cloud takes and the others freeze is told with each cloud's value and why", async () => {
    const id = await save("differ");
    await share(id, {});
    await timeline.advance(600_000);
    expect((await sides(id)).differences).toEqual([]);
    await save("differ", { closeDate: "2027-05-31" });
    await timeline.advance(600_000);
    const { differences, clouds: told } = await sides(id);
    const closing = differences.find(({ field }) => field === "closeDate");
    expect(closing?.value).toBe("2027-05-31");
    const why = new Map(closing?.clouds.map((cloud) => [cloud.connectionId, [cloud.value, cloud.why]]));
    expect(why.get(idOf("aws"))).toEqual(["2027-03-31", "frozen"]);
    expect(why.get(idOf("gcp"))).toEqual(["2027-03-31", "frozen"]);
    expect(why.get(idOf("azure"))).toEqual(["2027-05-31", null]);
    expect(told.find(({ marketplace }) => marketplace === "gcp")?.next).toMatch(/edits \(closeDate\) are kept/);
  });
});

test("share rules address any cloud: each rule's deals go to its own connection", async () => {
  for (const cloud of clouds) {
    const rule = { name: `to ${cloud}`, connectionId: idOf(cloud), condition: `title == "For ${cloud}"` };
    const saved = await call("POST", "/v1/share-rules", { ...rule, involvement: "co_sell", enabled: true });
    expect(saved.status).toBe(201);
  }
  for (const cloud of clouds) {
    const id = await save(`rule-${cloud}`, { title: `For ${cloud}` });
    await timeline.advance(300_000);
    const told = (await sides(id)).clouds;
    expect(told.map(({ marketplace }) => marketplace)).toEqual([cloud]);
    expect(["submitted", "in_review"]).toContain(told[0]?.state);
  }
});

test("a simulated connection whose simulator is not here says so, and which address would help", async () => {
  const lonely = await openWorld({ seed: "lonely", clouds: ["aws"] });
  try {
    const asked = await lonely.call<{ detail: string }>("POST", "/v1/connections", simulatedGcp.connection());
    expect(asked.status).toBe(422);
    expect(asked.body.detail).toMatch(/no simulator of gcp runs in this service[\s\S]*npx cosell simulator/);
    const kept = await lonely.call<{ connection: { id: string } }>("POST", "/v1/connections", {
      ...simulatedGcp.connection("http://127.0.0.1:9/gcp"),
      check: false,
    });
    const connectionId = kept.body.connection.id;
    await lonely.db.sql`update connection set settings = settings - 'endpoint' where id = ${connectionId}`;
    const deal = await lonely.call<{ id: string }>("POST", "/v1/opportunities", cloudsDeal("lonely"));
    const shared = await lonely.call<{ detail: string }>("POST", `/v1/opportunities/${deal.body.id}/clouds`, {
      connectionIds: [connectionId],
    });
    expect(shared.status).toBe(422);
    expect(shared.body.detail).toMatch(/no simulator of gcp/);
  } finally {
    await lonely.close();
  }
});
