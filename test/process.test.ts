/** The built command line as a process of its own: what a user starts, stops and asks. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort, readConfig } from "../src/node.ts";
import { openEmbedded } from "../src/store/embedded.ts";
import { build, cliPath, root } from "./built.ts";
import { fillDirectory } from "./template.ts";

const directory = mkdtempSync(join(tmpdir(), "cosell-process-"));
const data = join(directory, "data");
const run = promisify(execFile);
const port = await freePort("127.0.0.1");
const environment = { ...process.env, COSELL_DATA: data, PORT: String(port), DATABASE_URL: "", COSELL_URL: "" };
const cosell = (...words: readonly string[]) =>
  run(process.execPath, [cliPath, ...words], { env: environment, cwd: root, timeout: 60_000 }).catch(
    (error: { readonly stdout: string; readonly stderr: string; readonly code: number }) => error,
  );
let service: ChildProcess;
const answers = async (path: string): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}${path}`).then(
    (answer) => answer.ok,
    () => false,
  );

beforeAll(async () => {
  await Promise.all([build(), fillDirectory(data)]);
  service = spawn(process.execPath, [cliPath, "serve"], {
    env: environment,
    cwd: root,
    stdio: "ignore",
  });
  for (let tries = 0; tries < 600 && !(await answers("/readyz")); tries++)
    await new Promise((done) => setTimeout(done, 50));
}, 60_000);
afterAll(() => {
  service.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

describe("the service as a process", () => {
  it("is ready, documents itself, and keeps its key and token to the owner", async () => {
    expect(await answers("/healthz")).toBe(true);
    expect(await answers("/docs")).toBe(true);
    for (const name of ["key", "local-token", "owner.json"])
      expect(statSync(join(data, name)).mode & 0o077, name).toBe(0);
  });
  it("is what a command on this machine talks to", async () => {
    const { stdout } = await cosell(
      "import",
      "examples/deals-salesforce.csv",
      "--mapping",
      "examples/mapping-salesforce.json",
      "--json",
    );
    expect(JSON.parse(stdout)).toMatchObject({ counts: { created: 4 } });
    const token = readFileSync(join(data, "local-token"), "utf8");
    const listed = await fetch(`http://127.0.0.1:${port}/v1/opportunities`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(((await listed.json()) as { items: readonly unknown[] }).items).toHaveLength(4);
  });
  it("is the only owner of its directory: a second one names the first and changes nothing", async () => {
    const second = await cosell("serve", "--port", "0");
    expect(second).toMatchObject({ code: 1 });
    expect(second.stderr).toContain(`process ${service.pid}`);
    expect(await answers("/healthz")).toBe(true);
  });
  it("gives a backup while it runs, from which a new directory answers the same", async () => {
    const file = join(directory, "whole.backup");
    expect(await cosell("backup", file, "--with-key")).not.toHaveProperty("code");
    expect(statSync(file).mode & 0o077).toBe(0);
    expect(JSON.parse((await cosell("backup", "verify", file, "--json")).stdout)).toMatchObject({
      kind: "embedded",
      holdsKey: true,
      counts: { opportunity: 4 },
    });
    expect((await cosell("restore", file)).stderr).toContain(`in use by process ${service.pid}`);
    const restored = join(directory, "restored");
    expect((await cosell("restore", file, "--data", restored)).stdout).toContain("was restored from");
    const elsewhere = { ...environment, COSELL_DATA: restored, PORT: String(await freePort("127.0.0.1")) };
    const second = spawn(process.execPath, [join(root, "dist/cli.mjs"), "serve"], {
      env: elsewhere,
      cwd: root,
      stdio: "ignore",
    });
    try {
      const ask = async (at: string, from: string): Promise<unknown> => {
        const authorization = `Bearer ${readFileSync(join(from, "local-token"), "utf8")}`;
        return (await fetch(`http://127.0.0.1:${at}/v1/opportunities`, { headers: { authorization } })).json();
      };
      const isReady = (): Promise<boolean> =>
        fetch(`http://127.0.0.1:${elsewhere.PORT}/readyz`).then(
          (answer) => answer.ok,
          () => false,
        );
      for (let tries = 0; tries < 600 && !(await isReady()); tries++) await new Promise((done) => setTimeout(done, 50));
      expect(await ask(elsewhere.PORT, restored)).toEqual(await ask(String(port), data));
      const later = { id: "later", url: "http://127.0.0.1:9/", headerName: "x-key", headerValue: "later" };
      await fetch(`http://127.0.0.1:${port}/simulator/aws/control/destinations`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(later),
      });
    } finally {
      second.kill("SIGKILL");
    }
  }, 90_000);
  it("drains and stops on SIGTERM, exit code 0, within 10 seconds, and gives the directory back", async () => {
    const exited = new Promise<number | null>((done) => service.once("exit", (code) => done(code)));
    const began = Date.now();
    service.kill("SIGTERM");
    expect(await exited).toBe(0);
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(existsSync(join(data, "owner.json"))).toBe(false);
  });
  it("takes a backup back once it is stopped: what it held is moved aside, and the partner forgets nothing", async () => {
    const words = ["restore", join(directory, "whole.backup")];
    expect((await cosell(...words)).stderr).toContain("4 deals");
    const { movedTo } = JSON.parse((await cosell(...words, "--force", "--json")).stdout);
    expect(existsSync(movedTo)).toBe(true);
    // As if the process had died between its two moves.
    renameSync(join(data, "database"), join(data, "database.restored"));
    const { db, close } = await openEmbedded(data);
    const theirs = await db.sql`select 1 from simulator.entry where collection = 'destinations' and id = 'later'`;
    const looking = await db.sql`select 1 from recovery join connection on connection.id = connection_id`;
    await close();
    expect([theirs.length, looking.length]).toEqual([1, 3]);
  }, 90_000);
});

describe("settings", () => {
  it("that are wrong are all told at once, each with what it should be", () => {
    expect(() => readConfig({ PORT: "99999", COSELL_KEY: "short", COSELL_RETENTION_DAYS: "0" })).toThrow(
      /PORT[\s\S]*COSELL_KEY[\s\S]*COSELL_RETENTION_DAYS/,
    );
  });
  it("for PostgreSQL need the key that every instance shares", () => {
    expect(() => readConfig({ DATABASE_URL: "postgres://127.0.0.1/x" })).toThrow("COSELL_KEY");
  });
});
