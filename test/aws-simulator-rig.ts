/** A simulator behind real HTTP, AWS's own SDK in front of it, and a signer that is not the SDK's for what the SDK would refuse. */
import { createHash, createHmac } from "node:crypto";
import { PartnerCentralSellingClient } from "@aws-sdk/client-partnercentral-selling";
import { type OperationName, operations } from "../adapters/aws/simulator/constraints.generated.ts";
import { answerBreaches } from "../adapters/aws/simulator/constraints.ts";
import {
  type AwsSimulatorOptions,
  createAwsSimulator,
  createMemoryState,
  simulatedCredential,
} from "../adapters/aws/simulator/index.ts";
import type { SimulatorState } from "../adapters/contract.ts";
import { createVirtualClock } from "../src/clock.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { createSeededIds } from "../src/ids.ts";
import { listen } from "./listen.ts";

export interface RigOptions extends Partial<AwsSimulatorOptions> {
  readonly state?: SimulatorState;
  readonly deliver?: (request: Request) => Promise<Response>;
  readonly start?: Date;
}

export const openRig = async (options: RigOptions = {}) => {
  const clock = createVirtualClock(options.start ?? new Date("2026-06-01T09:00:00.250Z"));
  const received: Received[] = [];
  const state = options.state ?? createMemoryState();
  const record = async (request: Request): Promise<Response> => {
    received.push({ at: clock.now().toISOString(), headers: request.headers, event: await request.json() });
    return new Response(null, { status: 202 });
  };
  const simulator = createAwsSimulator(
    { clock, ids: createSeededIds(clock, "rig"), state, deliver: options.deliver ?? record },
    { seed: "rig", reviewer: "manual", advance: clock.advanceTo, ...options },
  );
  const { url, close } = await listen(simulator.fetch);
  const sdk = new PartnerCentralSellingClient({
    endpoint: url,
    region: "us-east-1",
    maxAttempts: 1,
    credentials: simulatedCredential,
  });
  let tokens = 0;
  const pause = (seconds: number): void => clock.advanceTo(new Date(clock.now().getTime() + seconds * 1000));
  return {
    simulator,
    controls: simulator.controls,
    clock,
    sdk,
    url,
    state,
    received,
    pause,
    /** Calls an operation with our own signature and returns status and JSON body. Lets a second pass first: the write quota. */
    call: async (operation: string, input: unknown, how: SignOptions = {}): Promise<Raw> => {
      pause(1);
      const request = signed(url, operation, JSON.stringify(input), how);
      return checked(operation, await rawOf(await fetch(request)));
    },
    /** Creates a deal and returns its id. */
    create: async (change: JsonObject = {}): Promise<string> => {
      pause(1);
      tokens += 1;
      const deal = goodDeal({ ClientToken: `rig-${tokens}`, ...change });
      const made = checked(
        "CreateOpportunity",
        await rawOf(await fetch(signed(url, "CreateOpportunity", JSON.stringify(deal)))),
      );
      if (made.status !== 200) throw new Error(made.text);
      return made.body.Id;
    },
    close: async (): Promise<void> => {
      sdk.destroy();
      await close();
    },
  };
};
export type Rig = Awaited<ReturnType<typeof openRig>>;

export interface Received {
  readonly at: string;
  readonly headers: Headers;
  readonly event: JsonObject & { readonly id: string; readonly "detail-type": string; readonly detail: JsonObject };
}
export interface Raw {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into answers whose shape is the point of the test
  readonly body: any;
}
export const rawOf = async (response: Response): Promise<Raw> => {
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text.startsWith("{") ? JSON.parse(text) : null,
  };
};

/** Every good answer must fit AWS's service model. */
const checked = (operation: string, raw: Raw): Raw => {
  if (raw.status !== 200 || !Object.hasOwn(operations, operation)) return raw;
  const wrong = answerBreaches(operation as OperationName, raw.body);
  if (wrong.length > 0)
    throw new Error(`${operation} answered what the model does not allow: ${JSON.stringify(wrong)}`);
  return raw;
};

export interface SignOptions {
  readonly accessKeyId?: string;
  readonly secret?: string;
  readonly sessionToken?: string;
  readonly region?: string;
  readonly service?: string;
  readonly target?: string;
  /** Headers that are sent, but not signed. */
  readonly unsigned?: Readonly<Record<string, string>>;
  /** Replaces the body after signing. */
  readonly tamperedBody?: string;
}

