import {
  AssociateOpportunityCommand,
  ConflictException,
  CreateOpportunityCommand,
  GetOpportunityCommand,
  ListOpportunitiesCommand,
  ListSolutionsCommand,
  PartnerCentralSellingClient,
  ResourceNotFoundException,
  UpdateOpportunityCommand,
  ValidationException,
} from "@aws-sdk/client-partnercentral-selling";
import { afterAll, describe, expect, it } from "vitest";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import { asUpdate, getDeal, goodDeal, openRig, project, rawOf, signed } from "./aws-simulator-rig.ts";
import { listen } from "./listen.ts";

const rig = await openRig();
afterAll(() => rig.close());

describe("AWS's own SDK over HTTP", () => {
  it("creates, reads, lists and replaces an opportunity", async () => {
    rig.pause(1);
    const made = await rig.sdk.send(new CreateOpportunityCommand(goodDeal({ ClientToken: "sdk-1" }) as never));
    expect(made.Id).toMatch(/^O[0-9]{1,19}$/);
    const got = await rig.sdk.send(new GetOpportunityCommand({ Catalog: "AWS", Identifier: made.Id }));
    expect(got.LifeCycle?.ReviewStatus).toBe("Pending Submission");
    expect(got.LastModifiedDate).toEqual(made.LastModifiedDate);
    expect(got.CreatedDate).toEqual(made.LastModifiedDate);
    const listed = await rig.sdk.send(new ListOpportunitiesCommand({ Catalog: "AWS", Identifier: [made.Id ?? ""] }));
    expect(listed.OpportunitySummaries?.[0]?.Customer?.Account?.CompanyName).toBe("Example Foods");
    rig.pause(1);
    const {
      Id: _id,
      Arn: _arn,
      CreatedDate: _created,
      RelatedEntityIdentifiers: _rel,
      OpportunityTeam: _team,
      $metadata: _m,
      ...kept
    } = got;
    const saved = await rig.sdk.send(
      new UpdateOpportunityCommand({ ...kept, Identifier: made.Id, Project: { ...got.Project, Title: "Renamed" } }),
    );
    expect(saved.LastModifiedDate?.getTime()).toBeGreaterThan(made.LastModifiedDate?.getTime() ?? 0);
  });

  it("gets a ValidationException with a reason and a list of fields", async () => {
    rig.pause(1);
    const sent = rig.sdk.send(
      new CreateOpportunityCommand(goodDeal({ ...project({ CustomerBusinessProblem: "too short" }) }) as never),
    );
    await expect(sent).rejects.toBeInstanceOf(ValidationException);
    await expect(sent).rejects.toMatchObject({
      Reason: "REQUEST_VALIDATION_FAILED",
      ErrorList: [{ FieldName: "Project.CustomerBusinessProblem", Code: "INVALID_STRING_FORMAT" }],
    });
  });

  it("gets a ResourceNotFoundException for what does not exist", async () => {
    const sent = rig.sdk.send(new GetOpportunityCommand({ Catalog: "AWS", Identifier: "O999" }));
    await expect(sent).rejects.toBeInstanceOf(ResourceNotFoundException);
  });

  it("gets a ConflictException for a stale LastModifiedDate", async () => {
    const id = await rig.create();
    rig.pause(1);
    const stale = { ...asUpdate(await getDeal(rig, id)), LastModifiedDate: new Date("2026-01-01T00:00:00.000Z") };
    await expect(rig.sdk.send(new UpdateOpportunityCommand(stale as never))).rejects.toBeInstanceOf(ConflictException);
  });

  it("associates a solution that ListSolutions showed", async () => {
    const id = await rig.create();
    const { SolutionSummaries } = await rig.sdk.send(new ListSolutionsCommand({ Catalog: "AWS", MaxResults: 1 }));
    rig.pause(1);
    await rig.sdk.send(
      new AssociateOpportunityCommand({
        Catalog: "AWS",
        OpportunityIdentifier: id,
        RelatedEntityType: "Solutions",
        RelatedEntityIdentifier: SolutionSummaries?.[0]?.Id,
      }),
    );
    expect((await getDeal(rig, id)).RelatedEntityIdentifiers.Solutions).toEqual(["S-0000001"]);
  });
});

