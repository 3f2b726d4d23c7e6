/** What AWS sends by itself or on demand: referrals of its own opportunities, and leads. */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { changedPaths, isObject, objectAt, textAt } from "../../simulator/document.ts";
import { unstruck } from "../../simulator/faults.ts";
import { addDays } from "../../simulator/ground.ts";
import { type Complaint, complain, conflict, malformed } from "./answers.ts";
import { answerBreaches, breaches, known } from "./constraints.ts";
import { contextOf, type Engagements } from "./engagements.ts";
import { awsSender, type Invitations } from "./invitations.ts";
import type { InvitationRecord } from "./ledger.ts";
import type { Call } from "./opportunities.ts";
import { inventedLead, inventedOpportunity, type Wish } from "./prospects.ts";
import { sellersOf } from "./sellers.ts";
import type { Occasion, World } from "./world.ts";

/** How GetAwsOpportunitySummary names where a deal came from. */
export const awsOrigin = "AWS Referral";

export interface Address {
  readonly account: string;
  readonly catalog: string;
}
export interface Sending extends Address, Wish {
  readonly expirationDays?: number | undefined;
  readonly message?: string | undefined;
}
type ArrivalKind = "referral" | "lead";

export interface ReferralParts {
  readonly engagements: Engagements;
  readonly invitations: Invitations;
  /** Who may be sent something. */
  readonly accounts: readonly string[];
}

