import { describe, expect, it } from "vitest";
import { reasonFaults, taskFault } from "../adapters/aws/faults.ts";
import { eventOf, lostReasonOf, reviewWords, stageWords } from "../adapters/aws/map.ts";
import { closedLostReasons, reasonCodes, reviewStatuses, stages } from "../adapters/aws/picklists.generated.ts";
import { gates } from "../adapters/aws/revision.ts";
import { scrub } from "../adapters/text.ts";
import { dealStages } from "../src/domain/deal.ts";
import { faultKinds, policy } from "../src/domain/fault.ts";
import { shareEvents } from "../src/domain/machine.ts";
import { now } from "./aws-double.ts";

const meanings = {
  "Pending Submission": null,
  Submitted: "partner_stored",
  "In review": "review_started",
  "Action Required": "partner_asked",
  Approved: "partner_accepted",
  Rejected: "partner_declined",
} as const;

describe("AWS's words", () => {
  it("each review status of the model has a meaning and an edit gate", () => {
    expect(Object.keys(meanings).toSorted()).toEqual([...reviewStatuses].toSorted());
    for (const status of reviewStatuses) {
      expect(eventOf(status, "Qualified")).toBe(meanings[status]);
      expect(Object.hasOwn(gates, status)).toBe(true);
    }
    expect(Object.keys(gates)).toEqual(Object.keys(reviewWords));
  });
  it("every pair of review status and stage means one event: a terminal stage wins, Launched only once approved", () => {
    for (const status of reviewStatuses) {
      for (const stage of stages) {
        const expected =
          stage === "Closed Lost"
            ? "lost"
            : stage === "Launched" && status === "Approved"
              ? "launched"
              : meanings[status];
        expect([status, stage, eventOf(status, stage)]).toEqual([status, stage, expected]);
        if (expected !== null) expect(shareEvents).toContain(expected);
      }
    }
  });
  it.each(["In Review", "In-Review", "In-review"])("tolerates AWS's prose spelling %s", (word) => {
    expect(eventOf(word, "Qualified")).toBe("review_started");
  });
  it.each(["", "approved", "Closed Won", "Deferred", "__proto__", "constructor", "toString"])(
    "gives no meaning to the unknown review status %j",
    (word) => {
      expect(eventOf(word, "Qualified")).toBeUndefined();
    },
  );
  it("an unknown stage leaves the review status its meaning", () => {
    expect(eventOf("Approved", "Closed Won")).toBe("partner_accepted");
    expect(eventOf("Approved", null)).toBe("partner_accepted");
  });
  it("each of our stages is one of AWS's", () => {
    expect(dealStages.map((stage) => stageWords[stage])).toEqual([...stages]);
  });

  it("each reason code of a failed task is one fault with a remedy, and unknown ones go to a person", () => {
    expect(Object.keys(reasonFaults).toSorted()).toEqual([...reasonCodes].toSorted());
    const kinds = Object.fromEntries(
      reasonCodes.map((code) => {
        const task = { TaskId: "task-1", TaskStatus: "FAILED" as const, ReasonCode: code, Message: "why" };
        const fault = taskFault(task, now);
        expect(faultKinds).toContain(fault.kind);
        expect(policy[fault.kind]).toBeDefined();
        expect(fault.message).toContain("why");
        if (fault.kind === "rejected") expect(fault.gaps).toHaveLength(1);
        if (fault.kind === "throttled") expect(fault.retryAt > now.toISOString()).toBe(true);
        return [code, fault.kind];
      }),
    );
    for (const code of reasonCodes) {
      const expected = /AccessDenied$/.test(code)
        ? "denied"
        : /Conflict$/.test(code)
          ? "conflict"
          : code === "InternalError"
            ? "unavailable"
            : code === "RequestThrottled" || code === "ServiceQuotaExceeded"
              ? "throttled"
              : "rejected";
      expect([code, kinds[code]]).toEqual([code, expected]);
    }
    expect(taskFault({ TaskId: "task-1", TaskStatus: "FAILED", ReasonCode: "Novel" }, now).kind).toBe("rejected");
    expect(taskFault({ TaskId: "task-1", TaskStatus: "FAILED" }, now).kind).toBe("rejected");
  });

  it("each of AWS's 19 lost reasons is itself, and salespeople's words find one or none", () => {
    expect(closedLostReasons).toHaveLength(19);
    for (const reason of closedLostReasons) {
      expect(lostReasonOf(reason)).toBe(reason);
      expect(lostReasonOf(reason.toUpperCase())).toBe(reason);
    }
    for (const [words, reason] of [
      ["too expensive", "Price"],
      ["no budget", "Financial/Commercial"],
      ["lost to Azure", "Lost to Competitor - Microsoft"],
      ["competitor won", "Lost to Competitor - Other"],
      ["postponed to next year", "Delay / Cancellation of Project"],
      ["no decision", "No Opportunity"],
    ] as const)
      expect(lostReasonOf(words)).toBe(reason);
    expect(lostReasonOf("because")).toBeNull();
  });

  it("hides addresses and telephone numbers in texts of AWS, and nothing else", () => {
    expect(scrub("write to ada@example.com, or +1 206 555 0100")).toBe("write to (e-mail), or (number)");
    expect(scrub("O1234567890 closes 2026-12-31 at 120000000")).toBe("O1234567890 closes 2026-12-31 at 120000000");
  });
});
