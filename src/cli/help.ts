/** Help, rendered from the table of commands. */
import { type Command, commonFlags, type Flag } from "./command.ts";
import { wrap } from "./table.ts";

const helpColumns = 110;
const paragraph = (text: string, indent = ""): string =>
  wrap(text, helpColumns - indent.length, Number.POSITIVE_INFINITY).join(`\n${indent}`);

/** All commands, one line each. */
export const renderOverview = (commands: readonly Command[]): string => {
  const width = Math.max(...commands.map((command) => command.name.length));
  return [
    "cosell joins your CRM to the co-sell programmes of the clouds.",
    "",
    "usage: cosell <command> [operands] [flags]",
    "",
    ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    "",
    "Every command takes --json and --help. `cosell help <command>` shows flags and examples.",
    "Exit codes: 0 done, 1 the work or a part of it failed, 2 the command line is wrong.",
    "",
  ].join("\n");
};

/** One command: usage, flags, examples. */
export const renderHelp = (command: Command): string => {
  const operands = command.operands === "" ? "" : ` ${command.operands}`;
  const own = command.flags.length === 0 ? [] : ["flags:", ...flagLines(command.flags), ""];
  return [
    `${command.summary}.`,
    "",
    `usage: cosell ${command.name}${operands} [flags]`,
    "",
    ...(command.about === undefined
      ? []
      : [
          command.about
            .trim()
            .split("\n\n")
            .map((text) => paragraph(text.replaceAll("\n", " ")))
            .join("\n\n"),
          "",
        ]),
    ...own,
    "common flags:",
    ...flagLines(commonFlags),
    "",
    "examples:",
    ...command.examples.map((example) => `  ${example}`),
    "",
  ].join("\n");
};

const flagLines = (flags: readonly Flag[]): readonly string[] => {
  const heads = flags.map((flag) => `--${flag.name}${flag.kind === "switch" ? "" : ` <${flag.value ?? "value"}>`}`);
  const width = Math.max(...heads.map((head) => head.length));
  const indent = " ".repeat(width + 4);
  return flags.map((flag, index) => `  ${(heads[index] ?? "").padEnd(width)}  ${paragraph(flag.help, indent)}`);
};
