/** What a connection needs on our side of the wire: its state, its ways in, its quota. The partner's side is its adapter's. */
import type { Assisted, Consent, HookRegistration, Session } from "../../adapters/contract.ts";
import type { Connection } from "../domain/deal.ts";
import { type Check, type Found, found } from "../domain/diagnosis.ts";
import { accountKey } from "../store/quota.ts";
import type { Recovery } from "../store/recoveries.ts";
import type { AppDeps } from "./endpoint.ts";

const confirmedMs = 90 * 24 * 3_600_000;
/** Sweeps come every 15 minutes; after so long one was missed. */
const sweptMsMax = 3_600_000;
const probeMsMax = 10_000;
const probeBytesMax = 64 * 1_024;

/** All checks of a connection, in the order in which one explains the next. */
export const connectionChecks = async (deps: AppDeps, connection: Connection): Promise<readonly Check[]> => {
  const { id } = connection;
  const since = new Date(deps.clock.now().getTime() - confirmedMs);
  const known = {
    remoteId: await deps.store.health.knownRemoteId(deps.db.sql, id),
    confirmed: await deps.store.health.confirmed(deps.db.sql, id, since),
  };
  let session: Session;
  try {
    session = deps.registry.open(connection);
  } catch (error) {
    return [stateCheck(connection), contradictory(error)];
  }
  return [
    stateCheck(connection),
    {
      id: "settings",
      what: "open the connection with its settings",
      run: async () => found.ok(`account ${connection.account}, environment ${connection.environment}`),
    },
    ...(session.diagnose?.(known) ?? []),
    ...(session.hookRegistration === undefined ? [] : [registrationCheck(deps, connection, session.hookRegistration)]),
    ...(session.reports === undefined ? [] : [reportsCheck(deps, connection)]),
    ...(session.consent === undefined ? [] : [consentCheck(deps, connection, session.consent)]),
    ...(session.coSell?.assisted === undefined
      ? [...inletChecks(deps, connection, session), sweepCheck(deps, connection), quotaCheck(deps, connection)]
      : [handCheck(deps, connection, session.coSell.assisted)]),
  ];
};

const contradictory = (error: unknown): Check => ({
  id: "settings",
  what: "open the connection with its settings",
  run: async () =>
    found.failed(
      error instanceof Error ? error.message : "the adapter refuses these settings",
      "Connect again with settings that fit each other: cosell connect, with --environment and --catalog.",
    ),
});

const stateCheck = ({ state, parkedReason, label }: Connection): Check => ({
  id: "connection",
  what: "read whether the connection is at work",
  run: async () =>
    state === "active"
      ? found.ok("active")
      : found.failed(
          `parked: ${parkedReason ?? "no reason was kept"}`,
          `Mend what fails below, then: cosell connections resume ${JSON.stringify(label)}`,
        ),
});

/** The ways in which the partner's word reaches us. */
const inletChecks = (deps: AppDeps, connection: Connection, session: Session): readonly Check[] => {
  const { id } = connection;
  const isSet = session.hooks !== undefined || session.pull !== undefined;
  const setUp: Check = {
    id: "events",
    what: "read how the partner's events reach us",
    run: async () =>
      isSet
        ? found.ok(
            [session.hooks ? "webhook" : "", session.pull ? "queue" : ""].filter((way) => way !== "").join(" and "),
          )
        : found.skipped(
            `answers come by asking at each sweep. A webhook: ${session.lacks.hooks ?? "none"}; a queue: ${session.lacks.queue ?? "none"}`,
          ),
  };
  if (!isSet) return [setUp];
  return [
    setUp,
    ...(session.hooks === undefined ? [] : [hookCheck(deps, connection)]),
    ...(session.pull === undefined ? [] : [receiveCheck(deps, connection)]),
    {
      id: "last-event",
      what: "look when the partner last delivered something",
      run: async () => {
        const { at, count } = await deps.store.health.deliveries(deps.db.sql, id);
        return at === null
          ? found.skipped(
              session.hookRegistration === undefined
                ? "nothing came yet: the partner tells of changes only, so share a deal and look again"
                : `nothing came yet; ask for a test: cosell connections webhooks ${JSON.stringify(connection.label)} --test`,
            )
          : found.ok(`${at.toISOString()}; ${count} kept`);
      },
    },
  ];
};

