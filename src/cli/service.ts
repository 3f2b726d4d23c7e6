/** `cosell serve`, `cosell demo`, `cosell version`. */
import { type Command, textFlag } from "./command.ts";
import { exitCodes } from "./failure.ts";
import { readVersion } from "./version.ts";

export const serveCommand: Command = {
  name: "serve",
  summary: "Run the service: API, workflows, webhooks, simulated clouds",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about:
    "The same as npm start. Other settings come from the environment: DATABASE_URL, COSELL_KEY, COSELL_PUBLIC_URL, …",
  flags: [
    textFlag("port", "number", "default PORT or 3000"),
    textFlag("host", "address", "default COSELL_HOST or 127.0.0.1"),
  ],
  examples: ["cosell serve", "cosell serve --port 8080 --data /var/lib/cosell"],
  run: async (shell, typed) => {
    const { serveForever } = await import("../node.ts");
    const given = { PORT: typed.text("port"), COSELL_HOST: typed.text("host"), COSELL_DATA: typed.text("data") };
    const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    await serveForever({ ...shell.environment, ...set });
    // The service ends the process itself once it has drained.
    await new Promise(() => {});
    return { exitCode: exitCodes.ok, text: "", json: null };
  },
};

export const demoCommand: Command = {
  name: "demo",
  summary: "Watch deals travel through three simulated clouds, in a minute, with nothing to sign up for",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [],
  examples: ["cosell demo", "cosell demo --json"],
  run: async (shell) => {
    const { runDemo } = await import("../demo.ts");
    return runDemo(shell);
  },
};

export const versionCommand: Command = {
  name: "version",
  summary: "Tell the version",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [],
  examples: ["cosell version"],
  run: async () => {
    const version = await readVersion();
    const node = process.versions.node;
    return { exitCode: exitCodes.ok, text: `cosell ${version} (Node ${node})\n`, json: { version, node } };
  },
};
