import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const files = ["src", "adapters", "workflows"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".d.ts"))
    .map((name) => join(folder, name)),
);

/** The rooms of the design's section 6. The first pattern that fits names a file's room. */
const rooms: readonly (readonly [string, RegExp])[] = [
  [
    "root",
    /^src\/(node|node-outbound|node-tracing|tracing|cli|worker|worker-config|service|engine|embedded-engine|drain|puller|rehearsal|simulation|demo|demo-contracts|aws-credentials|azure-credentials)\.ts$|^src\/cli\//,
  ],
  ["embedded", /^src\/store\/embedded(-worker|-socket)?\.ts$/],
  ["domain", /^src\/domain\//],
  ["ports", /^src\/(ports|clock|ids|log|outbound|public-http|tokens)\.ts$/],
  ["store", /^src\/store\//],
  ["http", /^src\/http\//],
  ["app", /^src\/app\.ts$/],
  ["contract", /^adapters\/contract(-[a-z]+)*\.ts$/],
  ["registry", /^adapters\/registry\.ts$/],
  ["list", /^adapters\/(marketplaces|report-formats)\.ts$/],
  ["simulators", /^adapters\/simulators\.ts$/],
  ["simulation", /^adapters\/simulator\//],
  // What adapters have in common, in no marketplace's words.
  ["shared", /^adapters\/[a-z-]+\.ts$/],
  ["simulator", /^adapters\/[a-z]+\/simulator\//],
  // What a vendor's documents say of its wire: all that a simulator shares with its adapter.
  ["wire", /^adapters\/[a-z]+\/wire(-[a-z]+)?\.ts$/],
  ["adapter", /^adapters\/[a-z]+\//],
  ["runner", /^workflows\/runner\//],
  ["workflows", /^workflows\//],
];
const may: Readonly<Record<string, readonly string[]>> = {
  domain: ["domain"],
  ports: ["ports", "domain"],
  store: ["store", "domain", "ports"],
  embedded: ["store", "ports", "embedded"],
  contract: ["contract", "domain", "ports"],
  registry: ["contract", "domain", "ports"],
  list: ["adapter", "contract"],
  simulators: ["simulator", "contract"],
  simulation: ["simulation", "contract", "domain", "ports"],
  simulator: ["simulator", "simulation", "wire", "contract", "domain", "ports"],
  wire: ["wire", "shared", "contract", "domain", "ports"],
  shared: ["shared", "contract", "domain", "ports"],
  adapter: ["adapter", "wire", "shared", "contract", "domain", "ports"],
  runner: ["runner", "ports", "store", "domain"],
  workflows: ["workflows", "store", "domain", "ports", "contract", "registry"],
  http: ["http", "store", "domain", "ports", "contract", "registry"],
  app: ["http", "store", "domain", "ports", "contract", "registry"],
};

const roomOf = (file: string): string => rooms.find(([, pattern]) => pattern.test(file))?.[0] ?? "nowhere";
/** What Workers have of Node's own modules, where a webhook is proved and sealed: five times as fast there as WebCrypto. */
const onWorkersToo = (file: string, name: string): boolean =>
  name === "node:crypto" && ["src/store/seal.ts", "src/tokens.ts"].includes(file);
const sourceOf = (file: string): string => readFileSync(join(root, file), "utf8");
const importsOf = (file: string): readonly string[] =>
  [...sourceOf(file).matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
const localImportsOf = (file: string): readonly string[] =>
  importsOf(file)
    .filter((name) => name.startsWith("."))
    .map((name) => relative(root, normalize(join(root, dirname(file), name))));

describe("the import rules", () => {
  it("see every source file in a room", () => {
    expect(files.length).toBeGreaterThan(20);
    expect(files.filter((file) => roomOf(file) === "nowhere")).toEqual([]);
  });
  it("hold for every file: who may import whom", () => {
    const broken = files.flatMap((file) => {
      const allowed = may[roomOf(file)];
      return allowed === undefined
        ? []
        : localImportsOf(file)
            .filter((target) => target.endsWith(".ts") && !allowed.includes(roomOf(target)))
            .map((target) => `${file} -> ${target}`);
    });
    expect(broken).toEqual([]);
  });
  it("keep each marketplace's folder to itself", () => {
    const folder = (file: string): string => file.split("/")[1] ?? "";
    const broken = files
      .filter((file) => /^(adapter|wire|simulator)$/.test(roomOf(file)))
      .flatMap((file) =>
        localImportsOf(file)
          .filter(
            (target) =>
              target.startsWith("adapters/") &&
              !/^adapters\/(simulator\/)?[a-z-]+\.ts$/.test(target) &&
              folder(target) !== folder(file),
          )
          .map((target) => `${file} -> ${target}`),
      );
    expect(broken).toEqual([]);
  });
  it("let a simulator share nothing with its adapter but wire schemas", () => {
    const broken = files
      .filter((file) => roomOf(file) === "simulator")
      .flatMap((file) =>
        localImportsOf(file)
          .filter((target) => roomOf(target) === "adapter")
          .map((target) => `${file} -> ${target}`),
      );
    const reverse = files
      .filter((file) => roomOf(file) === "adapter")
      .flatMap((file) =>
        localImportsOf(file)
          .filter((target) => ["simulator", "simulation"].includes(roomOf(target)))
          .map((target) => `${file} -> ${target}`),
      );
    expect([...broken, ...reverse]).toEqual([]);
  });
  it("keep node: modules to the composition roots and the embedded database", () => {
    const broken = files.filter(
      (file) =>
        !["root", "embedded"].includes(roomOf(file)) &&
        importsOf(file).some((name) => name.startsWith("node:") && !onWorkersToo(file, name)),
    );
    expect(
      broken.concat(
        [
          "src/service.ts",
          "src/engine.ts",
          "src/embedded-engine.ts",
          "src/drain.ts",
          "src/puller.ts",
          "src/rehearsal.ts",
          "src/simulation.ts",
          "src/tracing.ts",
        ].filter((file) => importsOf(file).some((name) => name.startsWith("node:"))),
      ),
    ).toEqual([]);
  });
  it("let the Worker reach nothing that only Node has, and no simulator, by any way", () => {
    const reached = new Set(["src/worker.ts"]);
    // A set is walked in the order of insertion, also what is added on the way.
    for (const file of reached)
      for (const target of localImportsOf(file)) if (target.endsWith(".ts")) reached.add(target);
    const nodeOnly =
      /^(node:|@electric-sql\/|@hono\/node-server|@aws-sdk\/credential-providers|@opentelemetry\/(?!api$))/;
    const broken = [...reached].filter(
      (file) =>
        ["embedded", "simulator", "simulators", "simulation"].includes(roomOf(file)) ||
        /^src\/(node|node-outbound|node-tracing|cli|demo|demo-contracts|aws-credentials|azure-credentials)\.ts$|^src\/cli\//.test(
          file,
        ) ||
        importsOf(file).some((name) => nodeOnly.test(name) && !onWorkersToo(file, name)),
    );
    expect(reached.size).toBeGreaterThan(80);
    expect(broken).toEqual([]);
  });
  it("keep time, randomness and the network out of the domain and the mappers", () => {
    const forbidden = /Date\.now|new Date\(\)|Math\.random|\bfetch\(|\bprocess\.|crypto\.randomUUID/;
    const pure = files.filter(
      (file) => roomOf(file) === "domain" || /\/(map|rules|revision|submission)\.ts$/.test(file),
    );
    expect(pure.filter((file) => forbidden.test(sourceOf(file)))).toEqual([]);
  });
  it("keep files short enough to read in one sitting", () => {
    const long = files.filter((file) => !file.includes(".generated.") && sourceOf(file).split("\n").length > 401);
    expect(long).toEqual([]);
  });
});

describe("the workflows", () => {
  it("use only what the embedded runner supports", () => {
    const forbidden =
      /step\.(fetch|ai|waitForSignal|sendSignal|realtime|sandbox)|\b(throttle|debounce|batchEvents|rateLimit|priority)\s*:/;
    expect(files.filter((file) => roomOf(file) === "workflows" && forbidden.test(sourceOf(file)))).toEqual([]);
  });
});
