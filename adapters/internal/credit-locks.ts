/** What earlier closes locked: `credit-locks.csv` of their packs, put into the folder of the next. */
import { creditBases, influenceModels } from "../../src/domain/finance/attribution-rule.ts";
import type { CreditLock, LockedPart } from "../../src/domain/finance/credit-lock.ts";
import type { Column, Sheet } from "../../src/domain/finance/sheet.ts";
import type { CsvFormat } from "../contract-reports.ts";

const columns = [
  ...["deal_id", "closed", "rule", "rule_sha256", "basis", "model"],
  ...["partner_id", "kind", "weight", "of", "basis_points", "touches"],
] as const;
const asWritten = "take credit-locks.csv as the close pack has it";

/** One deal's lock while its rows are read. */
interface Started {
  readonly head: Omit<CreditLock, "sourced" | "sourcedTouchId" | "weights" | "total">;
  readonly weights: LockedPart[];
  sourced: Pick<CreditLock, "sourced" | "sourcedTouchId"> | null;
  total: bigint;
}

export const creditLocksFormat: CsvFormat = {
  id: "internal.credit-locks",
  title: "Credits that earlier closes locked",
  shape: "csv",
  path: /credit-locks\.csv$/i,
  required: columns,
  optional: [],
  open: (sheet, file) => {
    const at = Object.fromEntries(columns.map((name) => [name, sheet.column(name)]));
    const column = (name: (typeof columns)[number]): Column => at[name] ?? -1;
    const started = new Map<string, Started>();
    return {
      row: () => {
        const head = headOf(sheet, column);
        if (head === null) return;
        const lock = started.get(head.dealId) ?? { head, weights: [], sourced: null, total: 10_000n };
        started.set(head.dealId, lock);
        const partnerId = sheet.key(column("partner_id"));
        const touchIds = sheet
          .text(column("touches"))
          .split(" ")
          .filter((id) => id !== "");
        if (sheet.text(column("kind")) === "sourced") {
          lock.sourced = { sourced: partnerId, sourcedTouchId: touchIds.join(" ") };
          return;
        }
        lock.total = wholeNumber(sheet, column("of"));
        if (lock.weights.some((part) => part.partnerId === partnerId)) return;
        const [weight, basisPoints] = [
          wholeNumber(sheet, column("weight")),
          wholeNumber(sheet, column("basis_points")),
        ];
        lock.weights.push({ partnerId, weight, basisPoints, touchIds });
      },
      end: () => {
        for (const { head, weights, sourced, total } of started.values()) {
          if (sourced === null) sheet.refuse(column("kind"), `no row says who sourced ${head.dealId}`, asWritten);
          else
            file.facts.locks.push({
              ...head,
              ...sourced,
              weights: weights.toSorted((a, b) => (a.partnerId < b.partnerId ? -1 : 1)),
              total,
            });
        }
      },
    };
  },
};

const headOf = (sheet: Sheet, column: (name: (typeof columns)[number]) => Column): Started["head"] | null => {
  const rule = /^(.+) v(\d{1,9})$/.exec(sheet.text(column("rule")));
  const basis = creditBases.find((known) => known === sheet.text(column("basis")));
  const model = influenceModels.find((known) => known === sheet.text(column("model")));
  const closeDay = sheet.day(column("closed"));
  const wrong =
    rule === null
      ? "rule"
      : basis === undefined
        ? "basis"
        : model === undefined
          ? "model"
          : closeDay === null
            ? "closed"
            : null;
  if (wrong !== null)
    sheet.refuse(
      column(wrong),
      `${JSON.stringify(sheet.text(column(wrong)).slice(0, 40))} is no ${wrong} of a lock`,
      asWritten,
    );
  if (rule === null || basis === undefined || model === undefined || closeDay === null) return null;
  return {
    dealId: sheet.key(column("deal_id")),
    closeDay,
    ruleId: rule[1] ?? "",
    ruleVersion: Number(rule[2]),
    ruleHash: sheet.text(column("rule_sha256")),
    basis,
    model,
  };
};

const wholeNumber = (sheet: Sheet, column: Column): bigint => {
  const found = sheet.text(column);
  if (/^\d{1,15}$/.test(found)) return BigInt(found);
  sheet.refuse(column, `${JSON.stringify(found.slice(0, 40))} is no whole number`, asWritten);
  return 0n;
};
