/**
 * The AWS Partner Central Selling API in small: AWS's side of the wire, its ledger and its clockwork.
 * It speaks AWS JSON 1.0 as the service model defines it, and tells of changes by EventBridge events.
 */

import type { z } from "zod";
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import type { Simulator, SimulatorDeps, SimulatorOptions } from "../../contract.ts";
import { createClockwork } from "../../simulator/clockwork.ts";
import { respond } from "../../simulator/departure.ts";
import { unstruck } from "../../simulator/faults.ts";
import { createQuotas } from "../../simulator/quotas.ts";
import { modelled, refusalAnswer, wireOf } from "./answers.ts";
import { createAssociations } from "./associations.ts";
import {
  createControls,
  type DestinationInput,
  type ProgressInput,
  type ReferInput,
  type ReferLeadInput,
} from "./control.ts";
import { createAwsControlApi } from "./controlapi.ts";
import { createConversions } from "./conversions.ts";
import { createEngagements } from "./engagements.ts";
import { createEvents } from "./events.ts";
import type { FaultRuleInput } from "./faults.ts";
import { createInvitations } from "./invitations.ts";
import type { Due } from "./ledger.ts";
import { createListing } from "./listing.ts";
import { depart } from "./mangle.ts";
import type { AgreementAction, OfferAction } from "./marketplace/control.ts";
import { marketplaceRequest } from "./marketplace/door.ts";
import { createMarketplace } from "./marketplace/index.ts";
import type { Grant, Resale } from "./marketplace/resellers.ts";
import { createOpportunities } from "./opportunities.ts";
import { createQueues, type messageInputSchema, type QueueInput } from "./queues.ts";
import { createReferrals } from "./referrals.ts";
import { createRequests } from "./requests.ts";
import { createReviews, type Words } from "./reviews.ts";
import { createS3, speaksS3 } from "./s3.ts";
import type { SettingsInput } from "./settings.ts";
import { type SimulatedCredential, simulatedCredential } from "./signature.ts";
import { createSqs, speaksSqs } from "./sqs.ts";
import { createTasks } from "./tasks.ts";
import { createWorld } from "./world.ts";

export { createMemoryState } from "../../simulator/ledger.ts";
export { type FaultRuleInput, faultCatalogue } from "./faults.ts";
export { type Settings, settingsSchema } from "./settings.ts";
export { type SimulatedCredential, simulatedCredential, simulatedRegion } from "./signature.ts";

export interface AwsSimulatorOptions extends SimulatorOptions {
  /** Who may sign requests. Default: `simulatedCredential`. */
  readonly credentials?: readonly SimulatedCredential[];
  /** Anything in `settingsSchema`; changed later through the controls. */
  readonly settings?: Omit<SettingsInput, "reviewer">;
  /** The longest a simulated time-out hangs, in milliseconds. Default 120,000. */
  readonly hangMsMax?: number;
  /** The path prefix a router took away before `fetch` sees the request: it is part of what was signed. Default `/simulator/aws`. */
  readonly basePath?: string;
}

const bodyBytesMax = 1_000_000;