describe("the front door", () => {
  const list = { Catalog: "AWS" };
  const typeOf = async (how: Parameters<typeof rig.call>[2]): Promise<string> => {
    const answer = await rig.call("ListOpportunities", list, how);
    expect(answer.status).toBe(400);
    return answer.body.__type.split("#")[1];
  };
  it("takes a correct Signature Version 4 that the SDK did not make", async () => {
    expect((await rig.call("ListOpportunities", list)).status).toBe(200);
  });
  it("refuses a missing signature", async () => {
    const answer = await rawOf(
      await fetch(rig.url, {
        method: "POST",
        headers: { "x-amz-target": "AWSPartnerCentralSelling.ListSolutions" },
        body: "{}",
      }),
    );
    expect(answer.body.__type).toContain("MissingAuthenticationToken");
  });
  it("refuses an unknown access key", async () => {
    expect(await typeOf({ accessKeyId: "NOBODY" })).toBe("UnrecognizedClientException");
  });
  it("refuses a session token with long-term keys", async () => {
    expect(await typeOf({ sessionToken: "t" })).toBe("UnrecognizedClientException");
  });
  it("refuses a wrong secret", async () => {
    expect(await typeOf({ secret: "wrong" })).toBe("InvalidSignatureException");
  });
  it("refuses another region", async () => {
    expect(await typeOf({ region: "eu-west-1" })).toBe("InvalidSignatureException");
  });
  it("refuses another service's scope", async () => {
    expect(await typeOf({ service: "s3" })).toBe("InvalidSignatureException");
  });
  it("refuses a body that is not the one that was signed", async () => {
    expect(await typeOf({ tamperedBody: '{"Catalog":"Sandbox"}' })).toBe("InvalidSignatureException");
  });
  it("refuses a stated payload hash that is not the body's", async () => {
    expect(await typeOf({ unsigned: { "x-amz-content-sha256": "0".repeat(64) } })).toBe("InvalidSignatureException");
  });
  it("refuses an operation it does not know", async () => {
    const answer = await rig.call("DeleteOpportunity", list);
    expect([answer.status, answer.body.__type]).toEqual([400, "com.amazon.coral.service#UnknownOperationException"]);
  });
  it("refuses a body that is not JSON", async () => {
    const answer = await rawOf(await fetch(signed(rig.url, "ListOpportunities", "{")));
    expect(answer.body.__type).toContain("SerializationException");
  });
  it("accepts the path that was signed when a router took a prefix away", async () => {
    const request = signed("http://127.0.0.1:9/simulator/aws/", "ListOpportunities", JSON.stringify(list));
    const stripped = new Request("http://127.0.0.1:9/", request);
    expect((await rig.simulator.fetch(stripped)).status).toBe(200);
  });
  it("serves AWS's SDK behind a mount that strips its prefix", async () => {
    const mounted = await listen((request) => {
      const at = new URL(request.url);
      at.pathname = at.pathname.slice("/simulator/aws".length) || "/";
      return rig.simulator.fetch(new Request(at, request));
    });
    for (const endpoint of [`${mounted.url}/simulator/aws`, `${mounted.url}/simulator/aws/`]) {
      const sdk = new PartnerCentralSellingClient({
        endpoint,
        region: "us-east-1",
        maxAttempts: 1,
        credentials: simulatedCredential,
      });
      rig.pause(1);
      expect((await sdk.send(new ListSolutionsCommand({ Catalog: "AWS" }))).SolutionSummaries?.length).toBe(20);
      sdk.destroy();
    }
    await mounted.close();
  });
  it("denies a catalog without permission and allows the other", async () => {
    await rig.controls.change({ deniedCatalogs: ["Sandbox"] });
    const denied = await rig.call("ListOpportunities", { Catalog: "Sandbox" });
    expect(denied.body.__type).toContain("AccessDeniedException");
    expect((await rig.call("ListOpportunities", list)).status).toBe(200);
    await rig.controls.change({ deniedCatalogs: [] });
  });
  it("shows one account nothing of another's", async () => {
    const other = {
      ...simulatedCredential,
      accessKeyId: "SIMULATEDPARTNER0002",
      secretAccessKey: "two",
      account: "444455556666",
    };
    const two = await openRig({ credentials: [simulatedCredential, other] });
    const id = await two.create();
    const how = { accessKeyId: other.accessKeyId, secret: other.secretAccessKey };
    expect((await two.call("GetOpportunity", { Catalog: "AWS", Identifier: id }, how)).body.__type).toContain(
      "NotFound",
    );
    expect((await two.call("ListOpportunities", { Catalog: "AWS" }, how)).body.OpportunitySummaries).toEqual([]);
    await two.close();
  });
  it("keeps the catalogs apart", async () => {
    const id = await rig.create({ Catalog: "Sandbox" });
    expect((await rig.call("GetOpportunity", { Catalog: "AWS", Identifier: id })).body.__type).toContain("NotFound");
    expect((await getDeal(rig, id, "Sandbox")).Catalog).toBe("Sandbox");
  });
});

