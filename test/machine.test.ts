import { describe, expect, it } from "vitest";
import { absorb } from "../src/domain/deal.ts";
import { faultKinds } from "../src/domain/fault.ts";
import { absorbInvitation } from "../src/domain/invitation.ts";
import {
  agreementEndStates,
  agreementEvents,
  agreementStates,
  agreementTable,
  connectionStates,
  connectionTable,
  effectEvents,
  effectStates,
  effectTable,
  exceptionEvents,
  exceptionStates,
  exceptionTable,
  invitationEndStates,
  invitationEvents,
  invitationStates,
  invitationTable,
  offerEndStates,
  offerEvents,
  offerStates,
  offerTable,
  path,
  periodEvents,
  periodStates,
  periodTable,
  shareEndStates,
  shareEvents,
  shareStates,
  shareTable,
  step,
  type Table,
  taskEndStates,
  taskEvents,
  taskStates,
  taskTable,
  webhookMessageEvents,
  webhookMessageStates,
  webhookMessageTable,
  webhookStates,
  webhookTable,
} from "../src/domain/machine.ts";
import { absorbAgreement, absorbOffer } from "../src/domain/offer-state.ts";

const machines: readonly {
  readonly name: string;
  readonly table: Table<string, string>;
  readonly states: readonly string[];
  readonly events: readonly string[];
  readonly first: string;
  readonly ends: readonly string[];
}[] = [
  { name: "share", table: shareTable, states: shareStates, events: shareEvents, first: "draft", ends: shareEndStates },
  {
    name: "effect",
    table: effectTable,
    states: effectStates,
    events: effectEvents,
    first: "intended",
    ends: ["refused"],
  },
  {
    name: "connection",
    table: connectionTable,
    states: connectionStates,
    events: ["denied", "resumed"],
    first: "active",
    ends: [],
  },
  { name: "task", table: taskTable, states: taskStates, events: taskEvents, first: "open", ends: taskEndStates },
  {
    name: "invitation",
    table: invitationTable,
    states: invitationStates,
    events: invitationEvents,
    first: "received",
    ends: invitationEndStates,
  },
  { name: "offer", table: offerTable, states: offerStates, events: offerEvents, first: "draft", ends: offerEndStates },
  {
    name: "agreement",
    table: agreementTable,
    states: agreementStates,
    events: agreementEvents,
    first: "pending",
    ends: agreementEndStates,
  },
  { name: "period", table: periodTable, states: periodStates, events: periodEvents, first: "open", ends: [] },
  {
    name: "exception",
    table: exceptionTable,
    states: exceptionStates,
    events: exceptionEvents,
    first: "open",
    ends: [],
  },
  {
    name: "webhook",
    table: webhookTable,
    states: webhookStates,
    events: ["disable", "enable"],
    first: "enabled",
    ends: [],
  },
  {
    name: "webhook message",
    table: webhookMessageTable,
    states: webhookMessageStates,
    events: webhookMessageEvents,
    first: "pending",
    ends: [],
  },
];

