/** Webhooks: raw bytes in, nothing parsed before it is proved, an answer only after commit. */
import { z } from "zod";
import type { Hooks, Verdict, VerifiedDelivery } from "../../adapters/contract.ts";
import type { Connection } from "../domain/deal.ts";
import type { Tx } from "../ports.ts";
import { readBytes } from "./door.ts";
import { type Answer, type AppDeps, commit, type Endpoint, endpoint, idOf } from "./endpoint.ts";
import { ProblemError } from "./problem.ts";

const deliveryBytesMax = 256 * 1024;
/** What more hints than these would tell is found by the next sweep. */
const hintsMax = 200;
const retrySeconds = "30";

const statusSchema = z.object({ status: z.enum(["accepted", "duplicate", "ignored"]) });

export const hookEndpoints = (deps: AppDeps): readonly Endpoint[] => [
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
      const { connection, hooks } = await openHooks(deps, params.id);
      const body = await readBytes(request, deliveryBytesMax);
      const headers = Object.fromEntries([...request.headers].map(([name, value]) => [name.toLowerCase(), value]));
      const verdict = await verdictOf(deps, connection, hooks, { headers, body });
      if (verdict.kind === "verified") return keep(deps, { connection, hooks, headers, body }, verdict.delivery);
      // Kinds that nobody acts on are daily business; a forgery or a secret that cannot be read is not.
      const tell = verdict.kind === "ignored" ? deps.log.info : deps.log.warn;
      tell(`delivery ${verdict.kind}`, { connection: connection.id, bytes: body.length });
      if (verdict.kind === "ignored") return { status: 202, body: { status: "ignored" } };
      if (verdict.kind === "forged")
        throw new ProblemError(
          "hook-refused",
          "The delivery was not kept. Check the key that the sender uses for this connection.",
        );
      throw unsure();
    },
  }),
];

const unsure = (): ProblemError =>
  new ProblemError("unavailable", "It cannot be told now whether the delivery is authentic. Deliver it again later.", {
    headers: { "retry-after": retrySeconds },
  });

const openHooks = async (
  deps: AppDeps,
  id: string,
): Promise<{ readonly connection: Connection; readonly hooks: Hooks }> => {
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

const verdictOf = async (deps: AppDeps, connection: Connection, hooks: Hooks, raw: Raw): Promise<Verdict> => {
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

interface Received extends Raw {
  readonly connection: Connection;
  readonly hooks: Hooks;
}

const keep = async (deps: AppDeps, received: Received, delivery: VerifiedDelivery): Promise<Answer> => {
  const isNew = await commit(deps, (tx) => store(deps, tx, received, delivery));
  return { status: 202, body: { status: isNew ? "accepted" : "duplicate" } };
};

const store = async (deps: AppDeps, tx: Tx, received: Received, delivery: VerifiedDelivery): Promise<boolean> => {
  const { journal, shares } = deps.store;
  const { connection, hooks, headers, body } = received;
  const { key, kind } = delivery;
  const connectionId = connection.id;
  const worthKeeping = Object.entries(headers).filter(([name]) => hooks.headers.includes(name));
  const deliveryId = await journal.receive(tx, {
    connectionId,
    key,
    kind,
    headers: Object.fromEntries(worthKeeping),
    body: new TextDecoder().decode(body),
  });
  if (deliveryId === null) return false;
  await journal.tell(tx, "delivery.accepted", connectionId, { connectionId, deliveryId, key, kind });
  if (delivery.hints.length > hintsMax)
    deps.log.warn("a delivery names more records than are looked at", {
      connection: connectionId,
      hints: delivery.hints.length,
    });
  const remoteIds = new Set(delivery.hints.slice(0, hintsMax).map((hint) => hint.id));
  for (const remoteId of remoteIds) {
    const hinted = await shares.hinted(tx, connectionId, remoteId);
    if (hinted?.isLookPending === true) continue;
    await journal.tell(tx, "hint.raised", hinted?.shareId ?? connectionId, { connectionId, remoteId });
  }
  return true;
};
