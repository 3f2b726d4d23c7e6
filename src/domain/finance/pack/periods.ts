/** Months as a table: which are locked, what each posts, and how much of it adjusts a locked one. */
import { dayText } from "../day.ts";
import { owedBy, type PostedPeriod, type Posting } from "../posting.ts";
import { amount, count, money, type PackTable, text } from "./table.ts";

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const periodsTable = (posted: readonly Posting[], locks: readonly PostedPeriod[]): PackTable => {
  const locked = new Map(locks.map((lock) => [`${lock.marketplace}|${lock.period}`, lock]));
  const groups = Map.groupBy(posted, (one) => `${one.period}|${one.marketplace}|${one.currency}`);
  return {
    name: "periods",
    title: "Months",
    about:
      "What each month posts. A locked month posts what its lock holds. What became known of it later adjusts it in the first open month. Owed is what the month adds to what the marketplace owes us.",
    columns: [
      ...["month", "marketplace", "currency", "state", "locked_as_of"].map(text),
      ...["postings", "adjusting"].map(count),
      ...["owed", "owed_by_adjusting"].map(amount),
    ],
    rows: [...groups]
      .toSorted(([a], [b]) => byText(a, b))
      .map(([key, group]) => {
        const [period = "", marketplace = "", currency = ""] = key.split("|");
        const lock = locked.get(`${marketplace}|${period}`);
        const adjusting = group.filter(({ adjusts }) => adjusts !== null);
        const owed = (some: readonly Posting[]) =>
          money(
            some.reduce((sum, one) => sum + owedBy(one), 0n),
            currency,
          );
        return [
          ...[period, marketplace, currency, lock === undefined ? "open" : "locked"],
          lock === undefined ? "" : dayText(lock.asOfDay),
          ...[group.length, adjusting.length],
          ...[owed(group), owed(adjusting)],
        ];
      }),
  };
};
