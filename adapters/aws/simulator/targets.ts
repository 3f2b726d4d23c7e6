/** Where EventBridge delivers to: API destinations, with a key in a header or with OAuth, and SQS queues. */
import * as z from "zod";

const whose = {
  id: z.string().default("default"),
  /** Null: every account, every catalog. */
  account: z.string().nullable().default(null),
  catalog: z.string().nullable().default(null),
};
const parameters = z.record(z.string(), z.string()).default({});

export const destinationSchema = z.union([
  z.strictObject({ ...whose, url: z.url(), headerName: z.string().min(1), headerValue: z.string().min(1) }),
  z.strictObject({
    ...whose,
    url: z.url(),
    oauth: z
      .strictObject({
        tokenUrl: z.url(),
        clientId: z.string().min(1),
        clientSecret: z.string().min(1),
        body: parameters.describe("OAuth HTTP parameters in the form, for example grant_type"),
        header: parameters,
        query: parameters,
      })
      .describe("client credentials: the token is fetched there and sent as bearer"),
  }),
  z.strictObject({ ...whose, queue: z.string().min(1).describe("the name of a queue of the same account") }),
]);
export type Destination = z.infer<typeof destinationSchema>;

/** The destination without what proves the sender. */
export const withoutSecrets = (destination: Destination) => {
  if ("headerValue" in destination) return { ...destination, headerValue: "(hidden)" };
  if (!("oauth" in destination)) return destination;
  return { ...destination, oauth: { ...destination.oauth, clientSecret: "(hidden)" } };
};

export const queueSchema = z.strictObject({
  /** `account/name`, as at the end of a queue's URL. */
  id: z.string(),
  account: z.string(),
  name: z.string().regex(/^[A-Za-z0-9_-]{1,80}$/),
  visibilitySeconds: z.int().min(0).max(43_200),
  retentionSeconds: z.int().min(60).max(1_209_600),
  redrive: z.strictObject({ queue: z.string(), maxReceiveCount: z.int().min(1).max(1_000) }).nullable(),
  duplicates: z.number().min(0).max(1),
  shuffled: z.boolean(),
  createdAt: z.string(),
});
export type Queue = z.infer<typeof queueSchema>;

export const messageSchema = z.object({
  id: z.string(),
  queueId: z.string(),
  sequence: z.number(),
  body: z.string(),
  sentAt: z.string(),
  visibleAt: z.string(),
  receives: z.number(),
  firstReceivedAt: z.string().nullable(),
});
export type Message = z.infer<typeof messageSchema>;
