/** `cosell capabilities`: every no has its reason, and what is only an example is told as such. */
import { expect, test } from "vitest";
import { createMarketplaces } from "../adapters/marketplaces.ts";
import { createRegistry } from "../adapters/registry.ts";
import { createSystemClock } from "../src/clock.ts";
import { ok } from "../src/domain/fault.ts";
import { exampleOffer } from "../src/http/capabilities.ts";
import { cosell, fakeApi, listRoute } from "./cli-shell.ts";
import { testIds } from "./ids.ts";

const clock = createSystemClock();
const registry = createRegistry(
  {
    clock,
    ids: testIds,
    secrets: { get: async () => null, rotate: async () => false },
    httpFor: () => () => Promise.reject(new Error("nothing may be contacted")),
    quotaFor: () => ({ take: async () => ok(null) }),
  },
  createMarketplaces(),
);
const marketplaces = registry.marketplaces.map((marketplace) => ({
  id: marketplace.id,
  name: marketplace.name,
  ...exampleOffer({ registry, clock }, marketplace),
  connection: null,
}));
const [aws] = marketplaces;
const connection = {
  id: `con_${"a".repeat(32)}`,
  marketplace: "aws",
  label: "AWS production",
  account: "123456789012",
  environment: "production",
  state: "active",
  capabilities: { ...aws?.capabilities, hooks: false },
  lacks: { ...aws?.lacks, hooks: "no key is set" },
};
const { api } = fakeApi(listRoute("/v1/marketplaces", marketplaces), listRoute("/v1/connections", [connection]));

test("every marketplace is a column: yes, or no and why, and which of them nobody has connected", async () => {
  const { code, out } = await cosell(["capabilities"], { api, columns: 2_000 });
  expect(code).toBe(0);
  const text = out.replace(/\s+/g, " ");
  for (const { name } of marketplaces) expect(text).toContain(name);
  expect(text).toContain("not connected, as its example");
  expect(out).toMatch(/^coSell +yes/m);
  for (const { lacks } of marketplaces)
    for (const reason of Object.values(lacks ?? {})) expect(text).toContain(`no: ${reason}`);
});

test("a connection is told as it is set up", async () => {
  const { out } = await cosell(["capabilities", "AWS production"], { api });
  expect(out).toContain("AWS production");
  expect(out).toMatch(/^hooks +no: no key is set/m);
});

test("--json holds capabilities and reasons, each name in exactly one of the two", async () => {
  const { out } = await cosell(["capabilities", "--json"], { api });
  const { marketplaces: told } = JSON.parse(out);
  expect(told).toHaveLength(marketplaces.length);
  for (const { capabilities, lacks, connection: whose } of told) {
    expect(whose).toBeNull();
    const names = Object.entries(capabilities).flatMap(([name, has]) => (has ? [] : [name]));
    expect(Object.keys(lacks).toSorted()).toEqual(names.toSorted());
  }
});
