/**
 * The executor's side of the Inngest HTTP protocol: signed requests to the serve handler, verified and classified answers.
 * https://github.com/inngest/inngest/blob/main/docs/SDK_SPEC.md, and as SDK 4.24 behaves (test/vectors/inngest).
 */
import canonicalize from "canonicalize";
import * as z from "zod";
import { OutboundError } from "../../src/outbound.ts";
import { createSigner, type Signer } from "./signature.ts";
import { traceparentOf } from "./trace.ts";

/** What a run, a step or a call failed with, as the SDK writes and reads errors. */
export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly [more: string]: unknown;
}

export interface Op {
  readonly id: string;
  readonly op: string;
  readonly name: string;
  readonly displayName: string;
  readonly opts: Readonly<Record<string, unknown>>;
  readonly data: unknown;
  readonly error: WireError | null;
}

export interface Retriability {
  /** Null where the answer says nothing. */
  readonly retriable: boolean | null;
  readonly retryAfter: string | null;
}
export type Answer =
  /** The function returned; `output` is JSON text. */
  | { readonly kind: "finished"; readonly output: string; readonly version: number | null }
  | ({ readonly kind: "failed"; readonly error: WireError } & Retriability)
  | ({ readonly kind: "ops"; readonly ops: readonly Op[]; readonly version: number | null } & Retriability)
  /** The keys do not fit together: nothing ran, and trying again at once is no use. */
  | { readonly kind: "refused"; readonly reason: string };

/** The body of one call, `steps` as JSON text of an object in completion order. */
export interface Call {
  readonly functionId: string;
  /** `step` discovers; any other value runs that planned step. */
  readonly stepId: string;
  readonly runId: string;
  readonly attempt: number;
  readonly attemptsMax: number;
  readonly version: number | null;
  readonly event: unknown;
  readonly steps: Readonly<Record<string, unknown>>;
  readonly stack: readonly string[];
}

export interface Protocol {
  /** Runs one step or discovers the next ones. Never throws: what went wrong on the way is a `failed` answer. */
  readonly call: (call: Call) => Promise<Answer>;
  /** The configurations of every function, by a signed in-band sync. Throws with the handler's own words when refused. */
  readonly register: () => Promise<readonly unknown[]>;
}

export interface ProtocolOptions {
  readonly handler: (request: Request) => Promise<Response>;
  readonly appUrl: string;
  /** The key that signs, then those that are tried when the handler does not know it: a rotation is under way. */
  readonly signingKeys: readonly string[];
  /** A call that takes longer is given up. */
  readonly callMsMax: number;
  /** Larger calls leave the steps out and tell the SDK to fetch them from our API; null: there is no API to ask. */
  readonly inlineBytesMax: number | null;
}

export const createProtocol = (options: ProtocolOptions): Protocol => {
  const signers = options.signingKeys.map(createSigner);
  const send = (message: Message) => exchange(options, signers, message);
  return {
    call: async (call) => {
      try {
        const query = `?fnId=${encodeURIComponent(call.functionId)}&stepId=${encodeURIComponent(call.stepId)}`;
        const headers = { "x-run-id": call.runId, traceparent: traceparentOf(call.runId) };
        return classify(await send({ method: "POST", query, body: callBody(call, options.inlineBytesMax), headers }));
      } catch (error) {
        if (error instanceof OutboundError && !error.sent) return { kind: "refused", reason: error.message };
        return { kind: "failed", error: asWireError(error), retriable: true, retryAfter: null };
      }
    },
    register: async () => {
      const body = canonical({ url: options.appUrl });
      const answer = await send({ method: "PUT", query: "", body, headers: { "x-inngest-sync-kind": "in_band" } });
      const registered = registeredSchema.safeParse(parseJson(answer.text));
      if (answer.status === 200 && answer.isSigned && registered.success) return registered.data.functions;
      throw new Error(
        `the workflow handler refused the runner's sync (status ${answer.status}${answer.isSigned ? "" : ", not signed"}): ` +
          `${answer.text.slice(0, 300)}; check that runner and Inngest client have the same signing key and app path`,
      );
    },
  };
};

const registeredSchema = z.looseObject({ functions: z.array(z.unknown()) });

const canonical = (value: unknown): string => canonicalize(value) ?? "null";

/** `ctx.fn_id` is left out, so that the SDK does not checkpoint; `max_attempts` lets it tell the last attempt. */
const callBody = (call: Call, inlineBytesMax: number | null): string => {
  const body = (isInline: boolean): string =>
    canonical({
      version: call.version ?? -1,
      event: call.event,
      events: isInline ? [call.event] : [],
      steps: isInline ? call.steps : {},
      ctx: {
        run_id: call.runId,
        attempt: call.attempt,
        max_attempts: call.attemptsMax,
        disable_immediate_execution: call.stepId !== "step",
        use_api: !isInline,
        stack: { stack: call.stack, current: call.stack.length },
      },
    });
  const whole = body(true);
  return inlineBytesMax !== null && isLonger(whole, inlineBytesMax) ? body(false) : whole;
};

