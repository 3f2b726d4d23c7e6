/**
 * What a resting PGlite consists of (its memory and its files in memory), kept once and put back as often as asked: a fresh database
 * in a fortieth of the time that loading one from a template takes. It knows PGlite's and Emscripten's insides, so it is for tests.
 */
import type { PGlite } from "@electric-sql/pglite";

type Module = PGlite["Module"];
/** A node of Emscripten's MEMFS, as far as its content has to be handled apart from its other properties. */
interface Node {
  contents?: Uint8Array | Record<string, Node>;
}
interface Stream {
  readonly shared: object;
}
interface Files {
  readonly root: Node;
  readonly nameTable: (Node | undefined)[];
  readonly streams: (Stream | null)[];
}

const chunkBytes = 64 * 1024;

/** Keeps the engine as it is. Returns what puts it back. Neither may happen while a statement runs or a transaction is open. */
export const keepEngine = (module: Module): (() => void) => {
  const putMemoryBack = keepMemory(module);
  const putFilesBack = keepFiles(module.FS as unknown as Files);
  return () => {
    putMemoryBack();
    putFilesBack();
  };
};

const keepMemory = (module: Module): (() => void) => {
  const kept: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  const nothing = Buffer.alloc(chunkBytes);
  // Nine tenths of it were never written.
  for (let at = 0; at < module.HEAPU8.length; at += chunkBytes) {
    const bytes = module.HEAPU8.subarray(at, at + chunkBytes);
    if (nothing.compare(bytes) !== 0) kept.push({ at, bytes: bytes.slice() });
  }
  const stack = module.stackSave();
  return () => {
    // It may have grown: `HEAPU8` is another one then.
    module.HEAPU8.fill(0);
    for (const { at, bytes } of kept) module.HEAPU8.set(bytes, at);
    module.stackRestore(stack);
  };
};

const keepFiles = (files: Files): (() => void) => {
  const nodes: (() => void)[] = [];
  const keep = (node: Node): void => {
    const { contents } = node;
    const properties = { ...node };
    if (contents === undefined) nodes.push(() => void Object.assign(node, properties));
    else if (contents instanceof Uint8Array) {
      const bytes = contents.slice();
      nodes.push(() => {
        // The array that it has now, where it has the size, or every rewind would have to take new memory.
        const { contents: now } = node;
        const reused = now instanceof Uint8Array && now.length === bytes.length ? now : new Uint8Array(bytes.length);
        reused.set(bytes);
        Object.assign(node, properties, { contents: reused });
      });
    } else {
      const children = { ...contents };
      nodes.push(() => void Object.assign(node, properties, { contents: { ...children } }));
      for (const child of Object.values(children)) keep(child);
    }
  };
  keep(files.root);
  const names = [...files.nameTable];
  const streams = files.streams.map(
    (stream) => stream && { stream, properties: { ...stream }, shared: { ...stream.shared } },
  );
  return () => {
    for (const putBack of nodes) putBack();
    for (const [at, name] of names.entries()) files.nameTable[at] = name;
    files.streams.length = 0;
    for (const kept of streams) {
      if (kept !== null) {
        Object.assign(kept.stream, kept.properties);
        Object.assign(kept.stream.shared, kept.shared);
      }
      files.streams.push(kept?.stream ?? null);
    }
  };
};
