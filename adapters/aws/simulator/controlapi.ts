/** The control API: JSON over HTTP on top of the control functions. */
import * as z from "zod";
import { jsonObjectSchema } from "../../../src/domain/deal.ts";
import { type ControlWork, createControlApi, plainly, taking } from "../../simulator/controlapi.ts";
import { Refusal } from "./answers.ts";
import { modelVersion } from "./constraints.generated.ts";
import {
  closeSchema,
  daysSchema,
  editSchema,
  faultsSchema,
  idSchema,
  progressSchema,
  referLeadSchema,
  referSchema,
  replaySchema,
  wordsSchema,
} from "./control.ts";
import { faultCatalogue } from "./faults.ts";
import type { AwsSimulatorControls } from "./index.ts";
import { agreementActionSchema, grantSchema, offerActionSchema, resaleSchema } from "./marketplace/control.ts";
import { messageInputSchema, queueInputSchema } from "./queues.ts";
import { settingsPatchSchema, settingsSchema } from "./settings.ts";
import { destinationSchema } from "./targets.ts";

/** A fetch handler. */
export const createAwsControlApi = (controls: AwsSimulatorControls): ((request: Request) => Promise<Response>) =>
  createControlApi({
    routes: routesOf(controls),
    help: {
      simulator: "AWS Partner Central Selling",
      model: modelVersion,
      faults: faultCatalogue,
      settings: z.toJSONSchema(settingsSchema, { io: "input" }),
    },
    refusalOf: (error) =>
      error instanceof Refusal
        ? {
            status: statuses[error.type.split("#")[1] ?? ""] ?? 409,
            detail: String(error.members.Message ?? error.members.message),
          }
        : null,
  });

const statuses: Readonly<Record<string, number>> = {
  ResourceNotFoundException: 404,
  QueueDoesNotExist: 404,
  ValidationException: 400,
};

const routesOf = (controls: AwsSimulatorControls): Readonly<Record<string, ControlWork>> => {
  const empty = z.strictObject({});
  return {
    "POST /review": taking("a reviewer opens a submitted opportunity", idSchema, ({ id }) => controls.review(id)),
    "POST /approve": taking("approve an opportunity", idSchema, ({ id }) => controls.approve(id)),
    "POST /ask": taking("send it back: Action Required", wordsSchema, ({ id, ...words }) => controls.ask(id, words)),
    "POST /reject": taking("reject it", wordsSchema, ({ id, ...words }) => controls.reject(id, words)),
    "POST /launch": taking("AWS sets the stage to Launched", idSchema, ({ id }) => controls.launch(id)),
    "POST /close": taking("AWS sets the stage to Closed Lost", closeSchema, (to) =>
      controls.close(to.id, to.reason ?? null),
    ),
    "POST /edit": taking("AWS edits the partner's record", editSchema, ({ id, changes }) => controls.edit(id, changes)),
    "POST /progress": taking("AWS moves its own side", progressSchema, (input) => controls.progress(input)),
    "POST /refer": taking("AWS refers an opportunity", referSchema, (input) => controls.refer(input)),
    "POST /refer_lead": taking("AWS hands on a lead", referLeadSchema, (input) => controls.referLead(input)),
    "POST /expire": taking("an invitation runs out now", idSchema, ({ id }) => controls.expire(id)),
    "POST /offers/:id": {
      says: "what a buyer does with an offer: <id>/accept, <id>/ignore",
      body: offerActionSchema,
      run: (input, tail) => controls.offer(tail, offerActionSchema.parse(input)),
    },
    "POST /agreements/:id": {
      says: "what becomes of an agreement: <id>/cancel, renew, amend, end, invoice, collect, forgive, refund, approve_cancellation, reject_cancellation",
      body: agreementActionSchema,
      run: (input, tail) => controls.agreement(tail, agreementActionSchema.parse(input)),
    },
    "POST /authorizations": taking("a manufacturer lets this account resell", grantSchema, (input) =>
      controls.grant(input),
    ),
    "POST /authorizations/:id": {
      says: "what a reseller does with an authorization of ours: <id>/sell",
      body: resaleSchema,
      run: (input, tail) => controls.sell(tail, resaleSchema.parse(input)),
    },
    "POST /advance": taking("move a virtual clock through all that is due", daysSchema, ({ days }) =>
      controls.advance(days),
    ),
    "POST /tick": taking("do everything that is due now", empty, () => controls.tick()),
    "POST /replay": taking("deliver the last events again", replaySchema, ({ last }) => controls.replay(last)),
    "POST /shuffle": taking("deliver all pending events now, in a random order", empty, () => controls.shuffle()),
    "GET /faults": plainly("the fault plan with its counters", () => controls.faults()),
    "POST /faults": taking("add fault rules", faultsSchema, ({ rules }) => controls.addFaults(rules)),
    "PUT /faults": taking("replace the fault plan", faultsSchema, ({ rules }) => controls.setFaults(rules)),
    "DELETE /faults": plainly("clear the fault plan", () => controls.clearFaults()),
    "GET /destinations": plainly("where events go", () => controls.destinations()),
    "PUT /destinations": taking("add or replace one", destinationSchema, (input) => controls.putDestination(input)),
    "DELETE /destinations": plainly("remove the default one", () => controls.removeDestination("default")),
    "DELETE /destinations/:id": plainly("remove one", (_, id) => controls.removeDestination(id)),
    "GET /queues": plainly("the SQS queues", () => controls.queues()),
    "PUT /queues": taking("add or replace a queue", queueInputSchema, (input) => controls.putQueue(input)),
    "POST /queues/send": taking("put any text into a queue", messageInputSchema, (input) =>
      controls.sendToQueue(input),
    ),
    "DELETE /queues/:id": plainly("remove a queue, by account/name, and what it holds", (_, id) =>
      controls.removeQueue(id),
    ),
    "GET /settings": plainly("the settings", () => controls.settings()),
    "PUT /settings": {
      says: "change settings; groups may be partial",
      body: settingsPatchSchema,
      run: (input) => controls.change(jsonObjectSchema.parse(input)),
    },
    "GET /reports": plainly(
      "the data feeds and the bank's statement until a day: ?until=YYYY-MM-DD&account=",
      (_, __, query) => controls.reports(query.get("until"), query.get("account") ?? undefined),
    ),
    "GET /ledger": plainly("everything AWS holds, was asked and told", () => controls.ledger()),
    "POST /reset": taking("forget everything but destinations and settings", empty, () => controls.reset()),
  };
};