/** What an unsigned delivery is answered, asked from this machine over the public address. */
const hookCheck = (deps: AppDeps, connection: Connection): Check => {
  const url = `${deps.publicUrl}/hooks/${connection.id}`;
  return {
    id: "hook",
    what: `post without proof to ${url}: it must be refused`,
    run: async () => {
      if (connection.environment === "simulated" && connection.settings.endpoint === undefined)
        return found.skipped("the simulator in this process delivers without a network");
      const send = deps.probes?.http;
      if (send === undefined) return found.skipped("nothing here can call out");
      const { protocol, host } = new URL(url);
      if (connection.environment === "production" && protocol !== "https:")
        return found.failed(
          "the address is not https",
          "Set COSELL_PUBLIC_URL to the https address that partners reach.",
        );
      const limits = { timeoutMs: probeMsMax, bodyBytesMax: probeBytesMax, hosts: [host] };
      const request = new Request(url, { method: "POST", headers: { "user-agent": "cosell-doctor" }, body: "{}" });
      const answered = await send(request, limits).then(
        async (response) => {
          await response.body?.cancel().catch(() => {});
          return response.status;
        },
        (error: unknown) => (error instanceof Error ? error.message : "no answer"),
      );
      return judgeHook(answered);
    },
  };
};

const judgeHook = (answered: number | string): Found => {
  if (answered === 401) return found.ok("it answers, and refuses what is not proved");
  const remedy = "Start the service, and check COSELL_PUBLIC_URL, DNS, certificate and the proxy in front of it.";
  if (typeof answered === "string") return found.failed(answered, remedy);
  if (answered === 202)
    return found.failed(
      "it took a delivery without proof",
      "Something else answers at COSELL_PUBLIC_URL: check the proxy.",
    );
  return found.failed(`it answers ${answered} instead of 401`, remedy);
};

/** The partner's own word for where it delivers: a registration that somebody took over is silent, and nothing else would tell. */
const registrationCheck = (deps: AppDeps, connection: Connection, door: HookRegistration): Check => ({
  id: "webhook-registration",
  what: "ask the partner where it delivers webhooks",
  run: async () => {
    const hookUrl = `${deps.publicUrl}/hooks/${connection.id}`;
    const command = `cosell connections webhooks ${JSON.stringify(connection.label)} --register`;
    const read = await door.read();
    if (!read.ok)
      return found.failed(read.fault.message, "Mend what fails above; the registration is read with the same sign-in.");
    if (read.value === null)
      return found.skipped(`nowhere: news come by the sweep every 15 minutes. Within seconds: ${command}`);
    const { url, events } = read.value;
    if (url !== hookUrl)
      return found.failed(
        `it delivers to ${url}, not to ${hookUrl}`,
        `To have them here instead: ${command} --replace`,
      );
    const missing = door.events.filter((event) => !events.includes(event));
    return missing.length === 0
      ? found.ok(`to ${url}`)
      : found.failed(`it does not deliver ${missing.join(", ")}`, `Ask for them: ${command}`);
  },
});

const consentWarnMs = 14 * 24 * 3_600_000;
/** How long what a person signed in for still holds. */
const consentCheck = (deps: AppDeps, connection: Connection, consent: Consent): Check => ({
  id: "consent",
  what: "read how long the sign-in at the partner holds",
  run: async () => {
    const renew = `cosell connect ${connection.marketplace} --renew ${JSON.stringify(connection.label)}`;
    const state = await consent.state();
    if (state === null) return found.failed("nobody has signed in yet", `Sign in: ${renew}`);
    if (state.ended !== null) return found.failed(state.ended, `Sign in again: ${renew}`);
    const told = `unused, it ends on ${state.lapsesAt.toISOString().slice(0, 10)}`;
    return state.lapsesAt.getTime() - deps.clock.now().getTime() > consentWarnMs
      ? found.ok(told)
      : found.failed(told, `Renew it: ${renew}`);
  },
});

