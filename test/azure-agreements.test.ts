/** Subscriptions at the simulated Microsoft: what a buyer does, what we answer and when it is too late, through the adapter's doors alone. */
import { describe, expect, it } from "vitest";
import { changes } from "../adapters/azure/offers/agreements.ts";
import { createMarketMemory } from "../adapters/azure/offers/memory.ts";
import { marketplaceSchema } from "../adapters/azure/offers/settings.ts";
import { callForgeries } from "../adapters/azure/simulator/marketplace/rows.ts";
import type { Hint, RawDelivery, VerifiedDelivery, Write } from "../adapters/contract.ts";
import { createVirtualClock } from "../src/clock.ts";
import type { Connection } from "../src/domain/deal.ts";
import { runChecks } from "../src/domain/diagnosis.ts";
import { ok } from "../src/domain/fault.ts";
import type { AgreementObservation } from "../src/domain/offer.ts";
import { got, marketplace, openMarketDoors } from "./azure-market-doors.ts";
import { type Called, hooks, ids, type MarketplaceRigOptions, openMarketplaceRig } from "./azure-marketplace-rig.ts";
import type { Raw } from "./azure-simulator-rig.ts";

const perSeat = {
  pricing: [{ product: ids.product, plan: ids.perSeat, discountType: "percentage", discountPercentage: 10 }],
};
const rawOf = ({ headers, body }: Called): RawDelivery => ({
  headers: Object.fromEntries(headers),
  body: new TextEncoder().encode(JSON.stringify(body)),
});

/** A seller with one purchased subscription of 20 seats. */
const openSold = async (options: MarketplaceRigOptions = {}, over: Connection["settings"] = {}) => {
  const rig = openMarketplaceRig(options);
  await rig.controls.setTechnical(hooks);
  const bought = await rig.sell(perSeat, { quantity: 20, termMonths: 12 });
  const doors = openMarketDoors(rig, over);
  const id: string = bought.id;
  const look = async (at = id): Promise<AgreementObservation> => got(await doors.agreements.look({ id: at }));
  const dutyOf = async (at = id): Promise<Write | null> => {
    const next = doors.agreements.duty?.(await look(at), [], null);
    return next?.kind === "write" ? next.write : null;
  };
  const carryOut = async (write: Write | null) => {
    if (write === null) throw new Error("nothing to do");
    return doors.agreements.run(write, "t");
  };
  const act = async (name: string, body = {}): Promise<Raw["body"]> =>
    (await rig.controls.onSubscription(`${id}/${name}`, body)).operation;
  /** What the last webhook came to. */
  const told = async (): Promise<VerifiedDelivery> => {
    const call = rig.hooks().at(-1);
    if (call === undefined) throw new Error("no webhook came");
    const verdict = await doors.hooks.verify(rawOf(call));
    if (verdict.kind !== "verified") throw new Error(`${verdict.kind}: ${verdict.reason}`);
    return verdict.delivery;
  };
  return { rig, doors, bought, id, look, dutyOf, carryOut, act, told };
};

