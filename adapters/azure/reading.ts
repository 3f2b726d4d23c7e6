/** What every call shares: answers read by their schemas, one referral, a page of them, and what belongs to an engagement. */
import * as z from "zod";
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import type { ClockDep } from "../../src/ports.ts";
import { jsonOf } from "../text.ts";
import type { Client } from "./client.ts";
import { type Answer, lost, type OperationName } from "./faults.ts";
import { referralsUrl, type Target } from "./settings.ts";
import { pageSchema, referralSchema, type WireReferral } from "./wire.ts";

export interface CoSellDeps extends ClockDep {
  readonly client: Client;
  readonly target: Target;
}

/** An update of one referral as it is frozen in the journal. */
export const patchBodySchema = z.object({
  id: z.string(),
  ifMatch: z.string().nullable(),
  patch: z.array(z.object({ op: z.enum(["replace", "add"]), path: z.string(), value: z.json() })),
});

/** An answer as the schema has it. One that is no JSON is lost; JSON that does not fit is drift (of a write: lost). */
export const parsedAs = <T>(
  schema: z.ZodType<T>,
  answer: Answer,
  asked: { readonly operation: OperationName; readonly kind: "read" | "write" },
): Result<T> => {
  const json = jsonOf(answer.text);
  if (json === undefined) return failed(lost(asked, "an answer that is no JSON"));
  const parsed = schema.safeParse(json);
  if (parsed.success) return ok(parsed.data);
  const where = parsed.error.issues[0]?.path.join(".") || "its root";
  const message = `an answer that is not as Microsoft documents it, at ${where.slice(0, 120)}`;
  return failed(
    asked.kind === "write"
      ? lost(asked, message)
      : { kind: "drift", message: `${asked.operation}: ${message}`, body: answer.text },
  );
};

/** One referral, with its text as it came; its ETag is taken from the header where the body has none. */
export const getReferral = async (
  { client }: CoSellDeps,
  id: string,
): Promise<Result<{ readonly referral: WireReferral; readonly text: string }>> => {
  const asked = { operation: "GetReferral", kind: "read" } as const;
  const answer = await client.send({ ...asked, method: "GET", id });
  if (!answer.ok) return answer;
  const referral = parsedAs(referralSchema, answer.value, asked);
  if (!referral.ok) return referral;
  const { eTag, text } = answer.value;
  if (referral.value.eTag || eTag === null) return ok({ referral: referral.value, text });
  const known = { ...referral.value, eTag };
  return ok({ referral: known, text: JSON.stringify(known) });
};

export interface Listed {
  readonly rows: readonly WireReferral[];
  /** The query of the next page, with its leading `?`; null: this is the last one. */
  readonly next: string | null;
}
const queryCharactersMax = 8_000;
/**
 * Only the query of what Microsoft names as the next page: its documents show an address with http and another path, and a
 * token is never sent to an address that came in an answer.
 */
const nextOf = (link: string | null | undefined): string | null => {
  if (!link || !URL.canParse(link, referralsUrl)) return null;
  const { search } = new URL(link, referralsUrl);
  return search === "" || search.length > queryCharactersMax ? null : search;
};

/** One page of referrals, at most 100. */
export const listReferrals = async ({ client }: CoSellDeps, query: string): Promise<Result<Listed>> => {
  const asked = { operation: "ListReferrals", kind: "read" } as const;
  const answer = await client.send({ ...asked, method: "GET", query });
  if (!answer.ok) return answer;
  const page = parsedAs(pageSchema, answer.value, asked);
  return page.ok ? ok({ rows: page.value.value, next: nextOf(page.value["@odata.nextLink"]) }) : page;
};

/** Text inside an OData literal. */
export const quoted = (text: string): string => `'${text.replace(/'/g, "''")}'`;

/** All referrals of an engagement: one page, for an engagement has a few partners at most. */
export const relatedTo = async (deps: CoSellDeps, engagementId: string): Promise<Result<readonly WireReferral[]>> => {
  const listed = await listReferrals(deps, `?$filter=${encodeURIComponent(`engagementId eq ${quoted(engagementId)}`)}`);
  if (!listed.ok) return listed;
  return ok(listed.value.rows.filter((row) => row.engagementId === engagementId));
};
