/**
 * A person's leave at a partner, asked for and taken in: where to sign in, what comes back from there, and how long it holds. The page it
 * comes back to is for a browser; everything else is for programs.
 */
import * as z from "zod";
import type { Consent, ConsentState } from "../../adapters/contract.ts";
import type { Connection } from "../domain/deal.ts";
import { policy } from "../domain/fault.ts";
import { consentLapsesCode } from "../store/connections.ts";
import type { ReturnedConsent } from "../store/consents.ts";
import { consentPage } from "./consent-page.ts";
import { refusedBy, sessionOf } from "./credentials.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf } from "./endpoint.ts";
import { mustFindConnection } from "./oauth-clients.ts";
import { ProblemError } from "./problem.ts";

const params = z.strictObject({ id: idOf("con", "connection") });
const path = "/v1/connections/{id}/consent";
export const callbackPath = "/consent/callback";

const stateSchema = z.object({
  grantedAt: z.iso.datetime().describe("when a person last signed in"),
  renewedAt: z.iso.datetime().describe("when it was last renewed by use"),
  lapsesAt: z.iso.datetime().describe("when it ends unless it is used"),
  ended: z.string().nullable().describe("why the partner no longer takes it; null: it does, as far as we know"),
});
const finishedSchema = z.object({
  consent: stateSchema,
  connection: z.enum(["active", "resumed", "parked"]).describe("resumed: its interrupted work goes on"),
  trouble: z.string().nullable().describe("what the partner still refuses, asked once with the new sign-in"),
});

export const consentEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path,
    tag: "Connections",
    scope: "read",
    summary: "Read how long a person's sign-in at the partner holds",
    description: "Nobody is asked: it is what is known here.",
    params,
    answers: {
      200: {
        description: "its life; null: nobody has signed in yet",
        schema: z.object({ consent: stateSchema.nullable() }),
      },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params: { id } }) => {
      const { consent } = await openDoor(deps, id);
      const state = await consent.state();
      return { status: 200, body: { consent: state === null ? null : shown(state) } };
    },
  }),
  endpoint({
    method: "POST",
    path,
    tag: "Connections",
    scope: "admin",
    summary: "Begin a sign-in at the partner",
    description:
      "Who opens the address signs in there, and comes back to /consent/callback, which finishes it. It is good once and for an hour. Whatever was signed in before stays until then.",
    params,
    answers: {
      201: {
        description: "where to sign in",
        schema: z.object({
          signInUrl: z.string().nullable().describe("null in a repeated answer"),
          redirectUri: z.string().describe("the address that the partner's application must know"),
          expiresAt: z.iso.datetime(),
        }),
      },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params: { id }, caller }) => {
      const { consent } = await openDoor(deps, id);
      const redirectUri = `${deps.publicUrl}${callbackPath}`;
      const begun = await commit(deps, (tx) =>
        deps.store.consents.begin(tx, { connectionId: id, redirectUri, actorId: caller.actorId }),
      );
      const { state, challenge, expiresAt } = begun;
      const shared = { redirectUri, expiresAt };
      const signInUrl = consent.signInUrl({ redirectUri, state, challenge });
      return { status: 201, body: { signInUrl, ...shared }, replayBody: { signInUrl: null, ...shared } };
    },
  }),
  endpoint({
    method: "PUT",
    path,
    tag: "Connections",
    scope: "admin",
    summary: "Finish a sign-in by hand",
    description:
      "For browsers that cannot reach this service: give code and state of the address that the partner sent the browser to.",
    params,
    body: z.strictObject({ code: codeSchema, state: stateTextSchema }),
    bodyExample: { code: "0.AX…", state: "J0rSdQ3vN2kWb7hTg5yLx8cPzEaUiRfMq1oVtYwXs4B" },
    answers: { 200: { description: "signed in", schema: finishedSchema } },
    problems: ["not-found", "conflict", "check-failed"],
    handle: async ({ params: { id }, body }) => {
      await mustFindConnection(deps, id);
      const returned = await deps.store.consents.take(deps.db.sql, body.state);
      if (returned === null || returned.connectionId !== id) throw new ProblemError("conflict", unknownState);
      return { status: 200, body: await finish(deps, returned, body.code) };
    },
  }),
  callbackEndpoint(deps),
];

