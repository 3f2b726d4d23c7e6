import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../src/domain/deal.ts";
import { openRig, type Received, type Rig, type RigOptions, rawOf } from "./aws-simulator-rig.ts";

const Catalog = "AWS";
const destination = { url: "http://hooks.example/aws", headerName: "x-key", headerValue: "key-1" };
const contracts = ["../../shared", "../../../shared"]
  .map((path) => join(import.meta.dirname, path, "contracts/aws/derived/events.json"))
  .find((path) => existsSync(path));

const withRig = async (options: RigOptions, work: (rig: Rig) => Promise<void>): Promise<void> => {
  const rig = await openRig(options);
  await rig.controls.putDestination(destination);
  try {
    await work(rig);
  } finally {
    await rig.close();
  }
};
const settle = (rig: Rig, days = 0.01) => rig.controls.advance(days);
const typesOf = (rig: Rig): readonly string[] => rig.received.map(({ event }) => event["detail-type"]).toSorted();
const call = (rig: Rig, operation: string, more: JsonObject) => rig.call(operation, { Catalog, ...more });
const accept = async (rig: Rig, Identifier: string): Promise<void> => {
  await call(rig, "StartEngagementByAcceptingInvitationTask", { Identifier, ClientToken: Identifier });
  await settle(rig);
};
const only = (rig: Rig, type: string): Received["event"] => {
  const [found, ...more] = rig.received.filter(({ event }) => event["detail-type"] === type);
  if (!found || more.length > 0) throw new Error(`${type} came ${more.length + (found ? 1 : 0)} times`);
  return found.event;
};
/** Everything that AWS tells of referrals and leads. */
const everything = async (rig: Rig): Promise<void> => {
  await accept(rig, (await rig.controls.refer()).id);
  const rejected = await rig.controls.refer();
  await call(rig, "RejectEngagementInvitation", { Identifier: rejected.id, RejectionReason: "Other" });
  await rig.controls.expire((await rig.controls.refer()).id);
  const lead = await rig.controls.referLead();
  await call(rig, "AcceptEngagementInvitation", { Identifier: lead.id });
  const { body } = await call(rig, "GetEngagement", { Identifier: lead.engagementId });
  const { Customer } = body.Contexts[0].Payload.Lead;
  await call(rig, "UpdateEngagementContext", {
    EngagementIdentifier: lead.engagementId,
    ContextIdentifier: "1",
    EngagementLastModifiedAt: body.ModifiedAt,
    Type: "Lead",
    Payload: { Lead: { Customer, QualificationStatus: "Qualified" } },
  });
  const task = { Identifier: lead.engagementId, ContextIdentifier: "1", ClientToken: "convert" };
  await call(rig, "StartOpportunityFromEngagementTask", task);
  await settle(rig);
};

