import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { simulatedAws } from "../adapters/aws/simulator/cloud.ts";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import { type Checked, runChecks } from "../src/domain/diagnosis.ts";
import { freePort } from "../src/node.ts";
import { openDouble, openSession, http as plainHttp } from "./aws-double.ts";
import { awsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const world = await openWorld({ seed: "doctor" });
const { aws, call, connectionId, db, service, timeline } = world;
afterAll(() => world.close());
const { account } = simulatedCredential;
const url = `https://sqs.simulator.invalid/${account}/events`;
await aws.controls.putQueue({ name: "events-dlq" });
await aws.controls.putQueue({ name: "events", redrive: { queue: "events-dlq", maxReceiveCount: 3 } });
await call("POST", `/v1/connections/${connectionId}/queue`, { url });
const share = await world.share(awsDeal("doctor"));
await timeline.advance(3_600_000);
const remoteId = (await service.store.shares.findEngagement(db.sql, share))?.remoteId ?? "";

type Diagnosis = { readonly healthy: boolean; readonly checks: readonly Checked[] };
const diagnose = async (): Promise<Diagnosis> =>
  (await call<Diagnosis>("POST", `/v1/connections/${connectionId}/diagnose`)).body;
const failures = ({ checks }: Diagnosis) => checks.filter(({ result }) => result === "failed").map(({ id }) => id);
const check = ({ checks }: Diagnosis, id: string): Checked => {
  const found = checks.find((one) => one.id === id);
  if (found === undefined) throw new Error(`there is no check ${id}`);
  return found;
};
/** Saves the connection with other settings or secrets, unchecked. */
const connect = (settings: object = {}, secrets: object = {}) => {
  const usual = simulatedAws.connection();
  return call("POST", "/v1/connections", {
    ...usual,
    settings: { ...usual.settings, ...settings },
    secrets: { ...usual.secrets, ...secrets },
    check: false,
  });
};
beforeEach(async () => {
  await aws.controls.clearFaults();
});

describe("the doctor of an AWS connection", () => {
  it("finds a healthy one healthy, and tells for each check what was tried and found", async () => {
    const diagnosis = await diagnose();
    expect(failures(diagnosis)).toEqual([]);
    expect(diagnosis.healthy).toBe(true);
    const results = Object.fromEntries(diagnosis.checks.map(({ id, result }) => [id, result]));
    expect(results).toEqual({
      connection: "ok",
      settings: "ok",
      credentials: "ok",
      "list-opportunities": "ok",
      clock: "ok",
      account: "ok",
      "get-opportunity": "ok",
      "get-summary": "ok",
      solutions: "ok",
      "list-invitations": "ok",
      "list-engagements": "ok",
      update: "ok",
      associate: "ok",
      create: "ok",
      submit: "ok",
      "list-offers": "ok",
      "get-offer": "ok",
      "list-change-sets": "ok",
      "get-change-set": "ok",
      "start-change-set": "ok",
      "list-agreements": "ok",
      "get-agreement": "ok",
      "get-agreement-terms": "ok",
      "list-invoices": "ok",
      queue: "ok",
      "queue-delete": "ok",
      "dead-letters": "ok",
      events: "ok",
      hook: "skipped",
      "queue-receive": "ok",
      "last-event": "ok",
      sweep: "ok",
      quota: "ok",
      reports: "ok",
      "reports-read": "ok",
      "reports-fetched": "skipped",
    });
    expect(check(diagnosis, "update")).toMatchObject({
      detail: "AWS lets us ask, and knows no such record",
      remedy: null,
    });
    expect(check(diagnosis, "create").detail).toMatch(/^AWS confirmed one at 20/);
    expect(check(diagnosis, "quota").detail).toMatch(/^\d+ of 100000 reads and \d+ of 10000 writes left$/);
    expect(JSON.stringify(diagnosis)).not.toContain(simulatedCredential.secretAccessKey);
  });

  it("changes nothing at AWS: what it tries to write is refused, and no record, task or lock moves", async () => {
    const state = async () => {
      const { opportunities, tasks, engagements, tokens, events, marketplace } = await aws.controls.ledger();
      return JSON.stringify({ opportunities, tasks, engagements, tokens, events: events.length, marketplace });
    };
    const before = await state();
    await diagnose();
    expect(await state()).toBe(before);
    const { counters } = await aws.controls.ledger();
    expect(counters[0]?.operations.UpdateOpportunity).toMatchObject({ ok: 0 });
  });

  it.each([
    ["list-opportunities", "ListOpportunities"],
    ["get-opportunity", "GetOpportunity"],
    ["get-summary", "GetAwsOpportunitySummary"],
    ["solutions", "ListSolutions"],
    ["list-invitations", "ListEngagementInvitations"],
    ["list-engagements", "ListEngagements"],
    ["update", "UpdateOpportunity"],
    ["associate", "AssociateOpportunity"],
  ])("names the permission that %s lacks", async (id, operation) => {
    await aws.controls.setFaults([{ on: operation, fault: "permission_lost" }]);
    const diagnosis = await diagnose();
    expect(failures(diagnosis)).toEqual([id]);
    expect(check(diagnosis, id).remedy).toContain(`Allow partnercentral:${operation} for catalog AWS`);
    expect(check(diagnosis, id).remedy).toContain("attach AWSPartnerCentralOpportunityManagement");
  });

  it.each([
    ["list-offers", "ListEntities"],
    ["start-change-set", "StartChangeSet"],
    ["list-agreements", "SearchAgreements"],
    ["list-invoices", "ListAgreementInvoiceLineItems"],
  ])("names the permission at AWS Marketplace that %s lacks", async (id, operation) => {
    await aws.controls.setFaults([{ on: operation, fault: "permission_lost" }]);
    const diagnosis = await diagnose();
    expect(failures(diagnosis)).toEqual([id]);
    expect(check(diagnosis, id).remedy).toContain(`Allow aws-marketplace:${operation}`);
  });

  it.each([
    ["reports", "ListObjectsV2", "s3:ListBucket"],
    ["reports-read", "GetObject", "s3:GetObject"],
  ])("names the permission at the data feeds' bucket that %s lacks", async (id, operation, permission) => {
    await aws.controls.setFaults([{ on: operation, fault: "permission_lost" }]);
    const diagnosis = await diagnose();
    expect(failures(diagnosis)).toEqual([id]);
    expect(check(diagnosis, id).detail).toContain(permission);
    expect(check(diagnosis, id).remedy).toContain("MarketplaceFeeds");
  });

  it.each([
    ["queue", "GetQueueAttributes", "sqs:GetQueueAttributes"],
    ["queue-delete", "DeleteMessageBatch", "sqs:DeleteMessage"],
    ["queue-receive", "ReceiveMessage", "sqs:ReceiveMessage"],
  ])("names the queue's permission that %s lacks", async (id, operation, permission) => {
    await aws.controls.setFaults([{ on: operation, fault: "permission_lost", nth: 1 }]);
    const diagnosis = await diagnose();
    expect(failures(diagnosis)).toEqual([id]);
    expect(check(diagnosis, id).remedy).toContain(permission);
    await call("POST", `/v1/connections/${connectionId}/resume`);
  });

  it("says to link an account that AWS lets do nothing", async () => {
    await aws.controls.change({ deniedCatalogs: ["AWS"] });
    const diagnosis = await diagnose();
    expect(failures(diagnosis)).toContain("list-opportunities");
    expect(check(diagnosis, "list-opportunities").remedy).toContain(`link account ${account} in Partner Central`);
    expect(check(diagnosis, "update")).toMatchObject({
      result: "skipped",
      detail: "list-opportunities must be ok first",
    });
    await aws.controls.change({ deniedCatalogs: [] });
  });

  it("tells a wrong secret key from a key that is not stored", async () => {
    await connect({}, { secretAccessKey: "wrong" });
    const wrong = await diagnose();
    expect(check(wrong, "credentials").result).toBe("ok");
    expect(check(wrong, "list-opportunities").remedy).toContain(
      "The access key is wrong, revoked or of another account",
    );
    const [row] = await db.sql<
      { settings: { credentials: { secretAccessKeyRef: string } } }[]
    >`select settings from connection`;
    const ref = (row?.settings.credentials.secretAccessKeyRef ?? "").replace("secret:", "");
    await db.sql`delete from secret where ref = ${ref}`;
    await timeline.advance(61_000);
    const gone = await diagnose();
    expect(check(gone, "credentials")).toMatchObject({
      result: "failed",
      detail: expect.stringContaining("is not stored"),
    });
    expect(check(gone, "credentials").remedy).toContain("cosell connect aws --account");
    expect(check(gone, "list-opportunities").detail).toBe("credentials must be ok first");
    await connect();
    // A sweep in between was denied and parked it.
    await call("POST", `/v1/connections/${connectionId}/resume`);
    expect(failures(await diagnose())).toEqual([]);
  });

  it("finds default solutions that are missing or not active", async () => {
    await connect({ defaults: { solutions: ["S-0000001", "S-9999999", "S-0000023"] } });
    const solutions = check(await diagnose(), "solutions");
    expect(solutions.detail).toBe("S-9999999 is not among the account's solutions; S-0000023 is Inactive");
    expect(solutions.remedy).toContain("--solution");
    await connect();
  });

  it("finds a catalog that does not fit the environment, and tries nothing with it", async () => {
    await db.sql`update connection set environment = 'vendor_test'`;
    const diagnosis = await diagnose();
    expect(failures(diagnosis)).toEqual(["settings"]);
    expect(check(diagnosis, "settings").detail).toContain("environment vendor_test must use catalog Sandbox");
    expect(check(diagnosis, "settings").remedy).toContain("--catalog");
    await db.sql`update connection set environment = 'simulated'`;
  });

  it("finds this machine's clock astray by AWS's, even when AWS refuses the rest", async () => {
    await aws.controls.setFaults([
      { on: "ListOpportunities", fault: "clock_skew", seconds: 600 },
      { on: "ListOpportunities", fault: "permission_lost" },
    ]);
    const clock = check(await diagnose(), "clock");
    expect(clock.detail).toMatch(/(599|600) s behind AWS's/);
    expect(clock.remedy).toContain("NTP");
  });

  it("finds a queue that is gone, one without dead-letter queue, and dead letters", async () => {
    await aws.controls.sendToQueue({ queue: "events-dlq", body: "poison" });
    const dead = check(await diagnose(), "dead-letters");
    expect([dead.result, dead.detail]).toEqual([
      "failed",
      "events-dlq holds 1 messages that were no events of this connection",
    ]);
    await aws.controls.putQueue({ name: "events", redrive: null });
    expect(check(await diagnose(), "dead-letters").remedy).toContain("maxReceiveCount 5");
    await aws.controls.removeQueue(`${account}/events`);
    const gone = await diagnose();
    expect(check(gone, "queue").remedy).toContain("--queue-url");
    expect(check(gone, "queue-receive").result).toBe("skipped");
    await aws.controls.removeQueue(`${account}/events-dlq`);
    await aws.controls.putQueue({ name: "events-dlq" });
    await aws.controls.putQueue({ name: "events", redrive: { queue: "events-dlq", maxReceiveCount: 3 } });
    expect((await diagnose()).healthy).toBe(true);
  });

  it("finds it parked, its sweeps missed and its day's quota used up", async () => {
    const [actor] = await db.sql<{ id: string }[]>`select id from actor limit 1`;
    await db.transaction((tx) =>
      service.store.connections.park(tx, connectionId, "The key was revoked.", actor?.id ?? ""),
    );
    await db.sql`update sweep set swept_at = ${new Date(world.clock.now().getTime() - 7_200_000)}`;
    await db.sql`insert into quota_use (key, slot, used) values (${`aws:${account}:write`}, ${world.clock.now()}, 10000)`;
    const diagnosis = await diagnose();
    expect(check(diagnosis, "connection")).toMatchObject({
      detail: "parked: The key was revoked.",
      remedy: 'Mend what fails below, then: cosell connections resume "AWS (simulated)"',
    });
    expect(check(diagnosis, "sweep").result).toBe("failed");
    expect(check(diagnosis, "quota").detail).toContain("0 of 10000 writes left");
    expect(check(diagnosis, "update").remedy).toContain("run the diagnosis again later");
    expect(check(diagnosis, "queue-receive").detail).toBe("the connection is parked");
    await db.sql`delete from quota_use`;
    await call("POST", `/v1/connections/${connectionId}/resume`);
  });
});

describe("a session's checks over the network", () => {
  const known = { remoteId, confirmed: {} };
  it("say which host is not reached when its port is closed", async () => {
    const closed = `127.0.0.1:${await freePort("127.0.0.1")}`;
    const { session } = openSession({ url: `http://${closed}`, http: plainHttp });
    const checks = await runChecks(session.diagnose?.(known) ?? []);
    const list = checks.find(({ id }) => id === "list-opportunities");
    expect(list).toMatchObject({ result: "failed", detail: expect.stringContaining("ECONNREFUSED") });
    expect(list?.remedy).toContain(`Check that this machine reaches ${closed}`);
  });
  it("tell an account that is not the connection's, a clock that is, and what an endpoint does not know", async () => {
    const double = await openDouble();
    const row = { Catalog: "AWS", Arn: "arn:aws:partnercentral:us-east-1:999988887777:catalog/AWS/opportunity/O1" };
    const unknown = { status: 400, body: { __type: "com.amazon.coral.service#UnknownOperationException" } };
    const form = { status: 400, body: { __type: "x#ValidationException", Reason: "REQUEST_VALIDATION_FAILED" } };
    const date = "Tue, 01 Sep 2026 10:00:07 GMT";
    double.script({
      ListOpportunities: [{ body: { OpportunitySummaries: [row] }, headers: { date } }],
      ListEngagements: [unknown],
      UpdateOpportunity: [form],
      AssociateOpportunity: [{ status: 500, raw: "<html>" }],
    });
    const { session } = openSession({ url: double.url, http: plainHttp });
    const checks = await runChecks(session.diagnose?.({ remoteId: null, confirmed: {} }) ?? []);
    const of = (id: string) => checks.find((one) => one.id === id);
    expect(of("account")?.detail).toBe("the keys belong to account 999988887777, the connection says 111122223333");
    expect(of("clock")?.detail).toBe("7 s apart");
    expect(of("list-engagements")).toMatchObject({ result: "skipped" });
    expect(of("update")).toMatchObject({ result: "skipped", detail: expect.stringContaining("form") });
    expect(of("associate")).toMatchObject({ result: "failed" });
    expect(of("create")?.detail).toContain("Allow partnercentral:CreateOpportunity");
    expect(double.seen.some(({ target }) => /Create|Start/.test(target))).toBe(false);
    await double.close();
  });
});
