/**
 * Where webhooks go: one registration for a tenant, with one address for all its events, and test events to try it.
 * https://learn.microsoft.com/en-us/partner-center/developer/partner-center-webhooks
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { WireAnswer } from "../../simulator/departure.ts";
import { isObject } from "../../simulator/document.ts";
import { addDays, addSeconds } from "../../simulator/ground.ts";
import { answered, invalid, notFound, refusal } from "./answers.ts";
import { accountOf, type Call } from "./calls.ts";
import type { Events } from "./events.ts";
import type { RegistrationRecord } from "./ledger.ts";
import { registrationSchema, webhookEvents } from "./shapes.ts";
import type { World } from "./world.ts";

const validationDays = 7;
const testEvent = "test-created";

export const createRegistrations = (world: World, events: Events) => {
  const { ledger } = world;
  const found = (call: Call): RegistrationRecord => {
    const registration = ledger.registrations.get(accountOf(call));
    if (!registration) throw notFound("registration", "of this tenant");
    return registration;
  };
  const write = (call: Call, subscriberId: string): WireAnswer => {
    const row = { account: accountOf(call), subscriberId, ...wantedOf(call.body) };
    ledger.registrations.put(row.account, row);
    return answered(200, view(row));
  };

  return {
    events: (): WireAnswer => answered(200, [...webhookEvents]),
    get: (call: Call): WireAnswer => answered(200, view(found(call))),
    create: (call: Call): WireAnswer => {
      if (ledger.registrations.get(accountOf(call)))
        throw refusal("conflict", "A registration already exists; use PUT to change it.", { target: "registration" });
      return write(call, world.uuid("subscriber"));
    },
    update: (call: Call): WireAnswer => write(call, found(call).subscriberId),

    /** Sends a test event to the registered address. */
    validate: (call: Call): WireAnswer => {
      const registration = found(call);
      const { account } = registration;
      if (!registration.events.includes(testEvent))
        throw invalid("registration", `The registration does not have the event ${testEvent}.`);
      const since = addSeconds(call.now, -60).toISOString();
      const recent = ledger.validations.all().filter((row) => row.account === account && row.at > since);
      if (recent.length >= world.settings().webhooks.validationsPerMinute)
        throw refusal("tooManyRequests", "Only so many test events a minute are sent.", {
          target: "validationEvents",
          headers: { "retry-after": "60" },
        });
      const id = world.uuid("validation");
      const at = call.now.toISOString();
      ledger.validations.put(id, { id, account, url: registration.url, at, status: "inprogress", results: [] });
      events.emit(
        {
          account,
          name: testEvent,
          // Plain http, as in Microsoft's own sample.
          resourceUri: `http://api.partnercenter.microsoft.com/webhooks/v1/registration/validationEvents/${id}`,
          resourceName: "test",
          changedAt: world.stamp(call.now),
          referralId: null,
          validationId: id,
          forgery: null,
        },
        call,
      );
      return answered(200, { correlationId: id });
    },
    validation: (call: Call): WireAnswer => {
      const id = (call.place.path.split("/").at(-1) ?? "").toLowerCase();
      const row = ledger.validations.get(id);
      const isKept = row?.account === accountOf(call) && addDays(new Date(row.at), validationDays) > call.now;
      if (!row || !isKept) throw notFound("validationEvent", id);
      return answered(200, {
        correlationId: id,
        partnerId: row.account,
        status: row.status,
        callbackUrl: row.url,
        results: row.results.map(({ status, at }) => ({
          responseCode: wordOf(status),
          responseMessage: status >= 200 && status < 300 ? "" : `The callback answered ${status || "nothing"}.`,
          systemError: status === 0,
          dateTimeUtc: at.slice(0, -1),
        })),
      });
    },
  };
};
export type Registrations = ReturnType<typeof createRegistrations>;

const words: Readonly<Record<number, string>> = {
  0: "RequestTimeout",
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "NoContent",
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  429: "TooManyRequests",
  500: "InternalServerError",
  503: "ServiceUnavailable",
};
const wordOf = (status: number): string => words[status] ?? String(status);

/** What a body wants, by names in any casing. */
const wantedOf = (body: Call["body"]): Pick<RegistrationRecord, "url" | "events" | "signatureInOwnHeader"> => {
  const lowered = isObject(body)
    ? Object.fromEntries(Object.entries(body).map(([name, value]) => [name.toLowerCase(), value]))
    : body;
  const parsed = registrationSchema.safeParse(lowered);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(
      issue?.path.join(".") || "registration",
      `The registration is not valid: ${issue?.message ?? "it is wrong"}.`,
    );
  }
  const { webhookurl, webhookevents, signaturetokentomssignatureheader } = parsed.data;
  const known: readonly string[] = webhookEvents;
  const stranger = webhookevents.find((name) => !known.includes(name));
  if (stranger !== undefined) throw invalid("WebhookEvents", `There is no event ${stranger}.`);
  return {
    url: webhookurl,
    events: webhookevents,
    signatureInOwnHeader: signaturetokentomssignatureheader ?? false,
  };
};
const view = ({ subscriberId, url, events, signatureInOwnHeader }: RegistrationRecord): JsonObject => ({
  SubscriberId: subscriberId,
  WebhookUrl: url,
  WebhookEvents: events,
  ...(signatureInOwnHeader ? { signatureTokenToMsSignatureHeader: true } : {}),
});
