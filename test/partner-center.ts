/** Partner Center's webhook registration in small: one for the tenant, tests twice a minute. */
import type { Http } from "../src/ports.ts";

export interface CenterRules {
  /** Answers before anything is done, once. */
  before?: (() => Promise<Response | undefined> | Response | undefined) | undefined;
  /** Answers after it was done, once: the work stands. */
  after?: (() => Response | undefined) | undefined;
}
interface Registration {
  WebhookUrl: string;
  WebhookEvents: string[];
  signatureTokenToMsSignatureHeader?: boolean;
}

export const createCenter = (rules: CenterRules = {}) => {
  const state: { registration: Registration | null; validation: object } = {
    registration: null,
    validation: { status: "submitted", results: null },
  };
  const asked: { readonly method: string; readonly url: string; readonly headers: Headers; readonly body: string }[] =
    [];
  const once = async (name: "before" | "after"): Promise<Response | undefined> => {
    const rule = rules[name];
    rules[name] = undefined;
    return rule?.();
  };
  const answer = (method: string, path: string, body: string): Response => {
    if (path.endsWith("/registration") && method === "GET")
      return state.registration === null ? new Response(null, { status: 404 }) : Response.json(state.registration);
    if (path.endsWith("/registration")) {
      if ((method === "POST") !== (state.registration === null)) return Response.json({}, { status: 409 });
      state.registration = JSON.parse(body);
      return Response.json({ SubscriberId: "e82cac64-dc67-4cd3-849b-78b6127dd57d", ...state.registration });
    }
    if (path.endsWith("/validationEvents") && method === "POST")
      return Response.json({ correlationId: "04af2aea-d413-42db-824e-f328001484d1" });
    return path.endsWith("/04af2aea-d413-42db-824e-f328001484d1")
      ? Response.json(state.validation)
      : Response.json({}, { status: 404 });
  };
  const http: Http = async (request, limits) => {
    const url = new URL(request.url);
    if (!limits.hosts.includes(url.host)) throw new Error(`${url.host} is not allowed`);
    const body = await request.text();
    asked.push({ method: request.method, url: request.url, headers: request.headers, body });
    const refused = await once("before");
    if (refused !== undefined) return refused;
    const answered = answer(request.method, url.pathname, body);
    return (await once("after")) ?? answered;
  };
  const writes = () =>
    asked.filter(({ method }) => method !== "GET").map(({ method, url }) => `${method} ${new URL(url).pathname}`);
  return { http, state, asked, rules, writes };
};
