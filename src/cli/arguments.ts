/** The command line, read against the table of commands; unknown names come back with the nearest known one. */
import { parseArgs } from "node:util";
import { type Command, commonFlags, type Flag } from "./command.ts";
import { usageFailure } from "./failure.ts";
import { didYouMean } from "./nearest.ts";

export interface Arguments {
  readonly operands: readonly string[];
  readonly text: (name: string) => string | undefined;
  readonly list: (name: string) => readonly string[];
  readonly on: (name: string) => boolean;
}

export interface Invocation {
  readonly command: Command;
  readonly typed: Arguments;
}

/** Finds the command and its arguments. Throws a usage `Failure` that names what was meant and how to ask for help. */
export const readInvocation = (commands: readonly Command[], words: readonly string[]): Invocation => {
  const command = findCommand(commands, words);
  if (command === null) throw unknownCommand(commands, words);
  const typed = parseArguments(command, words.slice(command.name.split(" ").length));
  if (!typed.on("help")) checkOperands(command, typed.operands);
  return { command, typed };
};

/** What follows a command's name. Throws a usage `Failure` for flags it does not have. */
export const parseArguments = (command: Command, words: readonly string[]): Arguments => {
  const { values, positionals } = parse(command, [...command.flags, ...commonFlags], words);
  return {
    operands: positionals,
    text: (name) => {
      const value = values[name];
      return typeof value === "string" ? value : undefined;
    },
    list: (name) => {
      const value = values[name];
      return Array.isArray(value) ? value.map(String) : [];
    },
    on: (name) => values[name] === true,
  };
};

/** The command whose name is the longest beginning of the words. */
export const findCommand = (commands: readonly Command[], words: readonly string[]): Command | null =>
  commands
    .filter((command) => command.name.split(" ").every((part, index) => words[index] === part))
    .toSorted((a, b) => b.name.length - a.name.length)[0] ?? null;

export const unknownCommand = (commands: readonly Command[], words: readonly string[]): Error => {
  const names = commands.map((command) => command.name);
  const [first = "", second = ""] = words;
  const family = names.filter((name) => name.startsWith(`${first} `));
  if (family.length > 0) {
    const typed = second === "" || second.startsWith("-") ? "" : ` ${second}`;
    return usageFailure(
      `${first}${typed} is not complete: there is ${family.join(", ")}`,
      `cosell help ${family[0] ?? first}`,
    );
  }
  return usageFailure(`unknown command ${first}${didYouMean(first, names)}`, "cosell help lists all commands");
};

const parse = (command: Command, flags: readonly Flag[], rest: readonly string[]) => {
  const known = flags.map((flag) => flag.name);
  const help = `cosell help ${command.name}`;
  const options = Object.fromEntries(
    flags.map((flag) => [
      flag.name,
      flag.kind === "switch"
        ? ({ type: "boolean" } as const)
        : ({ type: "string", multiple: flag.kind === "list" } as const),
    ]),
  );
  const { values, positionals, tokens } = parseArgs({
    args: [...rest],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const flag = flags.find((candidate) => candidate.name === token.name);
    if (flag === undefined) {
      const near = didYouMean(
        `--${token.name}`,
        known.map((name) => `--${name}`),
      );
      throw usageFailure(`unknown flag ${token.rawName}${near}`, help);
    }
    if (flag.kind === "switch" && token.value !== undefined) throw usageFailure(`--${flag.name} takes no value`, help);
    if (flag.kind !== "switch" && token.value === undefined)
      throw usageFailure(`--${flag.name} needs a value: --${flag.name} <${flag.value ?? "value"}>`, help);
    if (flag.kind !== "switch" && !token.inlineValue && token.value?.startsWith("--"))
      throw usageFailure(
        `--${flag.name} needs a value, but ${token.value} follows; a value that begins with -- is written --${flag.name}=${token.value}`,
        help,
      );
  }
  return { values, positionals };
};

const checkOperands = (command: Command, operands: readonly string[]): void => {
  const help = `cosell help ${command.name}`;
  if (operands.length < command.operandsMin)
    throw usageFailure(`cosell ${command.name} needs ${command.operands}`, help);
  if (operands.length > command.operandsMax) {
    const extra = operands[command.operandsMax] ?? "";
    throw usageFailure(`cosell ${command.name} does not take ${JSON.stringify(extra)}`, help);
  }
};
