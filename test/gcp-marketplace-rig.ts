/** A Google marketplace on a virtual clock: a partner who makes offers, an endpoint that takes pushes, and buyers by the controls. */

import { merged, objectAt } from "../adapters/simulator/document.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { openRig, type Raw, type RigOptions, rawOf } from "./gcp-simulator-rig.ts";

export const project = "simulated-partner-public";
export const producer = `https://commerceproducer.googleapis.com/v1beta/projects/${project}/locations/global`;
export const procurement = `https://cloudcommerceprocurement.googleapis.com/v1/providers/${project}`;
export const service = `projects/${project}/locations/global/services/core.endpoints.${project}.cloud.goog`;
export const meter = `projects/${project}/locations/global/services/meter.endpoints.${project}.cloud.goog`;
export const enterprise = `${service}/standardOffers/enterprise-p1y`;
export const metered = `${meter}/standardOffers/metered`;
export const buyer = "billingAccounts/0AC3E0-123456-ABCDEF";
export const pushUrl = "https://cosell.example/hooks/gcp";

/** A delivery as it arrived, with its message read. */
export interface Push {
  readonly url: string;
  readonly token: string | null;
  readonly messageId: string;
  readonly subscription: string;
  /** The whole body. */
  readonly envelope: unknown;
  readonly event: {
    readonly eventId: string;
    readonly eventType: string;
    readonly providerId: string;
    readonly account?: { readonly id: string; readonly updateTime: string };
    readonly entitlement?: Readonly<Record<string, unknown>> & { readonly id: string };
  };
}

export const openMarketplace = (options: RigOptions = {}) => {
  const pushes: Push[] = [];
  let answerStatus = 204;
  const rig = openRig({
    ...options,
    deliver: async (request) => {
      const body = await request.json();
      pushes.push({
        url: request.url,
        token: request.headers.get("authorization")?.replace(/^Bearer /, "") ?? null,
        messageId: body.message.messageId,
        subscription: body.subscription,
        envelope: body,
        event: JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(body.message.data), (c) => c.charCodeAt(0)))),
      });
      return new Response(null, { status: answerStatus });
    },
  });
  const { controls, call, clock } = rig;
  const bare = (name: string): string => name.split("/").at(-1) ?? "";
  const ok = async (answer: Promise<Raw>): Promise<Raw["body"]> => {
    const { status, text, body } = await answer;
    if (status !== 200) throw new Error(`${status}: ${text}`);
    return body;
  };
  const offerAt = (id: string): string => `${producer}/privateOffers/${bare(id)}`;
  const draft = async (change: JsonObject = {}): Promise<string> => {
    const { name } = await ok(call("POST", `${producer}/privateOffers`, isWhole(change) ? change : goodOffer(change)));
    const agreement = { documentType: "STANDARD_END_USER_LICENSE_AGREEMENT_V2" };
    await ok(call("POST", `${offerAt(name)}/documents`, agreement));
    return bare(name);
  };
  const published = async (change: JsonObject = {}): Promise<string> => {
    const id = await draft(change);
    await ok(call("POST", `${offerAt(id)}:publish`, {}));
    await controls.advance(2 / 1440);
    return id;
  };
  return {
    ...rig,
    pushes,
    ok,
    offerAt,
    draft,
    published,
    /** What the endpoint answers from now on. */
    answerWith: (status: number): void => {
      answerStatus = status;
    },
    /** The types of the events that arrived, sorted, since the last time this was asked. */
    arrived: async (): Promise<readonly string[]> => {
      await controls.advance(10 / 86_400);
      return pushes
        .splice(0)
        .map(({ event }) => event.eventType)
        .toSorted();
    },
    offer: (id: string): Promise<Raw["body"]> => ok(call("GET", `${offerAt(id)}?view=PRIVATE_OFFER_VIEW_FULL`)),
    patch: (id: string, body: JsonObject, mask: string): Promise<Raw> =>
      call("PATCH", `${offerAt(id)}?updateMask=${mask}`, body),
    publish: (id: string, input: JsonObject = {}): Promise<Raw> => call("POST", `${offerAt(id)}:publish`, input),
    entitlement: (id: string): Promise<Raw["body"]> => ok(call("GET", `${procurement}/entitlements/${id}`)),
    account: (id: string): Promise<Raw["body"]> => ok(call("GET", `${procurement}/accounts/${bare(id)}`)),
    approveAccount: (name: string): Promise<Raw> =>
      call("POST", `${procurement}/accounts/${bare(name)}:approve`, { approvalName: "signup" }),
    approve: (id: string): Promise<Raw> => call("POST", `${procurement}/entitlements/${id}:approve`, {}),
    /** An offer that was accepted, approved by the partner, and has begun. */
    running: async (change: JsonObject = {}): Promise<{ readonly offer: string; readonly order: string }> => {
      const offer = await published(change);
      const { id, entitlement } = await controls.acceptOffer(offer);
      await call("POST", `${procurement}/accounts/${bare(String(entitlement.account))}:approve`, {});
      await ok(call("POST", `${procurement}/entitlements/${id}:approve`, {}));
      await controls.advance(21 / 1440);
      return { offer, order: id };
    },
    now: (): Date => clock.now(),
    control: async (method: string, path: string, body?: unknown): Promise<Raw> =>
      rawOf(
        await rig.simulator.control(
          new Request(`http://host.example${path}`, {
            method,
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          }),
        ),
      ),
  };
};
export type MarketplaceRig = ReturnType<typeof openMarketplace>;

