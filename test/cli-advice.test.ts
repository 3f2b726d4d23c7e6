import { expect, test } from "vitest";
import { nextStep, type Situation } from "../src/domain/advice.ts";
import { shareStates } from "../src/domain/machine.ts";

const at = (state: Situation["state"], more: Partial<Situation> = {}): string =>
  nextStep({
    state,
    reason: null,
    gaps: [],
    partner: "AWS",
    said: null,
    advised: null,
    parked: null,
    waiting: [],
    ...more,
  });

test.each(shareStates)("a share that is %s has one next step, in whole sentences", (state) => {
  for (const more of [
    {},
    { said: "why now" },
    { reason: "a reason" },
    { advised: "call them" },
    { parked: "the token has lapsed" },
    { waiting: ["closeDate"] },
  ])
    expect(at(state, more)).toMatch(/^[A-Z].*\.$/);
});

test("gaps are told with their remedy, the first one first", () => {
  const gaps = [
    { field: "account.website", fix: "fill it in" },
    { field: "problem", fix: "write more." },
  ];
  expect(at("draft", { gaps })).toBe("Mend account.website: Fill it in. Then mend problem.");
  expect(at("needs_action", { gaps: [...gaps, ...gaps] })).toBe("Mend account.website: Fill it in. Then 3 more.");
});

test("what the partner asks, advises and blocks is in the sentence", () => {
  expect(at("needs_action", { said: "Which service is used?" })).toContain("Answer AWS: Which service is used?");
  expect(at("accepted", { advised: "Contact the account manager" })).toBe("Contact the account manager.");
  expect(at("declined", { said: "duplicate" })).toBe("Read why (duplicate); share it again when that is mended.");
  expect(at("in_review", { waiting: ["closeDate", "amount"] })).toContain("Your edits (closeDate, amount) are kept");
});

test("a parked connection is what to mend first, but a question and gaps are still told", () => {
  const parked = "the consent has lapsed";
  for (const state of ["ready", "submitting", "in_review", "accepted", "withdrawing"] as const)
    expect(at(state, { parked })).toBe("Mend the connection to AWS, which is parked: The consent has lapsed.");
  expect(at("needs_action", { parked, said: "who pays?" })).toContain("Who pays?");
  expect(at("draft", { parked, gaps: [{ field: "problem", fix: "fill it in" }] })).toBe("Mend problem: Fill it in.");
  for (const state of ["won", "lost", "declined", "withdrawn"] as const)
    expect(at(state, { parked })).not.toContain("parked");
});