describe("a subscription", () => {
  it("is activated once, by the setting, however often the answer is lost", async () => {
    const { rig, doors, id, look, dutyOf, carryOut, bought } = await openSold();
    expect(await look()).toMatchObject({
      ref: { id },
      event: "accepted",
      offer: bought.offer.id.split("/")[1],
      // Its own status is stated; that an offer was accepted is not.
      evidence: { kind: "inferred", from: expect.stringContaining("its plan per-seat is private and names offer") },
      plan: "per-seat",
      startsAt: null,
      facts: { status: "PendingFulfillmentStart", quantity: 20, isPrivate: true },
    });
    const write = await dutyOf();
    expect(write).toMatchObject({ key: "activate", token: "we-read", body: { planId: "per-seat", quantity: 20 } });
    if (write === null) return;
    expect(got(await doors.agreements.locate(write, "t"))).toBeNull();
    doors.loseAnswers(1);
    expect(await carryOut(write)).toMatchObject({ ok: false, fault: { kind: "ambiguous" } });
    expect(got(await doors.agreements.locate(write, "t"))).toMatchObject({ key: "activate", ref: { id } });
    expect(await look()).toMatchObject({
      event: "activated",
      startsAt: expect.stringMatching(/^2026-/),
      autoRenews: true,
    });
    expect(await dutyOf()).toBeNull();
    const activations = doors.calls.filter((call) => call.endsWith("/activate"));
    expect(activations).toHaveLength(1);
    const asking = openMarketDoors(rig, { activation: "ask" });
    const waiting = {
      ...(await look()),
      body: JSON.stringify({ ...JSON.parse((await look()).body), subscription: bought }),
    };
    expect(asking.agreements.duty?.(waiting, [], null)).toEqual({ kind: "done" });
  });

  it("shows nobody's name or address outside the sealed body", async () => {
    const { look } = await openSold();
    const { body, ...shown } = await look();
    expect(body).toContain("@");
    expect(JSON.stringify(shown)).not.toContain("@");
  });

  it("is cancelled, suspended and reinstated as the buyer does", async () => {
    const { rig, doors, id, look, dutyOf, carryOut, act } = await openSold({
      settings: { saas: { shapes: "plain", pageSize: 1 } },
    });
    got(await carryOut(await dutyOf()));
    await rig.controls.subscribe();
    const first = got(await doors.agreements.changes(null));
    expect(first).toMatchObject({ items: [{ kind: "agreement", id }], more: true });
    expect(got(await doors.agreements.changes(first.cursor))).toMatchObject({
      items: [{ kind: "agreement" }],
      more: false,
    });
    await act("suspend");
    expect(await look()).toMatchObject({ event: "activated", facts: { status: "Suspended" } });
    await act("reinstate");
    await rig.settle(2);
    expect(await dutyOf()).toMatchObject({ operation: "AnswerOperation", body: { status: "Success" } });
    await rig.settle(60);
    await act("unsubscribe");
    expect(await look()).toMatchObject({ event: "cancelled" });
    expect(await dutyOf()).toBeNull();
  });
});

describe("subscriptions", () => {
  it("name their offer in either form of its id, and none where the plan is public", async () => {
    const { rig, doors, bought, look } = await openSold({ settings: { saas: { externalId: "durable" } } });
    expect((await look()).offer).toBe(bought.offer.id.split("/")[1]);
    const walkIn: Raw["body"] = await rig.controls.subscribe();
    expect(await look(walkIn.id)).toMatchObject({ offer: null, evidence: { kind: "stated" } });
    expect(got(await doors.agreements.ofOffer({ id: bought.offer.id }))).toEqual([{ id: bought.id }]);
  });

  it("that are test purchases are not told of: nobody owes for them", async () => {
    const rows = [
      { id: "s1", isTest: false, saasSubscriptionStatus: "Subscribed" },
      { id: "s2", isTest: true, saasSubscriptionStatus: "Subscribed" },
      { nothing: "known" },
    ];
    const json = { subscriptions: rows };
    const answer = { status: 200, headers: new Headers(), bytes: new Uint8Array(), json };
    const deps = {
      clock: createVirtualClock(new Date("2026-06-01T00:00:00Z")),
      wire: { send: async () => ok(answer) },
      market: marketplaceSchema.parse(marketplace),
      memory: createMarketMemory(),
      connectionId: "con_1",
    };
    expect(got(await changes(deps, null)).items.map(({ id }) => id)).toEqual(["s1"]);
  });
});

