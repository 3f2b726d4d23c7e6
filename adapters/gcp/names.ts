/** Google's names of members, in any of its spellings, → our fields. */
import { ourFields, paths } from "./document.ts";
import { leadFields } from "./lead-document.ts";

/** `opportunity.customer_info.contact.email` and `opportunityInfo.productFamily[0]` → the member's path. */
const pathOf = (name: string): string =>
  name
    .replaceAll(/\[\d*\]/g, "")
    .replace(/^(opportunity|lead)\./, "")
    .replaceAll(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** Our field for a member that Google names, and where the member is documented; null when we do not know it. */
export const fieldNamed = (name: string): { readonly field: string; readonly source: string } | null => {
  const wanted = pathOf(name);
  if (wanted === "") return null;
  const source = "https://cloud.google.com/channel/docs/reference/rest/v1alpha1/opportunities";
  const own = paths.find((path) => wanted === path || wanted.startsWith(`${path}.`));
  if (own !== undefined) return { field: ourFields[own], source };
  const below = paths.filter((path) => path.startsWith(`${wanted}.`));
  const [only] = below;
  if (only !== undefined && below.length === 1) return { field: ourFields[only], source };
  const lead = leadFields[wanted.split(".")[0] ?? ""];
  return lead === undefined
    ? null
    : { field: lead, source: "https://developers.google.com/cloud-crm-partners/reference/rest/v1/partners.leads" };
};
