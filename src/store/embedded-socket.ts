/**
 * PostgreSQL's wire protocol on a unix socket in front of PGlite. PGlite is one session and calls into it are dear: what a client
 * sends up to a Sync is given to it in one call, and nobody else is let in between. Imported by the worker thread only.
 * The messages: https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
import { createServer } from "node:net";
import type { Duplex } from "node:stream";

/** What is used of PGlite. */
export interface Engine {
  readonly runExclusive: <T>(work: () => Promise<T>) => Promise<T>;
  readonly execProtocolRawStream: (
    message: Uint8Array,
    options: { readonly onRawData: (data: Uint8Array) => void },
  ) => Promise<void>;
  readonly isInTransaction: () => boolean;
  readonly exec: (statement: string) => Promise<unknown>;
}
export interface SocketOptions {
  readonly engine: Engine;
  readonly path: string;
  readonly connectionsMax: number;
}

interface Connection {
  readonly socket: Duplex;
  /** What has arrived and is not yet executed. */
  received: Buffer;
  isStarted: boolean;
}

const lengthBytes = 4;
const sslRequest = 80_877_103;
const cancelRequest = 80_877_102;
const code = (letter: string): number => letter.charCodeAt(0);
const terminate = code("X");
const sync = code("S");
const syncMessage = Buffer.from([sync, 0, 0, 0, lengthBytes]);
/** After these the client waits for an answer. All but the Flush also end what may not be interrupted. */
const resting: ReadonlySet<number> = new Set([sync, code("Q")]);
const awaited: ReadonlySet<number> = new Set([...resting, code("H")]);

/** The engine's door: takes clients' connections one by one. */
export interface EngineDoor {
  /** The server's side of a client's connection. */
  readonly accept: (socket: Duplex) => void;
  /** Lets the call under way end and closes every connection. */
  readonly close: () => void;
}

/** Serves clients of the protocol; each gets its answers on the connection that it came by. */
export const createEngineDoor = (engine: Engine): EngineDoor => {
  const connections = new Set<Connection>();
  /** In the middle of a transaction or of an extended query: the session is this connection's. */
  let holder: Connection | null = null;
  let isBusy = false;

  const execute = async ({ connection, batch }: Turn): Promise<void> => {
    const { socket } = connection;
    holder = connection;
    await engine.runExclusive(async () => {
      socket.cork();
      // The bytes lie in the engine's memory and change with the next call.
      await engine.execProtocolRawStream(batch.bytes, { onRawData: (data) => void socket.write(Buffer.from(data)) });
      socket.uncork();
    });
    if (batch.isAtRest && !engine.isInTransaction()) holder = null;
  };
  /** A client that went away in the middle leaves nothing behind for the next one. */
  const release = async (): Promise<void> => {
    await engine.runExclusive(() => engine.execProtocolRawStream(syncMessage, { onRawData: () => {} }));
    if (engine.isInTransaction()) await engine.exec("rollback");
    holder = null;
  };
  /** Everything that can be executed now, in the order of the connections. */
  const work = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    try {
      for (;;) {
        if (holder !== null && !connections.has(holder)) await release();
        const turn = findTurn();
        if (turn === null) return;
        await execute(turn);
      }
    } finally {
      isBusy = false;
    }
  };
  const findTurn = (): Turn | null => {
    for (const connection of holder === null ? connections : [holder]) {
      const batch = takeBatch(connection);
      if (batch !== null) return { connection, batch };
    }
    return null;
  };
  return {
    accept: (socket) => {
      const connection: Connection = { socket, received: Buffer.alloc(0), isStarted: false };
      connections.add(connection);
      const goOn = (): void => void work().catch((error: Error) => socket.destroy(error));
      socket.on("data", (data: Buffer) => {
        connection.received = connection.received.length === 0 ? data : Buffer.concat([connection.received, data]);
        goOn();
      });
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        connections.delete(connection);
        goOn();
      });
    },
    close: () => {
      for (const { socket } of connections) socket.destroy();
    },
  };
};

/** Listens at `path`, and answers once it does. `stop` lets the call under way end and closes every connection. */
export const serveEngine = async ({
  engine,
  path,
  connectionsMax,
}: SocketOptions): Promise<{ readonly stop: () => Promise<void> }> => {
  const door = createEngineDoor(engine);
  const server = createServer(door.accept);
  server.maxConnections = connectionsMax;
  await new Promise<void>((listening, failed) => server.once("error", failed).listen(path, listening));
  return {
    stop: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()));
      door.close();
      await closed;
    },
  };
};

interface Turn {
  readonly connection: Connection;
  readonly batch: Batch;
}
interface Batch {
  readonly bytes: Buffer;
  /** Nothing of an extended query is left open. */
  readonly isAtRest: boolean;
}

/** Takes whole messages from the front of what was received, up to the last one that a client waits after; null: none yet. */
const takeBatch = (connection: Connection): Batch | null => {
  if (!connection.isStarted) return takeStartup(connection);
  const { received, socket } = connection;
  let end = 0;
  let isAtRest = true;
  for (let at = 0, next = 0; at + 1 + lengthBytes <= received.length; at = next) {
    const kind = received[at] ?? 0;
    next = at + 1 + received.readUInt32BE(at + 1);
    if (next > received.length) break;
    if (kind === terminate) {
      socket.end();
      break;
    }
    if (!awaited.has(kind)) continue;
    end = next;
    isAtRest = resting.has(kind);
  }
  if (end === 0) return null;
  connection.received = received.subarray(end);
  return { bytes: received.subarray(0, end), isAtRest };
};

/** The first message has no kind. A request for TLS is refused; one to cancel has nobody to interrupt. */
const takeStartup = (connection: Connection): Batch | null => {
  for (;;) {
    const { received, socket } = connection;
    if (received.length < 2 * lengthBytes) return null;
    const end = received.readUInt32BE(0);
    if (received.length < end) return null;
    connection.received = received.subarray(end);
    const asked = received.readUInt32BE(lengthBytes);
    if (asked === sslRequest) socket.write("N");
    else if (asked === cancelRequest) {
      socket.end();
      return null;
    } else {
      connection.isStarted = true;
      return { bytes: received.subarray(0, end), isAtRest: true };
    }
  }
};
