/** Export and import against the real service: what goes out comes back as the same deals, whatever is in them. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { createCsvReader } from "../src/domain/csv.ts";
import { cosell, type Ran } from "./cli-shell.ts";
import naughty from "./vectors/naughty-strings.json" with { type: "json" };
import { openWorld, type World } from "./world.ts";

const directory = mkdtempSync(join(tmpdir(), "cosell-round-"));
let world: World;
let token = "";
beforeAll(async () => {
  world = await openWorld({ seed: "cli" });
  const actorId = await world.service.store.access.actor(world.db.sql, "person", "cli");
  const scopes = ["read", "write", "admin"] as const;
  token = (await world.service.store.access.createKey(world.db.sql, { actorId, name: "cli", scopes, expiresAt: null }))
    .secret;
});
afterAll(async () => {
  await world.close();
  rmSync(directory, { recursive: true, force: true });
});

const here = (...words: readonly string[]): Promise<Ran> =>
  cosell(words, {
    token,
    api: async (request) => world.service.app.fetch(request),
    settle: async () => void (await world.timeline.settle()),
  });
const counts = (ran: Ran) =>
  z
    .object({
      counts: z.object({
        rows: z.number(),
        created: z.number(),
        updated: z.number(),
        unchanged: z.number(),
        refused: z.number(),
      }),
    })
    .parse(ran.json()).counts;
const cellsOf = (text: string) => {
  const reader = createCsvReader(",");
  return [...reader.push(text), ...reader.end()].map((row) => row.cells);
};

test("the example export goes in but for its duplicate, again unchanged, and qualifies or tells why not", async () => {
  const first = await here("import", "examples/deals.csv", "--json");
  expect(first.err).toBe("");
  expect(counts(first)).toMatchObject({ created: 42, refused: 1 });
  expect(first.code).toBe(1);
  expect(counts(await here("import", "examples/deals.csv", "--json"))).toMatchObject({
    created: 0,
    updated: 0,
    unchanged: 42,
  });
  const shared = await here("share", "--all", "--to", "aws", "--dry-run", "--json");
  expect(shared.code).toBe(0);
  const gapsSchema = z.array(z.object({ field: z.string(), fix: z.string().min(1) }));
  const { connections, deals } = z
    .object({
      connections: z.array(z.object({ counts: z.object({ shared: z.number(), refused: z.number() }) })),
      deals: z.array(z.object({ title: z.string(), clouds: z.array(z.object({ gaps: gapsSchema })) })),
    })
    .parse(shared.json());
  expect(connections.map(({ counts: shares }) => shares)).toMatchObject([{ shared: 33, refused: 9 }]);
  const gapsOf = (title: string) =>
    deals.find((deal) => deal.title === title)?.clouds.flatMap(({ gaps }) => gaps.map((gap) => gap.field)) ?? [];
  expect(gapsOf("Catch tracing")).toEqual(["problem"]);
  expect(gapsOf("Freezer energy savings")).toEqual(["closeDate"]);
  expect(gapsOf("Container scheduling")).toEqual(["amount"]);
  expect(gapsOf("Fan app")).toEqual(["account.industry"]);
  expect(gapsOf("Early talk: archive")).toEqual(["stage"]);
  expect(gapsOf("Chatbot for a water utility").length).toBeGreaterThan(5);
});

test("the Salesforce example goes in by its mapping", async () => {
  const ran = await here(
    "import",
    "examples/deals-salesforce.csv",
    "--mapping",
    "examples/mapping-salesforce.json",
    "--json",
  );
  expect(ran.err).toBe("");
  expect(counts(ran)).toMatchObject({ rows: 4, created: 4 });
});

test("an export holds no formula and imports back unchanged, naughty strings in every field included", async () => {
  // A text of the database holds no zero character, and titles are kept without spaces around them.
  const all = naughty.strings.filter((text) => !text.includes("\0") && text.trim() !== "" && text.length <= 255);
  const texts = all.filter((_, index) => index % 8 === 0);
  for (const [index, text] of texts.entries()) {
    const other = texts[(index * 7 + 3) % texts.length] ?? text;
    const saved = await world.call("POST", "/v1/opportunities", {
      source: "naughty",
      key: `n${index}`,
      title: text,
      account: { name: other, city: text, country: "DE", industry: other },
      contacts: [
        { role: "owner", email: `owner${index}@vendor.example`, firstName: text.slice(0, 80).trim() || "x" },
        { role: "customer", email: `c${index}@customer.example`, lastName: "=1+1" },
        { role: "customer", email: `d${index}@customer.example`, phone: "+4930123" },
      ],
      problem: `${index % 2 === 0 ? "" : " \n"}${text} `,
      nextSteps: index % 3 === 0 ? "" : text,
      programmes: {
        aws: {
          useCase: text,
          solutions: [text, other, "a;b\\"],
          nationalSecurity: index % 2 === 0,
          marketing: { source: "None", channels: [], note: null },
          additionalComments: ["json:", 1, { deep: [text] }],
        },
      },
    });
    expect(saved.status, JSON.stringify([text, saved.body])).toBeLessThan(300);
  }
  const path = join(directory, "all.csv");
  expect((await here("export", "--output", path)).code).toBe(0);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const rows = cellsOf(readFileSync(path, "utf8"));
  expect(rows.length).toBe(1 + 42 + 4 + texts.length);
  for (const row of rows) for (const cell of row) expect(cell).not.toMatch(/^[=+\-@\t\r\n\0]/);
  expect(rows[0]).toContain("customer2Email");
  expect(rows[0]).toContain("aws.marketing.source");
  const again = await here("import", path, "--json");
  expect(again.err).toBe("");
  expect(counts(again)).toMatchObject({ created: 0, updated: 0, unchanged: rows.length - 1, refused: 0 });
}, 60_000);

test("an export on stdout and as JSON hold the same deals", async () => {
  const csv = cellsOf((await here("export", "--source", "salesforce")).out);
  const json = z
    .object({ deals: z.array(z.object({ key: z.string() })) })
    .parse((await here("export", "--source", "salesforce", "--json")).json());
  expect(json.deals.map((deal) => deal.key)).toEqual(csv.slice(1).map((row) => row[1]));
  expect((await here("export", "--bom")).out.charCodeAt(0)).toBe(0xfeff);
});

test("an export that cannot be written leaves nothing behind and says so", async () => {
  writeFileSync(join(directory, "plain"), "x");
  const ran = await here("export", "--output", join(directory, "plain", "deals.csv"));
  expect(ran.code).toBe(1);
  expect(ran.err).toMatch(/cannot be written.*fix: /s);
});

test("shares move in the table, in one share's story and in sync, and can be withdrawn", async () => {
  const keys = ["006Hs00001A0107", "006Hs00001A0135", "006Hs00001A0394", "006Hs00001A0457"];
  const shared = await here("share", "--to", "aws", ...keys.map((key) => `salesforce:${key}`));
  expect(shared.out).toMatch(/4 deals: 3 on their way, 1 kept as drafts with gaps/);
  expect(shared.out).toMatch(/006Hs00001A0394 +problem/);
  const list = await here("shares");
  expect(list.out).toContain("1 deal has no sourced or influenced tag");
  expect(list.out).toContain("株式会社さくらマート");
  const moved = await here("sync", "--json");
  expect(moved.code).toBe(0);
  expect(z.object({ moved: z.array(z.object({ to: z.string() })).min(1) }).parse(moved.json()).moved[0]?.to).toMatch(
    /submit|review/,
  );
  const story = await here("shares", "salesforce:006Hs00001A0107");
  expect(story.code).toBe(0);
  expect(story.out).toMatch(/deal +salesforce:006Hs00001A0107 Demand forecast/);
  expect(story.out).toMatch(/next +\S/);
  expect(story.out).toMatch(/writes to the partner[\s\S]*CreateOpportunity/);
  expect(story.out).toMatch(/what happened[\s\S]*created/);
  const withdrawn = await here(
    "withdraw",
    "salesforce:006Hs00001A0394",
    "--reason",
    "The customer cancelled",
    "--json",
  );
  expect(withdrawn.json()).toMatchObject({ state: "withdrawn" });
});

test("a person is forgotten: the next export does not name them", async () => {
  const email = "d.whitfield@harborline.example";
  expect((await here("export")).out).toContain(email);
  const forgotten = await here("forget", email, "--yes", "--json");
  expect(forgotten.json()).toMatchObject({ contacts: 2 });
  expect((await here("export")).out).not.toContain(email);
});
