/** Co-sell money beside revenue: what programmes owe us and what buyers were credited. None of it is gross, fee or days to cash. */
import type { Close } from "../close.ts";
import { dayText } from "../day.ts";
import { amount, money, type PackTable, text } from "./table.ts";

const states = { sent: "paid", pending: "expected", lost: "rejected" } as const;

export const incentivesTable = (close: Close): PackTable => ({
  name: "incentives",
  title: "Incentives and credits",
  about:
    "Money of co-sell programmes, each on its own line and never revenue: incentives that we earn, and credits that buyers were given. Ours is what it adds to what the programme owes us; a credit that the marketplace pays adds nothing.",
  columns: [
    ...["marketplace", "line_key", "kind", "program", "agreement_id", "deal_id", "status"].map(text),
    ...["amount", "ours"].map(amount),
    ...["currency", "earned", "paid_by", "paid"].map(text),
  ],
  rows: close.lines
    .filter(({ part }) => part === "incentive")
    .map((line) => {
      const { agreement, deals } = close.linkOf(line);
      const payout = line.payoutKey === null ? undefined : payoutOf(close, line.marketplace, line.payoutKey);
      return [
        ...[line.marketplace, line.key, line.kind === "INCENTIVE" ? "incentive" : "buyer credit", line.reference ?? ""],
        ...[agreement?.id ?? "", deals, states[line.paid ?? "pending"]],
        money(line.amount, line.currency),
        money(line.paid === "lost" ? 0n : line.net, line.currency),
        line.currency,
        line.invoicedDay === null ? "" : dayText(line.invoicedDay),
        ...[payout?.id ?? "", payout === undefined ? "" : dayText(payout.day)],
      ];
    }),
});

const payoutOf = (close: Close, marketplace: string, id: string) =>
  close.payouts.find((payout) => payout.marketplace === marketplace && payout.id === id);