describe("the events of a referral", () => {
  it("begin with an invitation to the receiver, with its sender and its deadline", () =>
    withRig({}, async (rig) => {
      const { id, engagementId, expiresAt } = await rig.controls.refer();
      await settle(rig);
      const arn = `arn:aws:partnercentral:us-east-1::catalog/AWS/engagement-invitation/${id}`;
      expect(rig.received.map(({ event }) => event)).toEqual([
        {
          version: "0",
          id: expect.any(String),
          "detail-type": "Engagement Invitation Created",
          source: "aws.partnercentral-selling",
          account: "111122223333",
          time: "2026-06-01T09:00:00Z",
          region: "us-east-1",
          resources: [arn],
          detail: {
            catalog: "AWS",
            engagementInvitation: {
              arn,
              id,
              engagementId,
              senderAccountId: "AWS",
              receiverAccountId: "111122223333",
              senderCompanyName: "AWS",
              expirationDate: expiresAt,
              participantType: "Receiver",
              payloadType: "OpportunityInvitation",
            },
          },
        },
      ]);
    }));
  it("tell of acceptance: Accepted, Member Added, Opportunity Created, Snapshot", () =>
    withRig({}, async (rig) => {
      await accept(rig, (await rig.controls.refer()).id);
      expect(typesOf(rig)).toEqual([
        "Engagement Invitation Accepted",
        "Engagement Invitation Created",
        "Engagement Member Added",
        "Engagement Resource Snapshot Created",
        "Opportunity Created",
      ]);
      expect(only(rig, "Engagement Member Added").detail).toMatchObject({
        engagementMember: { accountId: "111122223333", companyName: "Simulated Partner" },
      });
      const { opportunities } = await rig.controls.ledger();
      const opportunity = { identifier: opportunities[0]?.id };
      expect(only(rig, "Opportunity Created").detail).toEqual({ schemaVersion: "1", catalog: "AWS", opportunity });
      const { engagementInvitation } = only(rig, "Engagement Invitation Accepted").detail;
      expect(engagementInvitation).not.toHaveProperty("expirationDate");
    }));
  it("have the documented members, no more and no fewer (needs the contract data)", async (context) => {
    if (contracts === undefined) return context.skip("no ../shared/contracts");
    const { events } = JSON.parse(readFileSync(contracts, "utf8")) as {
      events: readonly { source: string; detailType: string; detailPaths: readonly string[] }[];
    };
    await withRig({}, async (rig) => {
      await everything(rig);
      const seen = new Set<string>();
      for (const { event } of rig.received) {
        const documented = events.find(
          ({ source, detailType }) => source === event.source && detailType === event["detail-type"],
        );
        expect(leavesOf(event.detail).toSorted()).toEqual(documented?.detailPaths.toSorted());
        seen.add(event["detail-type"]);
      }
      expect([...seen].toSorted()).toEqual([
        "Engagement Invitation Accepted",
        "Engagement Invitation Created",
        "Engagement Invitation Expired",
        "Engagement Invitation Rejected",
        "Engagement Member Added",
        "Engagement Resource Snapshot Created",
        "Engagement Updated",
        "Opportunity Created",
      ]);
    });
  });
  it("may be lost or doubled like any other", () =>
    withRig({}, async (rig) => {
      const detailType = "Engagement Invitation Created";
      await rig.controls.setFaults([
        { on: "event", fault: "event_lost", detailType, nth: 1 },
        { on: "event", fault: "duplicate_event", detailType, nth: 2 },
      ]);
      const [lost, doubled] = [await rig.controls.refer(), await rig.controls.refer()];
      await settle(rig);
      const ids = rig.received.map(({ event }) => (event.detail.engagementInvitation as JsonObject).id);
      expect(ids).toEqual([doubled.id, doubled.id]);
      expect((await rig.controls.ledger()).invitations.map(({ id }) => id)).toEqual([lost.id, doubled.id]);
    }));
});

describe("AWS by itself", () => {
  const referrals = { perWeek: 4, leadsPerWeek: 2 };
  const arrivals = async (rig: Rig, days: number) => {
    await rig.controls.advance(days);
    const { invitations } = await rig.controls.ledger();
    return invitations.map((row) => [row.invitedAt.slice(0, 23), row.payloadType, row.document.Customer]);
  };
  it("sends nothing unless told to", () =>
    withRig({}, async (rig) => {
      expect(await arrivals(rig, 60)).toEqual([]);
      expect((await rig.controls.ledger()).due).toEqual([]);
    }));
  it("sends about as many referrals and leads a week as it is told, some of them hurried", () =>
    withRig({ settings: { referrals } }, async (rig) => {
      await rig.controls.advance(7 * 20);
      const { invitations } = await rig.controls.ledger();
      const count = (type: string) => invitations.filter((row) => row.payloadType === type).length;
      expect(count("OpportunityInvitation")).toBeGreaterThan(50);
      expect(count("OpportunityInvitation")).toBeLessThan(110);
      expect(count("LeadInvitation")).toBeGreaterThan(20);
      expect(count("LeadInvitation")).toBeLessThan(60);
      const days = invitations.map((row) =>
        Math.round((Date.parse(row.expiresAt) - Date.parse(row.invitedAt)) / 864e5),
      );
      expect([...new Set(days)].toSorted()).toEqual([15, 5]);
      const open = invitations.filter((row) => row.status === "PENDING");
      expect(open.length).toBeLessThan(30);
    }));
  it("sends the same for the same seed, and again after a reset, and stops when it is told to", () =>
    withRig({ settings: { referrals } }, async (rig) => {
      const first = await arrivals(rig, 14);
      expect(first.length).toBeGreaterThan(3);
      await withRig({ settings: { referrals } }, async (other) => expect(await arrivals(other, 14)).toEqual(first));
      await rig.controls.reset();
      const names = (rows: readonly (readonly unknown[])[]) => rows.map((row) => row[2]);
      expect(names(await arrivals(rig, 14))).toEqual(names(first));
      await rig.controls.change({ referrals: { perWeek: 0, leadsPerWeek: 0 } });
      const { invitations } = await rig.controls.ledger();
      expect(await arrivals(rig, 60)).toHaveLength(invitations.length);
    }));
});

