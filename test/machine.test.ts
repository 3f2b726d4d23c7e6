import { describe, expect, it } from "vitest";
import { absorb } from "../src/domain/deal.ts";
import { faultKinds } from "../src/domain/fault.ts";
import {
  connectionStates,
  connectionTable,
  effectEvents,
  effectStates,
  effectTable,
  path,
  shareEndStates,
  shareEvents,
  shareStates,
  shareTable,
  step,
  type Table,
  webhookMessageEvents,
  webhookMessageStates,
  webhookMessageTable,
  webhookStates,
  webhookTable,
} from "../src/domain/machine.ts";

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

describe("the policy table", () => {
  it("names what to do for every kind of fault, and never repeats an ambiguous write blindly", async () => {
    const { policy } = await import("../src/domain/fault.ts");
    expect(Object.keys(policy).sort()).toEqual([...faultKinds].sort());
    expect(policy.ambiguous).toBe("locate");
    expect(policy.rejected).toBe("ask");
  });
});
