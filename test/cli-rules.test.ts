/** `cosell rules` against a whole service with simulated AWS, with the example deals and the example rule. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, describe, expect, it } from "vitest";
import { cosell, type Ran } from "./cli-shell.ts";
import { openWorld } from "./world.ts";

const world = await openWorld({ seed: "cli-rules" });
const actorId = await world.service.store.access.actor(world.db.sql, "person", "Ann Admin");
const { secret: token } = await world.service.store.access.createKey(world.db.sql, {
  actorId,
  name: "cli",
  scopes: ["read", "write", "admin"],
  expiresAt: null,
});
const folder = await mkdtemp(join(tmpdir(), "cosell-rules-"));
afterAll(async () => {
  await world.close();
  await rm(folder, { recursive: true });
});
const run = (...words: readonly string[]): Promise<Ran> =>
  cosell(words, { api: async (request) => world.service.app.fetch(request), token });
const jsonOf = async (...words: readonly string[]) => {
  const ran = await run(...words, "--json");
  // biome-ignore lint/suspicious/noExplicitAny: tests look into documents of every command.
  return { code: ran.code, json: ran.json() as any };
};
const file = async (name: string, content: unknown): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};
const example = "European deals from 50,000 EUR";
/** The example's rule for AWS, the one cloud here. */
const exampleFile = await file(
  "example.json",
  JSON.parse(await readFile("examples/share-rules.json", "utf8")).rules[0],
);

