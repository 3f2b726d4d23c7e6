/** Word of an offer or an agreement: one short look each, one at a time for each record. */
import { type Client, dataOf, runStep, type Steps, type WorkflowDeps } from "./deps.ts";
import { type LookedAt, lookAgreement, lookOffer } from "./offer-look.ts";

const roundsMax = 6;
/** How often a record without a mark is looked at again while a publication of ours is under way. */
const unsureMax = 3;
const unsureMs = 60_000;
/** Word about what was looked at after it came costs no read. */
const seenMs = 1_000;

export const createOfferSync = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "offer-sync",
      triggers: [{ event: "offer.hinted" }],
      retries: 5,
      concurrency: [
        { key: "event.data.connectionId", limit: 4 },
        { key: "event.data.connectionId + event.data.remoteId", limit: 1 },
      ],
    },
    async ({ event, step }) => {
      const { connectionId, remoteId } = dataOf("offer.hinted", event);
      const told = eventTime(event);
      const ended = await rounds(deps, step, async (attempt) => {
        const known = await deps.store.offers.findByRemote(deps.db.sql, connectionId, remoteId);
        if (isSeen(known?.lookedAt ?? null, told)) return { kind: "stop", why: "already seen" };
        return lookOffer(deps, { connectionId, remoteId, attempt, isSure: attempt >= unsureMax });
      });
      return { remoteId, ended };
    },
  );

export const createAgreementSync = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "agreement-sync",
      triggers: [{ event: "agreement.hinted" }],
      retries: 5,
      concurrency: [
        { key: "event.data.connectionId", limit: 4 },
        { key: "event.data.connectionId + event.data.remoteId", limit: 1 },
      ],
    },
    async ({ event, step }) => {
      const { connectionId, remoteId } = dataOf("agreement.hinted", event);
      const told = eventTime(event);
      const ended = await rounds(deps, step, async (attempt) => {
        const known = await deps.store.agreements.findByRemote(deps.db.sql, connectionId, remoteId);
        if (isSeen(known?.lookedAt ?? null, told)) return { kind: "stop", why: "already seen" };
        return lookAgreement(deps, { connectionId, remoteId, attempt });
      });
      return { remoteId, ended };
    },
  );

const eventTime = (event: { readonly ts?: number | undefined }): number | null => event.ts ?? null;
const isSeen = (lookedAt: Date | null, toldMs: number | null): boolean =>
  lookedAt !== null && toldMs !== null && lookedAt.getTime() > toldMs + seenMs;

const rounds = async (
  deps: WorkflowDeps,
  step: Steps,
  look: (attempt: number) => Promise<LookedAt>,
): Promise<string> => {
  for (let attempt = 0; attempt < roundsMax; attempt++) {
    const looked = await runStep<LookedAt>(step, `look-${attempt}`, () => look(attempt));
    if (looked.kind === "absorbed") return looked.state;
    if (looked.kind === "stop") return looked.why;
    const until = looked.kind === "wait" ? looked.until : new Date(deps.clock.now().getTime() + unsureMs).toISOString();
    await step.sleepUntil(`pause-${attempt}`, until);
  }
  return "left to the sweep";
};
