/** Google's marketplace in tests: the simulator behind a session that is set up for it, and an offer that Google would take. */
import type { Agreements, Hooks, Next, Offers, Outcome } from "../adapters/contract.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { type OfferDraft, type OfferTermsInput, offerTermsSchema } from "../src/domain/offer.ts";
import { type GoogleOptions, openGoogle, value } from "./gcp-double.ts";

export const project = "simulated-partner-public";
export const service = `core.endpoints.${project}.cloud.goog`;
export const buyerAccount = "0AB1C2-34D5E6-F7890A";
export const now = new Date("2026-06-01T17:00:00.000Z");
export const today = "2026-06-01";
export const push = {
  audience: "https://cosell.example/hooks/con_1",
  email: `marketplace-push@${project}.iam.gserviceaccount.com`,
};

export const termsOf = (over: Partial<OfferTermsInput> = {}) =>
  offerTermsSchema.parse({
    name: "Data lake for Example Foods",
    buyer: { accounts: [buyerAccount], name: "Example Foods Inc" },
    product: service,
    plan: "enterprise-p1y",
    price: { model: "flat", total: { amount: "120000.00", currency: "USD" } },
    term: { months: 12 },
    acceptBy: "2026-07-31",
    legal: { kind: "standard" },
    ...over,
  } satisfies OfferTermsInput);

export interface DraftOver extends Partial<Omit<OfferDraft, "terms">> {
  readonly terms?: Partial<OfferTermsInput>;
}
export const offerDraft = ({ terms, ...over }: DraftOver = {}): OfferDraft => ({
  offerId: "off_1",
  marker: "off-0123456789",
  terms: termsOf(terms),
  contacts: [
    { role: "owner", email: "ada@partner.example", firstName: "Ada", lastName: "Owner" },
    { role: "customer", email: "pat@foods.example", firstName: "Pat", lastName: "Buyer" },
  ],
  deal: { source: "salesforce", key: "006A000001", title: "Data lake" },
  engagement: null,
  today,
  now,
  ...over,
});

const there = <T>(door: T | undefined, name: string): T => {
  if (door === undefined) throw new Error(`the session has no ${name}`);
  return door;
};
export type Walk = (done: readonly Outcome[]) => Next;

export interface MarketOptions extends GoogleOptions {
  readonly marketplace?: JsonObject;
}
/** The simulator behind a session that is set up for the marketplace. */
export const openMarket = ({ marketplace = {}, ...options }: MarketOptions = {}) => {
  const google = openGoogle({
    start: now,
    ...options,
    connection: { marketplace: { project, orders: "accept", push, ...marketplace }, ...options.connection },
  });
  const offers: Offers = there(google.session.offers, "offers");
  const agreements: Agreements = there(google.session.agreements, "agreements");
  const hooks: Hooks = there(google.session.hooks, "hooks");
  /** Lets time pass, and what is due then happen. */
  const later = async (seconds: number): Promise<void> => {
    await google.rig.controls.advance(seconds / 86_400);
  };
  /** Carries out a walk's writes and polls to its end, as the engine would. */
  const walk = async (doors: Pick<Offers, "run" | "poll">, next: Walk, known: readonly Outcome[] = []) => {
    const done = [...known];
    for (let step = 0; step < 30; step++) {
      const at = next(done);
      if (at.kind === "done") return done;
      const isPoll = at.kind === "poll";
      if (isPoll) await later(60);
      const outcome = value(isPoll ? await doors.poll(at.outcome) : await doors.run(at.write, "token"));
      const index = done.findIndex(({ key }) => key === outcome.key);
      if (index >= 0) done[index] = outcome;
      else done.push(outcome);
    }
    throw new Error("the walk did not end");
  };
  const publish = (draft: OfferDraft) => walk(offers, (done) => offers.publication(draft, done));
  return {
    ...google,
    offers,
    agreements,
    hooks,
    later,
    walk,
    publish,
    /** An offer that is published, by its id at Google. */
    published: async (draft: OfferDraft = offerDraft()): Promise<string> => (await publish(draft))[0]?.ref.id ?? "",
    /** Does Google's duties for an order until nothing waits. */
    serve: async (id: string): Promise<readonly Outcome[]> => {
      const observation = value(await agreements.look({ id }));
      return walk(agreements, (done) => agreements.duty?.(observation, done, null) ?? { kind: "done" });
    },
  };
};
export type TestMarket = ReturnType<typeof openMarket>;

/** The path behind the place, as a reader compares it. */
export const short = (call: string): string =>
  call
    .replace(`/v1beta/projects/${project}/locations/global/`, "")
    .replace(`/v1/providers/${project}/`, "")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID");
