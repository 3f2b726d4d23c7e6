/** What an account needs at AWS, held against AWS's own schemas by the CDK's synthesizer, and against what the adapter really calls. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { describe, expect, it } from "vitest";
import { eventSources, marketplaceCatalog } from "../adapters/aws/offers/wire.ts";

const directory = join(import.meta.dirname, "../infra/aws");
/** CloudFormation's rules for types, properties and values, as errors and not as advice. */
const strict = { "@aws-cdk/core:validateAgainstDefaultRules": true };
const included = (file: string) => {
  const stack = new Stack(new App({ context: strict }), "stack");
  new CfnInclude(stack, "template", { templateFile: file });
  return Template.fromStack(stack).toJSON();
};
const made = new Map<string, ReturnType<typeof included>>();
const synthesized = (name: string): ReturnType<typeof included> => {
  const template = made.get(name) ?? included(join(directory, `${name}.yaml`));
  made.set(name, template);
  return template;
};
interface Statement {
  readonly Sid: string;
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}
const statementsOf = (template: ReturnType<typeof synthesized>, id: string): readonly Statement[] =>
  template.Resources[id].Properties.PolicyDocument.Statement;

describe("each template", () => {
  it.each(["permissions", "api-destination", "queue"])(
    "%s holds only resources and properties that AWS knows",
    (name) => {
      expect(Object.keys(synthesized(name).Resources).length).toBeGreaterThan(0);
    },
  );
  it.each(["permissions", "api-destination", "queue"])("%s is plain YAML: CloudFormation takes no aliases", (name) => {
    expect(readFileSync(join(directory, `${name}.yaml`), "utf8")).not.toMatch(/^\s*\S+:\s+[&*]\w/m);
  });
});

describe("the permissions", () => {
  const statements = statementsOf(synthesized("permissions"), "CoSell");
  const actionsOf = (sid: string): readonly string[] =>
    [statements.find((statement) => statement.Sid === sid)?.Action ?? []].flat().toSorted();

  it("allow what the adapter calls, and nothing that it does not call", () => {
    const source = readFileSync(join(import.meta.dirname, "../adapters/aws/client.ts"), "utf8");
    const called = [...source.matchAll(/^\s+(\w+): \(client: Client\)/gm)].map((match) => `partnercentral:${match[1]}`);
    expect(called.length).toBeGreaterThan(8);
    expect([...actionsOf("Opportunities"), ...actionsOf("ReferralsAndLeads")].toSorted()).toEqual(called.toSorted());
  });
  it("allow what is called at AWS Marketplace, agreements as the seller only", () => {
    const offers = statementsOf(synthesized("permissions"), "PrivateOffers");
    const source = readFileSync(join(import.meta.dirname, "../adapters/aws/offers/client.ts"), "utf8");
    const called = [...source.matchAll(/^\s+(\w+): \(client: \w+Client\b/gm)].map(
      (match) => `aws-marketplace:${match[1]}`,
    );
    expect(called.length).toBeGreaterThan(8);
    expect(offers.flatMap(({ Action }) => [Action].flat()).toSorted()).toEqual(called.toSorted());
    expect(offers.find(({ Sid }) => Sid === "Agreements")?.Condition).toEqual({
      StringEquals: { "aws-marketplace:PartyType": "Proposer" },
    });
  });
  it("let the data feeds be listed and read, and nothing in the bucket be changed", () => {
    const feeds = JSON.stringify(statementsOf(synthesized("permissions"), "MarketplaceFeeds"));
    const actions = [...feeds.matchAll(/"((?:s3|kms):\w+)"/g)].map(([, action]) => action);
    expect(actions).toEqual(["s3:ListBucket", "s3:GetObject", "kms:Decrypt"]);
    expect(feeds).toMatch(/:s3:::\$\{FeedsBucket\}\/\*/);
  });
  it("hold in one catalog only, whatever the action", () => {
    for (const statement of statements)
      expect([statement.Sid, statement.Condition]).toEqual([
        statement.Sid,
        { StringEquals: { "partnercentral:Catalog": { Ref: "Catalog" } } },
      ]);
  });
  it("use no wildcard in an action", () => {
    for (const { Action } of statements) expect([Action].flat().join(" ")).not.toContain("*");
  });
});

describe("the ways of the events", () => {
  it.each([
    ["api-destination", "Undelivered"],
    ["queue", "Refused"],
  ])("%s loses nothing silently: a dead-letter queue that keeps two weeks", (name, queue) => {
    const { Resources } = synthesized(name);
    expect(Resources[queue].Properties.MessageRetentionPeriod).toBe(1_209_600);
    expect(JSON.stringify(Resources)).toContain(`{"Fn::GetAtt":"${queue}.Arn"}`);
  });
  it.each(["api-destination", "queue"])(
    "%s takes Partner Central's events of the connection's catalog only, and AWS Marketplace's where they are asked for",
    (name) => {
      const coSell = { source: ["aws.partnercentral-selling"], detail: { catalog: [{ Ref: "Catalog" }] } };
      const [condition, withOffers, without] = synthesized(name).Resources.Rule.Properties.EventPattern["Fn::If"];
      expect(condition).toBe("WithOffers");
      expect(without).toEqual(coSell);
      expect(withOffers.$or[0]).toEqual(coSell);
      expect(withOffers.$or.slice(1)).toEqual([
        { source: [...eventSources], detail: { catalog: [marketplaceCatalog] } },
        { source: [eventSources[0]], detail: { Catalog: [marketplaceCatalog] } },
      ]);
    },
  );
  it.each([
    ["api-destination", "UndeliveredPolicy"],
    ["queue", "EventsPolicy"],
  ])("%s lets EventBridge into its queue only for its own rule", (name, policy) => {
    const allowed = statementsOf(synthesized(name), policy).filter(({ Effect }) => Effect === "Allow");
    expect(allowed.map(({ Condition }) => Condition)).toEqual([
      { ArnEquals: { "aws:SourceArn": { "Fn::GetAtt": "Rule.Arn" } } },
    ]);
  });
  it("a type or a property that AWS does not know fails, so that these tests can", () => {
    const wrong = () => included(join(import.meta.dirname, "vectors/wrong-template.yaml"));
    expect(wrong).toThrow(
      /MessageRetentionPeriods[\s\S]*AWS::SQS::Queueue|AWS::SQS::Queueue[\s\S]*MessageRetentionPeriods/,
    );
  });
});
