/** The control API: JSON over HTTP on top of the control functions. */
import * as z from "zod";
import { jsonObjectSchema } from "../../../src/domain/deal.ts";
import { type ControlWork, createControlApi, plainly, taking } from "../../simulator/controlapi.ts";
import { Refusal } from "./answers.ts";
import {
  askSchema,
  closeSchema,
  daysSchema,
  declineSchema,
  editSchema,
  faultsSchema,
  forgeSchema,
  idSchema,
  mfaSchema,
  referSchema,
  registrationInputSchema,
  replaySchema,
  revokeSchema,
} from "./control.ts";
import { faultCatalogue } from "./faults.ts";
import type { AzureSimulatorControls } from "./index.ts";
import { marketplaceRoutesOf } from "./marketplace/controlroutes.ts";
import { settingsPatchSchema, settingsSchema } from "./settings.ts";

/** A fetch handler. */
export const createAzureControlApi = (controls: AzureSimulatorControls): ((request: Request) => Promise<Response>) =>
  createControlApi({
    routes: { ...routesOf(controls), ...marketplaceRoutesOf(controls) },
    help: {
      simulator: "Microsoft Partner Center referrals",
      model: "learn.microsoft.com/partner-center/developer, as of 2026-11-22",
      faults: faultCatalogue,
      settings: z.toJSONSchema(settingsSchema, { io: "input" }),
    },
    refusalOf: (error) => (error instanceof Refusal ? { status: error.status, detail: error.message } : null),
  });

const routesOf = (controls: AzureSimulatorControls): Readonly<Record<string, ControlWork>> => {
  const empty = z.strictObject({});
  return {
    "POST /accept": taking(
      "a seller accepts; an own deal's id means the referral that asks Microsoft",
      idSchema,
      ({ id }) => controls.accept(id),
    ),
    "POST /decline": taking("a seller declines", declineSchema, ({ id, reason }) =>
      controls.decline(id, reason ?? null),
    ),
    "POST /ask": taking("somebody opens it and may ask: New/Received", askSchema, ({ id, comments }) =>
      controls.ask(id, comments ?? null),
    ),
    "POST /expire": taking("the days for an answer are over", idSchema, ({ id }) => controls.expire(id)),
    "POST /close": taking("Microsoft closes its referral", closeSchema, (to) =>
      controls.close(to.id, to.outcome, to.reason ?? null),
    ),
    "POST /edit": taking("Microsoft edits a referral", editSchema, ({ id, changes }) => controls.edit(id, changes)),
    "POST /refer": taking("a referral comes to the partner", referSchema, (input) => controls.refer(input)),
    "POST /forge": taking("somebody sends a delivery in Microsoft's name", forgeSchema, (input) =>
      controls.forge(input),
    ),
    "POST /revoke": taking("the consent ends", revokeSchema, (input) => controls.revoke(input)),
    "POST /require_mfa": taking("the consent was without MFA", mfaSchema, (input) => controls.requireMfa(input)),
    "POST /renew_signer": taking("Microsoft signs with a new key", empty, () => controls.renewSigner()),
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
    "GET /registrations": plainly("where events go", () => controls.registrations()),
    "PUT /registrations": taking("register an address without the API", registrationInputSchema, (input) =>
      controls.putRegistration(input),
    ),
    "DELETE /registrations/:id": plainly("remove an organization's", (_, id) => controls.removeRegistration(id)),
    "GET /settings": plainly("the settings", () => controls.settings()),
    "PUT /settings": {
      says: "change settings; groups may be partial",
      body: settingsPatchSchema,
      run: (input) => controls.change(jsonObjectSchema.parse(input)),
    },
    "GET /ledger": plainly("everything Microsoft holds, was asked and told", () => controls.ledger()),
    "POST /reset": taking("forget everything but registrations and settings", empty, () => controls.reset()),
  };
};
