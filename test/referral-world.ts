/** A world to which AWS refers, and short words for what its tests look at. */
import type { ReferInput, ReferLeadInput } from "../adapters/aws/simulator/control.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import type { Candidate, InvitationFacts } from "../src/domain/invitation.ts";
import { openWorld, type WorldOptions } from "./world.ts";

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

export interface InvitationStory {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly kind: string;
  readonly facts: InvitationFacts;
  readonly later: readonly string[];
  readonly daysLeft: number | null;
  readonly isUnlinked: boolean;
  readonly next: string;
  readonly version: number;
  readonly answer: { readonly ruleId: string | null; readonly ruleVersion: number | null } | null;
  readonly candidates: readonly Candidate[];
  readonly people: readonly unknown[];
  readonly opportunityId: string | null;
  readonly shareId: string | null;
}
interface Deal {
  readonly id: string;
  readonly source: string;
  readonly key: string;
  readonly version: number;
  readonly account: Readonly<Record<string, unknown>>;
  readonly contacts: readonly { readonly role: string; readonly email: string }[];
}

export const openReferrals = async (seed: string, options: Omit<WorldOptions, "seed"> = {}) => {
  const world = await openWorld({ seed, ...options });
  const { aws, timeline, db, call } = world;
  const { store } = world.service;
  const all = async <T>(path: string): Promise<readonly T[]> =>
    (await call<{ items: readonly T[] }>("GET", `${path}${path.includes("?") ? "&" : "?"}limit=200`)).body.items;
  let counter = 1;
  const actorId = await store.access.actor(db.sql, "person", "tester");
  return {
    world,
    actorId,
    aws,
    timeline,
    /** Of a company that nothing else is about, unless one is given. */
    refer: (input: ReferInput = {}) =>
      aws.controls.refer({ customer: { Account: { CompanyName: `Company ${counter++}` } }, ...input }),
    referLead: (input: ReferLeadInput = {}) =>
      aws.controls.referLead({ customer: { CompanyName: `Company ${counter++}` }, ...input }),
    /** Our id of the invitation, once its event has come. */
    arrived: async (remoteId: string, waitMs = 2 * minute): Promise<string> => {
      await timeline.advance(waitMs);
      const known = await store.invitations.findByRemote(db.sql, world.connectionId, remoteId);
      if (known === null) throw new Error(`invitation ${remoteId} has not arrived`);
      return known.id;
    },
    find: (remoteId: string) => store.invitations.findByRemote(db.sql, world.connectionId, remoteId),
    read: async (id: string): Promise<InvitationStory> => {
      const answer = await call<InvitationStory>("GET", `/v1/invitations/${id}`);
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
      return answer.body;
    },
    deal: async (id: string | null): Promise<Deal> => (await call<Deal>("GET", `/v1/opportunities/${id}`)).body,
    touches: async (id: string | null): Promise<readonly string[]> =>
      (await all<{ kind: string }>(`/v1/opportunities/${id}/touches`)).map((touch) => touch.kind),
    /** Names of what was told about an id, in order. */
    told: async (subject: string): Promise<readonly string[]> =>
      (await all<{ name: string }>(`/v1/events?subject=${subject}`)).map((event) => event.name),
    /** What AWS's ledger holds of the opportunities that came of an invitation. */
    records: async (remoteId: string) => {
      const ledger = await aws.controls.ledger();
      const invitation = ledger.invitations.find((row) => row.id === remoteId);
      return ledger.opportunities.filter((row) => row.engagementId === invitation?.engagementId);
    },
    /** Answers as a person in AWS's portal would: another write of the same account, past the journal. */
    inPortal: async (operation: string, body: JsonObject): Promise<void> => {
      const connection = await store.connections.find(db.sql, world.connectionId);
      if (connection === null) throw new Error("there is no connection");
      const token = operation.startsWith("Start") ? "partner-keeps" : "we-read";
      const write = { operation, key: "accept", body: { Catalog: "AWS", ...body }, token } as const;
      const done = await world.service.registry
        .open(connection)
        .coSell?.run(write, `portal-${String(body.Identifier)}`);
      if (!done?.ok) throw new Error(`the portal refused ${operation}: ${done?.fault.message}`);
    },
    patch: async (id: string | null, change: Readonly<Record<string, unknown>>): Promise<void> => {
      const response = await world.service.app.fetch(
        new Request(`http://cosell.test/v1/opportunities/${id}`, {
          method: "PATCH",
          headers: {
            authorization: `Bearer ${world.token}`,
            "content-type": "application/json",
            "if-match": "*",
          },
          body: JSON.stringify(change),
        }),
      );
      if (!response.ok) throw new Error(await response.text());
    },
    status: async (remoteId: string) =>
      (await aws.controls.ledger()).invitations.find((row) => row.id === remoteId)?.status,
    /** Codes of what waits for a person. */
    trouble: async (): Promise<readonly string[]> =>
      (await all<{ code: string }>("/v1/exceptions")).map((exception) => exception.code),
    openEffects: async (invitationId: string): Promise<number> =>
      (
        await db.sql`select 1 from effect left join invitation on invitation.share_id = effect.share_id
          where (invitation_id = ${invitationId} or invitation.id = ${invitationId}) and effect.state not in ('confirmed', 'refused')`
      ).length,
  };
};
export type ReferralWorld = Awaited<ReturnType<typeof openReferrals>>;
