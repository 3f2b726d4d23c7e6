/**
 * An Inngest server in the runner's place: it is told where our functions are until it knows, hears our events, and calls us.
 * Whatever the environment says about development, it talks to the configured addresses only.
 */
import * as z from "zod";
import type { Log } from "../../src/ports.ts";
import type { Transport } from "./events.ts";
import { pause } from "./pause.ts";
import { createSigner } from "./signature.ts";

export interface OutsideDeps {
  readonly log: Log;
  /** The serve handler of `inngest/hono`. */
  readonly handler: (request: Request) => Promise<Response>;
  /** Where the server reaches the handler. */
  readonly appUrl: string;
  readonly signingKey: string;
  /** The addresses of its API and of its event API. */
  readonly apiUrl: string;
  readonly eventsUrl: string;
  /** Whether the server is known to have our functions already. */
  readonly isRegistered: boolean;
}

/** The server did not take what we told it; the message says what to check. */
export class ServerRefusedError extends Error {
  override readonly name = "ServerRefusedError";
}

export interface Outside {
  /** What the SDK sends with. */
  readonly fetch: Transport;
  /** What the server calls. */
  readonly serve: (request: Request) => Promise<Response>;
  /** Registers our functions, once. Throws `ServerRefusedError`. */
  readonly sync: () => Promise<void>;
  /** Hands events over. Throws `ServerRefusedError`. */
  readonly send: (work: () => Promise<unknown>) => Promise<void>;
  /** Registers, and tries again until the server has taken it. */
  readonly start: () => void;
  /** Waits at most 5 s for calls in flight; then nothing is taken any more. */
  readonly stop: () => Promise<void>;
  /** Whether it took our functions in this process's life: an event sent before could start nothing. */
  readonly isRegistered: () => boolean;
  /** What is wrong between us and the server, or null. */
  readonly problem: () => string | null;
}

const requestMsMax = 10_000;
const retryMsMin = 1_000;
const retryMsMax = 60_000;
const stopMsMax = 5_000;

export const createOutside = (deps: OutsideDeps): Outside => {
  const { handler, appUrl, apiUrl } = deps;
  const signer = createSigner(deps.signingKey);
  const stopping = new AbortController();
  const inFlight = new Set<Promise<unknown>>();
  let { isRegistered } = deps;
  let registration = isRegistered ? null : `our functions are not registered at ${apiUrl} yet`;
  let relay: string | null = null;

  const sync = async (): Promise<void> => {
    const headers = { "x-inngest-signature": await signer.sign("") };
    const answer = await handler(new Request(appUrl, { method: "PUT", headers }));
    const { message } = registeredSchema.parse(await answer.json().catch(() => ({})));
    if (!answer.ok) {
      registration = `the workflow server at ${apiUrl} did not take our functions (status ${answer.status}: ${message})`;
      throw new ServerRefusedError(
        `${registration}; check INNGEST_BASE_URL and INNGEST_SIGNING_KEY, and that it reaches ${appUrl}`,
      );
    }
    registration = null;
    isRegistered = true;
  };
  return {
    fetch: createPinned(deps, stopping.signal),
    serve: async (request) => {
      if (stopping.signal.aborted) return new Response(null, { status: 503, headers: { "retry-after": "1" } });
      const work = handler(request);
      inFlight.add(work);
      return work.finally(() => inFlight.delete(work));
    },
    sync,
    send: async (work) => {
      try {
        await work();
        relay = null;
      } catch (error) {
        relay = `events wait: the workflow server at ${deps.eventsUrl} ${reasonOf(error)}`;
        throw new ServerRefusedError(relay);
      }
    },
    start: () => void keepRegistering(deps, sync, stopping.signal),
    stop: async () => {
      stopping.abort();
      const late = new AbortController();
      await Promise.race([Promise.allSettled(inFlight), pause(stopMsMax, late.signal)]);
      late.abort();
    },
    isRegistered: () => isRegistered,
    problem: () => registration ?? relay,
  };
};

const keepRegistering = async (
  { log, apiUrl, appUrl }: OutsideDeps,
  sync: () => Promise<void>,
  stopping: AbortSignal,
): Promise<void> => {
  for (let waitMs = retryMsMin; !stopping.aborted; waitMs = Math.min(waitMs * 2, retryMsMax)) {
    try {
      await sync();
      log.info("the workflow server took our functions", { server: apiUrl, application: appUrl });
      return;
    } catch (error) {
      const reason = error instanceof ServerRefusedError ? error.message : "the registration itself failed";
      if (!stopping.aborted) log.warn("registration is tried again", { reason, seconds: waitMs / 1_000 });
      await pause(waitMs, stopping);
    }
  }
};

const registeredSchema = z.looseObject({
  message: z.string().catch("no readable answer").default("no readable answer"),
});

/** The SDK names the status only in its words. They are not passed on: a server may repeat what it was sent. */
const reasonOf = (error: unknown): string => {
  const [, status] = /^Inngest API Error: (\d{3})/.exec(error instanceof Error ? error.message : "") ?? [];
  if (status === undefined) return "does not answer; check INNGEST_BASE_URL and that it runs";
  const isKey = ["401", "403", "404"].includes(status);
  return `answered ${status}${isKey ? "; check INNGEST_EVENT_KEY" : ""}`;
};

/**
 * The SDK's requests, sent to the configured origins: with INNGEST_DEV set to an address, the SDK would send them there.
 * Redirects are not followed, because requests carry keys.
 */
const createPinned =
  ({ apiUrl, eventsUrl }: OutsideDeps, stopping: AbortSignal): Transport =>
  (input, init) => {
    const { pathname, search } = new URL(input instanceof Request ? input.url : input);
    const url = new URL(`${pathname}${search}`, pathname.startsWith("/e/") ? eventsUrl : apiUrl);
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(requestMsMax)]);
    const bounds = { signal, redirect: "manual" } as const;
    return input instanceof Request ? fetch(new Request(url, input), bounds) : fetch(url, { ...init, ...bounds });
  };
