/** The kinds of rule that the rule pack is written in. */
import type { JsonObject, ShareDraft } from "../../src/domain/deal.ts";
import type { Finding } from "../findings.ts";
import type { Document, Path } from "./document.ts";
import type { Target } from "./settings.ts";

/** What a rule looks at: the document as it would be sent, and the draft it came from. */
export interface Case {
  readonly document: Document;
  readonly draft: ShareDraft;
  /** The programme fields with the connection's defaults. */
  readonly fields: JsonObject;
  readonly target: Target;
}
export interface Rule {
  readonly id: string;
  /** The member it is about; for what is not in the document, our own field. */
  readonly about: Path | `gcp.${string}`;
  readonly when: "submission" | "always" | "where the connection requires it";
  readonly says: string;
  readonly source: string;
  readonly check: (given: Case) => readonly Finding[];
}

export const sources = {
  opportunities: "https://cloud.google.com/channel/docs/reference/rest/v1alpha1/opportunities",
  patch: "https://docs.cloud.google.com/channel/docs/reference/rest/v1alpha1/opportunities/patch",
  leads: "https://developers.google.com/cloud-crm-partners/reference/rest/v1/partners.leads",
  money: "https://github.com/googleapis/googleapis/blob/master/google/type/money.proto",
  /** No list of Google's is public: what the form of a deployed client demands. */
  deployed:
    "github.com/ajsaasify/SaaSify-Pipedrive-CRM-Connector@3a5add8: the form of a deployed client, not Google's own list",
  settings: "cosell: settings of the connection",
} as const;
