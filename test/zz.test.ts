import { it } from "vitest";
import { closeFolder } from "../src/cli/close.ts";
import { movementsOf, balancesOf, accounts } from "../src/domain/finance/pack/movements.ts";
import { journalsOf } from "../src/domain/finance/pack/journals.ts";
import { amountText } from "../src/domain/finance/amount.ts";
import { dayOf } from "../src/domain/finance/day.ts";
const shell: any = { tell() {}, progress() {}, now: () => new Date(0), stopped: new AbortController().signal, columns: 100, interactive: false };
it("x", async () => {
  const { close } = await closeFolder(shell, "examples/reconciliation/input", dayOf("2026-06-30") ?? 0);
  const m = movementsOf(close);
  for (const a of accounts) console.log(a, [...balancesOf(m, a)].map(([k, v]) => `${k} ${amountText(v, k.split("|")[1]!)}`).join("; "));
  for (const [mp, cs] of close.totals) for (const [c, f] of cs) {
    const g = (n: any) => f.get(n) ?? 0n;
    const out = g("invoiced") - g("refund") - g("fee") - g("written_off") - g("uncollected") + g("seller_tax") + g("adjustment") - g("cost") - g("disbursed_net");
    console.log("totals outstanding", mp, c, amountText(out, c), "withheld", amountText(g("withheld_net"), c), "uncollected", amountText(g("uncollected"), c), "claw", amountText(g("clawback_net"),c));
  }
  const js = journalsOf(m, close.asOfDay);
  console.log(js.length, js.reduce((s, j) => s + j.lines.length, 0));
});