/** Signature Version 4 with node:crypto, written from AWS's description. */
export const signed = (url: string, operation: string, body: string, how: SignOptions = {}): Request => {
  const stamp = "20260601T090000Z";
  const scope = [stamp.slice(0, 8), how.region ?? "us-east-1", how.service ?? "partnercentral-selling", "aws4_request"];
  const at = new URL(url);
  const headers: Record<string, string> = {
    "content-type": "application/x-amz-json-1.0",
    host: at.host,
    "x-amz-date": stamp,
    ...(how.sessionToken === undefined ? {} : { "x-amz-security-token": how.sessionToken }),
    "x-amz-target": how.target ?? `AWSPartnerCentralSelling.${operation}`,
  };
  const names = Object.keys(headers).sort();
  const sha = (text: string) => createHash("sha256").update(text).digest("hex");
  const canonical = [
    "POST",
    at.pathname,
    "",
    ...names.map((name) => `${name}:${headers[name]}`),
    "",
    names.join(";"),
    sha(body),
  ].join("\n");
  const secret = how.secret ?? simulatedCredential.secretAccessKey;
  const key = scope.reduce<string | Buffer>(
    (last, part) => createHmac("sha256", last).update(part).digest(),
    `AWS4${secret}`,
  );
  const toSign = `AWS4-HMAC-SHA256\n${stamp}\n${scope.join("/")}\n${sha(canonical)}`;
  const signature = createHmac("sha256", key).update(toSign).digest("hex");
  const credential = `${how.accessKeyId ?? simulatedCredential.accessKeyId}/${scope.join("/")}`;
  const { host: _host, ...sent } = headers;
  return new Request(url, {
    method: "POST",
    headers: {
      ...sent,
      ...how.unsigned,
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(";")}, Signature=${signature}`,
    },
    body: how.tamperedBody ?? body,
  });
};

/** A deal that AWS would take: everything a submission needs except the solution. */
export const goodDeal = (change: JsonObject = {}): JsonObject => ({
  Catalog: "AWS",
  ClientToken: "token-1",
  Origin: "Partner Referral",
  OpportunityType: "Net New Business",
  PartnerOpportunityIdentifier: "CRM-1",
  PrimaryNeedsFromAws: ["Co-Sell - Technical Consultation"],
  Customer: {
    Account: {
      CompanyName: "Example Foods",
      Industry: "Retail",
      WebsiteUrl: "https://foods.example",
      Address: { CountryCode: "US", StateOrRegion: "Ohio", City: "Dayton", PostalCode: "45402" },
    },
    Contacts: [{ Email: "ada@foods.example", FirstName: "Ada", LastName: "Grey", Phone: "+15551234567" }],
  },
  Project: {
    Title: "Shelf planning",
    CustomerBusinessProblem: "Shelves are planned by hand, and the customer wants forecasts.",
    CustomerUseCase: "AI Machine Learning and Analytics",
    DeliveryModels: ["SaaS or PaaS"],
    SalesActivities: ["Customer has shown interest in solution"],
    ExpectedCustomerSpend: [{ Amount: "1200.00", CurrencyCode: "USD", Frequency: "Monthly", TargetCompany: "AWS" }],
  },
  Marketing: { Source: "None" },
  LifeCycle: { Stage: "Qualified", TargetCloseDate: "2026-12-31", NextSteps: "Demo on Monday" },
  ...change,
});

/** What GetOpportunity said, as UpdateOpportunity wants it. */
export const asUpdate = (got: JsonObject): JsonObject => {
  const {
    Id,
    Arn: _arn,
    CreatedDate: _created,
    RelatedEntityIdentifiers: _related,
    OpportunityTeam: _team,
    ...kept
  } = got;
  return { ...kept, Identifier: Id ?? null };
};

/** Everything a deal needs to be with AWS: a solution, then the task, then time. Returns the task's last answer. */
export const submit = async (rig: Rig, id: string, catalog = "AWS"): Promise<Raw["body"]> => {
  const associated = await rig.call("AssociateOpportunity", {
    Catalog: catalog,
    OpportunityIdentifier: id,
    RelatedEntityType: "Solutions",
    RelatedEntityIdentifier: "S-0000001",
  });
  if (associated.status !== 200) throw new Error(associated.text);
  await start(rig, id, catalog);
  rig.pause(120);
  await rig.simulator.tick();
  const tasks = await rig.call("ListEngagementFromOpportunityTasks", { Catalog: catalog, OpportunityIdentifier: [id] });
  return tasks.body.TaskSummaries[0];
};
export const start = (rig: Rig, id: string, catalog = "AWS", token = `start-${id}`): Promise<Raw> =>
  rig.call("StartEngagementFromOpportunityTask", {
    Catalog: catalog,
    ClientToken: token,
    Identifier: id,
    AwsSubmission: { InvolvementType: "Co-Sell", Visibility: "Full" },
  });
export const getDeal = async (rig: Rig, id: string, catalog = "AWS"): Promise<Raw["body"]> =>
  (await rig.call("GetOpportunity", { Catalog: catalog, Identifier: id })).body;
/** Get, change, Update: as a careful partner does it. */
export const edit = async (
  rig: Rig,
  id: string,
  change: (deal: Raw["body"]) => void,
  catalog = "AWS",
): Promise<Raw> => {
  const update: Raw["body"] = structuredClone(asUpdate(await getDeal(rig, id, catalog)));
  change(update);
  return rig.call("UpdateOpportunity", update);
};
/** The field names and codes of a ValidationException. */
export const complaints = (raw: Raw): readonly string[] =>
  (raw.body.ErrorList ?? []).map((error: { FieldName?: string; Code: string }) => `${error.FieldName} ${error.Code}`);
/** A change of the good deal's account, project or life cycle. */
export const account = (change: JsonObject): JsonObject => {
  const { Account } = goodDeal().Customer as { Account: JsonObject };
  return { Customer: { Account: { ...Account, ...change } } };
};
export const project = (change: JsonObject): JsonObject => ({
  Project: { ...(goodDeal().Project as JsonObject), ...change },
});
export const lifeCycle = (change: JsonObject): JsonObject => ({
  LifeCycle: { ...(goodDeal().LifeCycle as JsonObject), ...change },
});
