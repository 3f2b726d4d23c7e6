/** A marketplace's adapter before its own simulator, in memory and in virtual time, and the product's engine in small. */
import { expect } from "vitest";
import type {
  AnswerInput,
  Capability,
  CoSell,
  Invitations,
  Outcome,
  RawDelivery,
  Session,
  Write,
} from "../adapters/contract.ts";
import { createVirtualClock } from "../src/clock.ts";
import type { Connection, Contact, Environment, Observation, RemoteRef, ShareDraft } from "../src/domain/deal.ts";
import { type Fault, failed, ok, type Result } from "../src/domain/fault.ts";
import { createSeededIds } from "../src/ids.ts";
import type { HttpLimits, SecretValue } from "../src/ports.ts";
import { type DraftParts, draftWith } from "./drafts.ts";
import type { Harness } from "./marketplace-harness.ts";

export interface Sent {
  readonly url: URL;
  readonly method: string;
  readonly text: string;
  readonly limits: HttpLimits;
  /** Whether the quota was asked for just this request. */
  readonly hasLeave: boolean;
}

export const start = new Date("2026-09-01T10:00:00.000Z");
/** People whose names and numbers occur nowhere else. */
const people: readonly Contact[] = [
  {
    role: "owner",
    email: "bodo@quillfeather.example",
    firstName: "Bodo",
    lastName: "Quillfeather",
    title: "Account Executive",
    phone: "+12065550148",
  },
  {
    role: "customer",
    email: "wilma@kestrelmoor.example",
    firstName: "Wilma",
    lastName: "Kestrelmoor",
    title: "Head of IT",
    phone: "+12065550147",
  },
];
const person = /bodo|quillfeather|wilma|kestrelmoor|206[^a-z]*555[^a-z]*014/i;
/** What is kept in the open, logged or shown to everybody names nobody. */
export const expectNobody = (told: unknown): void => expect(JSON.stringify(told)).not.toMatch(person);

/** What a session must say of a door that it does not have: a sentence. */
export const expectReason = (session: Session, capability: Capability): void =>
  expect(session.lacks[capability]).toMatch(/^.{10,300}$/);

const present = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new Error(`this connection has no ${what}`);
  return value;
};
/** The value of a result that a test needs to go on. */
export const good = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(`${result.fault.kind}: ${result.fault.message}`);
  return result.value;
};

export interface Opening {
  /** No request may be sent before this time. */
  readonly closedUntil?: string;
  readonly account?: string;
  readonly environment?: Environment;
  /** Instead of the harness's own. */
  readonly settings?: Connection["settings"];
  readonly secrets?: Readonly<Record<string, string>>;
}

/** How a write went on its way to its outcome. */
export interface Carried {
  readonly outcome: Outcome;
  readonly faults: readonly Fault[];
}