/** Whether a text is longer than `bytesMax` in UTF-8; counts only where a count is needed. */
export const isLonger = (text: string, bytesMax: number): boolean =>
  text.length > bytesMax || (text.length * 3 > bytesMax && new TextEncoder().encode(text).length > bytesMax);

interface Message {
  readonly method: "PUT" | "POST";
  readonly query: string;
  /** Canonical JSON: the SDK canonicalises what it parsed before it verifies. */
  readonly body: string;
  readonly headers: Readonly<Record<string, string | null>>;
}
interface Exchanged {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly isSigned: boolean;
}

const exchange = async (options: ProtocolOptions, signers: readonly Signer[], message: Message): Promise<Exchanged> => {
  const given = Object.entries(message.headers).filter((entry): entry is [string, string] => entry[1] !== null);
  let answer: Exchanged = { status: 401, headers: new Headers(), text: "no signing key", isSigned: false };
  for (const signer of signers) {
    const headers = {
      ...Object.fromEntries(given),
      "content-type": "application/json",
      "x-inngest-signature": await signer.sign(message.body),
    };
    const { method, query, body } = message;
    const request = new Request(`${options.appUrl}${query}`, { method, headers, body });
    const response = await within(options.handler(request), options.callMsMax);
    const text = await response.text();
    const isSigned = await signer.verify(response.headers.get("x-inngest-signature"), text);
    answer = { status: response.status, headers: response.headers, text, isSigned };
    if (answer.status !== 401) break;
  }
  return answer;
};

const within = async <T>(work: Promise<T>, msMax: number): Promise<T> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the workflow handler did not answer within ${msMax} ms`)), msMax);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};

const opSchema = z.looseObject({
  id: z.string().regex(/^[0-9a-f]{40}$/),
  op: z.string().min(1),
  name: z.string().nullish(),
  displayName: z.string().nullish(),
  opts: z.record(z.string(), z.unknown()).nullish(),
  data: z.unknown().optional(),
  error: z.unknown().optional(),
});

const classify = (answer: Exchanged): Answer => {
  if (answer.status === 401) return { kind: "refused", reason: "the workflow handler answered 401 to a signed call" };
  if (answer.headers.get("x-inngest-sdk") === null) {
    return failedCall(`an answer (status ${answer.status}) that is not the Inngest SDK's`);
  }
  if (!answer.isSigned) return { kind: "refused", reason: "the workflow handler's answer is not signed with our key" };
  const noRetry = answer.headers.get("x-inngest-no-retry");
  const retriability: Retriability = {
    retriable: noRetry === null ? null : noRetry !== "true",
    retryAfter: answer.headers.get("retry-after"),
  };
  const version = versionOf(answer.headers.get("x-inngest-req-version"));
  if (answer.status === 200) return { kind: "finished", output: answer.text === "" ? "null" : answer.text, version };
  if (answer.status === 206) {
    const ops = z.array(opSchema).min(1).safeParse(parseJson(answer.text));
    if (!ops.success) return failedCall("an answer whose steps are not readable");
    return { kind: "ops", ops: ops.data.map(asOp), version, ...retriability };
  }
  return { kind: "failed", error: asWireError(parseJson(answer.text)), ...retriability };
};

const failedCall = (what: string): Answer => ({
  kind: "failed",
  error: { name: "Error", message: `the workflow handler gave ${what}` },
  retriable: true,
  retryAfter: null,
});

const asOp = (op: z.infer<typeof opSchema>): Op => ({
  id: op.id,
  op: op.op,
  name: op.name ?? "",
  displayName: op.displayName ?? op.name ?? op.id,
  opts: op.opts ?? {},
  data: op.data ?? null,
  error: op.error === undefined || op.error === null ? null : asWireError(op.error),
});

const versionOf = (header: string | null): number | null =>
  header !== null && /^\d+$/.test(header) ? Number(header) : null;

const errorSchema = z.looseObject({
  name: z.string().optional(),
  message: z.string().optional(),
  error: z.string().optional(),
  stack: z.string().optional(),
});

/** An error as the SDK reads it, from an exception, an error body, or anything else. */
export const asWireError = (value: unknown): WireError => {
  const plain = value instanceof Error ? { name: value.name, message: value.message } : value;
  const parsed = errorSchema.safeParse(plain);
  if (!parsed.success) return { name: "Error", message: typeof value === "string" ? value : "unknown error" };
  const { name, message, error, ...more } = parsed.data;
  return { ...more, name: name ?? (error === undefined ? "Error" : "StepNotFound"), message: message ?? error ?? "" };
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};
