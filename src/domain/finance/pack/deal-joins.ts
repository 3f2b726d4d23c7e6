/** The evidence of whose an agreement is: its deal or the parts of its deals, and how each deal is credited. */
import { namedParts, partOf, partsText, wholeParts } from "../allocation.ts";
import { amountText } from "../amount.ts";
import type { Credit } from "../credits.ts";
import type { DealFact } from "../facts.ts";
import type { Link } from "../links.ts";
import { scoreText } from "../suggestions.ts";
import { type Evidence, node, on } from "./evidence.ts";
import type { Book } from "./joins.ts";
import { money } from "./table.ts";

const hashShown = 12;

export const creditId = ({ dealId, partnerId, kind }: Pick<Credit, "dealId" | "partnerId" | "kind">): string =>
  `${dealId}|${partnerId}|${kind}`;

const whyLinked: Readonly<Record<Link["method"], string>> = {
  recorded: "a person decided so",
  allocated: "a person's document shares the agreement among these deals",
  offer_id: "the deal names the agreement's offer",
  opportunity: "the only deal whose co-sell opportunity is associated with the agreement's offer",
  learned_alias: "the only deal of the account that the buyer was learnt to be, of the value that was open",
  fallback: "the only deal of this marketplace, currency and domain whose amount and close date fit",
  name: "the only deal of this marketplace, currency and account name whose amount and close date fit",
  ambiguous: "several deals fit, so none is taken",
  none: "no deal fits",
};

/** Whose an agreement is: its deal, the deals that share it, or why it is nobody's. */
export const dealOf = (book: Book, link: Link): readonly Evidence[] => {
  const { parts, candidates } = link;
  const isLinked = parts.length > 0;
  const rejected = [
    ...link.rivals.map(({ dealId, why }) => `${dealId}: ${why}`),
    ...candidates
      .filter((deal) => parts.every((part) => part.deal !== deal))
      .map(({ dealId }) => `${dealId}: ${isLinked ? "names the same offer and closed later" : "fits as well"}`),
  ];
  const unheard = link.unheard === "" ? [] : [link.unheard];
  const seen = link.suggestions.map(
    ({ deal, rule, score, isSuggested }) =>
      `${isSuggested ? "suggested" : "looked at"}: ${deal.dealId}, ${scoreText(score)} by ${rule.replace("_", " ")}`,
  );
  const [only] = parts;
  if (only === undefined)
    return [node({ what: "no deal", id: "", because: whyLinked[link.method], rejected, says: [...unheard, ...seen] })];
  if (parts.length > 1) return [sharedOf(book, link)];
  const says = link.evidence === "" ? unheard : [link.evidence, ...unheard];
  return [{ ...dealNode(book, link, { deal: only.deal, says }), because: whyLinked[link.method], rejected }];
};

/** A document that shares the agreement: its parts add up to the contract value, where that is known. */
const sharedOf = (book: Book, link: Link): Evidence => {
  const { agreement, parts, document } = link;
  const value = agreement.contractValue;
  return node({
    what: "allocation",
    id: "",
    amount: value === null ? null : money(value, agreement.currency),
    says: [link.evidence],
    where: document,
    because: whyLinked[link.method],
    parts: parts.map(({ deal, basisPoints }) =>
      node({
        what: "part of the agreement",
        id: deal.dealId,
        amount: value === null ? null : money(partOf(value, parts, deal.dealId), agreement.currency),
        because: `the document gives it ${basisPoints} of ${wholeParts} basis points`,
        isPart: value !== null,
        parts: [dealNode(book, link, { deal, says: [] })],
      }),
    ),
  });
};

const dealNode = (
  book: Book,
  { agreement }: Link,
  { deal, says }: { readonly deal: DealFact; readonly says: readonly string[] },
): Evidence =>
  node({
    what: "deal",
    id: deal.dealId,
    amount: money(deal.amount, deal.currency),
    says: [...dealSays(deal), ...says],
    where: deal,
    parts: (book.credits.get(agreement.id) ?? [])
      .filter(({ dealId }) => dealId === deal.dealId)
      .map((credit) => ({ ...ofCredit(book, credit), because: "its rule credits this deal" })),
  });

export const dealSays = (deal: DealFact): readonly string[] => [
  deal.accountName,
  ...on("closed", deal.closeDay),
  ...(deal.opportunityId === null ? [] : [`co-sell opportunity ${deal.opportunityId}`]),
];

/** Which part of the agreement's basis the deal has, by which document. */
const basisShared = (book: Book, { agreementId, dealId }: Credit): readonly Evidence[] => {
  const link = book.shared.get(agreementId);
  const own = link?.parts.find(({ deal }) => deal.dealId === dealId);
  if (link === undefined || own === undefined) return [];
  return [
    node({
      what: "part of the basis",
      id: agreementId,
      says: [link.evidence, partsText(namedParts(link.parts))],
      where: link.document,
      because: `the document gives the deal ${own.basisPoints} of ${wholeParts} basis points`,
    }),
  ];
};

export const ofCredit = (book: Book, credit: Credit): Evidence => {
  const rule = book.facts.rules.find(
    ({ rule_id, version }) => rule_id === credit.ruleId && version === credit.ruleVersion,
  );
  const touches = book.facts.touches.filter(({ touchId }) => credit.touchIds.includes(touchId));
  return node({
    what: `${credit.kind} credit`,
    id: creditId(credit),
    amount: money(credit.amount, credit.currency),
    says: [
      `basis ${credit.basis.replaceAll("_", " ")} of ${credit.agreementId}`,
      ...(credit.contested === 0n ? [] : [`${amountText(credit.contested, credit.currency)} more is contested`]),
    ],
    parts: [
      node({
        what: "rule",
        id: `${credit.ruleId} v${credit.ruleVersion}`,
        says:
          rule === undefined
            ? []
            : [
                `in force from ${rule.effective_from}`,
                `content sha256 ${book.close.hashOf(rule).slice(0, hashShown)}`,
                ...rule.signatures.map(({ side, role, signed_at }) => `signed by ${side} (${role}) ${signed_at}`),
              ],
        because: "in force when the deal closed, and signed by both sides by then",
      }),
      ...basisShared(book, credit),
      ...touches.map((touch) =>
        node({
          what: `touch ${touch.type}`,
          id: touch.touchId,
          says: [`by ${touch.partnerId}`, ...on("on", touch.day)],
          because: "inside the rule's window",
        }),
      ),
    ],
  });
};
