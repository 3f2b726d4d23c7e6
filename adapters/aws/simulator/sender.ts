/**
 * How EventBridge calls an API destination: with the connection's key in a header, or with a bearer token that it fetches
 * with the client's credentials, keeps until a minute before its end, and renews once when the answer is 401 or 407.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-auth.html
 */
import * as z from "zod";
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { SimulatorDeps } from "../../contract.ts";
import type { Destination } from "./targets.ts";

const renewMs = 60_000;
const tokenSchema = z.looseObject({ access_token: z.string().min(1), expires_in: z.number().optional() });

type Deliver = SimulatorDeps["deliver"];
type OAuthDestination = Extract<Destination, { oauth: unknown }>;
type ApiDestination = Exclude<Destination, { queue: string }>;
export interface Posting {
  readonly destination: ApiDestination;
  readonly envelope: JsonObject;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** Posts events. Returns the status of the answer; 0 when there was none, also when no token could be had. */
export const createSender = (deliver: Deliver) => {
  const tokens = new Map<string, { readonly token: string; readonly untilMs: number }>();

  const fetchToken = async (destination: OAuthDestination, { now, signal }: Posting): Promise<string | null> => {
    const { tokenUrl, clientId, clientSecret, body, header, query } = destination.oauth;
    const url = new URL(tokenUrl);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const request = new Request(url, {
      method: "POST",
      headers: {
        ...header,
        "content-type": "application/x-www-form-urlencoded",
        authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}`,
      },
      body: new URLSearchParams({ grant_type: "client_credentials", ...body }).toString(),
      signal,
    });
    const answer = await deliver(request);
    if (!answer.ok) return null;
    const parsed = tokenSchema.safeParse(await answer.json());
    if (!parsed.success) return null;
    const { access_token: token, expires_in: seconds = 0 } = parsed.data;
    tokens.set(destination.id, { token, untilMs: now.getTime() + seconds * 1_000 - renewMs });
    return token;
  };

  const post = async ({ destination, envelope, signal }: Posting, headers: Readonly<Record<string, string>>) => {
    const request = new Request(destination.url, {
      method: "POST",
      headers: {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Amazon/EventBridge/ApiDestinations",
        ...headers,
      },
      body: JSON.stringify(envelope),
      signal,
    });
    const response = await deliver(request);
    await response.body?.cancel().catch(() => undefined);
    return response.status;
  };

  const postWithToken = async (destination: OAuthDestination, posting: Posting): Promise<number> => {
    const kept = tokens.get(destination.id);
    const isFresh = kept !== undefined && posting.now.getTime() < kept.untilMs;
    const token = isFresh ? kept.token : await fetchToken(destination, posting);
    if (token === null) return 0;
    const status = await post(posting, { authorization: `Bearer ${token}` });
    if (status !== 401 && status !== 407) return status;
    tokens.delete(destination.id);
    if (!isFresh) return status;
    const next = await fetchToken(destination, posting);
    return next === null ? status : post(posting, { authorization: `Bearer ${next}` });
  };

  return {
    send: async (posting: Posting): Promise<number> => {
      const { destination } = posting;
      try {
        return "oauth" in destination
          ? await postWithToken(destination, posting)
          : await post(posting, { [destination.headerName]: destination.headerValue });
      } catch {
        return 0;
      }
    },
  };
};
