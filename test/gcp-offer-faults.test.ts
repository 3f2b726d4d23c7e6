/** Whatever goes wrong at whichever call of a publication or an approval: one offer, one agreement, published once; nothing twice. */
import { describe, expect, it } from "vitest";
import type { Outcome, Write, Writes } from "../adapters/contract.ts";
import { refutationMax } from "../src/domain/fault.ts";
import { value } from "./gcp-double.ts";
import { offerDraft, openMarket, project, short, type TestMarket, type Walk } from "./gcp-offer-double.ts";

const place = `https://commerceproducer.googleapis.com/v1beta/projects/${project}/locations/global`;

/** What may strike any call: before its effect, after it, in its answer. */
const faults = [
  { fault: "timeout_before" },
  { fault: "commit_then_timeout" },
  { fault: "commit_then_500" },
  { fault: "error_500" },
  { fault: "error_503_before" },
  { fault: "throttle" },
  { fault: "aborted" },
  { fault: "token_expired" },
  { fault: "permission_lost" },
  { fault: "reset_mid_body" },
  { fault: "truncated_json" },
  { fault: "html_error_page" },
  { fault: "html_error_page", committed: true },
  { fault: "wrong_content_type" },
  { fault: "stale_read", seconds: 60 },
] as const;
/** As the engine keeps it: two empty searches of a list that may lag lie so far apart. */
const lagSeconds = 600;

/** One write as the journal carries it: looked for before any repeat of what may have happened. */
const carry = async (market: TestMarket, doors: Writes, write: Write): Promise<Outcome> => {
  for (let attempt = 0; attempt <= refutationMax + 3; attempt++) {
    const result = await doors.run(write, "token");
    if (result.ok) return result.value;
    const { kind } = result.fault;
    if (["unavailable", "throttled", "denied"].includes(kind)) {
      await market.later(120);
      continue;
    }
    if (kind !== "ambiguous" && kind !== "drift") throw new Error(JSON.stringify(result.fault));
    const found = await seek(market, doors, write);
    if (found !== null) return found;
  }
  throw new Error(`${write.key} did not end`);
};
const seek = async (market: TestMarket, doors: Writes, write: Write): Promise<Outcome | null> => {
  for (let empty = 0, tries = 0; tries < 8; tries++) {
    const found = await doors.locate(write, "token");
    if (found.ok && found.value !== null) return found.value;
    if (found.ok && (write.token === "we-read" || ++empty > 1)) return null;
    await market.later(lagSeconds);
  }
  throw new Error(`${write.key} cannot be looked for`);
};
const walk = async (market: TestMarket, doors: Writes, next: Walk): Promise<readonly Outcome[]> => {
  const done: Outcome[] = [];
  for (let step = 0; step < 60; step++) {
    const at = next(done);
    if (at.kind === "done") return done;
    if (at.kind === "write") {
      done.push(await carry(market, doors, at.write));
      continue;
    }
    await market.later(60);
    const polled = await doors.poll(at.outcome);
    const index = done.findIndex(({ key }) => key === at.outcome.key);
    if (polled.ok) done[index] = polled.value;
  }
  throw new Error("the walk did not end");
};

const held = async (market: TestMarket) => {
  const { offers } = await market.rig.controls.ledger();
  return offers.map(({ document }) => document.state);
};

describe("a publication of seven calls", () => {
  it.each(faults.map((rule) => [rule.fault, rule] as const))(
    "comes to one published offer with one agreement, whichever of them is struck by %s",
    async (_, rule) => {
      const market = openMarket();
      value(await market.offers.changes(null));
      for (let nth = 1; nth <= 7; nth++) {
        await market.rig.controls.setFaults([{ on: "*", ...rule, nth, times: 1 }]);
        const draft = offerDraft({ marker: `off-${nth}`, now: market.rig.clock.now() });
        const done = await walk(market, market.offers, (known) => market.offers.publication(draft, known));
        expect(done.map(({ key }) => key.split(":")[0])).toEqual(["create", "agreement", "publish"]);
        await market.rig.controls.setFaults([]);
        const id = done[0]?.ref.id ?? "";
        const { body } = await market.rig.call("GET", `${place}/privateOffers/${id}/documents`);
        expect(body.privateOfferDocuments).toHaveLength(1);
        // The mark is there once, and no earlier offer was touched.
        expect(await held(market)).toEqual(Array.from({ length: nth }, () => "PUBLISHED"));
      }
    },
  );
  it("makes one draft while Google's lists lag behind and every create is lost", async () => {
    const market = openMarket();
    await market.rig.controls.change({ searchLagSeconds: 300 });
    await market.rig.controls.addFaults([{ on: "privateOffers.create", fault: "commit_then_timeout", times: 3 }]);
    const draft = offerDraft();
    await walk(market, market.offers, (known) => market.offers.publication(draft, known));
    expect(await held(market)).toEqual(["PUBLISHED"]);
    expect(
      market
        .calls()
        .map(short)
        .filter((call) => call === "POST privateOffers"),
    ).toHaveLength(1);
  });
});

describe("an order's approvals", () => {
  it.each(faults.map((rule) => [rule.fault, rule] as const))(
    "end with both given once, whichever is struck by %s",
    async (_, rule) => {
      const market = openMarket();
      for (const [nth, on] of ["providers.accounts.approve", "providers.entitlements.approve"].entries()) {
        const terms = { buyer: { accounts: [`0AB1C2-34D5E6-00000${nth}`], name: "Example Foods Inc" } };
        const draft = offerDraft({ marker: `off-${nth}`, now: market.rig.clock.now(), terms });
        const { id } = await market.rig.controls.acceptOffer(await market.published(draft));
        const looked = value(await market.agreements.look({ id }));
        await market.rig.controls.setFaults([{ on, ...rule, nth: 1, times: 1 }]);
        const duty: Walk = (done) => market.agreements.duty?.(looked, done, null) ?? { kind: "done" };
        const done = await walk(market, market.agreements, duty);
        expect(done.map(({ key }) => key.split(":")[0])).toEqual(["approve-account", "approve"]);
        await market.later(1_800);
        expect(value(await market.agreements.look({ id })).event).toBe("activated");
      }
    },
  );
});