export const createReferrals = (world: World, { engagements, invitations, accounts }: ReferralParts) => {
  const { ledger, dice } = world;

  /** Names the next referral to an account: the same seed invents the same one, also after a reset. */
  const nextFate = (kind: ArrivalKind, account: string): string => {
    const name = `${kind} ${account}`;
    const count = (ledger.fates.get(name)?.count ?? 0) + 1;
    ledger.fates.put(name, { count });
    return `${name} ${count}`;
  };
  const mustExist = (account: string): void => {
    if (accounts.includes(account)) return;
    throw conflict(`There is no partner account ${account}; the simulator knows ${accounts.join(", ")}`);
  };

  const invite = (draft: Invite, { opportunityId = null, ...to }: Sent, occasion: Occasion): InvitationRecord => {
    const { account, catalog } = to;
    const engagement = engagements.found({ ...draft.engagement, account: awsSender, catalog }, occasion);
    const row = invitations.write(
      {
        ...draft.invitation,
        account,
        catalog,
        participant: "RECEIVER",
        fate: draft.fate,
        engagementId: engagement.id,
        title: engagement.title,
        description: engagement.description,
        message: to.message ?? draft.message,
        opportunityId,
        days: to.expirationDays ?? world.settings().referrals.expirationDays,
      },
      occasion,
    );
    refuse(answerBreaches("GetEngagementInvitation", invitations.get(asked(row, occasion.now))));
    invitations.tell(row, occasion);
    return row;
  };

  /** AWS refers an opportunity: an engagement of AWS's, an invitation, and the news of it. Throws when the wish breaks AWS's model. */
  const refer = (sending: Sent, occasion: Occasion): InvitationRecord => {
    mustExist(sending.account);
    const fate = nextFate("referral", sending.account);
    const document = inventedOpportunity(dice, { fate, now: occasion.now }, sending);
    const { account, catalog } = sending;
    refuse(breaches("CreateOpportunity", { ...document, Catalog: catalog, ClientToken: "referral" }));
    refuse(unknown("CreateOpportunityRequest", document));
    const title = (textAt(document, "Project.Title") ?? "").slice(0, 40);
    return invite(
      {
        fate,
        engagement: {
          title,
          description: "Opportunity referred by AWS",
          context: { type: "CustomerProject", payload: contextOf(document) },
        },
        invitation: {
          payloadType: "OpportunityInvitation",
          contacts: [...sellersOf(fate, dice)],
          responsibilities: ["Software Partner"],
          document,
        },
        message: `AWS refers an opportunity to account ${account}.`,
      },
      sending,
      occasion,
    );
  };

  /** AWS hands on a lead. */
  const referLead = (sending: Sent, occasion: Occasion): InvitationRecord => {
    mustExist(sending.account);
    const fate = nextFate("lead", sending.account);
    const document = inventedLead(dice, { fate, now: occasion.now }, sending);
    const { Customer = {}, Interaction = {}, Insights = {} } = document;
    const lead: JsonObject = { Insights, Customer, Interactions: [Interaction] };
    refuse(answerBreaches("GetEngagement", { Contexts: [{ Type: "Lead", Payload: { Lead: lead } }] }));
    refuse(unknown("UpdateLeadContext", document));
    const source = textAt(document, "Interaction.SourceName") ?? "AWS";
    return invite(
      {
        fate,
        engagement: {
          title: `Lead: ${source}`.slice(0, 40),
          description: "Lead from a campaign of AWS",
          context: { type: "Lead", payload: lead },
        },
        invitation: { payloadType: "LeadInvitation", contacts: [], responsibilities: [], document },
        message: "AWS has a lead that matches your expertise.",
      },
      sending,
      occasion,
    );
  };

  const rates = () => {
    const { perWeek, leadsPerWeek } = world.settings().referrals;
    return [["referral", perWeek] as const, ["lead", leadsPerWeek] as const];
  };
  /** The next arrival of a Poisson stream. */
  const plan = (kind: ArrivalKind, perWeek: number, account: string): void => {
    const count = ledger.fates.get(`${kind} ${account}`)?.count ?? 0;
    const weeks = -Math.log(1 - dice.draw(kind, account, "arrival", count)) / perWeek;
    world.schedule(kind, account, addDays(world.now(), weeks * 7));
  };
  /** Schedules what is to come by itself, and takes off the schedule what is not. `anew`: the rates may have changed. */
  const expect = (anew = false): void => {
    for (const [kind, perWeek] of rates()) {
      for (const account of accounts) {
        const waits = ledger.due.all().some((row) => row.kind === kind && row.subject === account);
        if (waits && (anew || perWeek === 0)) world.cancel(account, [kind]);
        if (perWeek > 0 && (anew || !waits)) plan(kind, perWeek, account);
      }
    }
  };
  /** Something arrives by itself, and the next is planned. */
  const arrive = (kind: ArrivalKind, account: string, occasion: Occasion): void => {
    const { referrals } = world.settings();
    const count = ledger.fates.get(`${kind} ${account}`)?.count ?? 0;
    const hurried = dice.draw(kind, account, "hurried", count) < referrals.hurried;
    const sending = {
      account,
      catalog: "AWS",
      expirationDays: hurried ? referrals.shortExpirationDays : referrals.expirationDays,
    };
    if (accounts.includes(account)) (kind === "referral" ? refer : referLead)(sending, occasion);
    expect();
  };

  return {
    refer,
    referLead,
    expect,
    arrive,
    /**
     * CreateOpportunity with Origin AWS Referral in the Sandbox catalog plays AWS: what was sent is AWS's opportunity, and the
     * caller is invited to it. https://docs.aws.amazon.com/partner-central/latest/developer-guide/testing-sandbox.html
     */
    simulated: (call: Call, document: JsonObject, opportunityId: string): InvitationRecord => {
      const { account, catalog } = call;
      const [customer, project] = [objectAt(document, "Customer"), objectAt(document, "Project")];
      return refer({ account, catalog, opportunityId, customer, project }, call);
    },
  };
};
export type Referrals = ReturnType<typeof createReferrals>;

interface Sent extends Sending {
  /** The id that the partner's opportunity will get, if it is known before. */
  readonly opportunityId?: string | null;
}
interface Invite {
  readonly fate: string;
  readonly engagement: Omit<Parameters<Engagements["found"]>[0], "account" | "catalog">;
  readonly invitation: Pick<InvitationRecord, "payloadType" | "contacts" | "responsibilities" | "document">;
  readonly message: string;
}

const refuse = (complaints: readonly Complaint[]): void => {
  if (complaints.length > 0) throw malformed(complaints);
};
/** Members that AWS's model does not have: an operator's slip of the pen. */
const unknown = (shape: string, document: JsonObject): readonly Complaint[] => {
  const kept = known(shape, document);
  return changedPaths(document, isObject(kept) ? kept : {}).map((path) =>
    complain("INVALID_VALUE", path, `${path} has members that AWS's model does not know`),
  );
};

const asked = ({ account, catalog, id }: InvitationRecord, now: Date): Call => ({
  operation: "GetEngagementInvitation",
  account,
  catalog,
  input: { Identifier: id },
  now,
  struck: unstruck,
});
