/** Where a buyer arrives from the marketplace: the token is read there, the agreement is followed up, the buyer sees a plain page. */
import * as z from "zod";
import type { AgreementObservation } from "../domain/offer.ts";
import { escaped } from "./consent-page.ts";
import { sessionOf } from "./credentials.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf } from "./endpoint.ts";
import { notFound } from "./problem.ts";

const tokenCharactersMax = 8_192;

export const landingEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path: "/landing/{connection}",
    tag: "Agreements",
    scope: null,
    summary: "Where a buyer arrives from the marketplace after a purchase",
    description:
      "The marketplace sends the buyer here with a token. It is read there, the agreement is looked at, and what the marketplace waits for is done.",
    params: z.strictObject({ connection: idOf("con", "connection") }),
    query: z.looseObject({ token: z.string().min(1).max(tokenCharactersMax).optional() }),
    answers: {
      200: { description: "the buyer's page", mediaType: "text/html" },
      400: { description: "the token is none, or has run out", mediaType: "text/html" },
      503: { description: "the marketplace did not answer", mediaType: "text/html" },
    },
    problems: ["not-found"],
    handle: async ({ params, query }) => {
      const connection = await deps.store.connections.find(deps.db.sql, params.connection);
      const landing = connection === null ? undefined : sessionOf(deps, connection).landing;
      if (connection === null || landing === undefined) throw notFound("landing page", params.connection);
      if (query.token === undefined)
        return page(400, "This page needs a token", [
          "Please open it from your subscription at the marketplace: it sends you here with a token.",
        ]);
      // Browsers and some gateways turn the plus signs of an unencoded token into spaces.
      const result = await landing.resolve(query.token.replaceAll(" ", "+"));
      if (!result.ok)
        return result.fault.kind === "missing" || result.fault.kind === "rejected"
          ? page(400, "The token is not valid any more", [
              "It has run out, or was changed on the way. Please open this page again from your subscription at the marketplace.",
            ])
          : page(503, "Please try again in a minute", ["The marketplace did not answer just now. Nothing is lost."]);
      const connectionId = connection.id;
      const remoteId = result.value.ref.id;
      await commit(deps, (tx) =>
        deps.store.journal.tell(tx, "agreement.hinted", connectionId, { connectionId, remoteId }),
      );
      return page(200, "Thank you for your purchase", linesOf(result.value));
    },
  }),
];

const linesOf = ({ product, plan, buyer }: AgreementObservation): readonly string[] => [
  `We have received your purchase${product === null ? "" : ` of ${product}`}${plan === null ? "" : ` (plan ${plan})`}${buyer.name === null ? "" : ` for ${buyer.name}`}.`,
  "Your subscription is being set up; we will be in touch where anything is needed of you. You can close this page.",
];

const page = (status: number, title: string, lines: readonly string[]): Response => {
  const body = lines.map((line) => `<p>${escaped(line)}</p>`).join("");
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(title)}</title></head><body><main><h1>${escaped(title)}</h1>${body}</main></body></html>`;
  const retry: Readonly<Record<string, string>> = status === 503 ? { "retry-after": "60" } : {};
  return new Response(html, { status, headers: { ...retry, "content-type": "text/html; charset=utf-8" } });
};