describe("a buyer's change", () => {
  const active = async (over: Connection["settings"] = {}, options: MarketplaceRigOptions = {}) => {
    const sold = await openSold({ settings: { saas: { shapes: "plain", callSeconds: [1, 1] } }, ...options }, over);
    await sold.rig.activate(sold.bought);
    return sold;
  };
  const operationIn = (hints: readonly Hint[]): string => hints.find(({ id }) => id.includes("/operations/"))?.id ?? "";

  it("is refused within Microsoft's ten seconds, by the operation that the webhook names", async () => {
    // Microsoft's list of what is outstanding leaves changes out: only the webhook names them.
    const options: MarketplaceRigOptions = {
      settings: { saas: { shapes: "plain", callSeconds: [1, 1], outstanding: "Reinstate" } },
    };
    const {
      rig,
      doors,
      id,
      look,
      dutyOf,
      carryOut,
      act,
      told: last,
    } = await active({ planChanges: "refuse" }, options);
    const operation = await act("change", { quantity: 60 });
    await rig.settle(2);
    const { hints, kind, key } = await last();
    expect({ kind, key }).toEqual({ kind: "ChangeQuantity", key: `ChangeQuantity:${operation.id}` });
    expect(hints.map((hint) => hint.id)).toEqual([`${id}/operations/${operation.id}`, id]);
    expect(await dutyOf(id)).toBeNull();
    const told = operationIn(hints);
    const waiting = await look(told);
    expect(waiting.ref).toEqual({ id, arn: told });
    // Whoever answers reads it again, by what was kept of it.
    const again = doors.agreements.duty?.(got(await doors.agreements.look(waiting.ref)), [], null);
    const write = again?.kind === "write" ? again.write : null;
    expect(write).toMatchObject({ key: `answer:${operation.id}`, body: { status: "Failure", quantity: 60 } });
    doors.calls.length = 0;
    got(await carryOut(write));
    expect(doors.calls.map((call) => call.split(" ")[0])).toEqual(["GET", "PATCH"]);
    await rig.settle(60);
    expect((await look()).facts.quantity).toBe(20);
    if (write === null) return;
    expect(got(await doors.agreements.locate(write, "t"))).toMatchObject({ key: write.key });
    // Repeated, it changes nothing and asks for nothing.
    doors.calls.length = 0;
    got(await carryOut(write));
    expect(doors.calls.map((call) => call.split(" ")[0])).toEqual(["GET"]);
  });

  it("is accepted by the setting, and counts as accepted where Microsoft was faster", async () => {
    const { rig, look, dutyOf, carryOut, act } = await active();
    await act("change", { quantity: 30 });
    await rig.settle(2);
    got(await carryOut(await dutyOf()));
    expect((await look()).facts.quantity).toBe(30);
    await act("change", { quantity: 40 });
    await rig.settle(2);
    const late = await dutyOf();
    await rig.settle(60);
    got(await carryOut(late));
    expect((await look()).facts.quantity).toBe(40);
  });

  it("that Microsoft accepted meanwhile cannot be refused any more, and says so", async () => {
    const { rig, dutyOf, carryOut, act } = await active({ planChanges: "refuse" });
    await act("change", { quantity: 60 });
    await rig.settle(2);
    const write = await dutyOf();
    await rig.settle(60);
    expect(await carryOut(write)).toMatchObject({
      ok: false,
      fault: {
        kind: "rejected",
        message: expect.stringContaining("Succeeded already: Microsoft accepts by itself after ten seconds"),
      },
    });
  });

  it("is left alone where it is for a person to answer, and shows", async () => {
    const { rig, doors, look, dutyOf, act } = await active({ planChanges: "ask" });
    const operation = await act("change", { quantity: 60 });
    await rig.settle(2);
    expect(await dutyOf()).toBeNull();
    const waiting = await look();
    expect(waiting.facts.pending).toBe(`ChangeQuantity ${operation.id}`);
    const key = `answer:${operation.id}`;
    expect(waiting.waits).toMatchObject({ key, canReject: true });
    for (const [answer, status] of [
      ["approve", "Success"],
      ["reject", "Failure"],
    ] as const)
      expect(doors.agreements.duty?.(waiting, [], { key, answer, reason: null })).toMatchObject({
        write: { operation: "AnswerOperation", body: { operation: operation.id, status } },
      });
  });
});

describe("the landing page", () => {
  it("reads the buyer's token as it is or as the address had it, and refuses strangers' without ending the connection", async () => {
    const { rig, doors, id } = await openSold();
    const { token } = (await rig.controls.onSubscription(`${id}/land`)) as { token: string };
    expect(got(await doors.landing.resolve(token))).toMatchObject({ ref: { id }, event: "accepted", plan: "per-seat" });
    expect(got(await doors.landing.resolve(encodeURIComponent(token).replace(".", "%2E")))).toMatchObject({
      ref: { id },
    });
    for (const none of ["", "nonsense", "%E0%A4%A", "a\nb: c", "x".repeat(9_000)])
      expect(await doors.landing.resolve(none), none.slice(0, 20)).toMatchObject({
        ok: false,
        fault: { kind: "missing" },
      });
    await rig.settle(25 * 3_600);
    expect(await doors.landing.resolve(token)).toMatchObject({ ok: false, fault: { kind: "missing" } });
  });
});

