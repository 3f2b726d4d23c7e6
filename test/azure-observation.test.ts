import { describe, expect, it } from "vitest";
import { observationOf, statusTable } from "../adapters/azure/observation.ts";
import { referralSchema } from "../adapters/azure/wire.ts";
import { absorb, type JsonObject } from "../src/domain/deal.ts";
import { shareEvents } from "../src/domain/machine.ts";
import { draftOf, held, microsofts, now, organizationId } from "./azure-double.ts";

const see = (own: JsonObject, related: readonly JsonObject[] = []) => {
  const [mine, ...others] = [held(draftOf(), own), ...related].map((row) => referralSchema.parse(row));
  if (mine === undefined) throw new Error("no referral");
  const texts = { own: "{}", related: [] };
  return observationOf({ own: mine, related: others, texts, organizationId, seenAt: now });
};
const eventOf = (own: JsonObject, related?: readonly JsonObject[]) => {
  const seen = see(own, related);
  return "unknown" in seen ? seen.unknown : seen.event;
};
const words = (status: string, substatus: string) => ({ status, substatus });

describe("status and substatus", () => {
  it("mean for Microsoft's referral what its seller decides, while ours stands", () => {
    const asked = (status: string, substatus: string) => eventOf({}, [microsofts(words(status, substatus))]);
    expect(asked("New", "Pending")).toBe("review_started");
    expect(asked("New", "Received")).toBe("review_started");
    expect(asked("Active", "Accepted")).toBe("partner_accepted");
    expect(asked("Closed", "Declined")).toBe("partner_declined");
    expect(asked("Closed", "Expired")).toBe("partner_declined");
    expect(asked("Closed", "Won")).toBe("launched");
    expect(asked("Closed", "Lost")).toBe("lost");
  });
  it("mean for ours that it stands, until it is closed: then nothing else counts", () => {
    expect(eventOf({})).toBe("partner_stored");
    for (const row of [microsofts(), microsofts(words("Active", "Accepted"))]) {
      expect(eventOf(words("Closed", "Won"), [row])).toBe("launched");
      expect(eventOf(words("Closed", "Lost"), [row])).toBe("lost");
      expect(eventOf(words("Closed", "Expired"), [row])).toBe("partner_declined");
    }
  });
  it("that others brought are agreed once we have accepted it", () => {
    const inbound = { direction: "Incoming" };
    expect(eventOf({ ...inbound, ...words("New", "Pending") })).toBe("partner_stored");
    expect(eventOf(inbound)).toBe("partner_accepted");
    expect(eventOf(inbound, [microsofts(words("Closed", "Declined"))])).toBe("partner_accepted");
    expect(eventOf(inbound, [microsofts(words("Closed", "Won"))])).toBe("launched");
  });
  it("of another pair, or of an invented word, are told and never guessed", () => {
    expect(eventOf(words("Active", "Won"))).toMatch(/"Active" with substatus "Won"/);
    expect(eventOf({}, [microsofts(words("Closed", "Error"))])).toMatch(/"Error"/);
    expect(eventOf({ status: null })).toMatch(/"none"/);
  });
  it("lead only where the state machine has a way, from every state a share can be in before", () => {
    for (const [, , ours, theirs] of statusTable)
      for (const event of [ours, theirs]) if (event !== "open") expect(shareEvents).toContain(event);
    expect(absorb("submitting", "partner_stored")).not.toBeNull();
    // Upgraded later: what Microsoft only saw it is now asked about.
    expect(absorb("submitted", "review_started")).toHaveLength(1);
    expect(absorb("submitted", "launched")).not.toBeNull();
    expect(absorb("withdrawing", "lost")).toHaveLength(1);
    expect(absorb("draft", "partner_accepted")).toHaveLength(1);
  });
});

describe("an engagement", () => {
  it("counts as accepted only where a seller took the deal on, or where they brought it", () => {
    const accepted = (own: JsonObject, related?: readonly JsonObject[]) => {
      const seen = see(own, related);
      return "unknown" in seen ? seen.unknown : seen.isAcceptance;
    };
    expect(accepted(words("Closed", "Won"))).toBe(false);
    expect(accepted(words("Closed", "Won"), [microsofts()])).toBe(false);
    expect(accepted({}, [microsofts(words("Active", "Accepted"))])).toBe(true);
    expect(
      accepted(words("Closed", "Won"), [
        microsofts({ ...words("Closed", "Lost"), acceptedDateTime: "2026-09-03T00:00:00Z" }),
      ]),
    ).toBe(true);
    expect(accepted({ direction: "Incoming" })).toBe(true);
  });
  it("is judged by the invitation that is open, else by the newest, and told of whole", () => {
    const declined = microsofts({ ...words("Closed", "Declined"), id: "old", createdDateTime: "2026-08-01T00:00:00Z" });
    const other = { ...microsofts(words("New", "Pending")), id: "third", organizationId: "another-partner" };
    const seen = see({}, [declined, other, microsofts()]);
    expect(seen).toMatchObject({
      event: "review_started",
      related: ["old", "third", microsofts().id],
      facts: { otherPartners: 1 },
    });
    expect(eventOf({}, [declined, other])).toBe("partner_declined");
  });
  it("says why Microsoft declined, without naming anybody", () => {
    const reason = "No capacity, ask sam@microsoft.example";
    const seen = see({}, [microsofts({ ...words("Closed", "Declined"), statusReason: reason })]);
    expect(seen).toMatchObject({ facts: { reviewComments: "No capacity, ask (e-mail)" } });
  });
});
