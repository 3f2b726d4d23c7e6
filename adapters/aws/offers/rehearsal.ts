/**
 * AWS's dry run of a publication: a change set with the intent VALIDATE. It takes as long as a real one, and nobody waits here: asked
 * again about the same terms, the same change set is read, found by a name that carries their digest.
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-catalog_StartChangeSet.html
 */
import canonicalize from "canonicalize";
import { failed, type Gap, ok, type Result } from "../../../src/domain/fault.ts";
import type { OfferDraft } from "../../../src/domain/offer.ts";
import { parsedAs } from "../reading.ts";
import { describe, findByName } from "./change-sets.ts";
import { changeSetName, rehearsalBody } from "./publication.ts";
import type { MarketplaceDeps } from "./reading.ts";
import { changeSetFault } from "./refusals.ts";
import { startedSchema } from "./wire.ts";

const againMs = 15_000;
const digestCharacters = 16;

/** A short digest of a JSON value, for names and tokens. */
export const digestOf = async (value: unknown): Promise<string> => {
  const bytes = new TextEncoder().encode(canonicalize(value) ?? "");
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("")
    .slice(0, digestCharacters);
};

/** What AWS would refuse. `throttled`: it is still at work; ask again at the stated time. */
export const rehearse = async (deps: MarketplaceDeps, draft: OfferDraft): Promise<Result<readonly Gap[]>> => {
  const body = rehearsalBody(draft);
  // What holds today need not hold tomorrow: a day is part of the question.
  const digest = await digestOf([body, draft.today]);
  const name = changeSetName("rehearse", draft.marker, digest);
  const known = await findByName(deps, name, (status) => status !== "CANCELLED");
  if (!known.ok) return known;
  const id = known.value ?? (await start(deps, { ...body, ChangeSetName: name }, `cosell-rehearse-${digest}`));
  if (typeof id !== "string") return id;
  const seen = await describe(deps, id);
  if (!seen.ok && seen.fault.kind !== "missing") return seen;
  if (!seen.ok || seen.value.Status === "PREPARING" || seen.value.Status === "APPLYING") {
    const retryAt = new Date(deps.clock.now().getTime() + againMs).toISOString();
    return failed({ kind: "throttled", message: `AWS is still validating the offer (change set ${id})`, retryAt });
  }
  if (seen.value.Status === "SUCCEEDED") return ok([]);
  const fault = changeSetFault(seen.value);
  return fault.kind === "rejected" && fault.gaps.length > 0 ? ok(fault.gaps) : failed(fault);
};

type Refused = { readonly ok: true; readonly value: readonly Gap[] } | ReturnType<typeof failed>;
/** The id of the change set, or what AWS refuses at once. */
const start = async (
  deps: MarketplaceDeps,
  body: ReturnType<typeof rehearsalBody>,
  token: string,
): Promise<string | Refused> => {
  const answer = await deps.wire.send("StartChangeSet", "write", { ...body, ClientRequestToken: token });
  if (!answer.ok) {
    const { fault } = answer;
    // Nothing lasting is made there: a lost answer is no write to look for.
    if (fault.kind === "ambiguous") return failed({ kind: "unavailable", message: fault.message });
    return fault.kind === "rejected" && fault.gaps.length > 0 ? { ok: true, value: fault.gaps } : failed(fault);
  }
  const started = parsedAs(startedSchema, answer.value, { operation: "StartChangeSet", kind: "read" });
  return started.ok ? started.value.ChangeSetId : started;
};
