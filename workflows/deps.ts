/** What every workflow needs, and the few things that all of them do. */
import type { Inngest } from "inngest";
import type { Agreements, CoSell, Offers, Session, Writes } from "../adapters/contract.ts";
import type { Registry } from "../adapters/registry.ts";
import type { Connection } from "../src/domain/deal.ts";
import { type EventData, type EventName, eventCatalogue } from "../src/domain/events.ts";
import type { Fault } from "../src/domain/fault.ts";
import type { Facts } from "../src/domain/finance/facts.ts";
import type { ClockDep, DbDep, LogDep } from "../src/ports.ts";
import type { EffectEntry } from "../src/store/effects.ts";
import type { Store } from "../src/store/index.ts";
import type { FileVerdict } from "../src/store/report-files.ts";
import type { WebhookSender } from "./webhook.ts";

/** Reads files of reports, whatever format they have. */
export interface ReportReader {
  /** What one file says; what is wrong with it is in the verdict. `mappings` say how files of unknown columns are read. */
  readonly read: (
    file: {
      readonly seq: number;
      readonly path: string;
      readonly madeSecond: number | null;
      readonly redelivery: number;
      readonly mappings: readonly MappingText[];
    },
    pieces: AsyncIterable<Uint8Array>,
  ) => Promise<ReadReport>;
  /** Ids of the formats whose files are mappings. */
  readonly mappingFormats: readonly string[];
}
export interface MappingText {
  readonly path: string;
  readonly text: string;
}
export type ReadReport = FileVerdict & { readonly facts: Facts };

/** What one process takes on of the books. */
export interface BooksLimits {
  /** A file larger than this is refused: its facts lie in memory while it is read. */
  readonly fileBytes: number;
  /** A full reconciliation of more money lines than this is left to a bigger machine. */
  readonly fullLines: number;
}

export interface WorkflowDeps extends DbDep, ClockDep, LogDep {
  readonly store: Store;
  readonly registry: Registry;
  readonly webhooks: WebhookSender;
  /** The actor that workflows sign their history with. */
  readonly actorId: string;
  /** Names a point between two effects. Nothing in production; the crash tests kill the process there. */
  readonly at: (point: string) => Promise<void> | void;
  /** Outbox rows were committed: drain soon. */
  readonly kick: () => void;
  readonly retentionDays: number;
  /** How long before a person's sign-in at a partner lapses somebody is told, in days. */
  readonly consentNoticeDays: number;
  /** How often connections are swept: a cron line with its time zone. */
  readonly sweepCron: string;
  /** When reports are fetched and the books reconciled: a cron line with its time zone. */
  readonly booksCron: string;
  readonly reader: ReportReader;
  readonly booksLimits: BooksLimits;
  /** How old a look may be before a sweep refreshes it, in hours: their advice changes without moving a version. */
  readonly refreshHours: number;
  /** After how many days an exception reminds of a person's task. */
  readonly taskDays: number;
  /** At most one look per record in this time that word from outside can cause, in seconds. */
  readonly hintGapSeconds: number;
  /** Deletes finished runs older than the date; absent where an Inngest server keeps them. */
  readonly purgeRuns?: (before: Date) => Promise<number>;
}

export type Client = Inngest.Any;

/** The part of Inngest's step tools that workflows use; the embedded runner supports exactly these. */
export interface Steps {
  readonly run: <T>(id: string, work: () => Promise<T>) => Promise<unknown>;
  readonly sleepUntil: (id: string, at: Date | string) => Promise<void>;
}

/** Runs a step and gives its memoised result back with its type; results are plain JSON by construction. */
export const runStep = async <T extends StepResult>(step: Steps, id: string, work: () => Promise<T>): Promise<T> =>
  (await step.run(id, work)) as T;
/** What a step may return: ids, counters and words, nothing personal. */
export type StepResult =
  | null
  | boolean
  | number
  | string
  | readonly StepResult[]
  | { readonly [key: string]: StepResult | undefined };

/** The event's data, checked against the catalogue. */
export const dataOf = <Name extends EventName>(name: Name, event: { readonly data?: unknown }): EventData<Name> =>
  eventCatalogue[name].parse(event.data) as EventData<Name>;

export const coSellOf = (session: Session, connection: Connection): CoSell => {
  if (session.coSell === undefined) throw new Error(`connection ${connection.id} has no co-sell capability`);
  return session.coSell;
};

export const offersOf = (session: Session, connection: Connection): Offers => {
  if (session.offers === undefined) throw new Error(`connection ${connection.id} makes no private offers`);
  return session.offers;
};
export const agreementsOf = (session: Session, connection: Connection): Agreements => {
  if (session.agreements === undefined) throw new Error(`connection ${connection.id} follows no agreements`);
  return session.agreements;
};

/** The door through which a journalled write goes. */
export const writesOf = (
  session: Session,
  connection: Connection,
  entry: Pick<EffectEntry, "offerId" | "agreementId">,
): Writes => {
  if (entry.offerId !== null) return offersOf(session, connection);
  return entry.agreementId !== null ? agreementsOf(session, connection) : coSellOf(session, connection);
};

/** How long to wait before the next attempt after `count` failures: 5 s doubling to 5 min, in milliseconds. */
export const backoffMs = (count: number): number => Math.min(5_000 * 2 ** Math.min(count, 10), 300_000);

/** When to come back after a fault that passes. */
export const comeBackAt = (fault: Fault, count: number, now: Date): string =>
  fault.kind === "throttled" ? fault.retryAt : new Date(now.getTime() + backoffMs(count)).toISOString();