const codeSchema = z.string().min(1).max(8_192);
const stateTextSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/, "the state of the address");
const unknownState =
  "This sign-in is unknown here: it was used already, an hour has passed, or it belongs to another connection. Begin again.";

const callbackEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: callbackPath,
    tag: "Connections",
    scope: null,
    summary: "Where a browser comes back to after a sign-in at a partner",
    description: "A page for a person. Without a state that was begun here nothing happens.",
    query: z.looseObject({}),
    answers: {
      200: { description: "signed in", mediaType: "text/html" },
      400: { description: "it did not work, and why", mediaType: "text/html" },
    },
    handle: async ({ query }) => {
      const code = codeSchema.safeParse(query.code);
      const state = stateTextSchema.safeParse(query.state);
      if (!code.success || !state.success) return consentPage({ kind: "refused", reason: refusalOf(query) });
      const returned = await deps.store.consents.take(deps.db.sql, state.data);
      if (returned === null) return consentPage({ kind: "refused", reason: unknownState });
      try {
        const done = await finish(deps, returned, code.data);
        const connection = await mustFindConnection(deps, returned.connectionId);
        return consentPage({ kind: "done", label: connection.label, ...done });
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error;
        return consentPage({ kind: "refused", reason: error.message });
      }
    },
  });

/** The partner's word for a sign-in that did not come about. Its free text could be anybody's: it is not repeated. */
const refusalOf = (query: Readonly<Record<string, unknown>>): string => {
  const stated =
    typeof query.error_description === "string" ? /AADSTS\d{4,7}/.exec(query.error_description)?.[0] : undefined;
  const code = stated === undefined ? "" : ` (${stated})`;
  if (query.error === "access_denied" || query.error === "consent_required")
    return `The sign-in was declined${code}. Somebody who may consent to the application's permissions must sign in.`;
  if (typeof query.error === "string") return `The sign-in did not come about${code}. Begin again.`;
  return "This page finishes a sign-in that was begun here. Nothing was brought along to finish.";
};

const openDoor = async (
  deps: AppDeps,
  id: string,
): Promise<{ readonly connection: Connection; readonly consent: Consent }> => {
  const connection = await mustFindConnection(deps, id);
  const session = sessionOf(deps, connection);
  if (session.consent === undefined)
    throw new ProblemError("conflict", session.lacks.consent ?? "Nobody signs in at this marketplace.");
  return { connection, consent: session.consent };
};

/**
 * Trades the code, then asks the partner once: a connection that was parked goes on with all it had meant to do, unless the partner
 * refuses it still. Throws the problem of a fault.
 */
const finish = async (deps: AppDeps, returned: ReturnedConsent, code: string) => {
  const { connectionId, redirectUri, verifier, actorId } = returned;
  const { connection, consent } = await openDoor(deps, connectionId);
  const finished = await consent.finish({ redirectUri, code, verifier });
  if (!finished.ok) throw refusedBy(finished.fault);
  const checked = await sessionOf(deps, connection).check();
  const isRefused = !checked.ok && policy[checked.fault.kind] === "park";
  const isResumed = connection.state === "parked" && !isRefused;
  await commit(deps, async (tx) => {
    const { journal, connections } = deps.store;
    await journal.note(tx, { subject: connectionId, actorId, what: "signed_in" });
    const because = "somebody signed in again";
    await journal.settleException(tx, { code: consentLapsesCode, subject: connectionId, because, actorId });
    if (isResumed) await connections.resume(tx, connectionId, actorId);
  });
  return {
    consent: shown(finished.value),
    connection: isResumed ? ("resumed" as const) : connection.state,
    trouble: checked.ok ? null : checked.fault.message,
  };
};

const shown = ({ grantedAt, renewedAt, lapsesAt, ended }: ConsentState) => ({
  grantedAt: grantedAt.toISOString(),
  renewedAt: renewedAt.toISOString(),
  lapsesAt: lapsesAt.toISOString(),
  ended,
});