/** What `repriced` makes needs nothing more. */
const isWhole = (change: JsonObject): boolean => ["title", "partnerContact", "term"].every((name) => name in change);

export const day = (year: number, month: number, date: number): JsonObject => ({
  year,
  month,
  day: date,
  timeZone: { id: "America/Los_Angeles" },
});
export const dollars = (units: number, cents = 0): JsonObject => ({
  currencyCode: "USD",
  units: String(units),
  ...(cents === 0 ? {} : { nanos: cents * 10_000_000 }),
});
export const flat = (units: number, cents = 0): JsonObject => ({ flatFee: { flatFeeOverride: dollars(units, cents) } });

/** An offer that Google would publish at the rig's start, but for its licence agreement. */
export const goodOffer = (change: JsonObject = {}): JsonObject =>
  merged(
    {
      title: "Example Foods - Enterprise",
      offerDealType: "NEW",
      internalNote: "cosell:offer-1",
      partnerContact: { contact: "Ada Partner", email: "ada@partner.example" },
      customer: {
        entityTitle: "Example Foods Inc",
        contact: "Pat Sample",
        email: "pat@foods.example",
        targetBillingAccount: buyer,
      },
      acceptDeadlineTime: day(2026, 7, 1),
      term: { startPolicy: "IMMEDIATE", endPolicy: "AFTER_DURATION", durationMonths: 12 },
      singleProductOffer: {
        baseStandardOffer: enterprise,
        standardIntervalPrice: { standardInterval: "YEARLY_NOT_PRORATED", priceModel: flat(120_000) },
      },
    },
    change,
  );

export const price = (over: JsonObject): JsonObject => ({ singleProductOffer: over });
export const custom = (...installments: readonly JsonObject[]): JsonObject => ({
  customIntervalPrice: { installments },
});
/** Another price in place of the usual one: members of a oneof must not meet. */
export const repriced = (over: JsonObject, change: JsonObject = {}): JsonObject => {
  const whole = goodOffer(change);
  const { standardIntervalPrice: _usual, ...rest } = objectAt(whole, "singleProductOffer");
  return { ...whole, singleProductOffer: { ...rest, ...over } };
};

/** The report files by their paths, as finance had got them by a day. */
export const filesOf = async (rig: MarketplaceRig, until?: string) => {
  const { files } = (await rig.control("GET", `/control/reports${until === undefined ? "" : `?until=${until}`}`)).body;
  return new Map<string, string>(files.map(({ path, text }: { path: string; text: string }) => [path, text]));
};
