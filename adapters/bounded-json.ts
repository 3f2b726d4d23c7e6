/** JSON that strangers send: its bounds are checked on the text, in one pass, before it is parsed. */
import { jsonOf } from "./text.ts";

const depthMax = 32;
const keysMax = 2_000;

/** Why the JSON text is out of bounds (depth, keys, a key named twice), or null. Runs in one pass, before parsing. */
export const outOfBounds = (text: string): string | null => {
  const names: Set<string>[] = [];
  let keys = 0;
  for (let index = 0; index < text.length; index++) {
    const sign = text[index];
    if (sign === "{" || sign === "[") {
      if (names.push(new Set()) > depthMax) return `it is nested deeper than ${depthMax}`;
    } else if (sign === "}" || sign === "]") names.pop();
    else if (sign === '"') {
      const start = index;
      for (index++; index < text.length && text[index] !== '"'; index++) if (text[index] === "\\") index++;
      if (!/^\s*:/.test(text.slice(index + 1, index + 64))) continue;
      const name = jsonOf(text.slice(start, index + 1));
      const seen = names.at(-1);
      if (typeof name !== "string" || seen === undefined) return "it is no JSON";
      if (seen.has(name)) return "a member is named twice";
      seen.add(name);
      if (++keys > keysMax) return `it has more than ${keysMax} members`;
    }
  }
  return null;
};

/** The JSON of bytes within the bounds, or why they are none. */
export const readBoundedJson = (
  body: Uint8Array,
): { readonly json: unknown; readonly trouble: null } | { readonly trouble: string } => {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return { trouble: "it is no UTF-8" };
  }
  const trouble = outOfBounds(text);
  if (trouble !== null) return { trouble };
  const json = jsonOf(text);
  return json === undefined ? { trouble: "it is no JSON" } : { json, trouble: null };
};
