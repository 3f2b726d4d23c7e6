/** The kinds of rule that the rule pack is written in: required, listed, length, pattern. */
import type { JsonObject, ShareDraft } from "../../src/domain/deal.ts";
import { type Finding, finding, none } from "../findings.ts";
import { textsOf } from "../text.ts";
import type { Document, Path } from "./document.ts";

/** What a rule looks at: the document as it would be sent, and the draft it came from. */
export interface Case {
  readonly document: Document;
  readonly draft: ShareDraft;
  /** The programme fields with the connection's defaults. */
  readonly fields: JsonObject;
}
export interface Rule {
  readonly id: string;
  /** The member it is about; for what is not in the document, our own field. */
  readonly about: Path | `aws.${string}`;
  /** `submission`: only before the first submission. `always`: an update is held to it too. */
  readonly when: "submission" | "always";
  /** Other members whose change makes an update liable to this rule; "any": every update. */
  readonly triggers?: readonly Path[] | "any";
  readonly says: string;
  readonly source: string;
  readonly check: (given: Case) => readonly Finding[];
}

const api = "https://docs.aws.amazon.com/partner-central/latest/APIReference";
const samples =
  "https://github.com/aws-samples/partner-crm-integration-samples/tree/954a7ff528e55a907de4cc669792934c53b2fb63";
export const sources = {
  account: `${api}/API_Account.html`,
  address: `${api}/API_Address.html`,
  contact: `${api}/API_Contact.html`,
  project: `${api}/API_Project.html`,
  spend: `${api}/API_ExpectedCustomerSpend.html`,
  lifeCycle: `${api}/API_LifeCycle.html`,
  marketing: `${api}/API_Marketing.html`,
  revenue: `${api}/API_SoftwareRevenue.html`,
  create: `${api}/API_CreateOpportunity.html`,
  associate: `${api}/API_AssociateOpportunity.html`,
  submission: `${api}/API_AwsSubmission.html`,
  submitting: "https://docs.aws.amazon.com/partner-central/latest/selling-api/working-with-your-opportunities.html",
  quotas: "https://docs.aws.amazon.com/partner-central/latest/selling-api/quotas.html",
  fields: `${samples}/opportunity-samples/Opportunity-Fields.csv`,
  cosell: "cosell: fields of programmes.aws",
} as const;

export const textAt = (document: Document, path: Path): string => {
  const value = document[path];
  return typeof value === "string" ? value : "";
};
export const textsAt = (document: Document, path: Path): readonly string[] => textsOf(document[path]) ?? [];
export const isNational = (document: Document): boolean => textAt(document, "NationalSecurity") === "Yes";

/** How alike two texts are, 0 to 1, by their pairs of letters (Dice). */
const likeness = (left: string, right: string): number => {
  const pairs = (text: string) => {
    const plain = text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
    return Array.from({ length: Math.max(plain.length - 1, 0) }, (_, index) => plain.slice(index, index + 2));
  };
  const [lefts, rights] = [pairs(left.slice(0, 200)), new Set(pairs(right))];
  return lefts.length === 0 ? 0 : (2 * lefts.filter((pair) => rights.has(pair)).length) / (lefts.length + rights.size);
};
/** The up to three values of a list nearest to a text, nearest first. */
export const closest = (text: string, list: readonly string[]): readonly string[] =>
  list
    .map((value) => ({ value, score: likeness(text, value) }))
    .filter(({ score }) => score > 0.2)
    .toSorted((left, right) => right.score - left.score)
    .slice(0, 3)
    .map(({ value }) => value);
const offer = (text: string, list: readonly string[]): string => {
  const near = closest(text, list);
  const values = near.length > 0 ? near : list.length <= 12 ? list : list.slice(0, 5);
  const rest = near.length === 0 && list.length > 12 ? `, or one of ${list.length - 5} more` : "";
  return `Type exactly ${values.map((value) => JSON.stringify(value)).join(" or ")}${rest}.`;
};

interface Listing {
  readonly path: Path;
  readonly name: string;
  readonly list: readonly string[];
}
/** The member must be there (a text with a sign in it, or a list with a value). */
export const needs =
  (path: Path, name: string, example: string) =>
  ({ document }: Case): readonly Finding[] =>
    textAt(document, path) === "" && textsAt(document, path).length === 0
      ? finding("required", `AWS needs ${name} and it is missing.`, `Fill it in, for example ${example}.`)
      : none;
/** Every value of the member must be one of the list. */
export const isListed =
  ({ path, name, list }: Listing) =>
  ({ document }: Case): readonly Finding[] => {
    const value = document[path];
    const values = typeof value === "string" ? [value] : textsAt(document, path);
    const wrong = values.find((item) => !list.includes(item));
    if (wrong === undefined || wrong === "") return none;
    const told = wrong.slice(0, 80);
    return finding("not_listed", `AWS does not know ${JSON.stringify(told)} as ${name}.`, offer(wrong, list));
  };
/** The member, when present, must have a length in signs (code points, as AWS's patterns count them). */
export const hasLength =
  (path: Path, name: string, [least, most]: readonly [number, number]) =>
  ({ document }: Case): readonly Finding[] => {
    const length = [...textAt(document, path)].length;
    if (length === 0) return none;
    if (length < least)
      return finding(
        "too_short",
        `AWS wants at least ${least} characters for ${name}; this has ${length}.`,
        `Write at least ${least - length} more ${least - length === 1 ? "character" : "characters"}.`,
      );
    return length > most
      ? finding(
          "too_long",
          `AWS takes at most ${most} characters for ${name}; this has ${length}.`,
          `Shorten it by ${length - most} ${length - most === 1 ? "character" : "characters"}.`,
        )
      : none;
  };
/** The member, when present, must match. */
export const matches =
  (path: Path, pattern: RegExp, [message, fix]: readonly [string, string]) =>
  ({ document }: Case): readonly Finding[] => {
    const text = textAt(document, path);
    return text === "" || pattern.test(text) ? none : finding("bad_format", message, fix);
  };
