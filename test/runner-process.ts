/** `cosell runner` as a process of its own, that can be killed and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../src/node.ts";
import { build, cliPath, root } from "./built.ts";
import { fillDirectory } from "./template.ts";

export interface RunnerProcess {
  readonly url: string;
  /** SIGKILL, and a new process over the same directory. */
  readonly restart: () => Promise<void>;
  /** SIGTERM; returns the exit code. */
  readonly close: () => Promise<number | null>;
}

export const startRunner = async (keys: {
  readonly eventKey: string;
  readonly signingKey: string;
}): Promise<RunnerProcess> => {
  const directory = mkdtempSync(join(tmpdir(), "cosell-runner-"));
  await Promise.all([build(), fillDirectory(directory)]);
  const port = await freePort("127.0.0.1");
  const url = `http://127.0.0.1:${port}`;
  const words = ["--port", String(port), "--data", directory, "--event-key", keys.eventKey];
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(process.execPath, [cliPath, "runner", ...words, "--signing-key", keys.signingKey], {
      cwd: root,
      stdio: "ignore",
      env: { ...process.env, DATABASE_URL: "", INNGEST_SIGNING_KEY_FALLBACK: "" },
    });
    const answers = () =>
      fetch(`${url}/health`).then(
        (answer) => answer.ok,
        () => false,
      );
    for (let tries = 0; !(await answers()); tries++) {
      if (tries > 600 || child.exitCode !== null) throw new Error(`cosell runner did not start (${child.exitCode})`);
      await new Promise((done) => setTimeout(done, 50));
    }
  };
  const end = (signal: NodeJS.Signals): Promise<number | null> =>
    new Promise((exited) => {
      child.once("exit", (code) => exited(code));
      child.kill(signal);
    });
  await start();
  return {
    url,
    restart: async () => {
      await end("SIGKILL");
      await start();
    },
    close: async () => {
      const code = await end("SIGTERM");
      rmSync(directory, { recursive: true, force: true });
      return code;
    },
  };
};
