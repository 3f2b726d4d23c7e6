/** Rules about money: the customer's expected spend and the software contract. */

import { type Finding, finding, none } from "../findings.ts";
import { isObject } from "../text.ts";
import { type Case, isListed, type Rule, sources, textAt } from "./checks.ts";
import { spendOf } from "./map.ts";
import { revenueModels } from "./picklists.generated.ts";

const noSpend = (why: "no_amount" | "no_term" | "bad_amount", field: string): Finding => {
  switch (why) {
    case "no_term":
      return {
        code: "required",
        message: "AWS asks for the monthly spend; the amount is for the whole term and the term is missing.",
        fix: "Fill in termMonths, for example 12, or aws.expectedMonthlySpend.",
        field: "termMonths",
      };
    case "bad_amount":
      return {
        code: "bad_format",
        message: "AWS needs the spend as a plain decimal amount.",
        fix: "Type digits and a point only, for example 12500.00.",
        field,
      };
    case "no_amount":
      return {
        code: "required",
        message: "AWS needs the expected spend and there is no amount.",
        fix: "Fill in amount and termMonths, or aws.expectedMonthlySpend.",
        field,
      };
  }
};
const spendFindings = ({ draft, fields, document }: Case): readonly Finding[] => {
  const spend = spendOf(draft, fields);
  const stated = fields.expectedMonthlySpend !== undefined && fields.expectedMonthlySpend !== null;
  const field = stated ? "aws.expectedMonthlySpend" : "amount";
  const tell = (code: Finding["code"], message: string, fix: string): readonly Finding[] => [
    { code, message, fix, field },
  ];
  if (spend.kind === "none") return [noSpend(spend.why, field)];
  if (spend.currency !== "USD" && spend.currency !== "EUR") {
    const message = `AWS takes spend in USD or EUR, not in ${JSON.stringify(spend.currency.slice(0, 8))}.`;
    return tell("not_listed", message, 'State aws.expectedMonthlySpend in "USD" or "EUR".');
  }
  if (textAt(document, "Project.AwsPartition") === "aws-eusc" && spend.currency !== "EUR") {
    const message = "AWS takes deals in the European Sovereign Cloud in EUR only.";
    return tell("conflicting", message, 'State aws.expectedMonthlySpend in "EUR".');
  }
  return spend.amount === "0.00"
    ? tell("not_allowed", "AWS needs a monthly spend above zero.", "Type an amount that is at least 0.01 a month.")
    : none;
};

const revenuePaths = [
  "SoftwareRevenue.DeliveryModel",
  "SoftwareRevenue.Value",
  "SoftwareRevenue.EffectiveDate",
  "SoftwareRevenue.ExpirationDate",
] as const;
const revenueFindings = (given: Case): readonly Finding[] => {
  const { document } = given;
  const present = revenuePaths.filter((path) => document[path] !== undefined && document[path] !== null);
  if (present.length === 0) return none;
  const field = "aws.softwareRevenue";
  if (present.length < revenuePaths.length)
    return [
      {
        code: "required",
        message: "AWS takes software revenue only complete.",
        fix: "Fill in deliveryModel, amount, currency, effectiveDate and expirationDate, or remove it.",
        field,
      },
    ];
  const model = isListed({ path: "SoftwareRevenue.DeliveryModel", name: "a revenue model", list: revenueModels })(
    given,
  );
  if (model.length > 0) return model;
  const value = document["SoftwareRevenue.Value"];
  if (
    !isObject(value) ||
    typeof value.Amount !== "string" ||
    !/^(0|[1-9]\d{0,30})(\.\d{0,2})?$/.test(value.Amount) ||
    !/^[A-Z]{3}$/.test(String(value.CurrencyCode))
  )
    return [
      {
        code: "bad_format",
        message: "AWS takes software revenue as an amount with at most two decimals, and a currency.",
        fix: 'Type for example "10000.00" and "USD".',
        field,
      },
    ];
  const [from, until] = [
    textAt(document, "SoftwareRevenue.EffectiveDate"),
    textAt(document, "SoftwareRevenue.ExpirationDate"),
  ];
  const date = /^[1-9]\d{3}-(0[1-9]|1[012])-(0[1-9]|[12]\d|3[01])$/;
  if (!date.test(from) || !date.test(until))
    return [
      {
        code: "bad_format",
        message: "AWS takes the contract's dates as YYYY-MM-DD.",
        fix: "Type for example 2026-01-31.",
        field,
      },
    ];
  return until < from
    ? [
        {
          code: "conflicting",
          message: "The contract ends before it begins.",
          fix: "Set expirationDate on or after effectiveDate.",
          field,
        },
      ]
    : none;
};

export const moneyRules: readonly Rule[] = [
  {
    id: "aws.spend.monthly",
    about: "Project.ExpectedCustomerSpend",
    when: "always",
    says: "Expected spend is monthly, above zero, in USD or EUR; EUR in the European Sovereign Cloud.",
    source: sources.spend,
    check: spendFindings,
  },
  {
    id: "aws.estimation-url.format",
    about: "aws.estimationUrl",
    when: "always",
    triggers: ["Project.ExpectedCustomerSpend"],
    says: "An estimate is a shared estimate of the AWS Pricing Calculator.",
    source: sources.spend,
    check: ({ fields }) =>
      typeof fields.estimationUrl !== "string" ||
      fields.estimationUrl.trim() === "" ||
      /^https:\/\/(calculator\.aws|pricing\.calculator\.aws\.eu)\/#\/estimate\?id=[a-f0-9]{32,64}$/.test(
        fields.estimationUrl.trim(),
      )
        ? none
        : finding(
            "bad_format",
            "AWS takes only addresses of its Pricing Calculator here.",
            "Paste the link of a shared estimate, https://calculator.aws/#/estimate?id= and its id.",
          ),
  },
  {
    id: "aws.software-revenue.complete",
    about: "SoftwareRevenue.Value",
    when: "always",
    triggers: ["SoftwareRevenue.DeliveryModel", "SoftwareRevenue.EffectiveDate", "SoftwareRevenue.ExpirationDate"],
    says: "Software revenue is complete: model, value, both dates.",
    source: sources.revenue,
    check: revenueFindings,
  },
];
