/** What a close found, as tables: exceptions with owner and next action, fees against the schedule, credits by the signed rules. */
import type { Agreement } from "../agreements.ts";
import { partOf } from "../allocation.ts";
import { amountText as cell } from "../amount.ts";
import type { Close } from "../close.ts";
import { dayText } from "../day.ts";
import { type CloseException, type ExceptionType, exceptionKey, isAnswerType } from "../exception.ts";
import { feeOn } from "../fee.ts";
import { scoreText } from "../suggestions.ts";
import { amount, count, money, type PackTable, text } from "./table.ts";

/** Who looks at an exception first, and what to do: finance decides, the product never closes one by itself. */
export const actions: Readonly<Record<ExceptionType, { readonly owner: string; readonly action: string }>> = {
  UNATTRIBUTED_REVENUE: {
    owner: "RevOps",
    action: "confirm a suggested deal in agreement-links.csv, or find it and write the offer's id into it",
  },
  AMBIGUOUS_MATCH: {
    owner: "RevOps",
    action:
      "decide which deal it is, and write the offer's id into that one; where a decision names a deal that no file knows, load that deal or correct the decision",
  },
  DOUBLE_CREDITED_DEAL: { owner: "RevOps", action: "take the offer's id out of the deal that it is not" },
  AMOUNT_MISMATCH: { owner: "RevOps", action: "correct the deal's amount, or amend the offer" },
  CURRENCY_MISMATCH: { owner: "RevOps", action: "correct the deal's currency" },
  FEE_MISMATCH: { owner: "Finance", action: "send the claim packet to the marketplace's seller operations" },
  MISSING_INVOICE: { owner: "Finance", action: "ask the marketplace why the instalment was not invoiced" },
  ACCEPTED_NO_REVENUE: { owner: "Finance", action: "check that the agreement is active, then ask the marketplace" },
  MISSING_DISBURSEMENT: { owner: "Finance", action: "open a ticket with the invoice ids" },
  BAD_DEBT: { owner: "Finance", action: "write it off, and tell the account's owner" },
  CLAWBACK: { owner: "Finance", action: "collect from the buyer, or write it off" },
  WITHHELD: { owner: "Account owner", action: "ask the buyer to pay Google" },
  DUPLICATE_SUSPECT: {
    owner: "Finance",
    action: "decide whether the second line is a sale; ask the marketplace to reverse it if not",
  },
  ORPHAN_REFUND: { owner: "Finance", action: "find the purchase; load the report that has it" },
  SHORT_PAID: { owner: "Treasury", action: "ask the bank for the charges, then the marketplace" },
  MISSING_BANK_DEPOSIT: { owner: "Treasury", action: "trace the payout with the bank by its trace id" },
  ATTRIBUTION_MISSING: {
    owner: "Partner manager",
    action: "agree and sign a rule; it holds for deals that close after it",
  },
  ATTRIBUTION_LATE: {
    owner: "Partner manager",
    action: "sign rules before deals close; this deal earns no credit",
  },
  ATTRIBUTION_UNSIGNED: {
    owner: "Partner manager",
    action: "get the missing signature; it counts for deals that close after it",
  },
  ATTRIBUTION_CONTESTED: { owner: "Partner manager", action: "have both partners sign who registered first" },
  OVER_PAID: { owner: "Treasury", action: "ask the marketplace before it deducts" },
  OVERBILLED: { owner: "Finance", action: "compare the invoices with the contract; credit the buyer" },
  PARTIAL_DISBURSEMENT: { owner: "Finance", action: "ask the marketplace for the rest, with the invoice ids" },
  DISBURSEMENT_FAILED: { owner: "Treasury", action: "mend the bank details at the marketplace" },
  CONTROL_TOTAL_BREAK: { owner: "Finance", action: "load the missing report, or ask for it again" },
  UNKNOWN_DEPOSIT: { owner: "Treasury", action: "find the payout; load the report that has it" },
  FEE_NOT_CHECKED: { owner: "Finance", action: "add a row to the fee schedule, or the offer's publication date" },
  RESTATED: { owner: "Finance", action: "compare the versions; post the difference into the open period" },
  SCHEMA_DRIFT: { owner: "RevOps", action: "compare the file with the marketplace's documents; update the reader" },
  OVER_100_PERCENT: {
    owner: "Partner manager",
    action: "sign a new version of the rule whose parts fit into the whole",
  },
  EXPIRED_RULE: { owner: "Partner manager", action: "sign the next version before more deals close" },
  TOUCH_OUT_OF_WINDOW: { owner: "Partner manager", action: "nothing, or agree on a wider window for later deals" },
  TAG_LATE: { owner: "Partner manager", action: "ask both sides whether the touch took place as written" },
  LOCK_KEPT: { owner: "Partner manager", action: "nothing; whoever disagrees opens a dispute" },
  UNKNOWN_BUYER_ACCOUNT: {
    owner: "RevOps",
    action: "find out whose account it is, and write it into aliases.csv",
  },
  DEAL_WITHOUT_AGREEMENT: {
    owner: "Account owner",
    action: "check that the buyer accepted; write the offer's id into the deal, or the link into agreement-links.csv",
  },
  MISSING_FILE: {
    owner: "Finance",
    action: "ask the marketplace or the bank for the file; the close is blocked until then",
  },
  SCHEDULE_CHANGED: {
    owner: "RevOps",
    action: "compare with the amendment that the buyer accepted; correct our record or ask the marketplace",
  },
  TAX_MODEL_MISMATCH: {
    owner: "Tax",
    action: "find out who hands this buyer's tax to the authorities before the next return",
  },
  FX_RESIDUAL: { owner: "Finance", action: "book it as a gain or loss of conversion" },
  TOLERANCE_CAP: {
    owner: "Finance",
    action: "look through what tolerances absorbed in tolerance.csv; raise the cap or claim the differences",
  },
  LATE_DATA_IN_CLOSED_PERIOD: {
    owner: "Finance",
    action: "post the adjustment in the open month, or re-open the locked one and look at the difference",
  },
  BASIS_UNKNOWN: { owner: "RevOps", action: "write the agreement's end into agreements.json" },
};

