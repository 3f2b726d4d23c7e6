/** Tasks on the command line, against a real service: what to do by hand, how it ends, and a file of statuses judged whole. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { openHand } from "./assisted-world.ts";
import { cosell } from "./cli-shell.ts";
import { dealInput } from "./store-fixture.ts";

const at = await openHand("cli-tasks");
const directory = mkdtempSync(join(tmpdir(), "cosell-tasks-"));
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await at.close();
});
const { share, registered, taskOf, story } = at;

const run = (...words: readonly string[]) =>
  cosell(words, {
    api: async (request) => at.service.app.fetch(request),
    token: at.token,
    settle: async () => void (await at.timeline.settle()),
  });
const file = (text: string): string => {
  const path = join(directory, "statuses.csv");
  writeFileSync(path, text);
  return path;
};

it("lists what is to do, shows the form with the words that end it, prints it, and says it is done by the deal's key", async () => {
  expect((await run("tasks")).out).toBe("nothing has to be done by hand\n");
  const shareId = await share(dealInput("K1"));
  const { id } = await taskOf(shareId);
  const listed = await run("tasks");
  expect(listed.out).toMatch(new RegExp(`test:K1 Deal K1 +Lumen Freight +create +Hub partner-1 +open +0 d +${id}`));
  expect(listed.out).toContain("1 task\n");
  const shown = await run("tasks", "show", "test:K1");
  expect(shown.out).toContain("1. Choose New deal.\n");
  expect(shown.out).toContain(`3. cosell tasks done ${id} --number DR-1234567 --form 1\n`);
  expect(shown.out).toMatch(/Customer's e-mail +carl@lumenfreight\.example/);
  expect(shown.out).toMatch(/Next step +\(empty\)/);
  expect(shown.out).toMatch(/ACCEPTED +they work on it with us/);
  const page = join(directory, "task.html");
  expect((await run("tasks", "print", id, "--output", page)).out).toBe(`${page} shows ${id}\n`);
  expect(readFileSync(page, "utf8")).toContain("<h1>Register a deal by hand</h1>");
  const shares = await run("shares", "test:K1");
  expect(shares.out).toMatch(/^by hand +create, a person's task: tsk_/m);
  expect(shares.out).toMatch(/^next +Do its task at Google by hand/m);
  const done = await run("tasks", "done", "test:K1", "--number", "DR-1");
  expect([done.code, done.out]).toEqual([0, `${id} (create) is done; its share ${shareId} is submitted\n`]);
  expect((await run("shares")).out).toContain("Look there, and tell what comes of it: cosell tasks tell.");
  expect((await run("tasks", "--state", "done", "--json")).json()).toMatchObject({
    total: 1,
    tasks: [{ number: "DR-1" }],
  });
});

it("refuses in words: a wrong number, another share's, an unknown state, nothing to tell, nothing to do", async () => {
  await registered(dealInput("K2"), "DR-2");
  await share(dealInput("K3"));
  const fails = async (says: string, ...words: readonly string[]) => {
    const { code, err } = await run(...words);
    expect([code === 0, err]).toEqual([false, expect.stringContaining(says)]);
  };
  await fails("it must be DR- and digits", "tasks", "done", "test:K3", "--number", "K3");
  await fails("DR-2 is the number of another share: Deal K2", "tasks", "done", "test:K3", "--number", "DR-2");
  await fails("--form x is no count", "tasks", "done", "test:K3", "--form", "x");
  await fails("--state late is unknown", "tasks", "--state", "late");
  await fails("needs a reason", "tasks", "cancel", "test:K3");
  await fails("needs something to tell", "tasks", "tell", "test:K2");
  await fails("people do the partner's side there by hand", "sync");
  await fails("use one of SUBMITTED, ACCEPTED", "tasks", "tell", "test:K2", "--status", "WON");
  await at.save(dealInput("K4"));
  await fails("is not shared", "tasks", "show", "test:K4");
  expect((await run("tasks", "cancel", "test:K3", "--reason", "later")).out).toContain("is needs_action");
  expect((await run("tasks", "tell", "test:K2", "--status", "ACCEPTED")).out).toContain("is now accepted");
  expect((await run("tasks", "tell", "test:K2", "--stage", "REFINE")).out).toContain("stays accepted");
});

it("imports statuses by header name in any order; a dry run and the same file again change nothing", async () => {
  const one = await registered(dealInput("K5"), "DR-5");
  const two = await registered(dealInput("K6"), "DR-6");
  const path = file(
    'Status;Number;Notes;Owner;Reason\r\nACCEPTED;DR-5;x;"Gail Seller <gail@hub.example>";\r\nNOT_ACCEPTED;dr-6;;;"too ""small"""\r\n',
  );
  const ignoring = ["--ignore", "Notes"];
  const trial = await run("tasks", "import", path, ...ignoring, "--dry-run");
  expect(trial.out).toMatch(/2 +DR-5 +Deal K5 +submitted → accepted/);
  expect(trial.out).toContain("2 rows: 2 would move, 0 without a new state (dry run: nothing was changed)");
  expect((await story(one)).state).toBe("submitted");
  const real = await run("tasks", "import", path, ...ignoring, "--json");
  expect(real.json()).toMatchObject({ dryRun: false, counts: { rows: 2, moved: 2, noted: 0, older: 0 } });
  expect(await story(one)).toMatchObject({ state: "accepted", people: [{ name: "Gail Seller" }] });
  expect(await story(two)).toMatchObject({ state: "needs_action", reason: 'too "small"' });
  expect((await run("tasks", "import", path, ...ignoring)).out).toContain("2 rows: 0 moved, 2 without a new state");
});

it.each([
  ["unknown columns", "number,state\nDR-7,ACCEPTED\n", ["line 1 (state): there is no such column", "--ignore"]],
  ["a column twice", "number,status,Status\nDR-7,A,B\n", ["line 1 (status): the column is there twice"]],
  ["no numbers", "status\nACCEPTED\n", ["line 1 (number): the column is missing"]],
  ["no rows", "number,status\n", ["has no rows"]],
  ["a ragged row", "number,status\nDR-7\n", ["line 2, column 1: the row has 1 cells"]],
  ["a number twice", "number,status\nDR-7,ACCEPTED\nDR-7,SUBMITTED\n", ["line 3 (number): the same number as line 2"]],
  [
    "unknown words, numbers and days",
    "number,status,stage,owner,date\nDR-7,ACCEPTED,,,\nDR-77,,,,\nDR-7x,DONE,LATE,a@@b,1.2.2027\n",
    [
      "statuses.csv does not fit in 6 places; nothing was changed",
      "line 3 (number): no share has this number",
      "line 4 (number): this is no deal number",
      'line 4 (status): "DONE" is no status of this programme',
      "use one of QUALIFY, REFINE",
      "line 4 (owner): this is neither a name nor an e-mail address",
      'line 4 (date): "1.2.2027" is neither a day nor a time',
    ],
  ],
])("refuses a file with %s by line and column, and changes nothing", async (_, text, says) => {
  const known = await at.store.shares.findByRemote(at.db.sql, at.connectionId, "deals/7");
  const shareId = known?.shareId ?? (await registered(dealInput("K7"), "DR-7"));
  const { code, err } = await run("tasks", "import", file(text));
  expect(code).not.toBe(0);
  for (const words of says) expect(err).toContain(words);
  expect((await story(shareId)).state).toBe("submitted");
});
