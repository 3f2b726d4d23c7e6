/** JSON documents read after a schema, refused with each place that is wrong. */
import type { z } from "zod";
import { RefusedDocument } from "./contract-reports.ts";

/** Parses a document after its schema. Throws a `RefusedDocument` that names each place. */
export const parseDocument = <Shape extends z.ZodType>(schema: Shape, text: string): z.infer<Shape> => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : "it does not parse";
    throw new RefusedDocument([
      { place: "the document", message: `this is no JSON: ${why}`, fix: "the file may be cut off; write it again" },
    ]);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw new RefusedDocument(
    result.error.issues.slice(0, 20).map((issue) => ({
      place: issue.path.length === 0 ? "the document" : issue.path.map((part) => `[${String(part)}]`).join(""),
      message: issue.message,
      fix: "correct the value; nothing is assumed in its place",
    })),
  );
};