/** By currency, the largest first: amounts of two currencies are not compared. */
const byAmount = (a: CloseException, b: CloseException): number => {
  if (a.currency !== b.currency) return a.currency < b.currency ? -1 : 1;
  const [left, right] = [a.amount < 0n ? -a.amount : a.amount, b.amount < 0n ? -b.amount : b.amount];
  return left === right ? (exceptionKey(a) < exceptionKey(b) ? -1 : 1) : left > right ? -1 : 1;
};

export const exceptionsTable = (close: Close): PackTable => ({
  name: "exceptions",
  title: "Exceptions",
  about:
    "What is open, by currency, the largest first. The id stays the same from close to close. Exceptions annotate money and hold none.",
  columns: [
    ...["id", "type", "subject_type", "subject", "marketplace"].map(text),
    amount("amount"),
    ...["currency", "since"].map(text),
    count("age_days"),
    ...["owner", "next_action", "details"].map(text),
  ],
  rows: close.exceptions.toSorted(byAmount).map((one) => [
    exceptionKey(one),
    one.type,
    one.subjectType,
    one.subjectId,
    one.marketplace ?? "",
    money(one.amount, one.currency),
    one.currency,
    one.sinceDay === null ? "" : dayText(one.sinceDay),
    one.sinceDay === null ? null : close.asOfDay - one.sinceDay,
    actions[one.type].owner,
    actions[one.type].action,
    Object.entries(one.details)
      .map(([name, value]) => `${name}: ${value}`)
      .join("; "),
  ]),
});

export const toleranceTable = (close: Close): PackTable => ({
  name: "tolerance",
  title: "Differences that were let pass",
  about:
    "By month of the invoice or payout: differences inside the policy's tolerances, sizes added up. Above the policy's cap for a currency the close is blocked.",
  columns: [...["period", "marketplace", "currency", "what"].map(text), count("count"), amount("absorbed")],
  rows: close.tolerance.map(({ period, marketplace, currency, what, count: times, absorbed }) => [
    ...[period, marketplace, currency, what, times],
    money(absorbed, currency),
  ]),
});

