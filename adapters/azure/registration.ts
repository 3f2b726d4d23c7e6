/**
 * Where Partner Center delivers webhooks. A tenant has one registration: saving ours takes the place of what is there, also of a CRM
 * connector's, so it is read first and told to a person.
 * https://learn.microsoft.com/en-us/partner-center/developer/partner-center-webhooks
 * https://learn.microsoft.com/en-us/rest/api/partner-center/webhook
 */
import * as z from "zod";
import { type Fault, failed, ok, type Result } from "../../src/domain/fault.ts";
import type { ClockDep, HttpDep, IdsDep } from "../../src/ports.ts";
import type { HookRegistration, QuotaDep, RegisteredHook } from "../contract.ts";
import { type Answered, type Asked, createExchange, passingFault } from "./exchange.ts";
import { isMfaRefused, mfaMessage, scopes } from "./grants.ts";
import { referralEvents, testEvent } from "./hooks.ts";

const base = "https://api.partnercenter.microsoft.com/webhooks/v1/registration";
const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const hookEvents: readonly string[] = [...referralEvents, testEvent];

/** Members are written in one casing by the guide and in another by the reference. */
const loweredSchema = z
  .record(z.string(), z.unknown())
  .transform((json) => Object.fromEntries(Object.entries(json).map(([name, value]) => [name.toLowerCase(), value])));
const registrationSchema = loweredSchema.pipe(
  z.object({ webhookurl: z.string(), webhookevents: z.array(z.string()).nullish() }),
);
const correlationSchema = z.union([
  z.string().regex(guid),
  loweredSchema.pipe(z.object({ correlationid: z.string().regex(guid) })).transform((json) => json.correlationid),
]);
const validationSchema = loweredSchema.pipe(
  z.object({
    status: z.string(),
    results: z
      .array(
        loweredSchema.pipe(
          z.object({ responsecode: z.coerce.string().catch(""), systemerror: z.boolean().catch(false) }),
        ),
      )
      .nullish(),
  }),
);

/** Who signs in: the application alone, or for a user; the registration takes both. */
export interface Bearer {
  readonly token: (scope: string) => Promise<Result<string>>;
  readonly drop: (scope: string) => void;
}
export interface RegistrationTarget {
  readonly endpoint?: string | undefined;
  readonly renew: string;
}
type Deps = ClockDep & HttpDep & IdsDep & QuotaDep;

export const createRegistration = (deps: Deps, target: RegistrationTarget, bearer: Bearer): HookRegistration => {
  const exchange = createExchange(deps, target.endpoint);
  const ask = async (asked: Omit<Asked, "headers" | "what">, kind: "read" | "write"): Promise<Result<Answered>> => {
    const what = "Partner Center's webhook registration";
    const leave = await deps.quota.take(kind);
    if (!leave.ok) return leave;
    const token = await bearer.token(scopes.webhooks);
    if (!token.ok) return token;
    const headers = {
      accept: "application/json",
      authorization: `Bearer ${token.value}`,
      "ms-correlationid": deps.ids.uuid(),
      "ms-requestid": deps.ids.uuid(),
      ...(asked.body === undefined ? {} : { "content-type": "application/json" }),
    };
    const answered = await exchange({ ...asked, headers, what });
    // Reads change nothing, so a lost answer is only a failed try.
    if (!answered.ok && kind === "read") return failed({ kind: "unavailable", message: answered.fault.message });
    if (!answered.ok) return answered;
    const { status } = answered.value;
    if (status === 401) bearer.drop(scopes.webhooks);
    // Trouble on their side may come after they did it.
    if (kind === "write" && (status === 408 || (status >= 500 && !answered.value.headers.has("retry-after"))))
      return failed({ kind: "ambiguous", message: `${what}: answered ${status}` });
    return answered;
  };
  const read = async (): Promise<Result<RegisteredHook | null>> => {
    const answered = await ask({ url: base }, "read");
    if (!answered.ok) return answered;
    const { status, bytes } = answered.value;
    // A tenant without one is answered 404, or with nothing.
    if (status === 404 || status === 204 || (status === 200 && bytes.length === 0)) return ok(null);
    return readHook(answered.value, faultOf(target, deps, answered.value));
  };
  return {
    events: hookEvents,
    read,
    save: async (url) => {
      const before = await read();
      if (!before.ok) return before;
      const there = before.value;
      const isOurs = there?.url === url;
      if (there !== null && isOurs && hookEvents.every((event) => there.events.includes(event))) return ok(there);
      // Somebody may have added events to our own address; what was delivered elsewhere is not asked for here.
      const events = [...new Set([...hookEvents, ...(isOurs ? there.events : [])])];
      const body = { WebhookUrl: url, WebhookEvents: events, signatureTokenToMsSignatureHeader: true };
      const method = there === null ? "POST" : "PUT";
      const answered = await ask({ url: base, method, body: JSON.stringify(body) }, "write");
      if (!answered.ok) return answered;
      const fault = faultOf(target, deps, answered.value);
      if (fault === null && answered.value.bytes.length === 0) return ok({ url, events });
      return readHook(answered.value, fault);
    },
    test: async () => {
      const answered = await ask({ url: `${base}/validationEvents`, method: "POST", body: "" }, "write");
      if (!answered.ok) return answered;
      const fault = faultOf(target, deps, answered.value);
      if (fault !== null) return failed(fault);
      const parsed = correlationSchema.safeParse(answered.value.json);
      return parsed.success ? ok({ id: parsed.data }) : failed(drifted);
    },
    testState: async (id) => {
      if (!guid.test(id)) return failed({ kind: "missing", message: "there is no such test" });
      const answered = await ask({ url: `${base}/validationEvents/${id}` }, "read");
      if (!answered.ok) return answered;
      const fault = faultOf(target, deps, answered.value);
      if (fault !== null) return failed(fault);
      const parsed = validationSchema.safeParse(answered.value.json);
      return parsed.success ? ok(stateOf(parsed.data)) : failed(drifted);
    },
  };
};

