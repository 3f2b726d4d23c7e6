/**
 * Google in small: the token endpoint for service accounts, Cloud Channel's opportunities, the legacy Cloud CRM Partners leads, and the
 * marketplace with its private offers, entitlements and pushes; Google's side of the wire, its ledger and its clockwork. Co-sell tells of
 * nothing: partners poll.
 */

import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import type { Simulator, SimulatorDeps, SimulatorOptions } from "../../contract-simulator.ts";
import { createClockwork } from "../../simulator/clockwork.ts";
import { respond } from "../../simulator/departure.ts";
import { unstruck } from "../../simulator/faults.ts";
import { createQuotas } from "../../simulator/quotas.ts";
import { forbidden, type Refusal, refusal, refusalAnswer, violation, wireOf } from "./answers.ts";
import {
  type AcceptInput,
  createControls,
  type Ending,
  type ReferInput,
  type RejectInput,
  type RoleInput,
} from "./control.ts";
import { createGcpControlApi } from "./controlapi.ts";
import { type SimulatedCredential, simulatedCredential } from "./credential.ts";
import type { FaultRuleInput } from "./faults.ts";
import { createLeads } from "./leads.ts";
import type { Due } from "./ledger.ts";
import { createListing } from "./listing.ts";
import { depart } from "./mangle.ts";
import { createMarketplaceControls } from "./marketplace/control.ts";
import { createMarketplace } from "./marketplace/index.ts";
import { reportFiles } from "./marketplace/reports.ts";
import { createOpportunities } from "./opportunities.ts";
import { createRequests } from "./requests.ts";
import { createReviews } from "./reviews.ts";
import type { SettingsInput } from "./settings.ts";
import { createStorage } from "./storage.ts";
import { createTokens } from "./tokens.ts";
import { createWorld } from "./world.ts";

export { createMemoryState } from "../../simulator/ledger.ts";
export { keyFileOf, type SimulatedCredential, simulatedCredential } from "./credential.ts";
export { type FaultRuleInput, faultCatalogue } from "./faults.ts";
export { type Settings, settingsSchema } from "./settings.ts";

export interface GcpSimulatorOptions extends SimulatorOptions {
  /** Which service accounts may sign in, each for its partner. Default: `simulatedCredential`. */
  readonly credentials?: readonly SimulatedCredential[];
  /** Anything in `settingsSchema`; changed later through the controls. */
  readonly settings?: Omit<SettingsInput, "reviewer">;
}

/** A licence agreement of 4 MB travels in base64. */
const bodyBytesMax = 6_000_000;

