/** What the service itself needs, tried for real: database, key, moving work, an address that partners can reach. */
import { type Check, found } from "../domain/diagnosis.ts";
import { pendingMigrations } from "../store/database.ts";
import type { Moment } from "../store/health.ts";
import type { AppDeps } from "./endpoint.ts";

/** PostgreSQL's number of the oldest version that is supported. */
const versionMin = 150_000;
const skewSecondsMax = 120;
const unsentSecondsMax = 60;
const overdueSecondsMax = 300;

/** The checks of the service, in the order in which one explains the next. */
export const serviceChecks = (deps: AppDeps): readonly Check[] => [
  databaseCheck(deps),
  {
    id: "migrations",
    what: "compare the schema with this version's migrations",
    needs: ["database"],
    run: async () => {
      const missing = await pendingMigrations(deps.db.sql);
      return missing.length === 0
        ? found.ok("all applied")
        : found.failed(`missing: ${missing.join(", ")}`, "Restart the service on Node: it applies them as it starts.");
    },
  },
  clockCheck(deps),
  keyCheck(deps),
  movingCheck(deps, {
    id: "outbox",
    what: "look for events that were committed and not handed over",
    secondsMax: unsentSecondsMax,
    read: () => deps.store.health.unsent(deps.db.sql),
    remedy: "Start the service, or restart it; behind an Inngest server check INNGEST_BASE_URL and its keys.",
  }),
  deps.probes?.hasRunner === false
    ? {
        id: "runner",
        what: "look for work that is overdue",
        run: async () => found.skipped("an Inngest server drives the workflows; look at its own dashboard"),
      }
    : movingCheck(deps, {
        id: "runner",
        what: "look for work that is overdue",
        secondsMax: overdueSecondsMax,
        read: () => deps.store.health.overdue(deps.db.sql, deps.clock.now()),
        remedy: "Start the service, or restart it; if it runs, its log tells what it is busy with.",
      }),
  {
    id: "effects",
    what: "look for writes whose fate nobody knows",
    needs: ["migrations"],
    run: async () => {
      const { count } = await deps.store.health.stuckEffects(deps.db.sql);
      return count === 0
        ? found.ok("none")
        : found.failed(
            `${count} writes are stuck`,
            "cosell exceptions tells which deals they belong to and what to do.",
          );
    },
  },
  publicUrlCheck(deps),
  ...(deps.probes?.checks ?? []),
];

const databaseCheck = (deps: AppDeps): Check => ({
  id: "database",
  what: "ask the database for its version",
  run: async () => {
    const facts = await deps.store.health.database(deps.db.sql).catch(() => null);
    if (facts === null)
      return found.failed(
        "the database does not answer",
        "Check DATABASE_URL and that PostgreSQL runs and takes connections.",
      );
    const version = Math.floor(facts.version / 10_000);
    return facts.version >= versionMin
      ? found.ok(`PostgreSQL ${version} answers`)
      : found.failed(`it is PostgreSQL ${version}`, "Use PostgreSQL 15 or newer.");
  },
});

const clockCheck = (deps: AppDeps): Check => ({
  id: "clock",
  what: "compare this machine's clock with the database's",
  needs: ["database"],
  run: async () => {
    const facts = await deps.store.health.database(deps.db.sql);
    if (facts === null) return found.skipped("the database told no time");
    const seconds = Math.round(Math.abs(facts.now.getTime() - deps.clock.now().getTime()) / 1_000);
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    return seconds <= skewSecondsMax
      ? found.ok(`${seconds} s apart; time zones ${zone} here, ${facts.zone} there, all times are kept in UTC`)
      : found.failed(`they are ${seconds} s apart`, "Set both machines' clocks by NTP (timedatectl set-ntp true).");
  },
});

const keyCheck = (deps: AppDeps): Check => ({
  id: "key",
  what: "open a stored secret with COSELL_KEY",
  needs: ["migrations"],
  run: async () => {
    const secret = await deps.store.health.sealedSecret(deps.db.sql);
    if (secret === null) return found.skipped("no secret is stored yet");
    const opened = await deps.seal.open(secret.sealed, `secret:${secret.ref}`).then(
      () => true,
      () => false,
    );
    return opened
      ? found.ok("it opens")
      : found.failed(
          "the stored secrets were closed with another key",
          "Start with the COSELL_KEY (embedded: the file key in COSELL_DATA) that the database was made with. Without it contacts and secrets are lost: connect again.",
        );
  },
});

interface Moving {
  readonly id: string;
  readonly what: string;
  readonly secondsMax: number;
  readonly read: () => Promise<Moment>;
  readonly remedy: string;
}
const movingCheck = (deps: AppDeps, { id, what, secondsMax, read, remedy }: Moving): Check => ({
  id,
  what,
  needs: ["migrations"],
  run: async () => {
    const { at, count } = await read();
    if (at === null) return found.ok("nothing waits");
    const seconds = Math.round((deps.clock.now().getTime() - at.getTime()) / 1_000);
    return seconds <= secondsMax
      ? found.ok(`${count} on their way, the oldest for ${Math.max(seconds, 0)} s`)
      : found.failed(`${count} wait, the oldest for ${seconds} s`, remedy);
  },
});

/** True for an address that only this machine reaches. */
const isLocal = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\]|0\.0\.0\.0)$/.test(host);

const publicUrlCheck = (deps: AppDeps): Check => ({
  id: "public-url",
  what: "read COSELL_PUBLIC_URL",
  needs: ["migrations"],
  run: async () => {
    const all = await deps.store.connections.list(deps.db.sql);
    const needy = all.filter(
      ({ environment, settings }) =>
        environment !== "simulated" && (settings.hookKeys !== undefined || settings.hookOAuth !== undefined),
    );
    const { protocol, hostname } = new URL(deps.publicUrl);
    if (needy.length === 0) return found.ok(`${deps.publicUrl}; no connection takes webhooks from outside`);
    const why = isLocal(hostname)
      ? `${deps.publicUrl} is reached from this machine only`
      : protocol === "https:"
        ? null
        : `${deps.publicUrl} is not https, and API destinations deliver to https only`;
    return why === null
      ? found.ok(deps.publicUrl)
      : found.failed(
          why,
          "Set COSELL_PUBLIC_URL to the https address partners reach, or fetch events from a queue: cosell connections queue.",
        );
  },
});