describe("cosell rules", () => {
  it("without rules says how to make some", async () => {
    const ran = await run("rules");
    expect([ran.code, ran.out]).toEqual([0, "no share rules; cosell rules save <file.json> makes some\n"]);
    expect((await run("rules", "dry-run")).out).toContain("no enabled rule decides");
  });

  it("tries the example rule over the example deals: totals, reasons, what only the rule says; and saves nothing", async () => {
    expect((await run("import", "examples/deals.csv")).code).toBe(1);
    const ran = await run("rules", "dry-run", exampleFile, "--verdict", "would_share,blocked", "--all");
    expect(ran.code).toBe(0);
    expect(ran.out).toContain(
      "42 deals: 14 would be shared, 0 kept as drafts with gaps, 28 skipped (dry run: nothing was changed)",
    );
    expect(ran.out).toContain("Cold-chain sensors");
    expect(ran.out).toContain("aws.additionalComments");
    expect(ran.out).not.toContain("Demand forecast");
    expect((await jsonOf("rules")).json).toEqual({ rules: [] });
  });

  it("saves a file: checks first, then creates; again, nothing changes; changed, a new version", async () => {
    expect((await run("rules", "save", exampleFile, "--dry-run")).out).toContain("would be created");
    expect((await run("rules", "save", exampleFile)).out).toBe(`${example}: created, version 1\n`);
    expect((await run("rules", "save", exampleFile)).out).toBe(`${example}: unchanged, version 1\n`);
    const changed = await file("one.json", {
      name: example,
      condition: 'account.country == "DE"',
      connection: "AWS (simulated)",
    });
    expect((await run("rules", "save", changed)).out).toBe(`${example}: saved, version 2\n`);
    expect((await run("rules", "save", exampleFile)).out).toBe(`${example}: saved, version 3\n`);
    const shown = await run("rules", "show", example);
    expect(shown.out).toMatch(/version 3/);
    expect(shown.out).toMatch(/2 .* Ann Admin .* account.country == "DE"/);
    expect((await run("rules")).out).toMatch(/1 {2}European deals.*on .*AWS \(simulated\).*co_sell/);
  });

  it("reads a file from stdin as -", async () => {
    const stdin = Object.getOwnPropertyDescriptor(process, "stdin");
    const content = JSON.stringify({ name: example, condition: "true" });
    Object.defineProperty(process, "stdin", { configurable: true, value: Readable.from([content]) });
    const told = await run("rules", "save", "-", "--dry-run");
    if (stdin !== undefined) Object.defineProperty(process, "stdin", stdin);
    expect([told.code, told.out]).toEqual([0, `${example}: would be saved if it differs, version 3\n`]);
  });

  it("tells by file, rule, place and remedy what is refused, and saves none of the file", async () => {
    const wrong = await file("wrong.json", [
      { name: "Good", condition: "true" },
      { name: "Bad", condition: "stag == 'x'", defaults: { "aws.useCase": "Data lake" } },
    ]);
    const ran = await run("rules", "save", wrong);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain("Bad:");
    expect(ran.err).toContain("condition: line 1, column 1: there is no field stag");
    expect(ran.err).toContain("fix: Did you mean stage?");
    expect(ran.err).toContain("defaults.aws.useCase");
    expect((await jsonOf("rules")).json.rules).toHaveLength(1);
    expect((await run("rules", "save", await file("text.json", "{"))).err).toContain("is not JSON");
    expect((await run("rules", "save", await file("none.json", { rules: [] }))).err).toContain("holds no rules");
    expect((await run("rules", "save", join(folder, "gone.json"))).err).toContain("cannot be read");
    const elsewhere = await file("elsewhere.json", { name: "X", condition: "true", connection: "AWS prod" });
    expect((await run("rules", "save", elsewhere)).err).toContain("there is no connection AWS prod");
  });

  it("tells one deal's decision, and lets the rules run over the deals that are here", async () => {
    const told = await run("rules", "dry-run", "--deal", "salesforce:006Hs00001A0114");
    expect(told.out).toContain("→ AWS (simulated): share");
    expect(told.out).toContain(`by rule ${example}, version 3`);
    expect(told.out).toContain("aws.additionalComments is the rule's default");
    const { json: trial } = await jsonOf("rules", "dry-run");
    const { totals } = trial;
    const { json: ran } = await jsonOf("rules", "run");
    expect(ran).toEqual({ deals: 42, shared: totals.would_share, drafts: totals.blocked, skipped: totals.would_skip });
    expect((await run("rules", "run")).out).toContain("0 on their way, 0 kept as drafts");
    const shares = (await jsonOf("shares", "--all")).json.shares as {
      ruleId: string;
      synthetic: { field: string }[];
    }[];
    expect(shares).toHaveLength(totals.would_share + totals.blocked);
    expect(
      shares.every(
        (share: { synthetic: { field: string }[] }) => share.synthetic[0]?.field === "aws.additionalComments",
      ),
    ).toBe(true);
    const story = await run("shares", "salesforce:006Hs00001A0114");
    expect(story.out).toMatch(new RegExp(`made by +rule ${example}, version 3`));
    expect(story.out).toMatch(/only the rule says +aws\.additionalComments: "From our European/);
  });

  it("switches, moves and deletes by name or id, and offers the nearest name", async () => {
    expect(
      (await run("rules", "save", await file("two.json", { name: "All", condition: "true", enabled: false }))).code,
    ).toBe(0);
    expect((await run("rules", "move", "All", "--to", "1")).out).toBe("All is number 1\n");
    const off = await run("rules", "dry-run", "--rule", "All", "--verdict", "would_share");
    expect(off.out).toMatch(/42 deals: [1-9]\d? would be shared/);
    expect((await run("rules", "dry-run", "--verdict", "would_share")).out).toContain("0 would be shared");
    expect((await run("rules", "enable", "All")).out).toBe("All is on, version 2\n");
    expect((await run("rules", "disable", "All")).out).toBe("All is off, version 3\n");
    expect((await run("rules", "move", "All")).code).toBe(2);
    expect((await run("rules", "dry-run", "--verdict", "would_shared")).err).toContain("did you mean would_share?");
    expect((await run("rules", "dry-run", "--rule", "All", "--deal", "salesforce:006Hs00001A0114")).code).toBe(2);
    expect((await run("rules", "dry-run", exampleFile, "--rule", "Europe")).code).toBe(2);
    expect((await run("rules", "enable", "Al")).err).toContain("did you mean All?");
    expect((await run("rules", "delete", "All")).out).toBe("All is deleted\n");
    expect((await jsonOf("rules")).json.rules).toHaveLength(1);
  });

  it("lists the fields with their values, and how conditions are written", async () => {
    const all = await run("rules", "fields");
    for (const word of ["account.country", "aws.useCase", "aws.expectedMonthlySpend.amount", 'currency == "EUR"'])
      expect(all.out).toContain(word);
    expect((await run("rules", "fields", "aws.useCase")).out).toContain("Migration");
    expect((await run("rules", "fields", "xyzzy")).code).toBe(1);
  });
});