export const suggestionsTable = (close: Close): PackTable => ({
  name: "suggestions",
  title: "Suggested deals",
  about:
    "Deals that agreements without one may belong to, each agreement's best first. A score of 1 is certainty; a deal is suggested from 0.8 where the next is 0.15 behind, or where a rule found it that the policy does not let link. None is linked before a person writes it into agreement-links.csv.",
  columns: [
    ...["marketplace", "agreement_id", "deal_id", "suggested", "rule", "score"].map(text),
    ...["by_domain", "by_name", "by_amount", "by_date", "by_place", "account_name"].map(text),
    ...["contract_value", "deal_amount"].map(amount),
    text("currency"),
  ],
  rows: close.links.flatMap(({ suggestions }) =>
    suggestions.map(({ agreement, deal, rule, score, parts, isSuggested }) => [
      ...[agreement.marketplace, agreement.id, deal.dealId, isSuggested ? "yes" : "no", rule, scoreText(score)],
      ...[parts.domain, parts.name, parts.amount, parts.date, parts.place].map(scoreText),
      deal.accountName,
      agreement.contractValue === null ? null : money(agreement.contractValue, agreement.currency),
      money(deal.amount, deal.currency),
      agreement.currency,
    ]),
  ),
});

/** `3 %`, `1.5 %` */
export const percentText = (partsPerMillion: bigint): string => {
  const whole = partsPerMillion / 10_000n;
  const rest = (partsPerMillion % 10_000n).toString().padStart(4, "0").replace(/0+$/, "");
  return `${whole}${rest === "" ? "" : `.${rest}`} %`;
};

interface FeeRow {
  readonly agreement: Agreement;
  readonly invoiced: bigint;
  readonly charged: bigint;
  readonly expected: bigint | null;
  readonly partsPerMillion: bigint | null;
}

const feeRows = (close: Close): readonly FeeRow[] =>
  close.links.flatMap(({ agreement }) => {
    const billing = close.billingOf(agreement);
    if (billing.units.length === 0) return [];
    const rate = close.rateOf(agreement);
    const charged = billing.units.reduce((sum, unit) => sum + unit.fee, billing.looseFees);
    const lines = billing.units.flatMap((unit) => unit.revenue);
    const expected =
      rate === null ? null : lines.reduce((sum, line) => sum + feeOn(line.amount, rate, agreement.currency), 0n);
    return [
      { agreement, invoiced: billing.invoiced, charged, expected, partsPerMillion: rate?.partsPerMillion ?? null },
    ];
  });

export const feesTable = (close: Close): PackTable => ({
  name: "fees",
  title: "Fees",
  about:
    "Listing fees as charged before refunds, against the fee schedule in force when the offer was published, for each agreement.",
  columns: [
    ...["marketplace", "agreement_id", "offer_id", "renewal", "channel_partner", "currency"].map(text),
    ...["contract_value", "invoiced", "fee_charged", "fee_expected", "difference"].map(amount),
    ...["rate_expected", "rate_charged"].map(text),
  ],
  rows: feeRows(close).map(({ agreement, invoiced, charged, expected, partsPerMillion }) => {
    const at = (micros: bigint | null) => (micros === null ? null : money(micros, agreement.currency));
    return [
      agreement.marketplace,
      agreement.id,
      agreement.offerId ?? "",
      agreement.renewal ? "yes" : "no",
      agreement.channel ? "yes" : "no",
      agreement.currency,
      at(agreement.contractValue),
      at(invoiced),
      at(charged),
      at(expected),
      at(expected === null ? null : charged - expected),
      partsPerMillion === null ? "" : percentText(partsPerMillion),
      invoiced === 0n
        ? ""
        : percentText((charged * 1_000_000n + (charged < 0n ? -invoiced / 2n : invoiced / 2n)) / invoiced),
    ];
  }),
});

export const creditsTable = (close: Close): PackTable => ({
  name: "credits",
  title: "Credits",
  about:
    "Credit of partners by the signed rules. Sourced is exclusive; influenced shares the same basis. Rows of different partners are not to be added up: see the attribution table for columns that add up. What open disputes freeze stands in the column contested and is credited to nobody.",
  columns: [
    ...["deal_id", "agreement_id", "partner_id", "kind"].map(text),
    ...["amount", "contested"].map(amount),
    ...["currency", "basis", "rule", "touches"].map(text),
  ],
  rows: close.credits.map((credit) => [
    credit.dealId,
    credit.agreementId,
    credit.partnerId,
    credit.kind,
    money(credit.amount, credit.currency),
    money(credit.contested, credit.currency),
    credit.currency,
    credit.basis,
    `${credit.ruleId} v${credit.ruleVersion}`,
    credit.touchIds.join(" "),
  ]),
});