describe("the control API", () => {
  const post = async (rig: Rig, path: string, body: unknown) => {
    const init = { method: path === "" ? "GET" : "POST", ...(path === "" ? {} : { body: JSON.stringify(body) }) };
    return rawOf(await rig.simulator.control(new Request(`http://host.example/control/${path}`, init)));
  };
  it("lists refer, refer_lead and expire, and does what they say", () =>
    withRig({}, async (rig) => {
      const help = await post(rig, "", null);
      const paths = help.body.controls.map(({ path }: { path: string }) => path);
      expect(paths).toEqual(expect.arrayContaining(["/refer", "/refer_lead", "/expire"]));
      expect(JSON.stringify(help.body.settings)).toContain("leadsPerWeek");
      const made = await post(rig, "refer", {
        customer: { Account: { CompanyName: "Harrowgate Tools" } },
        project: { Title: "Tool hire online" },
        expirationDays: 5,
      });
      expect(made.body).toMatchObject({ status: "PENDING", title: "Tool hire online" });
      expect(made.body.document.Customer.Account.WebsiteUrl).toBe("https://harrowgate-tools.example");
      expect((await post(rig, "refer_lead", { customer: { CompanyName: "Plumline" } })).status).toBe(200);
      expect((await post(rig, "expire", { id: made.body.id })).body.status).toBe("EXPIRED");
      await post(rig, "reset", {});
      expect(await rig.controls.ledger()).toMatchObject({ invitations: [], engagements: [], conversions: [], due: [] });
    }));
  it("says what was wrong: what AWS's model does not allow, an unknown account, an unknown or closed invitation", () =>
    withRig({}, async (rig) => {
      const wrong = await post(rig, "refer", { customer: { Account: { Industry: "Baking" } } });
      expect([wrong.status, wrong.body.detail]).toEqual([400, expect.stringContaining("Customer.Account.Industry")]);
      const misspelt = await post(rig, "refer", { project: { Titel: "Mills" } });
      expect(misspelt.body.detail).toContain("Project.Titel");
      const short = await post(rig, "refer", { project: { CustomerBusinessProblem: "Short" } });
      expect(short.body.detail).toContain("BusinessProblem");
      const lead = await post(rig, "refer_lead", { interaction: { Contact: { Email: 5 } } });
      expect(lead.body.detail).toContain("Email");
      expect((await post(rig, "refer", { account: "999988887777" })).body.detail).toContain("111122223333");
      expect((await post(rig, "refer", { invented: 1 })).status).toBe(400);
      expect((await post(rig, "expire", { id: "engi-0000000000000" })).status).toBe(404);
      expect(await rig.controls.ledger()).toMatchObject({ invitations: [], engagements: [], due: [] });
    }));
});

/** Dotted paths of everything that is not a group. */
const leavesOf = (value: JsonObject, prefix = ""): readonly string[] =>
  Object.entries(value).flatMap(([key, item]) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? leavesOf(item as JsonObject, `${prefix}${key}.`)
      : [`${prefix}${key}`],
  );
