/** A world with share rules, and short words for what its tests look at. */
import type { OpportunityInput } from "../src/domain/deal.ts";
import { awsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

export interface Rule {
  readonly id: string;
  readonly version: number;
}
export interface ShownShare {
  readonly id: string;
  readonly state: string;
  readonly ruleId: string | null;
  readonly ruleVersion: number | null;
  readonly gaps: readonly { readonly field: string; readonly code: string; readonly fix: string }[];
  readonly synthetic: readonly { readonly field: string; readonly value: unknown; readonly consented: boolean }[];
}

export const openAutoShare = async (seed: string) => {
  const world = await openWorld({ seed });
  const { call, connectionId, aws } = world;
  let counter = 0;
  const nextKey = (): string => `auto-${counter++}`;
  const qualified = 'stage == "qualified" && source == "test"';
  const saveRule = async (more: Readonly<Record<string, unknown>> = {}): Promise<Rule> => {
    const { status, body } = await call<Rule>("POST", "/v1/share-rules", {
      name: "Qualified",
      connectionId,
      condition: qualified,
      ...more,
    });
    if (status !== 201) throw new Error(JSON.stringify(body));
    return body;
  };
  const patchRule = async (rule: Rule, patch: object): Promise<Rule> => {
    const response = await world.service.app.fetch(
      new Request(`http://cosell.test/v1/share-rules/${rule.id}`, {
        method: "PATCH",
        headers: { ...(await authorization()), "content-type": "application/json", "if-match": "*" },
        body: JSON.stringify(patch),
      }),
    );
    if (response.status !== 200) throw new Error(await response.text());
    return (await response.json()) as Rule;
  };
  let bearer: string | null = null;
  const authorization = async () => {
    const actorId = await world.service.store.access.actor(world.db.sql, "person", "tester");
    bearer ??= (
      await world.service.store.access.createKey(world.db.sql, {
        actorId,
        name: "patch",
        scopes: ["read", "write"],
        expiresAt: null,
      })
    ).secret;
    return { authorization: `Bearer ${bearer}` };
  };
  const saveDeal = async (deal: OpportunityInput): Promise<string> =>
    (await call<{ id: string }>("POST", "/v1/opportunities", deal)).body.id;
  const sharesOf = async (dealId: string): Promise<readonly ShownShare[]> =>
    (await call<{ items: ShownShare[] }>("GET", `/v1/opportunities/${dealId}/shares`)).body.items;
  const decisionOf = async (dealId: string) =>
    (
      await call<{ items: { verdict: string; reason: string; shareId: string | null; rule: unknown }[] }>(
        "GET",
        `/v1/opportunities/${dealId}/share-decisions`,
      )
    ).body.items[0];
  const recordOf = async (key: string) =>
    (await aws.controls.ledger()).opportunities.filter((row) => row.document.PartnerOpportunityIdentifier === key);
  /** A deal without a delivery model and a use case, which AWS demands. */
  const bareDeal = (key: string, more: Partial<OpportunityInput> = {}): OpportunityInput => {
    const { useCase: _u, deliveryModels: _d, ...aws } = awsDeal(key).programmes.aws ?? {};
    return awsDeal(key, { programmes: { aws }, ...more });
  };
  const stand = { "aws.useCase": "Business Applications & Contact Center", "aws.deliveryModels": ["SaaS or PaaS"] };
  return { world, nextKey, qualified, saveRule, patchRule, saveDeal, sharesOf, decisionOf, recordOf, bareDeal, stand };
};
