/**
 * News of accounts and entitlements, published to Google's topic and pushed to the partner's subscription: at least once, in no order, again
 * until it is acknowledged or too old.
 * https://cloud.google.com/pubsub/docs/push and https://cloud.google.com/marketplace/docs/partners/integrated-saas/manage-entitlements
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import type { SimulatorDeps } from "../../../contract-simulator.ts";
import { bothStruck, unstruck } from "../../../simulator/faults.ts";
import { addDays, addSeconds } from "../../../simulator/ground.ts";
import { createOutbox, unsent } from "../../../simulator/outbox.ts";
import type { DueKind } from "../ledger.ts";
import type { Occasion, World } from "../world.ts";
import { createPushTokens } from "./pushtokens.ts";
import type { BuyerAccountRecord, EntitlementRecord, Forgery, PushRecord } from "./records.ts";

/** Any of these acknowledges a message. */
const acknowledging = [102, 200, 201, 202, 204];

export interface News {
  readonly eventType: string;
  readonly provider: string;
  readonly subject: string;
  /** `account` or `entitlement`, with what is told of it. */
  readonly told: JsonObject;
}

export interface PushParts {
  readonly deliver: SimulatorDeps["deliver"];
  readonly aheadMs: () => number;
}

export const createPushes = (world: World, { deliver, aheadMs }: PushParts) => {
  const { ledger } = world;
  const tokens = createPushTokens(world, aheadMs);

  const envelope = (event: PushRecord, subscription: string): JsonObject => ({
    message: {
      attributes: {},
      data: base64Of(JSON.stringify(event.data)),
      messageId: event.messageId,
      message_id: event.messageId,
      publishTime: event.at,
      publish_time: event.at,
    },
    subscription,
  });

  const outbox = createOutbox<PushRecord, DueKind>({
    ...world,
    events: ledger.pushes,
    due: ledger.due,
    kind: "delivery",
    limits: () => {
      const { pushSeconds, pushesMax } = world.settings().marketplace;
      return { eventSeconds: pushSeconds, eventsMax: pushesMax };
    },
    targetsOf: () => ledger.subscriptions.ids(),
    post: async (event, target, signal) => {
      const subscription = ledger.subscriptions.get(target);
      if (!subscription) return 410;
      try {
        const token = await tokens.tokenFor(subscription, event.forgery);
        const headers = {
          "content-type": "application/json",
          "user-agent": "CloudPubSub-Google",
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        };
        const body = JSON.stringify(envelope(event, subscription.id));
        const response = await deliver(new Request(subscription.url, { method: "POST", headers, body, signal }));
        await response.body?.cancel().catch(() => undefined);
        return acknowledging.includes(response.status) ? 204 : Math.max(response.status, 300);
      } catch {
        return 0;
      }
    },
    again: ({ due, attempts }, event) => {
      const { retrySeconds, retentionDays } = world.settings().marketplace;
      const [least, most] = retrySeconds;
      const isGone = event === null || event.forgery !== null || !ledger.subscriptions.get(due.destinationId ?? "");
      if (isGone || world.now() >= addDays(new Date(event.at), retentionDays)) return null;
      const wait = Math.min(most, least * 2 ** Math.min(attempts - 1, 20));
      return addSeconds(world.now(), wait * world.dice.between([0.8, 1], "push retry", due.id, attempts));
    },
    booked: () => undefined,
  });

  const record = ({ eventType, provider, subject, told }: News, isLost: boolean): PushRecord => {
    const sequence = world.sequence();
    const eventId = `${eventType}-${world.uuid("event")}`;
    return {
      ...unsent,
      id: `push-${sequence}`,
      sequence,
      account: provider,
      at: world.now().toISOString(),
      lost: isLost,
      eventId,
      messageId: String(9_000_000_000_000_000 + sequence),
      eventType,
      subject,
      data: { eventId, eventType, ...told, providerId: provider },
      forgery: null,
    };
  };

  /** Publishes news. Under a fault the same fact comes again as another message. */
  const publish = (news: News, occasion: Occasion): void => {
    const struck = bothStruck(world.faults.strike("event", news.eventType), occasion.struck);
    outbox.add(record(news, struck.has("event_lost")), struck);
    if (struck.has("event_repeated")) outbox.add(record(news, false), struck);
  };

  return {
    ...outbox,
    tokens,
    account: (eventType: string, row: BuyerAccountRecord, occasion: Occasion): void =>
      publish(
        {
          eventType,
          provider: row.provider,
          subject: row.id,
          told: { account: { id: row.id, updateTime: row.updatedAt } },
        },
        occasion,
      ),
    /** `more`: what the message tells beside the id and the time. */
    entitlement: (
      eventType: string,
      row: EntitlementRecord,
      { more = {}, ...occasion }: Occasion & { readonly more?: JsonObject },
    ): void =>
      publish(
        {
          eventType,
          provider: row.provider,
          subject: row.id,
          told: { entitlement: { id: row.id, updateTime: row.updatedAt, ...more } },
        },
        occasion,
      ),
    /** Somebody else pushes as if it were Google. Returns how many deliveries that makes. */
    forge: (forgery: Forgery, news: News): number => {
      const event = { ...record(news, false), forgery };
      return outbox.add(event, unstruck, world.now()).pending;
    },
  };
};
export type Pushes = ReturnType<typeof createPushes>;

const base64Of = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
