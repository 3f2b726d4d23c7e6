/**
 * Microsoft Partner Center's referrals in small: sign-in, referrals, webhooks, and the certificates that prove them. It speaks for four of
 * Microsoft's hosts; what happens on Microsoft's side happens by its own clockwork or by the controls.
 */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import type { Simulator, SimulatorDeps, SimulatorOptions } from "../../contract.ts";
import { createClockwork } from "../../simulator/clockwork.ts";
import { respond } from "../../simulator/departure.ts";
import { unstruck } from "../../simulator/faults.ts";
import { createQuotas } from "../../simulator/quotas.ts";
import { answerOf, internalError, refusal } from "./answers.ts";
import { createArrivals } from "./arrivals.ts";
import { createControls, type ForgeInput, type ReferInput } from "./control.ts";
import { createAzureControlApi } from "./controlapi.ts";
import { type SimulatedCredential, simulatedCredential } from "./credential.ts";
import { createEvents } from "./events.ts";
import type { FaultRuleInput } from "./faults.ts";
import type { Due } from "./ledger.ts";
import { createListing } from "./listing.ts";
import { depart } from "./mangle.ts";
import { createMarketplace } from "./marketplace/index.ts";
import { isMarketplaceKind } from "./marketplace/rows.ts";
import { publisherTarget } from "./marketplace/webcalls.ts";
import { createRecords, createViews } from "./records.ts";
import { createReferrals } from "./referrals.ts";
import { createRegistrations } from "./registrations.ts";
import { createRequests } from "./requests.ts";
import { createSellers } from "./sellers.ts";
import type { SettingsInput } from "./settings.ts";
import { createSignIn } from "./signin.ts";
import { createTokens } from "./tokens.ts";
import { createWorld } from "./world.ts";

export { createMemoryState } from "../../simulator/ledger.ts";
export type { ForgeInput, ReferInput } from "./control.ts";
export { certificateHost, hosts, type SimulatedCredential, simulatedCredential } from "./credential.ts";
export { type FaultRuleInput, faultCatalogue, operations } from "./faults.ts";
export type { Forgery } from "./ledger.ts";
export { type Settings, settingsSchema } from "./settings.ts";

export interface AzureSimulatorOptions extends SimulatorOptions {
  /** The organizations the simulator knows. Default: `simulatedCredential`. */
  readonly credentials?: readonly SimulatedCredential[];
  /** Anything in `settingsSchema`; changed later through the controls. */
  readonly settings?: Omit<SettingsInput, "reviewer">;
  /** The longest a simulated time-out hangs, in milliseconds. Default 120,000. */
  readonly hangMsMax?: number;
  /** A path prefix that may stand before the vendor's host in a request's path. Default `/simulator/azure`. */
  readonly basePath?: string;
}

const bodyBytesMax = 1_000_000;