export type Bench = ReturnType<typeof openBench>;
/** A fresh partner and a connection to it. Every session is opened anew, as the engine does. */
export const openBench = (harness: Harness, seed: string) => {
  const marketplace = harness.create();
  const clock = createVirtualClock(start);
  const deliveries: RawDelivery[] = [];
  const sent: Sent[] = [];
  let leaves = 0;
  const pass = async (seconds: number): Promise<void> => {
    await clock.sleep(seconds * 1_000);
    await partner.simulator.tick();
  };
  const partner = harness.simulate(
    {
      clock,
      ids: createSeededIds(clock, seed),
      state: { load: async () => [], append: async () => {} },
      deliver: async (request) => {
        const headers = Object.fromEntries([...request.headers].map(([name, value]) => [name.toLowerCase(), value]));
        deliveries.push({ headers, body: new Uint8Array(await request.arrayBuffer()) });
        return new Response(null, { status: 202 });
      },
    },
    { seed, reviewer: "manual", advance: clock.advanceTo, instantTimeouts: true },
  );
  const kept = new Map<string, SecretValue>();
  const open = (opening: Opening = {}): Session =>
    marketplace.open(
      {
        clock,
        ids: createSeededIds(clock, `${seed} session ${sent.length}`),
        http: async (request, limits) => {
          const url = new URL(request.url);
          if (!limits.hosts.includes(url.host)) throw new Error(`${url.host} is not among ${limits.hosts.join(", ")}`);
          const text = await request.clone().text();
          sent.push({ url, method: request.method, text, limits, hasLeave: leaves > 0 });
          if (harness.isSignIn?.(url) !== true) leaves = 0;
          return partner.simulator.fetch(request);
        },
        secrets: secretsOf(kept, { ...harness.secrets, ...opening.secrets }),
        quota: {
          // A vendor's quota is another test's matter: time passes, so that it never strikes here.
          take: async () => {
            const { closedUntil } = opening;
            if (closedUntil !== undefined)
              return failed({ kind: "throttled", message: "our own quota", retryAt: closedUntil });
            leaves += 1;
            await clock.sleep(1_100);
            return ok(null);
          },
        },
      },
      {
        id: "con_1",
        marketplace: marketplace.id,
        label: marketplace.name,
        account: opening.account ?? harness.account,
        environment: opening.environment ?? "simulated",
        settings: opening.settings ?? harness.settings,
        state: "active",
        parkedReason: null,
        version: 1,
        createdAt: start,
      },
    );
  const coSell = (opening: Opening = {}): CoSell => present(open(opening).coSell, "co-sell");
  return { harness, marketplace, clock, partner, deliveries, sent, pass, open, coSell, draft: draftFor(harness) };
};

const secretsOf = (kept: Map<string, SecretValue>, given: Readonly<Record<string, string>>) => ({
  get: async (ref: string): Promise<SecretValue | null> => {
    const value = given[ref];
    return kept.get(ref) ?? (value === undefined ? null : { value, version: 1 });
  },
  rotate: async (ref: string, expectedVersion: number, value: string): Promise<boolean> => {
    const version = kept.get(ref)?.version ?? (given[ref] === undefined ? 0 : 1);
    if (version !== expectedVersion) return false;
    kept.set(ref, { value, version: version + 1 });
    return true;
  },
});

const draftFor =
  ({ fields }: Harness) =>
  (parts: DraftParts = {}): ShareDraft =>
    draftWith(fields, { contacts: people, ...parts });

/** As the journal keeps it: text, read back. */
const journalled = <T>(value: T): T => JSON.parse(JSON.stringify(value));
const lookAgainSeconds = 10 * 60;

/**
 * One write to its end, as `workflows/effect.ts` does it: after a lost answer it is looked for, and only repeated when it is not
 * there; a list that may lag is asked twice. Throws `Refused` with a fault that is for a person.
 */
export const carry = async (bench: Bench, planned: Write, token: string): Promise<Carried> => {
  const write = journalled(planned);
  const faults: Fault[] = [];
  let isLost = false;
  for (let attempt = 0; attempt < 8; attempt++) {
    if (isLost) {
      const found = await locateTwice(bench, write, token);
      if (found !== null) return { outcome: journalled(found), faults };
    }
    const result = await bench.coSell().run(write, token);
    if (result.ok) {
      expectNobody(result.value);
      return { outcome: journalled(result.value), faults };
    }
    const { fault } = result;
    expectNobody(fault);
    faults.push(fault);
    isLost = fault.kind === "ambiguous";
    if (fault.kind === "throttled") bench.clock.advanceTo(new Date(fault.retryAt));
    else if (isLost || fault.kind === "unavailable") await bench.pass(60);
    else throw new Refused(fault);
  }
  throw new Error(`${write.operation} came to no end: ${faults.map(({ kind }) => kind).join(", ")}`);
};
export class Refused extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

const locateTwice = async (bench: Bench, write: Write, token: string): Promise<Outcome | null> => {
  const found = good(await bench.coSell().locate(write, token));
  if (found !== null || write.token !== "we-search") return found;
  await bench.pass(lookAgainSeconds);
  return good(await bench.coSell().locate(write, token));
};

