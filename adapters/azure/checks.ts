/** What a rule of the pack looks at and finds, and the documents that the rules come from. */
import type { JsonObject, ShareDraft } from "../../src/domain/deal.ts";
import { type Finding, finding, none } from "../findings.ts";
import type { Document, Path } from "./document.ts";
import type { Target } from "./settings.ts";
import type { DealType } from "./taxonomy.ts";

export interface Case {
  /** The document as it would be sent. */
  readonly document: Document;
  readonly draft: ShareDraft;
  /** The programme fields with the connection's defaults. */
  readonly fields: JsonObject;
  /** Null: the fields name none. */
  readonly type: DealType | null;
  readonly target: Target;
}
export interface Rule {
  readonly id: string;
  /** The member it is about; for what is not in the document, our own field. */
  readonly about: Path | `azure.${string}`;
  /** `submission`: only before the first submission. `always`: an update is held to it too. */
  readonly when: "submission" | "always";
  readonly says: string;
  readonly source: string;
  readonly check: (given: Case) => readonly Finding[];
}

const learn = "https://learn.microsoft.com/en-us/partner-center";
export const sources = {
  create: `${learn}/developer/create-a-referral`,
  resources: `${learn}/developer/referral-resources`,
  patch: `${learn}/developer/patch-a-referral`,
  connector: `${learn}/referrals/connector-dynamics`,
  registration: `${learn}/register-deals`,
  cosell: "cosell: fields of programmes.azure",
} as const;

export const textAt = (document: Document, path: Path): string => {
  const value = document[path];
  return typeof value === "string" ? value : "";
};
/** The member must be there. */
export const needs =
  (path: Path, name: string, example: string) =>
  ({ document }: Case): readonly Finding[] =>
    textAt(document, path) === ""
      ? finding("required", `Microsoft needs ${name} and it is missing.`, `Fill it in, for example ${example}.`)
      : none;
/** The member, when present, is at most so long. */
export const within =
  (path: Path, name: string, most: number) =>
  ({ document }: Case): readonly Finding[] => {
    const length = [...textAt(document, path)].length;
    return length > most
      ? finding(
          "too_long",
          `We send at most ${most} characters of ${name}; this has ${length}.`,
          `Shorten it by ${length - most}.`,
        )
      : none;
  };