describe("the SaaS webhook at Microsoft's hands", () => {
  it("counts in every documented shape and with either issuer, and in no forged one", async () => {
    for (const issuer of ["v1", "v2"] as const) {
      const { rig, doors, id, act, bought } = await openSold({ settings: { saas: { issuer, shapes: "varied" } } });
      await rig.activate(bought);
      for (let round = 0; round < 6; round++) {
        for (const name of ["suspend", "reinstate"]) {
          await act(name);
          await rig.controls.advance(1 / 1440);
        }
      }
      const calls = rig.hooks();
      expect(calls.length).toBeGreaterThanOrEqual(12);
      const kinds = new Set<string>();
      for (const call of calls) {
        const verdict = await doors.hooks.verify(rawOf(call));
        if (verdict.kind !== "verified") throw new Error(`${verdict.kind}: ${verdict.reason}`);
        kinds.add(verdict.delivery.kind);
        expect(verdict.delivery.hints.at(-1)).toMatchObject({ kind: "agreement", id });
      }
      expect([...kinds].toSorted()).toEqual(["Reinstate", "Suspend"]);
      expect(calls.some(({ body }) => body.operationType === "Reinstate")).toBe(true);
      for (const kind of callForgeries) {
        await rig.controls.forgeCall({ kind, subscriptionId: id });
        await rig.settle(5);
        const forgery = rig.hooks().at(-1);
        if (forgery === undefined) throw new Error("it did not come");
        expect((await doors.hooks.verify(rawOf(forgery))).kind, kind).toBe("forged");
      }
    }
  });
});

describe("the doctor of the marketplace", () => {
  const own = ["offers", "products", "subscriptions", "saas-webhook"];
  const diagnose = async (over: Connection["settings"] = {}, lost?: "QueryPrivateOffers" | "ListSubscriptions") => {
    const rig = openMarketplaceRig();
    const { session, calls } = openMarketDoors(rig, over);
    if (lost !== undefined) await rig.controls.setFaults([{ on: lost, fault: "permission_lost" }]);
    const checks = session.diagnose?.({ remoteId: null, confirmed: {} }) ?? [];
    const checked = await runChecks(checks.filter(({ id }) => own.includes(id)));
    return { calls, checked: Object.fromEntries(checked.map((one) => [one.id, one])) };
  };
  it("reads offers, products, subscriptions and keys, and writes nothing", async () => {
    const { checked, calls } = await diagnose();
    expect(Object.values(checked).map(({ id, result }) => `${id} ${result}`)).toEqual(own.map((id) => `${id} ok`));
    expect(checked.products?.detail).toBe("1 of 3 products are in the settings");
    expect(calls.every((call) => call.startsWith("GET "))).toBe(true);
    expect((await diagnose({ products: [] })).checked.products?.detail).toContain(
      `business-insights is ${ids.product}`,
    );
  });
  it("names a product that is called otherwise at Microsoft or is not there, and what an application lacks", async () => {
    const products = (id: string) => ({ products: [{ id, offerId: "insights" }] });
    expect((await diagnose(products(ids.product))).checked.products).toMatchObject({
      result: "failed",
      detail: `${ids.product} is business-insights at Microsoft, not insights`,
    });
    expect((await diagnose(products("product/none"))).checked.products?.detail).toBe("Microsoft lists no product/none");
    const lost = await diagnose({}, "QueryPrivateOffers");
    expect(lost.checked.offers?.detail).toContain("with the role Manager");
    expect(lost.checked.products?.result).toBe("skipped");
    expect((await diagnose({}, "ListSubscriptions")).checked.subscriptions?.detail).toContain(
      "technical configuration",
    );
  });
});