describe.each(machines)("the $name table", ({ table, states, events, first, ends }) => {
  it("reaches every state from the first", () => {
    const reached = new Set([first]);
    for (let grown = true; grown; ) {
      grown = false;
      for (const [from, , to] of table) if (reached.has(from) && !reached.has(to)) grown = !!reached.add(to);
    }
    expect([...reached].sort()).toEqual([...states].sort());
  });
  it("leads out of every state that is not an end, and out of no end", () => {
    for (const state of states)
      expect([state, table.some(([from]) => from === state)]).toEqual([state, !ends.includes(state)]);
  });
  it("never lets one event lead two ways", () => {
    const keys = table.map(([from, event]) => `${from} ${event}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
  it("uses every event, and names no state or event it does not declare", () => {
    expect([...new Set(table.map(([, event]) => event))].sort()).toEqual([...events].sort());
    for (const [from, , to] of table) expect(states).toEqual(expect.arrayContaining([from, to]));
  });
  it("answers null for every pair that has no row", () => {
    for (const state of states) {
      for (const event of events) {
        const row = table.find(([from, on]) => from === state && on === event);
        expect(step(table, state, event)).toBe(row?.[2] ?? null);
      }
    }
  });
});

describe("absorbing an observation", () => {
  it("jumps over states we did not see, only along rows that exist", () => {
    expect(absorb("submitting", "partner_accepted")?.map(([, event]) => event)).toEqual([
      "partner_stored",
      "partner_accepted",
    ]);
    expect(absorb("needs_action", "partner_declined")?.map(([, event]) => event)).toEqual([
      "revised",
      "partner_stored",
      "partner_declined",
    ]);
    expect(absorb("submitted", "launched")?.map(([, event]) => event)).toEqual(["partner_accepted", "launched"]);
  });
  it("changes nothing when the share is already there, or the words mean nothing", () => {
    expect(absorb("in_review", "review_started")).toEqual([]);
    expect(absorb("accepted", null)).toEqual([]);
  });
  it("refuses what cannot follow: no state is ever left backwards or out of an end", () => {
    expect(absorb("accepted", "review_started")).toBeNull();
    expect(absorb("accepted", "partner_asked")).toBeNull();
    for (const end of shareEndStates) {
      for (const event of shareEvents) {
        const rows = absorb(end, event);
        expect(rows === null || rows.length === 0).toBe(true);
      }
    }
  });
  it("never assumes that we withdrew or that the partner refused", () => {
    for (const state of shareStates) {
      for (const event of shareEvents) {
        const between = (absorb(state, event) ?? []).slice(0, -1).map((row) => row[1]);
        expect(between).not.toContain("withdrawal_requested");
        expect(between).not.toContain("partner_refused");
      }
    }
  });
  it("finds the shortest way", () => {
    for (const from of shareStates) {
      for (const event of shareEvents) {
        const rows = path(shareTable, from, event);
        if (rows === null) continue;
        rows.forEach((row, index) => {
          expect(row[0]).toBe(index === 0 ? from : rows[index - 1]?.[2]);
        });
        expect(rows.at(-1)?.[1]).toBe(event);
      }
    }
  });
});

describe("what a partner reports of an invitation", () => {
  const reports = ["accepted", "rejected", "expired"] as const;
  it("moves every state that is no end to the reported end, but leaves our own acceptance to its run", () => {
    for (const state of invitationStates) {
      for (const event of reports) {
        const rows = absorbInvitation(state, event);
        const isEnd = invitationEndStates.some((end) => end === state);
        if (state === event || (state === "accepting" && event === "accepted")) expect(rows).toEqual([]);
        else if (isEnd) expect([state, event, rows]).toEqual([state, event, null]);
        else expect(rows?.map((row) => [row[0], row[2]])).toEqual([[state, event]]);
      }
      expect(absorbInvitation(state, null)).toEqual([]);
    }
  });
  it("never answers for us: no report leads to an answer under way", () => {
    for (const state of invitationStates)
      for (const event of reports)
        for (const row of absorbInvitation(state, event) ?? [])
          expect(["accepting", "rejecting"]).not.toContain(row[2]);
  });
});

describe("what a marketplace reports of an offer", () => {
  it("never asks, approves or publishes for us, and walks only rows that exist", () => {
    for (const state of offerStates)
      for (const event of offerEvents) {
        const rows = absorbOffer(state, event) ?? [];
        const between = rows.slice(0, -1).map(([, on]) => on);
        for (const ours of ["approval_requested", "approval_refused", "changed", "publish_started", "publish_refused"])
          expect(between).not.toContain(ours);
        rows.forEach((row, index) => {
          expect([row[0], offerTable.includes(row)]).toEqual([index === 0 ? state : rows[index - 1]?.[2], true]);
        });
      }
  });
  it("lets an acceptance stand whatever follows, takes a late one, and calls a person for one after a withdrawal", () => {
    for (const event of offerEvents) expect(absorbOffer("accepted", event)).toEqual([]);
    expect(absorbOffer("expired", "accepted")?.map(([, on]) => on)).toEqual(["accepted"]);
    expect(absorbOffer("publishing", "accepted")?.map(([, on]) => on)).toEqual(["published", "accepted"]);
    expect(absorbOffer("withdrawn", "accepted")).toBeNull();
    expect(absorbOffer("withdrawn", "published")).toEqual([]);
    expect(absorbOffer("expired", "published")?.map(([, on]) => on)).toEqual(["extended"]);
    expect(absorbOffer("viewed", "published")).toEqual([]);
  });
});

describe("what a marketplace reports of an agreement", () => {
  it("keeps accepted and active apart: an acceptance activates nothing", () => {
    expect(absorbAgreement("pending", "accepted")).toEqual([]);
    expect(absorbAgreement("pending", "activated")?.map((row) => row[2])).toEqual(["active"]);
    expect(absorbAgreement("pending", "renewed")?.map((row) => row[2])).toEqual(["active", "renewed"]);
  });
  it("leaves an ended one as it ended, and calls a person where it lives again", () => {
    for (const end of agreementEndStates) {
      for (const event of ["renewed", "cancelled", "ended", "accepted", null] as const)
        expect(absorbAgreement(end, event)).toEqual([]);
      expect(absorbAgreement(end, "activated")).toBeNull();
    }
  });
});

describe("a record that the partner brought", () => {
  it("enters in the state they have it in, without a push", () => {
    expect(absorb("draft", "partner_accepted")?.map((row) => row[2])).toEqual(["accepted"]);
    expect(absorb("draft", "partner_asked")?.map((row) => row[2])).toEqual(["needs_action"]);
    expect(absorb("draft", "review_started")?.map((row) => row[2])).toEqual(["submitted", "in_review"]);
    expect(absorb("draft", "launched")?.map((row) => row[2])).toEqual(["accepted", "won"]);
  });
});

describe("the policy table", () => {
  it("names what to do for every kind of fault, and never repeats an ambiguous write blindly", async () => {
    const { policy } = await import("../src/domain/fault.ts");
    expect(Object.keys(policy).sort()).toEqual([...faultKinds].sort());
    expect(policy.ambiguous).toBe("locate");
    expect(policy.rejected).toBe("ask");
  });
});
