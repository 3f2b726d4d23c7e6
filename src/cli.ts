#!/usr/bin/env node
/** `cosell <command>`: the process around the command line: streams, signals, exit code. */
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { Shell } from "./cli/command.ts";
import { commands } from "./cli/commands.ts";
import { reach } from "./cli/reach.ts";
import { run } from "./cli/run.ts";

const wideColumns = 200;
const nodeMajorMin = 22;

/** stdout without loss: waits while the reader is slow; a reader that went away ends the command quietly. */
const write = (text: string): Promise<void> =>
  new Promise((written, failed) => {
    if (text === "") return written();
    process.stdout.write(text, (error) => (error ? failed(error) : written()));
  });

/** Asks on the terminal; what is typed for a hidden question is not echoed. */
const ask = async (question: string, hidden: boolean): Promise<string> => {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = hidden ? silent : process.stderr;
  const prompt = createInterface({ input: process.stdin, output, terminal: true });
  try {
    return await prompt.question("");
  } finally {
    prompt.close();
    if (hidden) process.stderr.write("\n");
  }
};

const createShell = (stopped: AbortSignal): Shell => {
  const loud = process.stderr.isTTY === true;
  const sleep = (milliseconds: number): Promise<void> =>
    new Promise((done) => {
      const timer = setTimeout(finish, milliseconds);
      function finish(): void {
        clearTimeout(timer);
        stopped.removeEventListener("abort", finish);
        done();
      }
      stopped.addEventListener("abort", finish, { once: true });
      if (stopped.aborted) finish();
    });
  return {
    environment: process.env,
    columns: process.stdout.isTTY === true ? process.stdout.columns : wideColumns,
    interactive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    write,
    tell: (text) => void process.stderr.write(`${text}\n`),
    progress: (text) => {
      if (loud) process.stderr.write(`\r\u001b[2K${text.slice(0, (process.stderr.columns ?? wideColumns) - 1)}`);
    },
    ask,
    reach: (where) => reach({ environment: process.env, sleep }, where),
    now: () => new Date(),
    sleep,
    stopped,
  };
};

if (Number(process.versions.node.split(".")[0]) < nodeMajorMin) {
  process.stderr.write(
    `cosell needs Node ${nodeMajorMin}.12 or newer; this is ${process.versions.node}. On Linux and Windows npm ci brings one along: use npm start, npm run demo or npx cosell.\n`,
  );
  process.exit(1);
}

const stop = new AbortController();
// The first signal lets the command finish what it has begun; the second one ends the process.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

// Sockets that are kept open for a next request would hold the process back.
process.exit(await run(createShell(stop.signal), commands, process.argv.slice(2)));