/** Builds the simulator. Nothing is read before the first call; the ledger then is whatever `deps.state` holds. */
export const createGcpSimulator = (deps: SimulatorDeps, options: GcpSimulatorOptions) => {
  const world = createWorld(deps, {
    seed: options.seed,
    settings: { ...options.settings, reviewer: options.reviewer },
  });
  const { ledger } = world;
  const credentials = options.credentials ?? [simulatedCredential];
  let aheadMs = 0;
  const reviews = createReviews(world);
  const leads = createLeads(world);
  const marketplace = createMarketplace(world, { deliver: deps.deliver, aheadMs: () => aheadMs });
  const tokens = createTokens(world, { credentials, aheadMs: () => aheadMs });
  const requests = createRequests(world, {
    marketplace,
    opportunities: createOpportunities(world, reviews),
    listing: createListing(world),
    leads,
    tokens,
    quotas: createQuotas({ ...ledger, limits: () => world.settings().quotas }),
    basePath: options.basePath ?? "/simulator/gcp",
  });
  const waiting = {
    clock: deps.clock,
    instantTimeouts: options.instantTimeouts ?? false,
    hangMsMax: options.hangMsMax ?? 120_000,
  };

  const perform = (due: Due): void => {
    ledger.due.remove(due.id);
    const occasion = { now: world.now(), struck: unstruck };
    const row = ledger.opportunities.get(due.subject);
    const lead = ledger.leads.get(due.subject);
    if (due.kind === "verdict" && row) reviews.decide(row, occasion);
    if (due.kind === "progress" && row) reviews.step(row, occasion);
    if (due.kind === "lead_verdict" && lead) leads.decide(lead, occasion);
    marketplace.perform(due);
  };
  const clockwork = createClockwork({
    ledger,
    now: world.now,
    open: world.open,
    opened: () => undefined,
    perform,
    delivery: marketplace.pushes,
    move: options.advance,
    refusal: (message) => forbidden("FAILED_PRECONDITION", [violation("clock", message)]),
  });
  const { transact, tick, nextDueAt } = clockwork;

  const serveStorage = createStorage(world, {
    tokens,
    basePath: options.basePath ?? "/simulator/gcp",
    waiting,
    transact: (work) => transact(work, "trifles wait"),
    files: () => reportFiles(world, marketplace.offers.views, null),
  });
  const fetch = async (request: Request): Promise<Response> => {
    const stored = await serveStorage(request);
    if (stored !== null) return stored;
    const { signal } = request;
    const bytes = new Uint8Array(await request.arrayBuffer());
    const refused = (error: Refusal): Response => respond(wireOf(refusalAnswer(error, world.now())));
    if (bytes.length > bodyBytesMax) return refused(refusal("INVALID_ARGUMENT", "The request is too large"));
    try {
      const body = new TextDecoder().decode(bytes);
      const handled = await transact(() => requests.handle(request, body), "trifles wait");
      if (marketplace.pushes.takeUrgent()) await tick();
      return await depart({ ...handled, signal }, waiting);
    } catch (error) {
      if (error instanceof DOMException && error.name === "TimeoutError") throw error;
      return refused(refusal("INTERNAL", "Internal error encountered."));
    }
  };

  const plain = createControls(world, { reviews, leads, credential: credentials[0] ?? simulatedCredential });
  const marketplaceControls = createMarketplaceControls(world, {
    marketplace,
    credential: credentials[0] ?? simulatedCredential,
    transact: (work) => transact(work),
    tick,
  });
  const controls = {
    ...marketplaceControls,
    accept: (id: string, input: AcceptInput = {}) => transact(() => plain.accept(id, input)),
    reject: (id: string, input: RejectInput = {}) => transact(() => plain.reject(id, input)),
    move: (id: string, stage: string) => transact(() => plain.move(id, stage)),
    close: (id: string, ending: Ending) => transact(() => plain.close(id, ending)),
    edit: (id: string, changes: Readonly<Record<string, Json>>) => transact(() => plain.edit(id, changes)),
    refer: (input: ReferInput = {}) => transact(() => plain.refer(input)),
    revokeRole: (input: RoleInput = {}) => transact(() => plain.revokeRole(input)),
    grantRole: (input: RoleInput = {}) => transact(() => plain.grantRole(input)),
    revokeTokens: () => transact(() => plain.revokeTokens()),
    key: () => transact(() => plain.key()),
    advance: async (days: number) => {
      const before = world.now();
      const moved = await clockwork.advance(days);
      aheadMs += world.now().getTime() - before.getTime();
      return moved;
    },
    tick: async () => ({ jobs: await tick() }),
    faults: () => transact(() => plain.faults()),
    addFaults: (rules: readonly FaultRuleInput[]) => transact(() => plain.addFaults(rules)),
    setFaults: (rules: readonly FaultRuleInput[]) => transact(() => plain.setFaults(rules)),
    clearFaults: () => transact(() => plain.clearFaults()),
    settings: () => transact(() => plain.settings()),
    change: (patch: JsonObject) => transact(() => plain.change(patch)),
    reset: () => transact(() => plain.reset()),
    ledger: () => transact(() => plain.ledger()),
  };

  const simulator: Simulator = { fetch, control: createGcpControlApi(controls), tick, nextDueAt };
  return { ...simulator, controls };
};
export type GcpSimulator = ReturnType<typeof createGcpSimulator>;
export type GcpSimulatorControls = GcpSimulator["controls"];
