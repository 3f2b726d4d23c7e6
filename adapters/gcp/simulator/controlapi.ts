/** The control API: JSON over HTTP on top of the control functions. */
import * as z from "zod";
import { jsonObjectSchema } from "../../../src/domain/deal.ts";
import { type ControlWork, createControlApi, plainly, taking } from "../../simulator/controlapi.ts";
import { Refusal } from "./answers.ts";
import {
  acceptSchema,
  closeSchema,
  daysSchema,
  editSchema,
  faultsSchema,
  moveSchema,
  referSchema,
  rejectSchema,
  roleSchema,
} from "./control.ts";
import { faultCatalogue } from "./faults.ts";
import type { GcpSimulatorControls } from "./index.ts";
import { marketplaceRoutes } from "./marketplace/controlapi.ts";
import { settingsPatchSchema, settingsSchema } from "./settings.ts";

/** A fetch handler. Routes start after the last `control` segment of the path, or at its beginning when there is none. */
export const createGcpControlApi = (controls: GcpSimulatorControls): ((request: Request) => Promise<Response>) =>
  createControlApi({
    routes: routesOf(controls),
    help: {
      simulator: "Google Cloud co-sell and marketplace",
      model: {
        cloudchannel: "v1alpha1",
        cloudcrmpartners: "v1",
        commerceproducer: "v1beta",
        cloudcommerceprocurement: "v1",
      },
      faults: faultCatalogue,
      settings: z.toJSONSchema(settingsSchema, { io: "input" }),
    },
    refusalOf: (error) => {
      if (!(error instanceof Refusal)) return null;
      const { error: told } = error.body;
      const detail = typeof told === "object" && told !== null && "message" in told ? String(told.message) : error.code;
      return { status: error.code === "FAILED_PRECONDITION" ? 409 : error.status, detail };
    },
  });

const routesOf = (controls: GcpSimulatorControls): Readonly<Record<string, ControlWork>> => {
  const empty = z.strictObject({});
  return {
    ...marketplaceRoutes(controls),
    "POST /accept": taking("take a submitted opportunity, or approve a lead", acceptSchema, ({ id, ...input }) =>
      controls.accept(id, input),
    ),
    "POST /reject": taking("decline it", rejectSchema, ({ id, ...input }) => controls.reject(id, input)),
    "POST /move": taking("Google moves the stage", moveSchema, ({ id, stage }) => controls.move(id, stage)),
    "POST /close": taking("Google closes it as won or lost", closeSchema, ({ id, ...ending }) =>
      controls.close(id, ending),
    ),
    "POST /edit": taking("Google edits the record", editSchema, ({ id, changes }) => controls.edit(id, changes)),
    "POST /refer": taking("Google opens an opportunity of its own", referSchema, (input) => controls.refer(input)),
    "POST /revoke_role": taking("the service account loses its role", roleSchema, (input) =>
      controls.revokeRole(input),
    ),
    "POST /grant_role": taking("it gets its role back", roleSchema, (input) => controls.grantRole(input)),
    "POST /revoke_tokens": taking("all access tokens end now", empty, () => controls.revokeTokens()),
    "POST /advance": taking("move a virtual clock through all that is due", daysSchema, ({ days }) =>
      controls.advance(days),
    ),
    "POST /tick": taking("do everything that is due now", empty, () => controls.tick()),
    "GET /key": plainly("the key file of the simulated service account", () => controls.key()),
    "GET /faults": plainly("the fault plan with its counters", () => controls.faults()),
    "POST /faults": taking("add fault rules", faultsSchema, ({ rules }) => controls.addFaults(rules)),
    "PUT /faults": taking("replace the fault plan", faultsSchema, ({ rules }) => controls.setFaults(rules)),
    "DELETE /faults": plainly("clear the fault plan", () => controls.clearFaults()),
    "GET /settings": plainly("the settings", () => controls.settings()),
    "PUT /settings": {
      says: "change settings; groups may be partial",
      body: settingsPatchSchema,
      run: (input) => controls.change(jsonObjectSchema.parse(input)),
    },
    "GET /ledger": plainly("everything Google holds and was asked", () => controls.ledger()),
    "POST /reset": taking("forget everything but settings and access tokens", empty, () => controls.reset()),
  };
};
