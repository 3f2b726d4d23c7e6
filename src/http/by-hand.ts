/** What the routes of tasks and reports share: the connection's assisted side, numbers, and a report taken in. */
import * as z from "zod";
import type { Assisted } from "../../adapters/contract.ts";
import { isLater, observationOf, type PartnerStatus, type Told, wordIn } from "../domain/by-hand.ts";
import { type Connection, isEnded, type Json, type RemoteRef, type Share } from "../domain/deal.ts";
import type { Misfit } from "../domain/told.ts";
import type { Tx } from "../ports.ts";
import type { AppDeps } from "./endpoint.ts";
import { ProblemError } from "./problem.ts";

/** A report as it is typed: the members of a body, or the cells of a row. */
export const reportShape = {
  status: z.string().max(80).nullish().describe("one of the programme's words; absent: it has not changed"),
  stage: z.string().max(120).nullish().describe("one of the programme's words for its sales stages"),
  owner: z
    .string()
    .max(320)
    .nullish()
    .describe("the partner's person on it: Jane Doe <jane@partner.example>, or either"),
  reason: z.string().max(1000).nullish().describe("what the partner says about it"),
  date: z.string().max(40).nullish().describe("as of when: 2027-03-31, or 2027-03-31T09:30:00Z; absent: now"),
};

/** The assisted side of a connection. Throws the problem where the partner's API does that work. */
export const assistedOf = (deps: AppDeps, connection: Connection): Assisted => {
  const assisted = deps.registry.open(connection).coSell?.assisted;
  if (assisted === undefined)
    throw new ProblemError(
      "conflict",
      `The connection ${connection.label} works by the partner's API: what the partner says is read there, and nothing is done by hand.`,
    );
  return assisted;
};

/** The reference that a number stands for, or what is wrong with it. */
export const readNumber = (assisted: Assisted, typed: string): RemoteRef | Misfit => {
  const { name, format, example, parse } = assisted.number;
  const ref = parse(typed);
  if (ref !== null) return ref;
  const message = typed.trim() === "" ? `the ${name} is missing` : `this is no ${name}`;
  return { field: "number", code: "bad_format", message, fix: `it must be ${format}, for example ${example}` };
};
export const isMisfit = (read: RemoteRef | Misfit): read is Misfit => "fix" in read;

/** The number as the portal shows it. */
export const shownNumber = (assisted: Assisted, ref: RemoteRef): string => assisted.number.show?.(ref) ?? ref.id;

/** The status that a record is known to have: one that was not told has what it gets when its form is sent. */
export const knownStatus = (assisted: Assisted, facts: Readonly<Record<string, Json>>): PartnerStatus => {
  const { reviewStatus } = facts;
  const known = typeof reviewStatus === "string" ? wordIn(assisted.statuses, reviewStatus) : null;
  return known ?? assisted.statuses[0];
};

/** Misfits of one body, as its problem. */
export const misfitProblem = (misfits: readonly Misfit[]): ProblemError => {
  const [first] = misfits;
  const more = misfits.length > 1 ? ` (and ${misfits.length - 1} more)` : "";
  return new ProblemError("invalid", `${first?.field}: ${first?.message}; ${first?.fix}${more}`, {
    errors: misfits.map((misfit) => ({ pointer: `/${misfit.field}`, ...misfit })),
  });
};

/** Takes in a report on a share that has a number. Edits that its new status lets through are asked for. */
export const absorbTold = async (
  deps: AppDeps,
  tx: Tx,
  at: { readonly share: Share; readonly told: Told; readonly actorId: string },
): Promise<{ readonly share: Share; readonly moved: boolean; readonly older: boolean }> => {
  const { shares, contacts } = deps.store;
  const { told, actorId } = at;
  const engagement = await shares.findEngagement(tx, at.share.id);
  if (engagement === null) throw new Error(`share ${at.share.id} has no number to tell anything of`);
  const { remoteId, remoteArn, remoteVersion, facts } = engagement;
  const older = remoteVersion !== null && isLater(remoteVersion, told.at);
  const lookedAt = deps.clock.now();
  const seen = observationOf(told, { ref: { id: remoteId, arn: remoteArn }, before: facts, seenAt: lookedAt });
  const people = told.owner === null ? await contacts.readForShare(tx, at.share.id) : seen.people;
  const observation = { ...seen, people };
  const { share, moved } = await shares.absorb(tx, at.share.id, { observation, lookedAt, older, actorId });
  if (moved && !isEnded(share.state) && (await shares.isRevisionWanted(tx, share.id)))
    await shares.wishRevision(tx, share);
  return { share: await shares.lock(tx, share.id), moved, older };
};