const drifted: Fault = { kind: "drift", message: "Partner Center's answer about webhooks is not as documented" };

const readHook = ({ json }: Answered, fault: Fault | null): Result<RegisteredHook> => {
  if (fault !== null) return failed(fault);
  const parsed = registrationSchema.safeParse(json);
  return parsed.success
    ? ok({ url: parsed.data.webhookurl, events: parsed.data.webhookevents ?? [] })
    : failed(drifted);
};

/** What an answer that is no success means; null: it is one. Nothing of its text is repeated. */
const faultOf = ({ renew }: RegistrationTarget, { clock }: ClockDep, answer: Answered): Fault | null => {
  const what = "Partner Center's webhook registration";
  const { status } = answer;
  if (status >= 200 && status < 300) return null;
  const passing = passingFault(what, answer, clock.now());
  if (passing !== null) return passing;
  if (status === 401 && isMfaRefused(new TextDecoder().decode(answer.bytes)))
    return { kind: "denied", message: mfaMessage(renew) };
  if (status === 401) return { kind: "denied", message: `${what}: the token is refused. Sign in again: ${renew}` };
  if (status === 403)
    return {
      kind: "denied",
      message: `${what}: not allowed. Give the user or application that signs in the role Admin agent or Referrals admin in Partner Center`,
    };
  if (status === 404) return { kind: "missing", message: `${what}: there is none` };
  if (status === 409) return { kind: "conflict", message: `${what}: it was changed at the same time` };
  return {
    kind: "rejected",
    message: `${what}: answered ${status}`,
    gaps: [
      {
        field: "webhook",
        code: "not_allowed",
        message: `Partner Center answered ${status}`,
        fix: "the address must be https and reachable from the internet; check COSELL_PUBLIC_URL",
        source: "https://learn.microsoft.com/en-us/partner-center/developer/partner-center-webhooks",
      },
    ],
  };
};

type Validation = z.infer<typeof validationSchema>;
const stateOf = ({
  status,
  results,
}: Validation): { readonly state: "waiting" | "delivered" | "failed"; readonly detail: string } => {
  const codes = (results ?? []).map(({ responsecode }) => responsecode.slice(0, 40).replaceAll(/[^\w .-]/g, ""));
  const last = codes.at(-1) ?? "";
  const tries = `${codes.length} ${codes.length === 1 ? "try" : "tries"}`;
  if (/^(OK|Accepted|2\d\d)$/i.test(last)) return { state: "delivered", detail: `our address answered ${last}` };
  if (/^(completed|failed)$/i.test(status))
    return { state: "failed", detail: `${tries}, last answer ${last || "none"}` };
  return {
    state: "waiting",
    detail: codes.length === 0 ? "not delivered yet" : `${tries} so far, last answer ${last}`,
  };
};
