/** A service with webhooks out, in virtual time, and receivers that answer as they are told. */
import type { PublicAnswer, PublicHttp, PublicPost } from "../src/ports.ts";
import { openWorld, type WorldOptions } from "./world.ts";

export interface Posted extends PublicPost {
  readonly at: Date;
}
type Answer = PublicAnswer | Error | number;
export type Receiver = (post: Posted, nth: number) => Answer | Promise<Answer>;

export interface ShownMessage {
  readonly id: string;
  readonly type: string;
  readonly state: string;
  readonly attempts: number;
  readonly dueAt: string | null;
  readonly log: readonly { readonly status: number | null; readonly error: string | null; readonly at: string }[];
}
export interface ShownWebhook {
  readonly id: string;
  readonly secret: string;
  readonly state: string;
  readonly disabledReason: string | null;
  readonly failingSince: string | null;
  readonly pausedUntil: string | null;
  readonly version: number;
}

const dailySweep = "TZ=UTC 0 4 * * *";

export const openWebhooks = async (seed: string, options: Partial<WorldOptions> = {}) => {
  const posts: Posted[] = [];
  const receivers = new Map<string, Receiver>();
  const scripted: PublicHttp = {
    refusal: async () => null,
    post: async (request) => {
      const post = { ...request, at: world.clock.now() };
      posts.push(post);
      const nth = posts.filter((other) => other.url === request.url).length;
      const answer = (await receivers.get(request.url)?.(post, nth)) ?? 204;
      if (answer instanceof Error) throw answer;
      return typeof answer === "number" ? { status: answer, retryAfter: null } : answer;
    },
  };
  const world = await openWorld({ seed, publicHttp: scripted, sweepCron: dailySweep, ...options });
  const { call, service, db, timeline } = world;
  let made = 0;
  const messages = async (webhookId: string, query = ""): Promise<readonly ShownMessage[]> => {
    const { body } = await call<{ items: readonly ShownMessage[] }>(
      "GET",
      `/v1/webhooks/${webhookId}/messages${query}`,
    );
    return body.items;
  };
  return {
    ...world,
    posts,
    /** Registers an endpoint of its own address that answers as `receiver` says; default: 204. */
    add: async (receiver: Receiver = () => 204, more: Readonly<Record<string, unknown>> = {}) => {
      const url = `https://hooks.example/${seed}/${made++}`;
      receivers.set(url, receiver);
      const { status, body } = await call<ShownWebhook>("POST", "/v1/webhooks", { url, ...more });
      if (status !== 201) throw new Error(JSON.stringify(body));
      return { ...body, url, posted: () => posts.filter((post) => post.url === url) };
    },
    /** A fact comes true and is told. */
    tell: async (opportunityId = "opp_1") => {
      await service.store.journal.tell(db.sql, "opportunity.changed", opportunityId, { opportunityId, version: 1 });
      await timeline.settle();
    },
    messages,
    message: async (webhookId: string): Promise<ShownMessage> => {
      const [newest] = await messages(webhookId, "?limit=1");
      if (newest === undefined) throw new Error("there is no message");
      return newest;
    },
    webhook: async (webhookId: string): Promise<ShownWebhook> =>
      (await call<ShownWebhook>("GET", `/v1/webhooks/${webhookId}`)).body,
  };
};
