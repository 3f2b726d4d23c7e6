/** The marketplace's part of the control API. */
import * as z from "zod";
import { type ControlWork, plainly, taking } from "../../../simulator/controlapi.ts";
import type { AzureSimulatorControls } from "../index.ts";
import {
  choiceSchema,
  forgeCallSchema,
  originateSchema,
  subscribeSchema,
  subscriptionActSchema,
  technicalSchema,
} from "./control.ts";

const until = z.iso.date({ error: "say until which day: ?until=YYYY-MM-DD" }).nullable();

export const marketplaceRoutesOf = (controls: AzureSimulatorControls): Readonly<Record<string, ControlWork>> => ({
  "POST /offers/:id": {
    says: "what befalls a private offer: <id>/publish (by its selling partner), /accept, /purchase, /ignore, /retract",
    body: choiceSchema,
    run: (body, tail) => controls.onOffer(tail, choiceSchema.parse(body)),
  },
  "POST /subscriptions/:id": {
    says: "what a buyer does with a subscription: <id>/land, /change, /suspend, /reinstate, /renew, /unsubscribe, /renewal",
    body: subscriptionActSchema,
    run: (body, tail) => controls.onSubscription(tail, subscriptionActSchema.parse(body)),
  },
  "POST /subscribe": taking("somebody buys a public plan", subscribeSchema, (input) => controls.subscribe(input)),
  "POST /originate": taking("an originator's multiparty offer arrives as a draft", originateSchema, (input) =>
    controls.originate(input),
  ),
  "GET /technical": plainly("webhooks and landing pages", () => controls.technical()),
  "PUT /technical": taking("set the SaaS offers' webhook and landing page", technicalSchema, (input) =>
    controls.setTechnical(input),
  ),
  "POST /forge_call": taking("somebody calls the webhook in the marketplace's name", forgeCallSchema, (input) =>
    controls.forgeCall(input),
  ),
  "GET /reports": plainly("the files that finance had got: ?until=YYYY-MM-DD, or by today", (_, __, query) =>
    controls.reports(until.parse(query.get("until")), query.get("account") ?? undefined),
  ),
});