/** Polls a task until it ends; the task's own fault is thrown. */
const follow = async (bench: Bench, outcome: Outcome): Promise<Outcome> => {
  for (let poll = 0; poll < 10; poll++) {
    await bench.pass(120);
    const polled = good(await bench.coSell().poll(outcome));
    if (polled.task?.state === "failed")
      throw polled.task.fault === undefined
        ? new Error("a task failed without a reason")
        : new Refused(polled.task.fault);
    if (polled.task?.state !== "running") return polled;
  }
  throw new Error(`the task of ${outcome.key} did not end`);
};

export interface Submitted {
  readonly ref: RemoteRef;
  readonly outcomes: readonly Outcome[];
  readonly writes: readonly Write[];
  readonly faults: readonly Fault[];
}
/** A whole submission, as `workflows/push.ts` does it. */
export const submit = async (bench: Bench, draft: ShareDraft): Promise<Submitted> => {
  const outcomes: Outcome[] = [];
  const writes: Write[] = [];
  const faults: Fault[] = [];
  for (let stage = 0; stage < 20; stage++) {
    const next = bench.coSell().submission(draft, outcomes);
    if (next.kind === "done") return { ref: refOf(outcomes), outcomes, writes, faults };
    if (next.kind === "poll") {
      outcomes[outcomes.findLastIndex(({ key }) => key === next.outcome.key)] = await follow(bench, next.outcome);
      continue;
    }
    writes.push(next.write);
    const carried = await carry(bench, next.write, `token-${draft.opportunity.key}-${next.write.key}`);
    outcomes.push(carried.outcome);
    faults.push(...carried.faults);
  }
  throw new Error("the submission came to no end");
};
const refOf = (outcomes: readonly Outcome[]): RemoteRef => {
  const last = outcomes.at(-1);
  if (last === undefined) throw new Error("a submission without a write");
  return last.ref;
};

/** The record as it is now. Facts are for everybody: they name nobody. */
export const lookAt = async (bench: Bench, ref: RemoteRef): Promise<Observation> => {
  const seen = good(await bench.coSell().look(ref));
  expectNobody(seen.facts);
  for (const { email, name } of seen.people)
    for (const word of [email, name]) if (word) expect(JSON.stringify(seen.facts)).not.toContain(word);
  return seen;
};

/** A submitted deal that the partner's people have taken, with the base that both last agreed on. */
export const accepted = async (bench: Bench, parts: DraftParts = {}) => {
  const draft = bench.draft(parts);
  const { ref } = await submit(bench, draft);
  const base = bench.coSell().baseOf(await lookAt(bench, ref));
  await bench.pass(3_600);
  await bench.partner.accept(ref.id);
  await bench.pass(3_600);
  return { draft, ref, base };
};

export const invitationsOf = (bench: Bench): Invitations => present(bench.coSell().invitations, "invitations");

/** An answer to an invitation, as `workflows/answer.ts` gives it. Returns what came of it, or why it cannot be given. */
export const answer = async (
  bench: Bench,
  id: string,
  given: AnswerInput["answer"],
): Promise<{ readonly made: RemoteRef | null; readonly faults: readonly Fault[] } | { readonly stop: string }> => {
  const done: Outcome[] = [];
  const faults: Fault[] = [];
  let invitation = good(await invitationsOf(bench).look({ id }));
  for (let stage = 0; stage < 20; stage++) {
    const next = invitationsOf(bench).answer({ answer: given, invitation }, done);
    if (next.kind === "done") return { made: next.made, faults };
    if (next.kind === "stop") return { stop: next.reason };
    if (next.kind === "look") invitation = good(await invitationsOf(bench).look({ id }));
    else if (next.kind === "poll")
      done[done.findLastIndex(({ key }) => key === next.outcome.key)] = await follow(bench, next.outcome);
    else {
      const carried = await carry(bench, next.write, `answer-${id}-${next.write.key}`);
      done.push(carried.outcome);
      faults.push(...carried.faults);
    }
  }
  throw new Error("the answer came to no end");
};