/** Builds the simulator. Nothing is read before the first call; the ledger then is whatever `deps.state` holds. */
export const createAwsSimulator = (deps: SimulatorDeps, options: AwsSimulatorOptions) => {
  const world = createWorld(deps, {
    seed: options.seed,
    settings: { ...options.settings, reviewer: options.reviewer },
  });
  const { ledger } = world;
  const events = createEvents(world, deps.deliver);
  const credentials = options.credentials ?? [simulatedCredential];
  const accounts = [...new Set(credentials.map((credential) => credential.account))];
  const invitations = createInvitations(world, events);
  const engagements = createEngagements(world, events, invitations);
  const reviews = createReviews(world, events, engagements);
  const referrals = createReferrals(world, { engagements, invitations, accounts });
  const opportunities = createOpportunities(world, { events, reviews, referrals });
  const tasks = createTasks(world, { events, engagements, reviews, opportunities });
  const conversions = createConversions(world, { events, engagements, invitations, reviews });
  const marketplace = createMarketplace(world, { events, accounts });
  const quotas = createQuotas({ ...ledger, limits: () => world.settings().quotas });
  const requests = createRequests(world, {
    opportunities,
    associations: createAssociations(world, { events, reviews, opportunities, marketplace }),
    tasks,
    engagements,
    invitations,
    conversions,
    listing: createListing(world, { invitations, conversions }),
    quotas,
    credentials,
    basePath: options.basePath ?? "/simulator/aws",
  });
  const waiting = {
    clock: deps.clock,
    instantTimeouts: options.instantTimeouts ?? false,
    hangMsMax: options.hangMsMax ?? 120_000,
  };
  const queues = createQueues(world);
  const perform = (due: Due): void => {
    ledger.due.remove(due.id);
    const occasion = { now: world.now(), struck: unstruck };
    const row = ledger.opportunities.get(due.subject);
    const task = ledger.tasks.get(due.subject);
    const conversion = ledger.conversions.get(due.subject);
    const invitation = ledger.invitations.get(due.subject);
    if (due.kind === "task" && task) tasks.finish(task, occasion);
    if (due.kind === "task" && conversion) conversions.finish(conversion, occasion);
    if (due.kind === "expiry" && invitation) invitations.expire(invitation, occasion);
    if (due.kind === "referral" || due.kind === "lead") referrals.arrive(due.kind, due.subject, occasion);
    if (due.kind === "review_start" && row) reviews.startReview(row, occasion);
    if (due.kind === "verdict" && row) reviews.decide(row, occasion);
    if (due.kind === "progress" && row) reviews.step(row, occasion);
    marketplace.perform(due, occasion);
  };

  const { transact, tick, advance, nextDueAt } = createClockwork({
    ledger,
    now: world.now,
    open: world.open,
    opened: () => {
      referrals.expect();
      marketplace.open();
    },
    perform,
    delivery: events,
    move: options.advance,
    refusal: (message) => modelled("ConflictException", message),
  });

  const serveSqs = createSqs(world, {
    queues,
    credentials: options.credentials ?? [simulatedCredential],
    basePath: options.basePath ?? "/simulator/aws",
    clock: deps.clock,
    waiting,
    transact: (work) => transact(work, "trifles wait"),
    tick,
  });
  const serveMarketplace = marketplace.door({
    quotas,
    credentials,
    basePath: options.basePath ?? "/simulator/aws",
    waiting,
    transact: (work) => transact(work, "trifles wait"),
    flush: async () => void (events.takeUrgent() && (await tick())),
  });
  const serveS3 = createS3(world, {
    credentials,
    basePath: options.basePath ?? "/simulator/aws",
    waiting,
    transact: (work) => transact(work, "trifles wait"),
    files: (account) => marketplace.reports(world.now().toISOString(), account).files,
  });
  const fetch = async (request: Request): Promise<Response> => {
    if (speaksSqs(request)) return serveSqs(request);
    if (speaksS3(request)) return serveS3(request);
    const asked = marketplaceRequest(request);
    if (asked !== null) return serveMarketplace(request, asked);
    const { signal } = request;
    const body = new Uint8Array(await request.arrayBuffer());
    if (body.length > bodyBytesMax) return respond(wireOf(tooLarge(world.now())));
    try {
      const handled = await transact(() => requests.handle(request, body), "trifles wait");
      if (events.takeUrgent()) await tick();
      return await depart({ ...handled, signal }, waiting);
    } catch (error) {
      if (error instanceof DOMException && error.name === "TimeoutError") throw error;
      const internal = modelled("InternalServerException", "Internal failure");
      return respond(wireOf(refusalAnswer(internal, "unknown", world.now())));
    }
  };

  const plain = createControls(world, { events, reviews, invitations, referrals, queues, accounts, marketplace });
  const occasion = () => ({ now: world.now(), struck: unstruck });
  const controls = {
    approve: (id: string) => transact(() => plain.approve(id)),
    ask: (id: string, words: Words = {}) => transact(() => plain.ask(id, words)),
    reject: (id: string, words: Words = {}) => transact(() => plain.reject(id, words)),
    review: (id: string) => transact(() => plain.review(id)),
    launch: (id: string) => transact(() => plain.launch(id)),
    close: (id: string, reason: string | null = null) => transact(() => plain.close(id, reason)),
    edit: (id: string, changes: Readonly<Record<string, Json>>) => transact(() => plain.edit(id, changes)),
    progress: (input: ProgressInput) => transact(() => plain.progress(input)),
    refer: (input: ReferInput = {}) => transact(() => plain.refer(input)),
    referLead: (input: ReferLeadInput = {}) => transact(() => plain.referLead(input)),
    expire: (id: string) => transact(() => plain.expire(id)),
    offer: (tail: string, action: OfferAction = {}) =>
      transact(() => marketplace.controls.offer(tail, action, occasion())),
    agreement: (tail: string, action: AgreementAction = {}) =>
      transact(() => marketplace.controls.agreement(tail, action, occasion())),
    /** `until`: an instant or a day, whole; default: now. */
    reports: (until: string | null = null, account?: string) =>
      transact(() => marketplace.reports(instantUntil(until, world.now()), account)),
    grant: (input: Grant) => transact(() => marketplace.controls.grant(input, occasion())),
    sell: (tail: string, input: Resale = {}) => transact(() => marketplace.controls.sell(tail, input, occasion())),
    advance,
    tick: async () => ({ jobs: await tick() }),
    replay: (last = 1) => transact(() => plain.replay(last)).then(thenTick),
    shuffle: () => transact(() => plain.shuffle()).then(thenTick),
    faults: () => transact(() => plain.faults()),
    addFaults: (rules: readonly FaultRuleInput[]) => transact(() => plain.addFaults(rules)),
    setFaults: (rules: readonly FaultRuleInput[]) => transact(() => plain.setFaults(rules)),
    clearFaults: () => transact(() => plain.clearFaults()),
    destinations: () => transact(() => plain.destinations()),
    putDestination: (input: DestinationInput) => transact(() => plain.putDestination(input)),
    removeDestination: (id: string) => transact(() => plain.removeDestination(id)),
    queues: () => transact(() => plain.queues()),
    putQueue: (input: QueueInput) => transact(() => plain.putQueue(input)),
    removeQueue: (id: string) => transact(() => plain.removeQueue(id)),
    sendToQueue: (input: z.input<typeof messageInputSchema>) => transact(() => plain.sendToQueue(input)),
    settings: () => transact(() => plain.settings()),
    change: (patch: JsonObject) => transact(() => plain.change(patch)),
    reset: () => transact(() => plain.reset()),
    ledger: () => transact(() => plain.ledger()),
  };
  async function thenTick<T>(result: T): Promise<T> {
    await tick();
    return result;
  }

  const simulator: Simulator = {
    fetch,
    control: createAwsControlApi(controls),
    tick,
    nextDueAt,
  };
  return { ...simulator, controls };
};
export type AwsSimulator = ReturnType<typeof createAwsSimulator>;
export type AwsSimulatorControls = AwsSimulator["controls"];

const instantUntil = (until: string | null, now: Date): string => {
  const at = until === null ? now : new Date(until.length === 10 ? `${until}T23:59:59.999Z` : until);
  if (Number.isNaN(at.getTime()))
    throw modelled("ValidationException", `until must be a day or an instant, not ${until}`);
  return at.toISOString();
};
const tooLarge = (now: Date) => {
  const refusal = modelled("ValidationException", "The request is too large", { Reason: "REQUEST_VALIDATION_FAILED" });
  return refusalAnswer(refusal, "unknown", now);
};
