/** What a share is drafted from: the deal, and for each programme field the first that gives it. */
import type { Account, Connection, Contact, Json, JsonObject, Opportunity, ShareDraft, Synthetic } from "./deal.ts";
import { type StandingRule, standIns } from "./share-rule.ts";

export interface DraftParts {
  readonly share: { readonly id: string; readonly fields: JsonObject };
  readonly connection: Connection;
  readonly opportunity: Opportunity;
  readonly account: Account;
  readonly contacts: readonly Contact[];
  /** The rule the share follows; null: a person shared it. */
  readonly rule: StandingRule | null;
  readonly now: Date;
}

/**
 * Programme-only fields: the connection's defaults, overlaid by how the rule wants the partner to join, by the deal's, by
 * the share's; where neither of these two gives one, the rule's default stands in, marked.
 */
export const draftOf = (
  parts: DraftParts,
): { readonly draft: ShareDraft; readonly synthetic: readonly Synthetic[] } => {
  const { share, connection, opportunity, account, contacts, rule } = parts;
  const { marketplace } = connection;
  const defaults = connection.settings.defaults;
  const stood = rule === null ? null : standIns({ rule, marketplace, opportunity, account, fields: share.fields });
  return {
    draft: {
      shareId: share.id,
      opportunity: { ...opportunity, ...stood?.opportunity },
      account: { ...account, ...stood?.account },
      contacts,
      fields: {
        ...(isObject(defaults) ? defaults : {}),
        ...rule?.involvementFields,
        ...opportunity.programmes[marketplace],
        ...share.fields,
        ...stood?.fields,
      },
      today: parts.now.toISOString().slice(0, 10),
    },
    synthetic: stood?.synthetic ?? [],
  };
};

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
