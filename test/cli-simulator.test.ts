/** The simulator alone: its ledger file survives restarts and crashes, and it stops when told. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import * as z from "zod";
import { openStateFile } from "../src/cli/simulator-state.ts";
import { cosell } from "./cli-shell.ts";

const directory = mkdtempSync(join(tmpdir(), "cosell-simulator-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const entry = (id: string, value: string | null) => ({ collection: "c", id, value });

test("what was appended is there after a restart; the newest value counts, null deletes, and the file shrinks", async () => {
  const path = join(directory, "kept.jsonl");
  const first = await openStateFile(path);
  await first.append([entry("a", "1"), entry("b", "1")]);
  await first.append([entry("a", "2"), entry("b", null), entry("c", "\u2028\n")]);
  await first.close();
  const second = await openStateFile(path);
  expect(await second.load()).toEqual([entry("a", "2"), entry("c", "\u2028\n")]);
  await second.close();
  expect(readFileSync(path, "utf8").trimEnd().split("\n")).toHaveLength(1);
});

test("a line that a crash tore off is dropped whole; any other damage is named by line", async () => {
  const path = join(directory, "torn.jsonl");
  const state = await openStateFile(path);
  await state.append([entry("a", "1")]);
  await state.close();
  appendFileSync(path, '[["c","b","1"],["c","d');
  const again = await openStateFile(path);
  expect(await again.load()).toEqual([entry("a", "1")]);
  await again.append([entry("e", "1")]);
  await again.close();
  const third = await openStateFile(path);
  expect(await third.load()).toEqual([entry("a", "1"), entry("e", "1")]);
  await third.close();
  writeFileSync(path, '[["c","a","1"]]\n{"not":"ours"}\n[["c","b","1"]]\n');
  await expect(openStateFile(path)).rejects.toThrow(/line 2/);
  expect(readFileSync(path, "utf8")).toContain("not");
});

test("two simulators never share a file", async () => {
  const path = join(directory, "lock.jsonl");
  const first = await openStateFile(path);
  const stat = readFileSync(`/proc/${process.ppid}/stat`, "utf8");
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  writeFileSync(`${path}.lock`, `${process.ppid} ${start}`);
  await expect(openStateFile(path)).rejects.toThrow(new RegExp(`process ${process.ppid}`));
  // The number lives, but it is another process by now: whoever held the file is gone.
  writeFileSync(`${path}.lock`, `${process.ppid} 1`);
  await (await openStateFile(path)).close();
  await first.close();
});

const factsSchema = z.looseObject({
  clouds: z.looseObject({ aws: z.looseObject({ endpoint: z.string(), control: z.string() }) }),
});
/** Runs the simulator until `work` is done with it. */
const running = async (state: string, work: (facts: { endpoint: string; control: string }) => Promise<void>) => {
  const stop = new AbortController();
  let worked: Promise<void> | null = null;
  const ran = await cosell(["simulator", "--port", "0", "--state", state, "--reviewer", "manual", "--json"], {
    stopped: stop.signal,
    onWrite: (text) => {
      if (worked !== null) return;
      worked = work(factsSchema.parse(JSON.parse(text)).clouds.aws).finally(() => stop.abort());
    },
  });
  await worked;
  return ran;
};

test("it listens on this machine, answers the wire protocol and the controls, and keeps its ledger over a restart", async () => {
  const path = join(directory, "running");
  const first = await running(path, async ({ endpoint, control }) => {
    expect(new URL(endpoint).hostname).toBe("127.0.0.1");
    const unsigned = await fetch(endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": "AWSPartnerCentralSelling.ListOpportunities",
      },
      body: "{}",
    });
    expect(unsigned.status).toBeGreaterThanOrEqual(400);
    expect(await unsigned.text()).toMatch(/MissingAuthenticationToken/);
    const put = await fetch(`${control}/destinations`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ url: "http://127.0.0.1:9/hook", headerName: "x-key", headerValue: "v" }),
    });
    expect(put.status).toBeLessThan(300);
  });
  expect(first.code).toBe(0);
  const second = await running(path, async ({ control }) => {
    const { destinations } = z
      .object({ destinations: z.array(z.looseObject({ url: z.string() })) })
      .parse(await (await fetch(`${control}/destinations`)).json());
    expect(destinations.map((destination) => destination.url)).toEqual(["http://127.0.0.1:9/hook"]);
  });
  expect(second.code).toBe(0);
});

test("it serves every cloud below a path of its own, with its ledger and how to connect it, and names the paths elsewhere", async () => {
  const path = join(directory, "three");
  const stop = new AbortController();
  let worked: Promise<void> | null = null;
  const work = async (text: string): Promise<void> => {
    const { address, clouds } = z
      .object({
        address: z.string(),
        clouds: z.record(
          z.string(),
          z.object({ endpoint: z.string(), control: z.string(), ledger: z.string(), connect: z.string() }).loose(),
        ),
      })
      .parse(JSON.parse(text));
    expect(Object.keys(clouds)).toEqual(["aws", "azure", "gcp"]);
    for (const [id, cloud] of Object.entries(clouds)) {
      expect(cloud.endpoint).toBe(`${address}/${id}`);
      expect(cloud.connect).toContain(`cosell connect ${id} `);
      expect(cloud.connect).toContain(cloud.endpoint);
      expect((await fetch(`${cloud.control}/ledger`)).status).toBe(200);
      expect(readFileSync(cloud.ledger, "utf8").length).toBeGreaterThanOrEqual(0);
    }
    const elsewhere = await fetch(`${address}/oracle`);
    expect(elsewhere.status).toBe(404);
    expect(await elsewhere.text()).toMatch(/\/aws, \/azure, \/gcp/);
    const advanced = await fetch(`${clouds.gcp?.control}/advance`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ days: 7 }),
    });
    expect(advanced.status).toBe(200);
    const times: number[] = [];
    for (const { control } of Object.values(clouds)) {
      const ledger = z.looseObject({ now: z.string() }).parse(await (await fetch(`${control}/ledger`)).json());
      times.push(Date.parse(ledger.now) - Date.now());
    }
    // One clock: whichever cloud is told to advance, all of them are a week ahead.
    for (const aheadMs of times) expect(aheadMs).toBeGreaterThan(6.9 * 86_400_000);
  };
  const words = ["simulator", "--port", "0", "--state", path, "--reviewer", "manual", "--json"];
  const ran = await cosell(words, {
    stopped: stop.signal,
    onWrite: (text) => {
      worked ??= work(text).finally(() => stop.abort());
    },
  });
  await worked;
  expect(ran.code).toBe(0);
  const file = await cosell(["simulator", "--state", join(path, "aws-simulator.jsonl")]);
  expect(file.err).toMatch(/is a file[\s\S]*name a directory/);
  expect(file.code).toBe(2);
});
