/** Assembles the routes: who may call what, how answers are secured, what lies beside the API. No logic of its own. */
import { Hono } from "hono";
import { accessEndpoints } from "./http/access.ts";
import { agreementDecisionEndpoints } from "./http/agreement-decisions.ts";
import { agreementEndpoints } from "./http/agreements.ts";
import { answerRuleEndpoints } from "./http/answer-rules.ts";
import { attributionEndpoints } from "./http/attribution.ts";
import { backupEndpoints } from "./http/backup.ts";
import { cloudEndpoints } from "./http/clouds.ts";
import { companyEndpoints } from "./http/companies.ts";
import { connectionEndpoints } from "./http/connections.ts";
import { consentEndpoints } from "./http/consent.ts";
import { dealEndpoints } from "./http/deals.ts";
import { diagnosisEndpoints } from "./http/diagnosis.ts";
import { createDocument } from "./http/document.ts";
import { createDoor } from "./http/door.ts";
import type { AppDeps, Endpoint, Mount, TraceRequest } from "./http/endpoint.ts";
import { feeScheduleEndpoints } from "./http/fee-schedule.ts";
import { fieldEndpoints } from "./http/fields.ts";
import { hookRegistrationEndpoints } from "./http/hook-registration.ts";
import { hookEndpoints } from "./http/hooks.ts";
import { importEndpoints } from "./http/import.ts";
import { invitationAnswerEndpoints } from "./http/invitation-answers.ts";
import { invitationEndpoints } from "./http/invitations.ts";
import { journalEndpoints } from "./http/journal.ts";
import { landingEndpoints } from "./http/landing.ts";
import { marketplaceEndpoints } from "./http/marketplaces.ts";
import { metricEndpoints } from "./http/metrics.ts";
import { decisionEndpoints } from "./http/money-decisions.ts";
import { oauthEndpoints } from "./http/oauth.ts";
import { oauthClientEndpoints } from "./http/oauth-clients.ts";
import { offerDecisionEndpoints } from "./http/offer-decisions.ts";
import { offerDraftEndpoints } from "./http/offer-drafts.ts";
import { offerTemplateEndpoints } from "./http/offer-templates.ts";
import { offerEndpoints } from "./http/offers.ts";
import { pageEndpoints } from "./http/pages.ts";
import { periodEndpoints } from "./http/periods.ts";
import { ProblemError } from "./http/problem.ts";
import { queueEndpoints } from "./http/queues.ts";
import { reconciliationEndpoints } from "./http/reconciliations.ts";
import { createReference } from "./http/reference.ts";
import { reportEndpoints } from "./http/reports.ts";
import { revenueEndpoints } from "./http/revenue.ts";
import { shareRuleTrialEndpoints } from "./http/share-rule-trial.ts";
import { shareRuleEndpoints } from "./http/share-rules.ts";
import { shareReadEndpoints } from "./http/share-views.ts";
import { shareWriteEndpoints } from "./http/shares.ts";
import { taskEndpoints } from "./http/tasks.ts";
import { toldEndpoints } from "./http/told.ts";
import { webhookMessageEndpoints } from "./http/webhook-messages.ts";
import { webhookEndpoints } from "./http/webhooks.ts";

export type { AppDeps, RunFilter } from "./http/endpoint.ts";

/** Every route of the API, in the order they are matched and documented. */
export const createEndpoints = (deps: AppDeps): readonly Endpoint[] => {
  const describe = once(() => createDocument(endpoints, deps.publicUrl));
  const endpoints: readonly Endpoint[] = [
    ...marketplaceEndpoints(deps),
    ...connectionEndpoints(deps),
    ...oauthClientEndpoints(deps),
    ...queueEndpoints(deps),
    ...hookRegistrationEndpoints(deps),
    ...consentEndpoints(deps),
    ...diagnosisEndpoints(deps),
    ...importEndpoints(deps),
    ...dealEndpoints(deps),
    ...fieldEndpoints(deps),
    ...shareReadEndpoints(deps),
    ...shareWriteEndpoints(deps),
    ...taskEndpoints(deps),
    ...toldEndpoints(deps),
    ...cloudEndpoints(deps),
    // Before the routes of one offer: they would take "extend" for an id.
    ...offerDecisionEndpoints(deps),
    ...offerDraftEndpoints(deps),
    ...offerEndpoints(deps),
    ...offerTemplateEndpoints(deps),
    ...agreementEndpoints(deps),
    ...agreementDecisionEndpoints(deps),
    ...feeScheduleEndpoints(deps),
    ...reportEndpoints(deps),
    ...revenueEndpoints(deps),
    ...reconciliationEndpoints(deps),
    ...attributionEndpoints(deps),
    ...landingEndpoints(deps),
    ...invitationEndpoints(deps),
    ...invitationAnswerEndpoints(deps),
    ...answerRuleEndpoints(deps),
    // Before the route of one rule: it would take "fields" for an id.
    ...shareRuleTrialEndpoints(deps),
    ...shareRuleEndpoints(deps),
    ...companyEndpoints(deps),
    ...journalEndpoints(deps),
    ...periodEndpoints(deps),
    ...decisionEndpoints(deps),
    ...accessEndpoints(deps),
    ...backupEndpoints(deps),
    ...hookEndpoints(deps),
    ...oauthEndpoints(deps),
    ...webhookEndpoints(deps),
    ...webhookMessageEndpoints(deps),
    ...metricEndpoints(deps),
    ...pageEndpoints(deps, {
      openapi: once(() => JSON.stringify(describe())),
      page: () => createReference(describe()),
    }),
  ];
  return endpoints;
};