describe("versions and tokens", () => {
  it("give the same answer to the same token and body", async () => {
    const deal = goodDeal({ ClientToken: "twice" });
    const [first, second] = [await rig.call("CreateOpportunity", deal), await rig.call("CreateOpportunity", deal)];
    expect(second.body).toEqual(first.body);
  });
  it("refuse the same token with another body", async () => {
    await rig.call("CreateOpportunity", goodDeal({ ClientToken: "once" }));
    const answer = await rig.call(
      "CreateOpportunity",
      goodDeal({ ClientToken: "once", PartnerOpportunityIdentifier: "CRM-2" }),
    );
    expect(answer.body.__type).toContain("ConflictException");
    expect(answer.body.Message).toBe("Conflicting client token submitted for a new request body");
  });
  it("make one record of the same request sent ten times at once", async () => {
    const fast = await openRig({ settings: { quotas: { writesPerSecond: 1e6, writesBurst: 1000 } } });
    const send = async () =>
      (await rawOf(await fetch(signed(fast.url, "CreateOpportunity", JSON.stringify(goodDeal()))))).body.Id;
    const ids = await Promise.all(Array.from({ length: 10 }, send));
    expect(new Set(ids).size).toBe(1);
    expect((await fast.controls.ledger()).opportunities).toHaveLength(1);
    await fast.close();
  });
  it("forget the token of a refused request", async () => {
    await rig.call("CreateOpportunity", goodDeal({ ClientToken: "again", Origin: "AWS Referral" }));
    expect((await rig.call("CreateOpportunity", goodDeal({ ClientToken: "again" }))).status).toBe(200);
  });
  it("move LastModifiedDate with every write, also within one millisecond", async () => {
    const fast = await openRig({ settings: { quotas: { writesPerSecond: 1e6, writesBurst: 1000 } } });
    const id = await fast.create();
    const stamps: string[] = [];
    for (const [index, title] of ["a", "b", "c"].entries()) {
      const update = { ...asUpdate(await getDeal(fast, id)), ...project({ Title: title }) };
      const answer = await rawOf(await fetch(signed(fast.url, "UpdateOpportunity", JSON.stringify(update))));
      stamps.push(answer.body.LastModifiedDate);
      expect(stamps).toHaveLength(index + 1);
    }
    expect(new Set(stamps).size).toBe(3);
    expect(stamps.toSorted()).toEqual(stamps);
    await fast.close();
  });
  it("compare the version to the millisecond, whatever the notation", async () => {
    const id = await rig.create();
    const update = asUpdate(await getDeal(rig, id));
    const stamp = String(update.LastModifiedDate);
    const micro = await rig.call("UpdateOpportunity", { ...update, LastModifiedDate: stamp.replace("Z", "001Z") });
    expect(micro.body.__type).toContain("ConflictException");
    const offset = await rig.call("UpdateOpportunity", { ...update, LastModifiedDate: stamp.replace("Z", "+00:00") });
    expect(offset.status).toBe(200);
  });
});
