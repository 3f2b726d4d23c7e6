import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type Closed, closeOnce, reconciliationCase, withDirectory } from "./close-rig.ts";

const input = join(reconciliationCase, "input");
const csvFiles = async (): Promise<readonly string[]> =>
  (await readdir(input, { recursive: true, encoding: "utf8" })).filter((name) => name.endsWith(".csv")).toSorted();

/** A seeded shuffle (mulberry32, in the public domain). */
const shuffled = <Item>(items: readonly Item[], seed: number): readonly Item[] => {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return items
    .map((item) => ({ item, at: next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
};

const linesOf = async (name: string): Promise<{ readonly header: string; readonly rows: readonly string[] }> => {
  const [header = "", ...rows] = (await readFile(join(input, name), "utf8")).trimEnd().split("\n");
  return { header, rows };
};
const write = async (path: string, header: string, rows: readonly string[]): Promise<void> => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${[header, ...rows].join("\n")}\n`);
};

/** Closes a changed copy of the case's folder. */
const closeChanged = (change: (folder: string) => Promise<void>): Promise<Closed> =>
  withDirectory(async (folder) => {
    await cp(input, folder, { recursive: true });
    await change(folder);
    return closeOnce(folder);
  });

const expectSame = (closed: Closed, plain: Closed): void => {
  expect(plain.answerText.length).toBeGreaterThan(1_000);
  expect(closed.answerText).toBe(plain.answerText);
  expect(closed.linksText).toBe(plain.linksText);
  expect(closed.code).toBe(0);
};

describe("a close gives the same bytes", () => {
  let plain: Closed;
  beforeAll(async () => {
    plain = await closeOnce(input);
  });
  it("whatever the order of rows inside the files", async () => {
    const closed = await closeChanged(async (folder) => {
      for (const name of await csvFiles()) {
        const { header, rows } = await linesOf(name);
        await write(join(folder, name), header, shuffled(rows, 11));
      }
    });
    expectSame(closed, plain);
  });

  it("whatever the order of the files and the folders they lie in", async () => {
    const closed = await withDirectory(async (folder) => {
      const files = shuffled(await readdir(input, { recursive: true, withFileTypes: true }), 7).filter((file) =>
        file.isFile(),
      );
      for (const [index, file] of files.entries()) {
        // The name carries a report's month and delivery, so it stays; the folder says nothing.
        const target = join(folder, `${(index * 37) % 101}-${index}`, file.name);
        await mkdir(dirname(target), { recursive: true });
        await cp(join(file.parentPath, file.name), target);
      }
      return closeOnce(folder);
    });
    expectSame(closed, plain);
  });

  it("when every file is there twice", async () => {
    expectSame(await closeChanged((folder) => cp(input, join(folder, "again"), { recursive: true })), plain);
  });

  it("when every row stands in its file twice", async () => {
    const closed = await closeChanged(async (folder) => {
      for (const name of await csvFiles()) {
        const { header, rows } = await linesOf(name);
        await write(join(folder, name), header, [...rows, ...rows]);
      }
    });
    expectSame(closed, plain);
  });

  it("when files are split in two, and when a feed's months are one file", async () => {
    const closed = await withDirectory(async (folder) => {
      const feeds = new Map<string, { header: string; rows: string[] }>();
      for (const name of await csvFiles()) {
        const { header, rows } = await linesOf(name);
        const [feed] = /^aws\/[^/]+/.exec(name) ?? [];
        if (feed === undefined) {
          const half = Math.floor(rows.length / 2);
          await write(join(folder, name), header, rows.slice(0, half));
          await write(join(folder, "rest", name), header, rows.slice(half));
        } else {
          const whole = feeds.get(feed) ?? { header, rows: [] };
          whole.rows.push(...rows);
          feeds.set(feed, whole);
        }
      }
      for (const [feed, { header, rows }] of feeds) await write(join(folder, feed, "data.csv"), header, rows);
      await cp(join(input, "internal"), join(folder, "internal"), {
        recursive: true,
        filter: (path) => !path.endsWith(".csv"),
      });
      return closeOnce(folder);
    });
    expectSame(closed, plain);
  });

  it("with Windows line ends, a byte order mark, other letter case in the headers and their columns in another order", async () => {
    const closed = await closeChanged(async (folder) => {
      for (const name of await csvFiles()) {
        const { header, rows } = await linesOf(name);
        if (rows.some((row) => row.includes('"'))) continue;
        const turned = [header.toUpperCase(), ...rows].map((row) => row.split(",").toReversed().join(","));
        await writeFile(join(folder, name), `\uFEFF${turned.join("\r\n")}\r\n`);
      }
    });
    expectSame(closed, plain);
  });
});
