/** Webhooks: raw bytes in, nothing parsed before it is proved, an answer only after commit. */
import * as z from "zod";
import type { Hooks, Verdict, VerifiedDelivery } from "../../adapters/contract.ts";
import type { Connection } from "../domain/deal.ts";
import type { NewDelivery } from "../store/inbox.ts";
import { readBytes } from "./door.ts";
import { type Answer, type AppDeps, type Endpoint, endpoint, idOf } from "./endpoint.ts";
import { createIntake, type Intake } from "./intake.ts";
import { ProblemError } from "./problem.ts";

const deliveryBytesMax = 256 * 1024;
/** What more hints than these would tell is found by the next sweep. */
const hintsMax = 200;
const retrySeconds = "30";
/** A connection that changes at each of so many tries is looked at again when the sender repeats. */
const turnsMax = 4;
const openedMax = 1_000;

const statusSchema = z.object({ status: z.enum(["accepted", "duplicate", "ignored"]) });

export const hookEndpoints = (deps: AppDeps): readonly Endpoint[] => {
  return [receiveEndpoint(deps, createOpened(deps), createIntake(deps))];
};

const receiveEndpoint = (deps: AppDeps, opened: OpenedConnections, intake: Intake): Endpoint =>
  endpoint({
    method: "POST",
    path: "/hooks/{id}",
    tag: "Webhooks",
    scope: null,
    summary: "Where a partner delivers its webhooks",
    description:
      "No API key: the connection's own proof decides, before anything is parsed. At most 256 KiB. A delivery is a hint; the partner's record is read again before anything changes. 503 asks the sender to try again.",
    params: z.strictObject({ id: idOf("con", "connection") }),
    query: z.looseObject({}),
    answers: {
      202: {
        description: "kept, known already, or authentic and of no use to us",
        schema: statusSchema,
        example: { status: "accepted" },
      },
    },
    problems: ["not-found", "hook-refused", "too-large", "malformed-json", "unavailable"],
    handle: async ({ params, request }) => {
      const body = await readBytes(request, deliveryBytesMax);
      const headers = Object.fromEntries([...request.headers].map(([name, value]) => [name.toLowerCase(), value]));
      for (let turn = 1; ; turn++) {
        const { entry, isFresh } = await opened.get(params.id, turn > 1);
        const verdict = await verdictOf(deps, entry, { headers, body });
        // Only a verdict on the connection as it is now counts against the sender.
        if (verdict.kind !== "verified" && !isFresh) continue;
        if (verdict.kind !== "verified") return refuse(deps, entry.connection, { verdict, bytes: body.length });
        const reception = await intake.receive(deliveryOf(deps, { ...entry, headers, body }, verdict.delivery));
        if (reception !== "stale") return { status: 202, body: { status: reception } };
        if (turn >= turnsMax) throw unsure();
      }
    },
  });

const refuse = (
  deps: AppDeps,
  connection: Connection,
  { verdict, bytes }: { readonly verdict: Exclude<Verdict, { kind: "verified" }>; readonly bytes: number },
): Answer => {
  // Kinds that nobody acts on are daily business; a forgery or a secret that cannot be read is not.
  const tell = verdict.kind === "ignored" ? deps.log.info : deps.log.warn;
  tell(`delivery ${verdict.kind}`, { connection: connection.id, bytes });
  if (verdict.kind === "ignored") return { status: 202, body: { status: "ignored" } };
  if (verdict.kind === "forged")
    throw new ProblemError(
      "hook-refused",
      "The delivery was not kept. Check the key that the sender uses for this connection.",
    );
  throw unsure();
};

const unsure = (): ProblemError =>
  new ProblemError("unavailable", "It cannot be told now whether the delivery is authentic. Deliver it again later.", {
    headers: { "retry-after": retrySeconds },
  });

interface Opened {
  readonly connection: Connection;
  readonly hooks: Hooks;
}
interface OpenedConnections {
  /** The connection with its hooks, read `anew` or as it was when last read (then not fresh). Throws the problem where there is none. */
  readonly get: (id: string, anew: boolean) => Promise<{ readonly entry: Opened; readonly isFresh: boolean }>;
}

/**
 * Connections opened before. An entry may be old: the inbox checks the version in the same statement that keeps a delivery,
 * and nobody is turned away before the connection was read anew.
 */
const createOpened = (deps: AppDeps): OpenedConnections => {
  const known = new Map<string, Opened>();
  return {
    get: async (id, anew) => {
      const entry = anew ? undefined : known.get(id);
      if (entry !== undefined) return { entry, isFresh: false };
      const fresh = await openHooks(deps, id);
      if (known.size >= openedMax) known.clear();
      known.set(id, fresh);
      return { entry: fresh, isFresh: true };
    },
  };
};

const openHooks = async (deps: AppDeps, id: string): Promise<Opened> => {
  const nowhere = () => new ProblemError("not-found", "No webhooks are taken here.");
  const connection = await deps.store.connections.find(deps.db.sql, id);
  if (connection === null || deps.registry.find(connection.marketplace) === null) throw nowhere();
  let hooks: Hooks | undefined;
  try {
    hooks = deps.registry.open(connection).hooks;
  } catch {
    deps.log.error("a connection cannot be opened for its webhooks", { connection: id });
    throw unsure();
  }
  if (hooks === undefined) throw nowhere();
  return { connection, hooks };
};

interface Raw {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const verdictOf = async (deps: AppDeps, { connection, hooks }: Opened, raw: Raw): Promise<Verdict> => {
  try {
    return await hooks.verify(raw);
  } catch (error) {
    deps.log.error("verifying a delivery failed", {
      connection: connection.id,
      error: error instanceof Error ? error.name : typeof error,
    });
    return { kind: "unsure", reason: "verify threw" };
  }
};

const deliveryOf = (deps: AppDeps, received: Opened & Raw, delivery: VerifiedDelivery): NewDelivery => {
  const { connection, hooks, headers, body } = received;
  const { key, kind, hints } = delivery;
  if (hints.length > hintsMax)
    deps.log.warn("a delivery names more records than are looked at", {
      connection: connection.id,
      hints: hints.length,
    });
  const worthKeeping = Object.entries(headers).filter(([name]) => hooks.headers.includes(name));
  return {
    connection,
    key,
    kind,
    headers: Object.fromEntries(worthKeeping),
    body: new TextDecoder().decode(body),
    hints: hints.slice(0, hintsMax),
  };
};