/** The puller's own work, once: what comes is kept as ever, so that nothing is lost to the trial. */
const receiveCheck = (deps: AppDeps, connection: Connection): Check => ({
  id: "queue-receive",
  what: "fetch from the queue once, and keep what comes",
  needs: ["queue"],
  run: async () => {
    const pull = deps.probes?.pull;
    if (pull === undefined) return found.skipped("nothing here fetches from queues");
    if (connection.state === "parked") return found.skipped("the connection is parked");
    const fetched = await pull(connection.id);
    if (fetched === null) return found.skipped("the connection was parked meanwhile");
    if (!fetched.ok)
      return found.failed(
        fetched.fault.message,
        "Allow sqs:ReceiveMessage and sqs:DeleteMessage on the queue to the connection's user or role.",
      );
    const { received, misplaced } = fetched.value;
    return found.ok(misplaced > 0 ? `${received} fetched, ${misplaced} of them none of ours` : `${received} fetched`);
  },
});

/** That the place of reports can be reached is the adapter's check; this one tells whether they come. */
const reportsCheck = (deps: AppDeps, { id, label }: Connection): Check => ({
  id: "reports-fetched",
  what: "look whether reports are fetched",
  run: async () => {
    const { reason, listedAt } = await deps.store.reportListings.find(deps.db.sql, id);
    if (reason !== null)
      return found.failed(reason, `Mend what fails above, then: cosell reports fetch ${JSON.stringify(label)}`);
    return listedAt === null
      ? found.skipped("they were not asked for yet: that happens once a day, or by cosell reports fetch")
      : found.ok(`all that was there at ${listedAt.toISOString()}`);
  },
});

const handCheck = (deps: AppDeps, { id }: Connection, { portal }: Assisted): Check => ({
  id: "by-hand",
  what: "count what people have to do by hand",
  run: async () => {
    const { open, overdue } = await deps.store.tasks.countOpen(deps.db.sql, id);
    return found.ok(
      `nothing is sent or read by itself: people do it in ${portal.name}. ${open} open, ${overdue} of them overdue: cosell tasks`,
    );
  },
});

const sweepCheck = (deps: AppDeps, connection: Connection): Check => ({
  id: "sweep",
  what: "look when changes were last swept for",
  run: async () => {
    const recovery = await deps.store.recoveries.find(deps.db.sql, connection.id);
    if (recovery !== null) return recovering(recovery, deps.clock.now());
    const { sweptAt } = await deps.store.connections.readSweep(deps.db.sql, connection.id);
    if (sweptAt === null) return found.skipped("not swept yet: the first sweep comes within 15 minutes of the start");
    const ms = deps.clock.now().getTime() - sweptAt.getTime();
    return ms <= sweptMsMax
      ? found.ok(sweptAt.toISOString())
      : found.failed(
          `the last sweep was at ${sweptAt.toISOString()}`,
          "Start the service, or look at why sweeps fail: cosell exceptions.",
        );
  },
});

/** After a restore the first full sweep takes two rounds of the clock, unless something keeps it from ending. */
const recovering = ({ takenAt, restoredAt }: Recovery, now: Date): Found => {
  const told = `restored at ${restoredAt.toISOString()} from a backup of ${takenAt.toISOString()}; writes are looked for first until a full sweep has ended`;
  return now.getTime() - restoredAt.getTime() <= sweptMsMax
    ? found.ok(told)
    : found.failed(told, "Start the service, or look at why sweeps fail: cosell exceptions.");
};

const quotaCheck = (deps: AppDeps, connection: Connection): Check => ({
  id: "quota",
  what: "count the requests of the running day",
  run: async () => {
    const limits = deps.registry.find(connection.marketplace)?.limits;
    if (limits === undefined) return found.skipped("this build knows no quota of it");
    const account = accountKey(connection);
    const used = await deps.store.health.quotaUsed(deps.db.sql, account, deps.clock.now());
    const left = { reads: limits.readsPerDay - used.read, writes: limits.writesPerDay - used.write };
    const told = `${Math.max(left.reads, 0)} of ${limits.readsPerDay} reads and ${Math.max(left.writes, 0)} of ${limits.writesPerDay} writes left`;
    return left.reads > 0 && left.writes > 0
      ? found.ok(told)
      : found.failed(told, "Work goes on by itself as the day rolls on; look for what asks so much: cosell shares.");
  },
});
