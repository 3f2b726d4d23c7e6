/**
 * How the marketplace's two services refuse: each with its own body.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/private-offer-api-troubleshooting
 * https://github.com/microsoft/commercial-marketplace-openapi/blob/main/Microsoft.Marketplace.SaaS/2018-08-31/saasapi.v2.json
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { graphHost, marketplaceHost } from "../../wire-offers.ts";
import { Refusal } from "../answers.ts";

const ingestionCodes: Readonly<Record<number, string>> = {
  400: "badRequest",
  401: "unauthorized",
  403: "forbidden",
  404: "notFound",
  409: "conflict",
  429: "tooManyRequests",
};

export interface Detail {
  readonly code: string;
  readonly message: string;
  readonly target: string;
}
/** A refusal of the Product Ingestion API. */
export const ingestionRefusal = (
  status: number,
  message: string,
  more: { readonly details?: readonly Detail[]; readonly headers?: Readonly<Record<string, string>> } = {},
): Refusal =>
  new Refusal(message, {
    status,
    headers: more.headers ?? {},
    body: {
      error: {
        code: ingestionCodes[status] ?? "internalError",
        message,
        ...(more.details ? { details: more.details.map((detail): JsonObject => ({ ...detail })) } : {}),
      },
    },
  });

const fulfillmentCodes: Readonly<Record<number, string>> = {
  400: "BadArgument",
  403: "Forbidden",
  404: "EntityNotFound",
  409: "Conflict",
};
/** A refusal of the SaaS fulfillment API. */
export const fulfillmentRefusal = (status: number, message: string): Refusal =>
  new Refusal(message, {
    status,
    headers: {},
    body: { error: { code: fulfillmentCodes[status] ?? "InternalServerError", message } },
  });

/** A token that is missing or wrong, in the words of the service that was asked; Partner Center's own stay as they are. */
export const unauthorizedAt = (host: string, refusal: Refusal): Refusal => {
  if (host === graphHost) return ingestionRefusal(401, refusal.message, { headers: refusal.headers });
  return host === marketplaceHost ? fulfillmentRefusal(403, refusal.message) : refusal;
};
