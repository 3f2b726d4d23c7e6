/** What the full sweep after a restore finds at the partner: taken by its deal, or remembered until its deal comes. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { awsDeal } from "./deals.ts";
import { openRig, type Rig } from "./restore-rig.ts";

const minute = 60_000;
let rig: Rig;
const records = async (key: string) =>
  (await rig.aws.controls.ledger()).opportunities.filter((row) => row.document.PartnerOpportunityIdentifier === key);
const shareOf = async (key: string) => {
  const [row] = await rig.db().sql<{ id: string; state: string; remoteId: string }[]>`
    select share.id, share.state, remote_id as "remoteId" from share join opportunity on opportunity.id = opportunity_id
      left join engagement on engagement.share_id = share.id where key = ${key} order by generation desc limit 1`;
  return row;
};
const histories = async (key: string) =>
  (
    await rig.db().sql<
      { what: string }[]
    >`select what from history where subject = ${(await shareOf(key))?.id ?? ""} order by seq`
  ).map((row) => row.what);
const openExceptions = async () =>
  (await rig.db().sql<{ code: string }[]>`select code from exception where closed_at is null order by code`).map(
    (row) => row.code,
  );

const referred: string[] = [];
/** A person accepts the first invitation and rejects the second. */
const answerBoth = async (): Promise<void> => {
  for (const [index, remoteId] of referred.entries()) {
    const [row] = await rig.db().sql<{ id: string }[]>`select id from invitation where remote_id = ${remoteId}`;
    const verb = index === 0 ? "accept" : "reject";
    const body = index === 0 ? {} : { reason: "unable_to_support" };
    const { status } = await rig.call("POST", `/v1/invitations/${row?.id}/${verb}`, body);
    if (status !== 200) throw new Error(`${verb} answered ${status}`);
  }
};

beforeAll(async () => {
  rig = await openRig({ seed: "recover", settings: { tokenHours: 0.001 } });
  await rig.import(awsDeal("known"));
  for (const name of ["Accepted", "Rejected"])
    referred.push((await rig.aws.controls.refer({ customer: { Account: { CompanyName: name } } })).id);
  await rig.advance(2 * minute);
  const backup = await rig.backup();
  const known = await rig.import(awsDeal("known"));
  const younger = await rig.import(awsDeal("younger"));
  await rig.import(awsDeal("twin"));
  for (const id of [known, younger, await rig.import(awsDeal("twin"))]) await rig.share(id);
  await rig.advance(5 * minute);
  await rig.aws.controls.approve((await records("known"))[0]?.id ?? "");
  await answerBoth();
  await rig.advance(2 * minute);
  await rig.restore(backup);
  await backup.drop();
  // Two CRMs give the same key: nobody can tell whose record it is.
  await rig.start();
  await answerBoth();
  for (const source of ["test", "other"]) await rig.import({ ...awsDeal("twin"), source });
  await rig.advance(37 * minute);
}, 120_000);
afterAll(() => rig.close());

describe("a full sweep after a restore", () => {
  it("opens a share for a record whose deal is known, as the record now is, and says why", async () => {
    const [record] = await records("known");
    expect(await shareOf("known")).toMatchObject({ state: "accepted", remoteId: record?.id });
    expect(await histories("known")).toContain("found_after_restore");
  });
  it("tells a person of a record whose deal is not known, and of one that two deals could have made", async () => {
    expect(await openExceptions()).toEqual(["FOUND_AFTER_RESTORE", "FOUND_AFTER_RESTORE"]);
    expect(await shareOf("younger")).toBeUndefined();
    expect(await shareOf("twin")).toBeUndefined();
  });
  it("answers an invitation once, although the same answer is given again", async () => {
    const operations = (await rig.aws.controls.ledger()).counters[0]?.operations;
    expect(operations?.StartEngagementByAcceptingInvitationTask?.calls).toBe(1);
    expect(operations?.RejectEngagementInvitation?.calls).toBe(1);
    const rows = await rig.db().sql`select state, share_id is not null as shared from invitation order by created_at`;
    expect(rows).toMatchObject([
      { state: "accepted", shared: true },
      { state: "rejected", shared: false },
    ]);
  });
  it("ends the recovery: afterwards writes are sent without a look", async () => {
    expect(await rig.db().sql`select 1 from recovery`).toHaveLength(0);
    const looked = async (): Promise<number> =>
      (await rig.aws.controls.ledger()).counters.reduce(
        (sum, row) => sum + (row.operations.ListOpportunities?.calls ?? 0),
        0,
      );
    const before = await looked();
    await rig.share(await rig.import(awsDeal("new")));
    await rig.advance(2 * minute);
    expect(await shareOf("new")).toMatchObject({ state: "submitted" });
    expect((await looked()) - before).toBe(0);
  });
  it("lets a deal that comes back later take its record instead of making a second one", async () => {
    const [record] = await records("younger");
    expect(await rig.share(await rig.import(awsDeal("younger")))).toBe(201);
    await rig.advance(2 * minute);
    expect(await records("younger")).toHaveLength(1);
    expect(await shareOf("younger")).toMatchObject({ state: "submitted", remoteId: record?.id });
    expect(await histories("younger")).toContain("found_after_restore");
    expect(await openExceptions()).toEqual(["FOUND_AFTER_RESTORE"]);
  });
});
