/** Documents that both sides sign, judged once against the public keys before anything is concluded from them. */
import { jsonObjectSchema } from "../deal.ts";
import { contentHash, type PublicKey, type RuleVerdict, signedRuleSchema, verifyRule } from "../signed-rule.ts";
import type { Signed } from "./attribution-rule.ts";

export interface JudgedDocument {
  /** SHA-256 of the content in canonical form. */
  readonly hash: string;
  /** Null where its signatures do not have the form of signatures. */
  readonly verdict: RuleVerdict | null;
}
export type JudgedDocuments = ReadonlyMap<Signed, JudgedDocument>;

/** Hashes and verifies rules and decisions. The documents are those of the facts, by identity. */
export const judgeDocuments = async (facts: {
  readonly rules: readonly Signed[];
  readonly decisions: readonly Signed[];
  readonly keys: readonly PublicKey[];
}): Promise<JudgedDocuments> => {
  const judged = new Map<Signed, JudgedDocument>();
  for (const document of [...facts.rules, ...facts.decisions]) {
    const json = jsonObjectSchema.parse(document);
    const verdict = signedRuleSchema.safeParse(json).success ? await verifyRule(json, facts.keys) : null;
    judged.set(document, { hash: verdict?.contentSha256 ?? (await contentHash(json)), verdict });
  }
  return judged;
};
