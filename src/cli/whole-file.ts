/** Files that appear whole or not at all, with the hash of what was written. */
import { createHash } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";

const piecesPerWrite = 2_000;

export interface Written {
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** Writes the pieces in order, then gives the file its name. */
export const writeWhole = async (path: string, pieces: Iterable<string> | Uint8Array): Promise<Written> => {
  const unfinished = `${path}.unfinished`;
  const hash = createHash("sha256");
  let bytes = 0;
  const file = await open(unfinished, "w");
  const put = async (piece: string | Uint8Array): Promise<void> => {
    const data = typeof piece === "string" ? Buffer.from(piece, "utf8") : piece;
    hash.update(data);
    bytes += data.length;
    await file.writeFile(data);
  };
  try {
    if (pieces instanceof Uint8Array) await put(pieces);
    else {
      let some: string[] = [];
      for (const piece of pieces) {
        some.push(piece);
        if (some.length < piecesPerWrite) continue;
        await put(some.join(""));
        some = [];
      }
      await put(some.join(""));
    }
    await file.sync();
  } catch (error) {
    await file.close();
    await rm(unfinished, { force: true });
    throw error;
  }
  await file.close();
  await rename(unfinished, path);
  return { bytes, sha256: hash.digest("hex") };
};
