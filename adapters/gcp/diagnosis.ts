/**
 * What a connection to Google needs, tried for real and without changing anything there: the key, a token, the role, the partner,
 * the clocks. That a write is allowed is proved by one that was confirmed: a create takes nearly any body, so none is tried.
 */
import { type Check, type Found, found } from "../../src/domain/diagnosis.ts";
import type { Fault } from "../../src/domain/fault.ts";
import type { Known, SessionDeps } from "../contract.ts";
import type { Call, Sent, Wire } from "./client.ts";
import { readKey } from "./credential.ts";
import { reasonOf, wordOf } from "./faults.ts";
import type { Target } from "./settings.ts";
import { channelHost, crmHost } from "./wire.ts";

export interface DiagnosisDeps {
  readonly deps: SessionDeps;
  readonly target: Target;
  readonly wire: Wire;
  readonly known: Known;
}

/** Google refuses an assertion that is more than five minutes off. */
const skewSecondsMax = 120;

/** The checks of a connection to Google, in the order in which one explains the next. */
export const checksOf = (at: DiagnosisDeps): readonly Check[] => {
  const seen: { sent: Sent | null; atMs: number } = { sent: null, atMs: 0 };
  const isLeads = at.target.surface === "crm_partners";
  return [
    keyCheck(at),
    tokenCheck(at, seen),
    clockCheck(at, seen),
    roleCheck(at, seen),
    recordCheck(at),
    confirmedCheck(at, "create", isLeads ? "partners.leads.create" : "opportunities.create"),
    ...(isLeads ? [] : [confirmedCheck(at, "submit", "opportunities.patch")]),
  ];
};

const keyCheck = ({ deps, target }: DiagnosisDeps): Check => ({
  id: "key",
  what: "read the service account's key",
  run: async () => {
    const key = await readKey(deps, target);
    return key.ok
      ? found.ok(`${key.value.clientEmail} is there`)
      : found.failed(
          key.fault.message,
          `Store it anew: cosell connect gcp --partner ${target.partnerId} --key key.json`,
        );
  },
});

const probe = ({ partnerId, surface }: Target): Call =>
  surface === "channel"
    ? {
        operation: "opportunities.query",
        path: "/v1alpha1/opportunities:query",
        query: { partner: `partners/${partnerId}`, pageSize: "1" },
      }
    : { operation: "partners.leads.get", path: `/v1/partners/${encodeURIComponent(partnerId)}/leads/none` };

/** Only what came back with an answer got as far as the API: the token was given and taken. */
const tokenCheck = (at: DiagnosisDeps, seen: { sent: Sent | null; atMs: number }): Check => ({
  id: "token",
  what: "sign in at Google with it",
  needs: ["key"],
  run: async () => {
    const sent = await at.wire.send(probe(at.target));
    Object.assign(seen, { sent, atMs: at.deps.clock.now().getTime() });
    if (sent.ok || (sent.answer !== undefined && sent.answer.status !== 401))
      return found.ok("Google gives an access token and takes it");
    return found.failed(sent.fault.message, remedyOf(at.target, sent.fault));
  },
});

const dateOf = (sent: Sent | null): number =>
  Date.parse((sent === null ? null : sent.ok ? sent.value.date : (sent.answer?.date ?? null)) ?? "");

const clockCheck = (at: DiagnosisDeps, seen: { readonly sent: Sent | null; readonly atMs: number }): Check => ({
  id: "clock",
  what: "compare this machine's clock with Google's",
  needs: ["key"],
  run: async () => {
    const theirs = dateOf(seen.sent);
    if (Number.isNaN(theirs)) return found.skipped("Google gave no answer with a time");
    const seconds = Math.round((theirs - seen.atMs) / 1_000);
    const far = Math.abs(seconds);
    if (far <= skewSecondsMax) return found.ok(`${far} s apart`);
    const advanced = at.target.endpoint === null ? "" : " A simulator that was advanced is ahead on purpose.";
    return found.failed(
      `this machine's clock is ${far} s ${seconds > 0 ? "behind" : "ahead of"} Google's, which refuses signatures from 300 s on`,
      `Set the clock by NTP (timedatectl set-ntp true).${advanced}`,
    );
  },
});

