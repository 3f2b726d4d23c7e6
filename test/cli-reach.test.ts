/** Where a command finds its service: the address given, the owner of the data directory, with the right key for each. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { reach } from "../src/cli/reach.ts";

const directory = mkdtempSync(join(tmpdir(), "cosell-reach-"));
const seen: string[] = [];
let server: Server;
let url = "";
beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    if (request.url === "/moved") response.writeHead(302, { location: "http://elsewhere.example/" });
    response.end("{}");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
});
afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

const own = (address: string | null): void => {
  const stat = readFileSync(`/proc/${process.pid}/stat`, "utf8");
  const startedAt = `ticks:${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  const owner = { pid: process.pid, startedAt, socketPath: join(directory, "none"), url: address };
  writeFileSync(join(directory, "owner.json"), JSON.stringify(owner));
};
const deps = (environment: Record<string, string> = {}, sleep = async (): Promise<void> => {}) => ({
  environment,
  sleep,
});
const nowhere = { url: undefined, data: undefined };

test("the service that owns the data directory is called at its address, with the token of the directory", async () => {
  own(url);
  writeFileSync(join(directory, "local-token"), "cosell_local\n");
  const reached = await reach(deps({ COSELL_DATA: directory }), nowhere);
  expect(reached).toMatchObject({ token: "cosell_local", where: url, settle: null });
  await reached.api(
    new Request("http://cosell.local/v1/shares?limit=2", { headers: { authorization: `Bearer ${reached.token}` } }),
  );
  expect(seen.at(-1)).toBe("GET /v1/shares?limit=2 Bearer cosell_local");
});

test("an address that is given wins over the directory, wants a key, and keeps its path", async () => {
  own(url);
  const environment = { COSELL_DATA: directory, COSELL_URL: `${url}/base/`, COSELL_API_KEY: "cosell_far" };
  const reached = await reach(deps(environment), nowhere);
  await reached.api(new Request("http://cosell.local/v1/shares", { method: "POST", body: "{}" }));
  expect(seen.at(-1)).toMatch(/^POST \/base\/v1\/shares /);
  expect((await reach(deps(environment), { url: undefined, data: directory })).token).toBe("cosell_local");
  await expect(reach(deps({ COSELL_URL: url }), nowhere)).rejects.toThrow(/wants an API key/);
  await expect(reach(deps({}), { url: "ftp://x", data: undefined })).rejects.toThrow(/no address/);
});

test("a redirect is not followed: the key goes nowhere else", async () => {
  const reached = await reach(deps({ COSELL_API_KEY: "cosell_far" }), { url, data: undefined });
  await expect(reached.api(new Request("http://cosell.local/moved"))).rejects.toThrow();
});

test("a service that is just starting is waited for; one that never listens is named", async () => {
  own(null);
  let sleeps = 0;
  const reached = await reach(
    deps({ COSELL_DATA: directory }, async () => {
      sleeps += 1;
      if (sleeps === 3) own(url);
    }),
    nowhere,
  );
  expect(reached.where).toBe(url);
  own(null);
  await expect(reach(deps({ COSELL_DATA: directory }), nowhere)).rejects.toThrow(
    new RegExp(`process ${process.pid}.*serves no API`),
  );
});