/** Three columns that are disjoint and add up to what was invoiced net of refunds: nobody counts twice. */
export const attributionTable = (close: Close): PackTable => {
  const creditedAs = new Map<string, "sourced" | "influenced">();
  for (const { agreementId, dealId, kind } of close.credits) {
    const key = `${agreementId}|${dealId}`;
    if (kind === "sourced" || !creditedAs.has(key)) creditedAs.set(key, kind);
  }
  const sums = new Map<string, Record<"sourced" | "influenced" | "neither" | "total", bigint>>();
  for (const { agreement, parts } of close.links) {
    const { invoiced, refunded } = close.billingOf(agreement);
    const net = invoiced - refunded;
    const key = `${agreement.marketplace}|${agreement.currency}`;
    const sum = sums.get(key) ?? { sourced: 0n, influenced: 0n, neither: 0n, total: 0n };
    sums.set(key, sum);
    sum.total += net;
    if (parts.length === 0) sum.neither += net;
    for (const { deal } of parts) {
      const kind = close.attribution.influencedOnly.has(deal.dealId)
        ? "influenced"
        : creditedAs.get(`${agreement.id}|${deal.dealId}`);
      sum[kind ?? "neither"] += partOf(net, parts, deal.dealId);
    }
  }
  return {
    name: "attribution",
    title: "Attribution",
    about:
      "Invoiced net of refunds under agreements: sourced by a partner, influenced and not sourced, neither. The three add up to the total.",
    columns: [
      ...["marketplace", "currency"].map(text),
      ...["sourced", "influenced_only", "neither", "total"].map(amount),
    ],
    rows: [...sums]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, sum]) => {
        const [marketplace = "", currency = ""] = key.split("|");
        const at = (micros: bigint) => money(micros, currency);
        return [marketplace, currency, at(sum.sourced), at(sum.influenced), at(sum.neither), at(sum.total)];
      }),
  };
};

/** One document for each fee mismatch, ready to be sent: file name and text. */
export const claims = (close: Close): readonly { readonly name: string; readonly text: string }[] => {
  const rows = new Map(feeRows(close).map((row) => [row.agreement.id, row]));
  return close.exceptions.flatMap((exception) => {
    const row = exception.type === "FEE_MISMATCH" ? rows.get(exception.subjectId) : undefined;
    return row === undefined ? [] : [claimOf(close, exception, row)];
  });
};

const claimOf = (
  close: Close,
  exception: CloseException,
  row: FeeRow,
): { readonly name: string; readonly text: string } => {
  const { agreement, charged, expected, partsPerMillion } = row;
  const { currency } = agreement;
  const said = (micros: bigint | null): string =>
    micros === null ? "not known" : `${cell(micros, currency)} ${currency}`;
  const billing = close.billingOf(agreement);
  const lines = billing.units.map(({ revenue, fees, gross, fee }) => {
    const [first] = revenue;
    const day = first?.invoicedDay ?? null;
    const keys = [...revenue, ...fees].map(({ key }) => key).join(", ");
    return `| ${day === null ? "" : dayText(day)} | ${cell(gross, currency)} | ${cell(fee, currency)} | ${keys} |`;
  });
  const over = exception.amount > 0n;
  return {
    name: `fee-${agreement.marketplace}-${agreement.id.replaceAll(/[^A-Za-z0-9._-]/g, "_")}`,
    text: `# Listing fee of agreement ${agreement.id}

The fee ${over ? "charged is higher" : "charged is lower"} than the published schedule gives.${over ? " We ask for the difference to be credited." : ""}

- Marketplace: ${agreement.marketplace}
- Offer: ${agreement.offerId ?? "none"}
- Contract value: ${said(agreement.contractValue)}
- Renewal: ${agreement.renewal ? "yes" : "no"}
- Channel partner: ${agreement.channel ? "yes" : "no"}
- Expected rate: ${partsPerMillion === null ? "not known" : percentText(partsPerMillion)}, by the schedule in force from ${exception.details.scheduleFrom ?? ""}
- Expected fee: ${said(expected)}
- Charged fee: ${said(charged)}
- Difference: ${said(exception.amount)}

| Invoiced | Gross | Fee charged | Lines |
|---|---|---|---|
${lines.join("\n")}
`,
  };
};

export const openExceptions = (close: Close): number =>
  close.exceptions.filter(({ type }) => isAnswerType(type)).length;