const roleCheck = (at: DiagnosisDeps, seen: { readonly sent: Sent | null }): Check => ({
  id: "integrator",
  what: `${at.target.surface === "channel" ? "list the deals" : "ask for a lead that does not exist"} of partners/${at.target.partnerId}`,
  needs: ["token"],
  run: async () => {
    const { sent } = seen;
    if (sent === null) return found.skipped("nothing was asked");
    if (sent.ok) return found.ok(`Google answers: the service account may act for partners/${at.target.partnerId}`);
    if (at.target.surface === "crm_partners" && sent.fault.kind === "missing")
      return found.ok("Google lets us ask, and knows no such lead");
    const word = sent.answer === undefined ? null : wordOf(sent.answer);
    const reason = sent.answer === undefined ? null : reasonOf(sent.answer);
    return found.failed(
      sent.fault.message,
      word === "PERMISSION_DENIED" ? denialRemedy(at.target, reason) : remedyOf(at.target, sent.fault),
    );
  },
});

const denialRemedy = ({ partnerId, surface, credentials }: Target, reason: string | null): string => {
  const host = surface === "channel" ? channelHost : crmHost;
  if (reason === "SERVICE_DISABLED")
    return `In the service account's project run: gcloud services enable ${host}, then wait some minutes.`;
  const who = credentials?.clientEmail ?? "the service account";
  return `Ask your Google partner manager to invite ${who} in Partner Network Hub with the role Integrator, and compare ${partnerId} with the Hub's Account page. Until then work in assisted mode: cosell connect gcp --partner ${partnerId} --assisted`;
};

const recordCheck = ({ wire, target, known }: DiagnosisDeps): Check => ({
  id: "read",
  what: "read a deal that we sent",
  needs: ["integrator"],
  run: async () => {
    if (known.remoteId === null) return found.skipped("none was sent yet");
    const id = encodeURIComponent(known.remoteId);
    const sent = await wire.send(
      target.surface === "channel"
        ? {
            operation: "opportunities.get",
            path: `/v1alpha1/opportunities/${id}`,
            query: { partner: `partners/${target.partnerId}` },
          }
        : { operation: "partners.leads.get", path: `/v1/partners/${encodeURIComponent(target.partnerId)}/leads/${id}` },
    );
    return sent.ok ? found.ok("Google answers") : found.failed(sent.fault.message, remedyOf(target, sent.fault));
  },
});

const confirmedCheck = ({ known }: DiagnosisDeps, id: string, operation: string): Check => ({
  id,
  what: `look for a confirmed ${operation} in the journal`,
  run: async (): Promise<Found> => {
    const last = known.confirmed[operation];
    return last === undefined
      ? found.skipped(`not tried: any ${operation} might succeed, and none is confirmed yet`)
      : found.ok(`Google confirmed one at ${last}`);
  },
});

const remedyOf = (target: Target, fault: Fault): string => {
  const host = target.surface === "channel" ? channelHost : crmHost;
  switch (fault.kind) {
    case "denied":
      return `Make a new key in Google Cloud (IAM, Service accounts, Keys) and store it: cosell connect gcp --partner ${target.partnerId} --key key.json`;
    case "throttled":
      return "Google or our own quota asks to wait: run the diagnosis again later.";
    case "unavailable":
    case "ambiguous":
      return `Check that this machine reaches oauth2.googleapis.com and ${host} on port 443, DNS and firewall included; then run the diagnosis again.`;
    case "missing":
      return "Look for the deal in Partner Network Hub: it may be another partner's, or gone.";
    default:
      return "Update cosell; if it stays, report it.";
  }
};
