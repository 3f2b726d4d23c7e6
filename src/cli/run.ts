/** One run of the command line: words in, report out, exit code back. Free of the process, so that tests are the process. */
import { findCommand, readInvocation, unknownCommand } from "./arguments.ts";
import type { Command, Report, Shell } from "./command.ts";
import { type ExitCode, exitCodes, Failure, failureJson, renderFailure } from "./failure.ts";
import { renderHelp, renderOverview } from "./help.ts";

/** Runs the command that `words` name. Failures go to stderr; with --json, stdout ends in one document in every case. */
export const run = async (shell: Shell, commands: readonly Command[], words: readonly string[]): Promise<ExitCode> => {
  const json = words.includes("--json");
  try {
    const report = await reportOf(shell, commands, words);
    await shell.write(json ? `${JSON.stringify(report.json)}\n` : report.text);
    return report.exitCode;
  } catch (error) {
    const failure = error instanceof Failure ? error : unforeseen(error);
    shell.progress("");
    shell.tell(renderFailure(failure));
    if (json) await shell.write(`${JSON.stringify(failureJson(failure))}\n`);
    return failure.exitCode;
  }
};

const reportOf = async (shell: Shell, commands: readonly Command[], words: readonly string[]): Promise<Report> => {
  const [first] = words;
  if (first === undefined || first === "help" || first === "--help" || first === "-h")
    return help(commands, words.slice(1));
  if (first === "--version" || first === "-v") return reportOf(shell, commands, ["version"]);
  const { command, typed } = readInvocation(commands, words);
  return typed.on("help") ? helpOn(command) : command.run(shell, typed);
};

const help = (commands: readonly Command[], words: readonly string[]): Report => {
  const names = words.filter((word) => !word.startsWith("-"));
  if (names.length === 0) {
    const json = commands.map(({ name, summary }) => ({ name, summary }));
    return { exitCode: exitCodes.ok, text: renderOverview(commands), json: { commands: json } };
  }
  const command = findCommand(commands, names);
  if (command === null) throw unknownCommand(commands, names);
  return helpOn(command);
};
const helpOn = (command: Command): Report => ({
  exitCode: exitCodes.ok,
  text: renderHelp(command),
  json: {
    name: command.name,
    summary: command.summary,
    operands: command.operands,
    flags: command.flags.map(({ name, kind, help: text }) => ({ name, kind, help: text })),
    examples: [...command.examples],
  },
});

/** Errors of start-up and of the database say themselves what to change; others are ours. */
const unforeseen = (error: unknown): Failure => {
  if (!(error instanceof Error)) return new Failure("something failed without saying why");
  const known = ["StartError", "DirectoryOwnedError"].includes(error.name);
  return new Failure(
    error.message,
    known ? {} : { fix: `this is a fault of cosell (${error.name}); please report it` },
  );
};