/** Builds the simulator. Nothing is read before the first call; the ledger then is whatever `deps.state` holds. */
export const createAzureSimulator = (deps: SimulatorDeps, options: AzureSimulatorOptions) => {
  const world = createWorld(deps, {
    seed: options.seed,
    settings: { ...options.settings, reviewer: options.reviewer },
    credentials: options.credentials ?? [simulatedCredential],
  });
  const { ledger } = world;
  const [records, views] = [createRecords(world), createViews(world)];
  const events = createEvents(world, deps.deliver);
  const sellers = createSellers(world, { records, events });
  const arrivals = createArrivals(world, { records, events, sellers });
  const referrals = createReferrals(world, { records, views, events, sellers });
  const tokens = createTokens(world);
  const signIn = createSignIn(world, tokens);
  const marketplace = createMarketplace(world, deps.deliver);
  const requests = createRequests(world, {
    marketplace,
    referrals,
    listing: createListing(world, { records, views, referrals }),
    registrations: createRegistrations(world, events),
    certificates: events.certificates,
    signIn,
    tokens,
    quotas: createQuotas({ ...ledger, limits: () => world.settings().quotas }),
    basePath: options.basePath ?? "/simulator/azure",
  });
  const waiting = {
    clock: deps.clock,
    instantTimeouts: options.instantTimeouts ?? false,
    hangMsMax: options.hangMsMax ?? 120_000,
  };

  const perform = (due: Due): void => {
    ledger.due.remove(due.id);
    const row = ledger.referrals.get(due.subject);
    if (isMarketplaceKind(due.kind)) marketplace.perform(due.kind, due.subject);
    else if (due.kind === "arrival") arrivals.arrive(due.subject, { now: world.now(), struck: unstruck });
    else if (row) sellers.perform(due.kind, row);
  };
  const { transact, tick, advance, nextDueAt } = createClockwork({
    ledger,
    now: world.now,
    open: world.open,
    opened: () => {
      signIn.begin();
      arrivals.expect();
    },
    perform,
    delivery: {
      send: (due) => (due.destinationId === publisherTarget ? marketplace.calls : events).send(due),
      book: (due, status) => (due.destinationId === publisherTarget ? marketplace.calls : events).book(due, status),
    },
    move: options.advance,
    refusal: (message) => refusal("conflict", message),
  });

  const fetch = async (request: Request): Promise<Response> => {
    const { signal } = request;
    const body = new Uint8Array(await request.arrayBuffer());
    if (body.length > bodyBytesMax)
      return respond(answerOf(refusal("requestTooLarge", "The request size exceeds the maximum limit.")));
    try {
      const handled = await transact(() => requests.handle(request, body), "trifles wait");
      const urgent = [events.takeUrgent(), marketplace.calls.takeUrgent()];
      if (urgent.includes(true)) await tick();
      return await depart({ ...handled, signal }, waiting);
    } catch (error) {
      if (error instanceof DOMException && error.name === "TimeoutError") throw error;
      return respond(internalError);
    }
  };

  const plain = createControls(world, { records, views, events, sellers, arrivals, signIn });
  const market = marketplace.controls;
  const controls = {
    accept: (id: string) => transact(() => plain.accept(id)),
    decline: (id: string, reason: string | null = null) => transact(() => plain.decline(id, reason)),
    ask: (id: string, comments: string | null = null) => transact(() => plain.ask(id, comments)),
    expire: (id: string) => transact(() => plain.expire(id)),
    close: (id: string, outcome: "Won" | "Lost" = "Won", reason: string | null = null) =>
      transact(() => plain.close(id, outcome, reason)),
    edit: (id: string, changes: Readonly<Record<string, Json>>) => transact(() => plain.edit(id, changes)),
    refer: (input: ReferInput = {}) => transact(() => plain.refer(input)),
    forge: (input: ForgeInput) => transact(() => plain.forge(input)).then(thenTick),
    revoke: (input: Parameters<typeof plain.revoke>[0] = {}) => transact(() => plain.revoke(input)),
    requireMfa: (input: Parameters<typeof plain.requireMfa>[0] = {}) => transact(() => plain.requireMfa(input)),
    renewSigner: () => transact(() => plain.renewSigner()),
    advance,
    tick: async () => ({ jobs: await tick() }),
    replay: (last = 1) => transact(() => plain.replay(last)).then(thenTick),
    shuffle: () => transact(() => plain.shuffle()).then(thenTick),
    faults: () => transact(() => plain.faults()),
    addFaults: (rules: readonly FaultRuleInput[]) => transact(() => plain.addFaults(rules)),
    setFaults: (rules: readonly FaultRuleInput[]) => transact(() => plain.setFaults(rules)),
    clearFaults: () => transact(() => plain.clearFaults()),
    registrations: () => transact(() => plain.registrations()),
    putRegistration: (input: Parameters<typeof plain.putRegistration>[0]) =>
      transact(() => plain.putRegistration(input)),
    removeRegistration: (account: string) => transact(() => plain.removeRegistration(account)),
    settings: () => transact(() => plain.settings()),
    change: (patch: JsonObject) => transact(() => plain.change(patch)),
    reset: () => transact(() => plain.reset()),
    ledger: () => transact(() => ({ ...plain.ledger(), ...market.ledger() })),
    onOffer: (tail: string, choice?: Parameters<typeof market.onOffer>[1]) =>
      transact(() => market.onOffer(tail, choice)),
    onSubscription: (tail: string, act?: Parameters<typeof market.onSubscription>[1]) =>
      transact(() => market.onSubscription(tail, act)).then(thenTick),
    subscribe: (input?: Parameters<typeof market.subscribe>[0]) => transact(() => market.subscribe(input)),
    originate: (input: Parameters<typeof market.originate>[0]) => transact(() => market.originate(input)),
    technical: () => transact(() => market.technical()),
    setTechnical: (input: Parameters<typeof market.setTechnical>[0]) => transact(() => market.setTechnical(input)),
    forgeCall: (input: Parameters<typeof market.forgeCall>[0]) => transact(() => market.forgeCall(input)),
    reports: (until: string | null, account?: string) => transact(() => market.reports(until, account)),
  };
  async function thenTick<T>(result: T): Promise<T> {
    await tick();
    return result;
  }

  const simulator: Simulator = { fetch, control: createAzureControlApi(controls), tick, nextDueAt };
  return { ...simulator, controls };
};
export type AzureSimulator = ReturnType<typeof createAzureSimulator>;
export type AzureSimulatorControls = AzureSimulator["controls"];
