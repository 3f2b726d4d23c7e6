/** Exceptions of what was received: files that the policy's calendar expects, columns that no reader knows, lines that changed. */

import { dayInMonth, dayText, monthNumber, monthOf, monthText } from "./day.ts";
import { type CloseException, noCurrency } from "./exception.ts";
import type { ReceivedFile } from "./facts.ts";
import { isMarketplace } from "./marketplace.ts";
import type { ExpectedFile, Policy } from "./policy.ts";
import type { Restatement } from "./versions.ts";

export interface ReceivedContext {
  readonly policy: Policy;
  readonly asOfDay: number;
}

export const checkFiles = (received: readonly ReceivedFile[], context: ReceivedContext): readonly CloseException[] => [
  ...missingFiles(received, context),
  ...driftedFiles(received),
];

const aboutFile = { subjectType: "file", amount: 0n, currency: noCurrency } as const;
const marketplaceOf = (format: string): CloseException["marketplace"] => {
  const place = format.split(".")[0] ?? "";
  return isMarketplace(place) ? place : null;
};

/** One for each expected format and month of which no file was taken by the day that it was due. */
const missingFiles = (received: readonly ReceivedFile[], context: ReceivedContext): readonly CloseException[] => {
  const { expectedFiles } = context.policy;
  if (expectedFiles.length === 0) return [];
  const covered = coveredMonths(received);
  return expectedFiles.flatMap((expected) => {
    const months = covered.get(expected.format);
    return dueMonths(expected, context.asOfDay).flatMap(({ month, dueDay }): readonly CloseException[] =>
      months?.has(month) === true
        ? []
        : [
            {
              ...aboutFile,
              type: "MISSING_FILE",
              subjectId: `${expected.format} ${monthText(month)}`,
              marketplace: marketplaceOf(expected.format),
              cause: "",
              sinceDay: dueDay,
              details: { format: expected.format, month: monthText(month), due: dayText(dueDay) },
            },
          ],
    );
  });
};

const dueMonths = (expected: ExpectedFile, asOfDay: number) => {
  const due: { readonly month: number; readonly dueDay: number }[] = [];
  const last = monthNumber(expected.untilDay ?? asOfDay);
  for (let month = monthNumber(expected.fromDay); month <= last; month += 1) {
    const firstDay = monthOf(monthText(month)) ?? 0;
    const dueDay = dayInMonth(firstDay, 1, 1) + expected.dueDays;
    if (dueDay <= asOfDay) due.push({ month, dueDay });
  }
  return due;
};

/** Months by format. */
const coveredMonths = (received: readonly ReceivedFile[]): ReadonlyMap<string, ReadonlySet<number>> => {
  const covered = new Map<string, Set<number>>();
  for (const { format, months } of received) {
    const known = covered.get(format) ?? new Set<number>();
    covered.set(format, known);
    for (const month of months) known.add(month);
  }
  return covered;
};

const driftedFiles = (received: readonly ReceivedFile[]): readonly CloseException[] =>
  received.flatMap(({ path, format, unknownColumns }) =>
    unknownColumns.length === 0
      ? []
      : [
          {
            ...aboutFile,
            type: "SCHEMA_DRIFT",
            subjectId: path,
            marketplace: marketplaceOf(format),
            cause: unknownColumns.toSorted().join(" "),
            sinceDay: null,
            details: { columns: unknownColumns.join(", "), format },
          },
        ],
  );

/** Lines that say another amount than they said before. The line as it is now counts; nothing is booked twice. */
export const checkRestated = (restated: readonly Restatement[]): readonly CloseException[] =>
  restated.map(({ line, difference }) => ({
    type: "RESTATED",
    subjectType: "line",
    subjectId: line.key,
    marketplace: line.marketplace,
    amount: difference,
    currency: line.currency,
    cause: "",
    sinceDay: Math.floor(line.knownSecond / 86_400),
    details: line.deleted ? { now: "taken back" } : {},
  }));
