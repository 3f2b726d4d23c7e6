/** The version of this product, as its package says. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as z from "zod";

/** For example `0.1.0`. */
export const readVersion = async (): Promise<string> => {
  const path = fileURLToPath(import.meta.url.replace(/\/(?:dist|src)\/(?:chunks\/|cli\/)?[^/]+$/, "/package.json"));
  return z.looseObject({ version: z.string() }).parse(JSON.parse(await readFile(path, "utf8"))).version;
};
