/** The lock of a month as documents: the manifest of what it was made of and what it posts, and the lock itself, both signed. */
import * as z from "zod";
import { type JsonObject, jsonObjectSchema } from "../domain/deal.ts";
import { dayText } from "../domain/finance/day.ts";
import { defaultAccountNames, genericJournals, journalsOf } from "../domain/finance/pack/journals.ts";
import { manifestOf, manifestSchema, manifestText, signManifest } from "../domain/finance/pack/manifest.ts";
import { csvRows } from "../domain/finance/pack/table.ts";
import {
  type PeriodLockFile,
  periodLockFile,
  periodLockSchema,
  postingsWritten,
  signPeriodLock,
} from "../domain/finance/period-lock.ts";
import type { PostedPeriod, Posting } from "../domain/finance/posting.ts";
import { plainText } from "../domain/finance/versions.ts";
import { type PrivateKey, publicHalf, publicKeySchema } from "../domain/signed-rule.ts";
import type { Query } from "../ports.ts";
import {
  acceptedExceptions,
  countedInputs,
  decisionHashes,
  policyInForce,
  ruleHashes,
} from "../store/period-questions.ts";
import type { PeriodName } from "../store/periods.ts";
import { sha256Hex } from "../store/seal.ts";
import { serviceKey } from "../store/signing-key.ts";
import { type AppDeps, type Endpoint, endpoint } from "./endpoint.ts";
import { periodParams } from "./period-reading.ts";
import { ProblemError } from "./problem.ts";

/** What is kept of a lock: its postings stand in rows of their own. */
const keptSchema = z.looseObject({ manifest: manifestSchema, lock: periodLockSchema.omit({ postings: true }) });

export interface Locking extends PeriodName {
  readonly asOfDay: number;
  readonly postings: readonly Posting[];
  /** Months that were locked before. */
  readonly locks: readonly PostedPeriod[];
}

/** Makes and signs the documents of a lock, in the transaction that locks the month. */
export const lockDocuments = async (query: Query, locking: Locking, key: PrivateKey): Promise<JsonObject> => {
  const { marketplace, month, asOfDay, postings, locks } = locking;
  const today = dayText(asOfDay);
  const policy = await policyInForce(query);
  const journals = journalsText(postings, asOfDay);
  const manifest = await signManifest(
    manifestOf({
      ...{ asOfDay, locked: { marketplace, period: month }, periodLocks: locks },
      policy: policy ?? { signatures: "verified", unassignedAbove: {} },
      policySha256: policy === null ? "" : await sha256Hex(plainText(policy)),
      rules: await ruleHashes(query),
      decisions: await decisionHashes(query),
      inputs: await countedInputs(query),
      outputs: [
        { path: "journals.csv", sha256: await sha256Hex(journals), bytes: new TextEncoder().encode(journals).length },
      ],
    }),
    key,
    today,
  );
  const made = periodLockFile({
    ...{ marketplace, period: month, asOfDay, postings },
    decisions: [...(await acceptedExceptions(query, marketplace))],
    manifestSha256: await sha256Hex(manifestText(manifest)),
  });
  const { postings: _, ...lock } = await signPeriodLock(made, key, today);
  return { manifest, lock: jsonObjectSchema.parse(lock) };
};

const journalsText = (postings: readonly Posting[], asOfDay: number): string =>
  [...csvRows(genericJournals(journalsOf(postings, asOfDay), defaultAccountNames))].join("");

/** The two documents as they were signed. */
export const lockEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/periods/{marketplace}/{month}/lock",
    tag: "Periods",
    scope: "read",
    summary: "Read the signed documents of a locked month",
    description:
      "The manifest names the hashes of inputs, rules, policy, decisions and journals; the lock holds the postings and the manifest's hash. `cosell periods pack` writes them as files, and `cosell close verify` checks those with the public key alone. In the folder of a close, period-locks.json keeps the month as it was.",
    params: periodParams,
    answers: {
      200: {
        description: "the documents",
        schema: z.object({ manifest: z.record(z.string(), z.json()), lock: z.record(z.string(), z.json()) }),
      },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params }) => {
      const { marketplace, month } = params;
      const { periods } = deps.store;
      const kept = keptSchema.safeParse(await periods.manifest(deps.db.sql, params));
      const [held] = await periods.held(deps.db.sql, marketplace, month);
      if (!kept.success || held === undefined)
        throw new ProblemError(
          "conflict",
          `${marketplace} ${month} has no signed lock: it is not locked, or was by an older version. Lock it (again) first.`,
        );
      const lock: PeriodLockFile = { ...kept.data.lock, postings: postingsWritten(held.postings) };
      return { status: 200, body: { manifest: { ...kept.data.manifest }, lock: { ...lock } } };
    },
  });

export const periodKeyEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/periods/key",
    tag: "Periods",
    scope: "read",
    summary: "Read the public key with which locks of this service are verified",
    description: "Keep it apart from what it verifies. The private half never leaves the database, where it is sealed.",
    answers: { 200: { description: "the key", schema: publicKeySchema } },
    handle: async () => ({ status: 200, body: publicHalf(await serviceKey(deps.secrets)) }),
  });
