/** A deal's private offer at the simulated Google in the whole service: published, accepted, approved, in force, amended, ended. */
import { afterAll, expect, it } from "vitest";
import { cloudsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const world = await openWorld({ seed: "gcp-offers", clouds: ["gcp"], sweepCron: "TZ=UTC 0 */6 * * *" });
afterAll(() => world.close());
const { timeline } = world;
const connectionId = world.connections.gcp ?? "";
const minute = 60_000;
const day = 86_400_000;
const project = "simulated-partner-public";

// biome-ignore lint/suspicious/noExplicitAny: the test looks into answers of every route.
const call = async (method: string, path: string, body?: unknown, version?: number): Promise<any> => {
  const headers: Record<string, string> = version === undefined ? {} : { "if-match": `"${version}"` };
  const answer = await world.call(method, path, body, headers);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
};
// biome-ignore lint/suspicious/noExplicitAny: as above.
const control = async (path: string, body: unknown, method = "POST"): Promise<any> => {
  const request = new Request(`http://simulator.invalid${path}`, { method, body: JSON.stringify(body) });
  const answer = await world.simulators.gcp?.control(request);
  if (!answer?.ok) throw new Error((await answer?.text()) ?? "no simulator");
  return answer.json();
};
const later = (days: number): string => new Date(world.clock.now().getTime() + days * day).toISOString().slice(0, 10);
const terms = (more: object = {}) => ({
  name: "Route planning",
  buyer: { accounts: ["0AB1C2-34D5E6-F7890A"], name: "Example Foods Inc" },
  product: `core.endpoints.${project}.cloud.goog`,
  plan: "enterprise-p1y",
  price: { model: "flat", total: { amount: "120000.00", currency: "USD" } },
  term: { months: 12 },
  acceptBy: later(60),
  legal: { kind: "standard" },
  ...more,
});
const publish = async (body: object): Promise<string> => {
  const { offer } = await call("POST", "/v1/offers", { connectionId, ...body });
  await call("POST", `/v1/offers/${offer.id}/publish`);
  await timeline.advance(10 * minute);
  return offer.id;
};

it("goes from the deal to an order in force by pushes alone, and both are tied to the deal", async () => {
  const deal = cloudsDeal("google-offer");
  const { id: opportunityId } = await call("POST", "/v1/opportunities", deal);
  const id = await publish({ opportunityId, terms: terms() });
  const published = await call("GET", `/v1/offers/${id}`);
  expect(published).toMatchObject({ state: "published", origin: "ours" });
  await control("/accept_offer", { id: published.remoteId });
  await timeline.advance(10 * minute);
  const accepted = await call("GET", `/v1/offers/${id}`);
  expect(accepted).toMatchObject({ state: "accepted", evidence: { kind: "stated" } });
  expect(accepted.agreements).toMatchObject([{ state: "pending", opportunityId }]);
  await timeline.advance(30 * minute);
  const [agreement] = (await call("GET", `/v1/offers/${id}`)).agreements;
  expect(agreement.state).toBe("active");
  const told = await call("GET", `/v1/agreements/${agreement.id}`);
  expect(told).toMatchObject({
    offerId: id,
    total: { amount: "120000.00", currency: "USD" },
    facts: { netRevenuePercent: "97", signUp: "approved" },
  });
  expect(world.logged.filter((line) => /delivery (forged|unsure)/.test(line))).toEqual([]);
});

it("what Google refuses brings the draft back with our field; mended it goes out, moves its last day, and is taken back", async () => {
  const buyer = (account: string) => ({ buyer: { accounts: [account], name: "Example Foods Inc" } });
  await control("/billing_account", { id: "billingAccounts/0AB1C2-34D5E6-000001", kind: "free_trial" }, "PUT");
  const deal = await call("POST", "/v1/opportunities", cloudsDeal("google-mended"));
  const id = await publish({ opportunityId: deal.id, terms: terms(buyer("0AB1C2-34D5E6-000001")) });
  const refused = await call("GET", `/v1/offers/${id}`);
  expect(refused).toMatchObject({ state: "draft", gaps: [{ field: "buyer.accounts" }] });
  await call("PATCH", `/v1/offers/${id}`, { terms: terms(buyer("0AB1C2-34D5E6-000002")) }, refused.version);
  await call("POST", `/v1/offers/${id}/publish`);
  await timeline.advance(10 * minute);
  const published = await call("GET", `/v1/offers/${id}`);
  expect(published).toMatchObject({ state: "published", remoteId: refused.remoteId });
  await call("POST", "/v1/offers/extend", { offers: [id], until: later(80) });
  await timeline.advance(5 * minute);
  expect(await call("GET", `/v1/offers/${id}`)).toMatchObject({ acceptBy: later(80) });
  await call("POST", `/v1/offers/${id}/withdraw`, { reason: "the customer asked for another term" });
  await timeline.advance(5 * minute);
  expect((await call("GET", `/v1/offers/${id}`)).state).toBe("withdrawn");
});

it("a draft that lies at Google is deleted there when it is taken back, once", async () => {
  await control("/billing_account", { id: "billingAccounts/0AB1C2-34D5E6-000003", kind: "free_trial" }, "PUT");
  const deal = await call("POST", "/v1/opportunities", cloudsDeal("google-deleted"));
  const buyer = { accounts: ["0AB1C2-34D5E6-000003"], name: "Example Foods Inc" };
  const id = await publish({ opportunityId: deal.id, terms: terms({ buyer }) });
  const { state, remoteId } = await call("GET", `/v1/offers/${id}`);
  expect([state, typeof remoteId]).toEqual(["draft", "string"]);
  const held = async (): Promise<boolean> =>
    (await control("/ledger", undefined, "GET")).offers.some((offer: { id: string }) => offer.id === remoteId);
  expect(await held()).toBe(true);
  for (const _ of [1, 2]) await call("POST", `/v1/offers/${id}/withdraw`, { reason: "the customer went elsewhere" });
  await timeline.advance(5 * minute);
  const { effects, ...gone } = await call("GET", `/v1/offers/${id}`);
  expect([gone.state, await held()]).toEqual(["withdrawn", false]);
  expect(effects.filter(({ operation }: { operation: string }) => operation === "privateOffers.delete")).toHaveLength(
    1,
  );
});
