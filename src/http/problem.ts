/** Everything this API can answer instead of what was asked: RFC 9457 problems, one table of them, and how they travel. */
import * as z from "zod";
import type { Gap } from "../domain/fault.ts";

export const problemKinds = {
  "malformed-json": {
    status: 400,
    title: "The body is not JSON",
    help: "Line and column say where reading stopped. Names given twice or called __proto__, NUL characters, half surrogates and more than 32 levels are refused too.",
  },
  "bad-query": {
    status: 400,
    title: "The query parameters are not understood",
    help: "A parameter is unknown, given twice or out of range. The errors name it.",
  },
  "bad-header": {
    status: 400,
    title: "A header is not understood",
    help: "If-Match or Idempotency-Key does not look as it should.",
  },
  unauthenticated: {
    status: 401,
    title: "An API key is needed",
    help: "Send Authorization: Bearer cosell_… with a key that is neither revoked nor expired.",
  },
  "hook-refused": {
    status: 401,
    title: "The delivery does not prove where it comes from",
    help: "The sender's proof is missing or wrong, so the delivery was not kept. Check the key the sender uses.",
  },
  forbidden: {
    status: 403,
    title: "The API key lacks the scope",
    help: "Ask who administers the service for a key with the scope named.",
  },
  "not-found": {
    status: 404,
    title: "There is nothing here",
    help: "The address or the id in it names nothing. Ids are a prefix such as shr_ and 32 hexadecimal digits.",
  },
  "method-not-allowed": {
    status: 405,
    title: "The method is not allowed here",
    help: "The Allow header lists what is.",
  },
  conflict: {
    status: 409,
    title: "The state does not allow it",
    help: "The thing is in a state in which this cannot be done. The detail says which.",
  },
  "share-open": {
    status: 409,
    title: "The deal is shared there already",
    help: "One share at a time is open per deal and connection. Use the one named by shareId, or withdraw it first.",
  },
  "choose-deal": {
    status: 409,
    title: "A deal of the same company is known",
    help: "Deals are never linked silently. Each error names one that the invitation may be about: send its id as opportunityId, or openNew for a new deal.",
  },
  "request-running": {
    status: 409,
    title: "The first request with this Idempotency-Key is still running",
    help: "Wait the seconds in Retry-After, then send the same request again.",
  },
  "version-changed": {
    status: 412,
    title: "It was changed since you read it",
    help: "Somebody changed it since you read it. Read it again, then repeat your change with the new ETag.",
  },
  "too-large": {
    status: 413,
    title: "The body is too large",
    help: "Send less at once: 1 MiB for most bodies, 8 MiB for imports, 256 KiB for webhooks, 256 MiB for files of reports (16 MiB on Workers).",
  },
  "unsupported-media-type": {
    status: 415,
    title: "The content type is not understood",
    help: "Send the content type named, with the body in UTF-8.",
  },
  invalid: {
    status: 422,
    title: "The body does not fit",
    help: "The errors name each field that does not fit, by pointer, and why. Nothing was changed.",
  },
  gaps: {
    status: 422,
    title: "The programme would refuse this deal",
    help: "The programme's published rules would refuse the deal. Each error names the field, the rule's source and what to do. Nothing was saved; keepDraft saves it as a draft.",
  },
  "check-failed": {
    status: 422,
    title: "The marketplace refused the connection",
    help: "The marketplace was asked once and said no. The member fault says of which kind. Nothing was saved.",
  },
  "key-reused": {
    status: 422,
    title: "The Idempotency-Key belongs to another request",
    help: "An Idempotency-Key belongs to one request. Use a new one.",
  },
  "version-needed": {
    status: 428,
    title: "Say which version you change",
    help: "Send If-Match with the ETag you read, so that nobody's change is overwritten unseen.",
  },
  "headers-too-large": {
    status: 431,
    title: "The headers are too large",
    help: "All headers together may have 16 KiB.",
  },
  incident: {
    status: 500,
    title: "Something went wrong on our side",
    help: "It is logged under the id in instance, without your data. If it persists, tell that id to who runs the service.",
  },
  unavailable: { status: 503, title: "Not now", help: "Wait the seconds in Retry-After, then try again." },
} as const satisfies Record<string, { readonly status: number; readonly title: string; readonly help: string }>;
export type ProblemKind = keyof typeof problemKinds;

/** One thing that is wrong, where, and what to do about it. */
export const problemErrorSchema = z.object({
  pointer: z.string().optional().describe("JSON pointer into the body (RFC 6901)"),
  parameter: z.string().optional().describe("query parameter or header"),
  field: z.string().optional().describe("path of the field, for example account.website"),
  code: z.string(),
  message: z.string(),
  fix: z.string().optional().describe("what to do about it"),
  source: z.string().optional().describe("where the rule comes from"),
});
export type ProblemItem = z.infer<typeof problemErrorSchema>;

export const problemSchema = z
  .object({
    type: z.string().describe("address of the explanation, ending in #problem-<kind>"),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    instance: z.string().describe("the path asked, or urn:cosell:incident:<id>"),
    errors: z.array(problemErrorSchema),
  })
  .catchall(z.json());

export interface ProblemInit {
  readonly errors?: readonly ProblemItem[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem, for example the id of the share that is open already. */
  readonly extra?: Readonly<Record<string, string | number | boolean | null>>;
}

/** Thrown by handlers to answer with a problem; whatever transaction was open is rolled back. */
export class ProblemError extends Error {
  readonly kind: ProblemKind;
  readonly init: ProblemInit;
  constructor(kind: ProblemKind, detail: string, init: ProblemInit = {}) {
    super(detail);
    this.name = "ProblemError";
    this.kind = kind;
    this.init = init;
  }
}

/** The answer for a problem. `instance` is the path asked or the incident. */
export const problemAnswer = (error: ProblemError, publicUrl: string, instance: string): Response => {
  const { status, title } = problemKinds[error.kind];
  const body = {
    type: `${publicUrl}/docs#problem-${error.kind}`,
    title,
    status,
    detail: error.message,
    instance,
    errors: error.init.errors ?? [],
    ...error.init.extra,
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...error.init.headers, "content-type": "application/problem+json" },
  });
};

export const notFound = (what: string, id: string): ProblemError =>
  new ProblemError("not-found", `There is no ${what} ${id}.`);

/** zod's issues as problem items. Messages never repeat the value that was given. */
export const itemsOf = (error: z.ZodError): readonly ProblemItem[] =>
  error.issues.slice(0, 100).flatMap((issue): readonly ProblemItem[] => {
    const at = (path: readonly PropertyKey[]) => ({
      pointer: path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""),
      field: path.map(String).join("."),
    });
    if (issue.code === "unrecognized_keys")
      return issue.keys.slice(0, 20).map((key) => ({
        ...at([...issue.path, key]),
        code: "unknown",
        message: "no such member",
        fix: "remove it, or mend its name",
      }));
    return [{ ...at(issue.path), code: issue.code, message: issue.message }];
  });

export const itemsOfGaps = (gaps: readonly Gap[]): readonly ProblemItem[] =>
  gaps.map(({ field, code, message, fix, source }) => ({ field, code, message, fix, source }));
