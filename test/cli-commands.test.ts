/** The command line against a service that is all the test's: words in, words out, exit codes, JSON. */
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { commands } from "../src/cli/commands.ts";
import { cosell, fakeApi, listRoute, type Route } from "./cli-shell.ts";

const id = (prefix: string, digit = "a"): string => `${prefix}_${digit.repeat(32)}`;
const connection = {
  id: id("con"),
  marketplace: "aws",
  label: "AWS production",
  account: "123456789012",
  environment: "production",
  state: "active",
  parkedReason: null,
};
const connections = listRoute("/v1/connections", [connection]);
const deal = { id: id("opp"), source: "sf", key: "1", title: "Data lake", stage: "qualified", tag: null };
const deals: Route = (call) =>
  call.method === "GET" && call.path === "/v1/opportunities"
    ? {
        body: {
          items: call.query.key === "404" ? [] : [deal, { ...deal, id: id("opp", "b"), key: "2", stage: "prospect" }],
          next: null,
        },
      }
    : undefined;
describe("help and usage", () => {
  test.each(commands.map((command) => [command.name, command] as const))(
    "cosell help %s tells usage, every flag and an example",
    async (name, command) => {
      const { code, out } = await cosell(["help", ...name.split(" ")]);
      expect(code).toBe(0);
      expect(out).toContain(`usage: cosell ${name}`);
      for (const flag of command.flags) expect(out).toContain(`--${flag.name}`);
      for (const example of command.examples) expect(example.startsWith("cosell ")).toBe(true);
      expect(command.examples.length).toBeGreaterThan(0);
      expect((await cosell([...name.split(" "), "--help"])).out).toBe(out);
      expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
    },
  );

  test("without words there is the overview, with every command in it", async () => {
    const { code, out } = await cosell([]);
    expect(code).toBe(0);
    for (const command of commands) expect(out).toContain(`  ${command.name} `);
  });

  test.each<[string, RegExp]>([
    ["imprt x.csv", /unknown command imprt; did you mean import\?/],
    ["xyzzyplugh", /unknown command xyzzyplugh$/m],
    ["connect", /connect is not complete: there is connect aws/],
    ["connect oracle", /connect oracle is not complete/],
    ["help imprt", /did you mean import/],
    ["import", /cosell import needs <file.csv>/],
    ["import a.csv b.csv", /does not take "b.csv"/],
    ["import a.csv --dryrun", /unknown flag --dryrun; did you mean --dry-run\?/],
    ["import a.csv --source", /--source needs a value: --source <crm>/],
    ["import a.csv --source --dry-run", /--source needs a value, but --dry-run follows/],
    ["import a.csv --dry-run=yes", /--dry-run takes no value/],
    ["share", /say which deals/],
    ["share sf:1 --all", /say which deals/],
    ["share nonsense", /names no deal/],
    ["shares --state acepted", /--state acepted is unknown; did you mean accepted\?/],
    ["shares --limit none", /--limit none is no count/],
    ["withdraw sf:1", /needs a reason/],
    ["export --format xml", /--format xml is unknown/],
    ["keys revoke 12", /12 is no id of a key/],
    ["forget nobody --yes", /is no e-mail address/],
    ["simulator --port 99999", /is no port/],
    ["simulator --destination http://x", /belong together/],
    ["connect aws --account 12 --profile p", /not twelve digits/],
    ["connect aws --profile a --role-arn b --account 123456789012", /more than one kind/],
    ["connect aws --account 123456789012", /access key id is missing/],
  ])("cosell %s is a usage fault: 2, with what was meant", async (words, message) => {
    const { code, err } = await cosell(words.split(" "), { api: fakeApi(connections, deals).api });
    expect(err).toMatch(message);
    expect(err).toMatch(/fix: /);
    expect(code).toBe(2);
  });
});

describe("--json", () => {
  test.each<[string, Route[]]>([
    ["connections", [connections]],
    ["shares", [listRoute("/v1/shares", [])]],
    ["events", [listRoute("/v1/events", [])]],
    ["exceptions", [listRoute("/v1/exceptions", [])]],
    ["keys", [listRoute("/v1/keys", [])]],
    ["export", [listRoute("/v1/opportunities", [])]],
    ["help", []],
    ["nonsense", []],
    ["shares sf:404", [deals]],
  ])("cosell %s --json ends in one document on stdout, also when it fails", async (words, routes) => {
    const { out, json, code } = await cosell([...words.split(" "), "--json"], { api: fakeApi(...routes).api });
    expect(out.trimEnd().split("\n")).toHaveLength(1);
    expect(typeof json()).toBe("object");
    expect(code === 0).toBe(!("error" in z.object({}).loose().parse(json())));
  });
});