/** The service's HTTP side, as a Hono app. Nothing is contacted before the first request. */
export const createApp = (deps: AppDeps): Hono => {
  const app = new Hono();
  const door = createDoor(deps);
  const endpoints = createEndpoints(deps);
  const trace: TraceRequest = deps.trace ?? ((_endpoint, _request, work) => work());
  const defaults = securityHeaders(deps.publicUrl);
  app.use(async (context, next) => {
    await next();
    const answer = secured(context.res, defaults);
    if (answer !== context.res) context.res = answer;
  });
  for (const endpoint of endpoints) {
    const path = endpoint.path.replaceAll(/\{(\w+)\}/g, ":$1");
    app.on(endpoint.method, path, ({ req }) =>
      trace(endpoint, req.raw, () => door.serve(endpoint, req.raw, req.param())),
    );
  }
  for (const mount of deps.mounts ?? []) {
    app.all(mount.path, (context) => mount.handler(stripped(context.req.raw, mount)));
    app.all(`${mount.path}/*`, (context) => mount.handler(stripped(context.req.raw, mount)));
  }
  app.notFound((context) => door.refuse(nothingAt(endpoints, context.req.raw), context.req.raw, "none"));
  app.onError((error, context) => door.refuse(error, context.req.raw, "none"));
  return app;
};

/** What is wrong with asking there: nothing at this path, or not with this method. */
const nothingAt = (endpoints: readonly Endpoint[], request: Request): ProblemError => {
  const { pathname } = new URL(request.url);
  const methods = endpoints
    .filter((endpoint) => new RegExp(`^${endpoint.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(pathname))
    .map((endpoint) => endpoint.method);
  if (methods.length === 0)
    return new ProblemError("not-found", "There is nothing at this path. The routes are listed under /docs.");
  const allowed = [
    ...new Set<string>(methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]))),
  ].join(", ");
  return new ProblemError("method-not-allowed", `This path takes ${allowed}.`, { headers: { allow: allowed } });
};

const stripped = (request: Request, mount: Mount): Request => {
  const url = new URL(request.url);
  url.pathname = url.pathname.slice(mount.path.length) || "/";
  const { method, headers, signal } = request;
  const bodyless = method === "GET" || method === "HEAD" || request.body === null;
  // Streaming a body on asks for half duplex; the type of fetch's options does not know it everywhere.
  const streamed = { body: request.body, duplex: "half" };
  return new Request(url, { method, headers, signal, ...(bodyless ? {} : streamed) });
};

/** The answer with the security headers it does not set itself. What a mount passes on from elsewhere cannot be changed in place. */
const secured = (response: Response, defaults: Readonly<Record<string, string>>): Response => {
  const missing = Object.entries(defaults).filter(([name]) => !response.headers.has(name));
  try {
    for (const [name, value] of missing) response.headers.set(name, value);
    return response;
  } catch {
    const headers = new Headers(response.headers);
    for (const [name, value] of missing) headers.set(name, value);
    const { status, statusText } = response;
    return new Response(response.body, { status, statusText, headers });
  }
};

const securityHeaders = (publicUrl: string): Readonly<Record<string, string>> => ({
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
  ...(publicUrl.startsWith("https:") ? { "strict-transport-security": "max-age=31536000" } : {}),
});

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};
