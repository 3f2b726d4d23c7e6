/** What the prose tells people to type and to follow is there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { commonFlags } from "../src/cli/command.ts";
import { commands } from "../src/cli/commands.ts";

const root = join(import.meta.dirname, "..");
const pages = [
  "README.md",
  "AGENTS.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];

/** Each `cosell …` of a page that is a command line: in a code block, or after `npx` in a sentence. */
const linesOf = (text: string): readonly string[] =>
  [...text.matchAll(/(?:npx |^)cosell ([a-z][^`\n|]*)/gm)].map(([, line = ""]) => line.split(/\s+#|\s{2,}/)[0] ?? "");

describe.each(pages)("%s", (page) => {
  const text = readFileSync(join(root, page), "utf8");

  it("names commands and flags that exist", () => {
    const wrong = linesOf(text).flatMap((line) => {
      const words = line.split(" ");
      const command = commands
        .filter(({ name }) => line === name || line.startsWith(`${name} `))
        .toSorted((a, b) => b.name.length - a.name.length)[0];
      if (command === undefined) return words[0] === "help" ? [] : [line];
      const flags = new Set([...command.flags, ...commonFlags].map(({ name }) => `--${name}`));
      return words.filter((word) => word.startsWith("--") && !flags.has(word)).map((word) => `${line}: ${word}`);
    });
    expect(wrong).toEqual([]);
  });
  it("links to files that exist", () => {
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link = ""]) => link);
    expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });
});