describe("answers of the service", () => {
  test("a problem is told with title, detail, each field and its remedy", async () => {
    const { api } = fakeApi(() => ({
      status: 422,
      body: {
        title: "The body does not fit",
        detail: "label: too long",
        errors: [{ field: "label", code: "x", message: "too long", fix: "shorten it" }],
      },
    }));
    const { err, code } = await cosell(["connections"], { api });
    expect(err).toContain("error: The body does not fit: label: too long\n  label: too long\n    fix: shorten it");
    expect(code).toBe(1);
  });

  test("a missing right says which key helps; an unknown form says which version", async () => {
    const denied = await cosell(["keys"], {
      api: fakeApi(() => ({ status: 403, body: { title: "The API key lacks the scope", detail: "admin" } })).api,
    });
    expect(denied.err).toMatch(/fix: use a key with the scope/);
    const strange = await cosell(["keys"], { api: fakeApi(() => ({ body: { rows: [] } })).api });
    expect(strange.err).toMatch(/a form this version does not know[\s\S]*same version/);
  });

  test("a busy service is waited for, with one idempotency key for all attempts, and not for ever", async () => {
    const keys: (string | null)[] = [];
    let turn = 0;
    const { code } = await cosell(["forget", "a@b.example", "--yes"], {
      api: async (request) => {
        keys.push(request.headers.get("idempotency-key"));
        turn += 1;
        return turn < 3
          ? new Response("{}", { status: 503, headers: { "retry-after": "0" } })
          : Response.json({ contacts: 1, bodies: 0, requests: 0 });
      },
    });
    expect(code).toBe(0);
    expect(new Set(keys).size).toBe(1);
    expect(keys).toHaveLength(3);
    const never = await cosell(["keys"], { api: async () => new Response("{}", { status: 503 }) });
    expect(never.code).toBe(1);
  });

  test("a service that cannot be reached is named, with what to check", async () => {
    const { err, code } = await cosell(["shares"], {
      api: async () => {
        throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") });
      },
    });
    expect(err).toMatch(/does not answer: connect ECONNREFUSED[\s\S]*fix: check the address/);
    expect(code).toBe(1);
  });

  test("every request carries the token", async () => {
    const { api, calls } = fakeApi(listRoute("/v1/shares", []));
    await cosell(["shares"], { api, token: "cosell_abc" });
    expect(calls.map((call) => call.token)).toEqual(["Bearer cosell_abc"]);
  });
});

describe("shares", () => {
  const share = (key: string, state: string) => ({
    id: id("shr", key),
    opportunityId: id("opp"),
    connectionId: id("con"),
    state,
    source: "sf",
    key,
    title: `Deal ${key}`,
    accountName: "Acme",
    marketplace: "aws",
    tag: "sourced",
  });

  test("the table is sorted by deal, paged, counted", async () => {
    const { api } = fakeApi(listRoute("/v1/shares", [share("3", "won"), share("1", "draft"), share("2", "won")]));
    const { out } = await cosell(["shares", "--limit", "2"], { api });
    expect(
      out
        .split("\n")
        .slice(2, 4)
        .map((line) => line.slice(0, 11)),
    ).toEqual(["sf:1 Deal 1", "sf:2 Deal 2"]);
    expect(out).toContain("3 shares: 1 draft, 2 won");
    expect(out).toContain("2 of 3 shown; --all shows all");
  });

  test("watching tells what moves until it is stopped", async () => {
    const stop = new AbortController();
    let round = 0;
    const { api } = fakeApi((call) => {
      if (call.path !== "/v1/shares") return undefined;
      round += 1;
      if (round === 3) stop.abort();
      return { body: { items: [share("1", round < 2 ? "submitted" : "in_review")], next: null } };
    });
    const { out, code } = await cosell(["shares", "--watch"], { api, stopped: stop.signal });
    expect(code).toBe(0);
    expect(out).toContain("sf:1 Deal 1: submitted → in_review; next: Wait for the review");
  });

  test("sync of a service elsewhere waits until nothing moves, and tells what did", async () => {
    let looks = 0;
    const { api, calls } = fakeApi(connections, (call) => {
      if (call.path !== "/v1/shares") return call.method === "POST" ? { status: 202, body: {} } : undefined;
      looks += 1;
      return { body: { items: [share("1", looks < 4 ? "submitted" : "accepted")], next: null } };
    });
    const { out } = await cosell(["sync"], { api });
    expect(calls.filter((call) => call.method === "POST").map((call) => call.path)).toEqual([
      `/v1/connections/${connection.id}/sweep`,
    ]);
    expect(out).toContain("sf:1 Deal 1: submitted → accepted");
    expect(out).toContain("1 connection swept: 1 share moved");
  });
});
