/** The product's façade on a port of this machine, over a test database, with a clock that can be sent ahead. */
import { createServer } from "node:http";
import { serve } from "@hono/node-server";
import { createShiftableClock } from "../src/clock.ts";
import { createIds } from "../src/ids.ts";
import { keepAliveTimeout } from "../src/node.ts";
import { createBoundedHttp } from "../src/outbound.ts";
import type { Db } from "../src/ports.ts";
import { type CallNote, createFacade, type FacadeDeps } from "../workflows/runner/facade.ts";
import { keyHash } from "../workflows/runner/signature.ts";

export const eventKey = "the-event-key";
export const signingKey = `signkey-test-${"0123456789abcdef".repeat(4)}`;
export const otherSigningKey = `signkey-test-${"fedcba9876543210".repeat(4)}`;

export interface FacadeRig {
  readonly url: string;
  readonly calls: readonly CallNote[];
  readonly logged: readonly string[];
  /** When no call is in flight: sends the clock ahead and wakes the runner. */
  readonly advance: (ms: number) => Promise<void>;
  readonly send: (...events: readonly object[]) => Promise<Response>;
  /** Asks with the signing key's hash, as an SDK does. */
  readonly ask: (method: string, path: string, key?: string) => Promise<Response>;
  readonly close: () => Promise<void>;
}

export const startFacade = async (db: Db, options: Partial<FacadeDeps> = {}): Promise<FacadeRig> => {
  const clock = createShiftableClock();
  const calls: CallNote[] = [];
  const logged: string[] = [];
  const note = (message: string, fields = {}) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const facade = createFacade({
    ...{ db, clock, ids: createIds(clock), log: { info: note, warn: note, error: note } },
    ...{ http: createBoundedHttp(), target: null, eventKey, signingKey, parallel: 4, retentionDays: 90 },
    called: (call) => void calls.push(call),
    ...options,
  });
  const listening = await listenOn(facade.fetch);
  facade.start();
  const send = (...events: readonly object[]): Promise<Response> =>
    fetch(`${listening.url}/e/${eventKey}`, { method: "POST", body: JSON.stringify(events) });
  return {
    url: listening.url,
    calls,
    logged,
    send,
    advance: async (ms) => {
      // What an answer leads to counts from the moment it is saved.
      await until(async () => (await db.sql`select from runner_job where lease_owner is not null`).length === 0);
      clock.advanceTo(new Date(clock.now().getTime() + ms));
      await send({ name: "test/woken" });
    },
    ask: async (method, path, key = signingKey) =>
      fetch(`${listening.url}${path}`, {
        method,
        headers: { authorization: `Bearer signkey-test-${await keyHash(key)}` },
      }),
    close: async () => {
      await facade.stop();
      listening.close();
    },
  };
};

/** A port on which `fetch` answers. */
export const listenOn = async (fetch: (request: Request) => Promise<Response> | Response, port = 0) => {
  const server = serve({
    ...{ fetch, port, hostname: "127.0.0.1", createServer },
    serverOptions: { keepAliveTimeout },
  });
  await new Promise<void>((listening) => server.once("listening", () => listening()));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    close: (): void => {
      server.close();
      if ("closeAllConnections" in server) server.closeAllConnections();
    },
  };
};

/** Waits until `holds`, at most `msMax`; the last look decides. */
export const until = async (holds: () => boolean | Promise<boolean>, msMax = 15_000): Promise<void> => {
  for (const end = Date.now() + msMax; Date.now() < end && !(await holds()); )
    await new Promise((done) => setTimeout(done, 20));
};
