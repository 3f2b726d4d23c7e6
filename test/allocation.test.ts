/** An agreement that deals share by a person's document: every amount is shared out whole, and nobody else's money moves. */
import { describe, expect, it } from "vitest";
import { reportFormats } from "../adapters/report-formats.ts";
import { readDocument } from "../adapters/report-reading.ts";
import { partSteps } from "../src/domain/finance/allocation.ts";
import { linkRows } from "../src/domain/finance/answer.ts";
import { creditBases } from "../src/domain/finance/attribution-rule.ts";
import type { Close } from "../src/domain/finance/close.ts";
import { basisRows, basisSteps } from "../src/domain/finance/credit-basis.ts";
import type { CloseException } from "../src/domain/finance/exception.ts";
import type { Evidence } from "../src/domain/finance/pack/evidence.ts";
import { createExplainer } from "../src/domain/finance/pack/explainer.ts";
import { attributionTable } from "../src/domain/finance/pack/findings.ts";
import { csvRows } from "../src/domain/finance/pack/table.ts";
import { createStrings } from "../src/domain/finance/sheet.ts";
import { allocate, type Given, shareDrawn, sharedFolder } from "./allocation-folder.ts";
import { closeInMemory, drawLedger, type Files, readFiles, wordsOf } from "./ledger.ts";

const ledgers = Math.max(20, Math.round(Number(process.env.LEDGERS ?? 1_000) / 20));
const closed = (files: Files): Close => closeInMemory(Object.entries(files));
const typesOf = ({ exceptions }: Close): readonly string[] =>
  exceptions.map(({ type, subjectId, cause }) => `${type} ${subjectId}${cause === "" ? "" : ` ${cause}`}`);

describe("of every drawn ledger with an allocation", () => {
  const each = (check: (files: Files, shared: ReturnType<typeof shareDrawn>) => void): void => {
    let tried = 0;
    for (let seed = 1; seed <= ledgers; seed += 1) {
      const { files } = drawLedger(seed * 6_151, 10);
      const shared = shareDrawn(files, seed);
      if (shared === null) continue;
      tried += 1;
      check(files, shared);
    }
    expect(tried).toBeGreaterThan(ledgers / 2);
  };

  it("the deals' parts of each step of a basis sum to the agreement's, whatever the basis, refunds and claw-backs", () => {
    let steps = 0;
    each((files, shared) => {
      const { links } = closed({ ...files, ...allocate(shared?.given ?? []) });
      for (const { agreement, parts } of links.filter(({ method }) => method === "allocated"))
        for (const basis of creditBases) {
          const whole = basisSteps(basisRows(basis, agreement, 20_000) ?? [], basis);
          const shares = parts.map(({ deal }) => partSteps(whole, parts, deal.dealId));
          for (const [at, { upTo }] of whole.entries()) {
            steps += 1;
            expect(shares.reduce((sum, own) => sum + (own[at]?.upTo ?? 0n), 0n)).toBe(upTo);
          }
        }
    });
    expect(steps).toBeGreaterThan(ledgers);
  });

  it("files, documents and parts in another order give the same (P3), a document that is read twice counts once (P4)", () => {
    each((files, shared) => {
      const given = shared?.given ?? [];
      const before = wordsOf(closed({ ...files, ...allocate(given) }));
      const turned = given.map((one) => ({ ...one, parts: one.parts.toReversed() })).toReversed();
      const again: Files = { ...allocate(turned, "again"), ...allocate(turned), ...files };
      expect(wordsOf(closed(again))).toEqual(before);
    });
  });

  it("nothing changes of agreements and deals that it does not name (P6), and a revoked one leaves what was before (P7)", () => {
    each((files, shared) => {
      const [one] = shared?.given ?? [];
      if (one === undefined) return;
      const without = closed(files);
      const close = closed({ ...files, ...allocate([one]) });
      expect(close.links.find(({ agreement }) => agreement.id === one.agreement)?.method).toBe("allocated");
      // What is compared with a deal that it names, or was, belongs with it: other agreements of the deal, and those it may have been of.
      const named = new Set([one.agreement, ...one.parts.map(([dealId]) => dealId)]);
      for (const from of [without, close])
        for (const { agreement, candidates, parts, rivals, suggestions } of from.links) {
          const near = [...candidates, ...[...parts, ...suggestions].map(({ deal }) => deal), ...rivals];
          if (agreement.id === one.agreement) for (const { dealId } of near) named.add(dealId);
          if (near.some(({ dealId }) => named.has(dealId))) named.add(agreement.id);
        }
      const apart = (from: Close) => ({
        credits: from.credits.filter(({ dealId, agreementId }) => !named.has(dealId) && !named.has(agreementId)),
        exceptions: from.exceptions.filter(({ subjectId }) => !named.has(subjectId)),
        totals: from.totals,
        links: [...linkRows(from)].filter((row) => ![...named].some((id) => row.includes(id))),
      });
      expect(apart(close)).toEqual(apart(without));
      const revoked = closed({ ...files, ...allocate([one, { ...one, revoked: "2026-04-09T00:00:00Z" }]) });
      expect(wordsOf(revoked)).toEqual(wordsOf(without));
    });
  });
});

const thirds: Given = {
  agreement: "agmt-1",
  parts: [
    ["D1", 3_334],
    ["D2", 3_333],
    ["D3", 3_333],
  ],
};

describe("an agreement of three deals", () => {
  it("credits each with its part of what was invoiced, refunds in the same parts, and the credits sum to the whole", () => {
    const close = closed({ ...sharedFolder, ...allocate([thirds]) });
    // 1000.01 invoiced, 100.00 refunded: 900.01 in all.
    const credits = close.credits.map(({ dealId, partnerId, kind, amount }) => [dealId, partnerId, kind, amount]);
    expect(credits).toEqual([
      ["D1", "acme", "sourced", 300_063_334n],
      ["D2", "acme", "sourced", 299_973_333n],
      ["D3", "acme", "sourced", 299_973_333n],
    ]);
    expect(close.credits.reduce((sum, { amount }) => sum + amount, 0n)).toBe(900_010_000n);
    const moved = Map.groupBy(close.attribution.movements, ({ month, movement }) => `${month} ${movement}`);
    expect([...moved.values()].map((rows) => rows.reduce((sum, { amount }) => sum + amount, 0n))).toEqual([
      1_000_010_000n,
      -100_000_000n,
    ]);
    expect([...csvRows(attributionTable(close))].at(-1)?.trimEnd()).toBe("aws,USD,900.01,0.00,0.00,900.01");
    expect([...linkRows(close)][1]?.trimEnd()).toBe(
      "aws,b1,REVENUE,agmt-1,D1 33.34 % + D2 33.33 % + D3 33.33 %,allocated",
    );
  });

  it("compares each deal's amount with its part of the contract value, and finds none double or without an agreement", () => {
    const before = typesOf(closed(sharedFolder));
    expect(before).toContain("DOUBLE_CREDITED_DEAL agmt-1");
    expect(before).toContain("DEAL_WITHOUT_AGREEMENT D3");
    expect(typesOf(closed({ ...sharedFolder, ...allocate([thirds]) })).filter((one) => !one.startsWith("FEE"))).toEqual(
      [],
    );
    const uneven: Given = {
      agreement: "agmt-1",
      parts: [
        ["D1", 5_000],
        ["D2", 2_500],
        ["D3", 2_500],
      ],
    };
    const found = closed({ ...sharedFolder, ...allocate([uneven]) }).exceptions.filter(
      ({ type }) => type === "AMOUNT_MISMATCH",
    );
    const said = ({ cause, amount, details }: CloseException) => [cause, amount, details.basisPoints];
    expect(found.map(said)).toEqual([
      ["D1", -166_610_000n, "5000"],
      ["D2", 83_300_000n, "2500"],
      ["D3", 83_300_000n, "2500"],
    ]);
  });

  it("is explained by its document, with who decided and why, and parts that add up", () => {
    const files = Object.entries({ ...sharedFolder, ...allocate([thirds]) });
    const explained = createExplainer(closeInMemory(files), readFiles(files))("agmt-1");
    if (explained.kind !== "found") throw new Error(explained.kind);
    const document = explained.evidence.parts.find(({ what }) => what === "allocation");
    expect(document).toMatchObject({
      amount: { micros: 1_000_010_000n, currency: "USD" },
      says: ["ada decided so on 2026-04-01: one order, three business units"],
      where: { line: 1 },
      because: "a person's document shares the agreement among these deals",
    });
    expect(document?.parts.map(({ id, amount, because }) => [id, amount?.micros, because])).toEqual([
      ["D1", 333_403_334n, "the document gives it 3334 of 10000 basis points"],
      ["D2", 333_303_333n, "the document gives it 3333 of 10000 basis points"],
      ["D3", 333_303_333n, "the document gives it 3333 of 10000 basis points"],
    ]);
    const whats = (evidence: Evidence): readonly string[] => [evidence.what, ...evidence.parts.flatMap(whats)];
    expect(whats(explained.evidence)).not.toContain("UNEXPLAINED");
    expect(whats(explained.evidence).filter((what) => what === "sourced credit")).toHaveLength(3);
    const credit = createExplainer(closeInMemory(files), readFiles(files))("D2|acme|sourced");
    expect(credit.kind === "found" ? credit.evidence.parts[1] : credit).toMatchObject({
      says: [expect.stringMatching(/^ada decided so/), "D1 33.34 % + D2 33.33 % + D3 33.33 %"],
      where: { line: 1 },
      because: "the document gives the deal 3333 of 10000 basis points",
    });
  });
});

const link = (dealId: string, at: string, revoked = ""): Files => ({
  "agreement-links.csv": `marketplace,agreement_id,deal_id,decided_by,decided_at,reason,revoked_at\naws,agmt-1,${dealId},bob,${at},he asked,${revoked}\n`,
});
const wordOf = (files: Files): string => {
  const [found] = closed({ ...sharedFolder, ...files }).links;
  return `${found?.method} ${found?.parts.map(({ deal }) => deal.dealId).join(" ")}`;
};

describe("of a person's words the later one holds", () => {
  const pair: Given = {
    agreement: "agmt-1",
    parts: [
      ["D1", 1],
      ["D2", 9_999],
    ],
  };
  it("between documents, and between a document and a recorded link; of one second the document's", () => {
    expect(wordOf(allocate([thirds, { ...pair, at: "2026-05-01" }]))).toBe("allocated D1 D2");
    expect(wordOf({ ...allocate([thirds]), ...link("D2", "2026-03-31") })).toBe("allocated D1 D2 D3");
    expect(wordOf({ ...allocate([thirds]), ...link("D2", "2026-04-01") })).toBe("allocated D1 D2 D3");
    expect(wordOf({ ...allocate([thirds]), ...link("D2", "2026-04-02") })).toBe("recorded D2");
    expect(wordOf({ ...allocate([thirds]), ...link("D2", "2026-04-02", "2026-04-03") })).toBe("allocated D1 D2 D3");
  });
  it("until it is taken back, and never before it was known", () => {
    const back = { ...thirds, revoked: "2026-05-05" };
    expect(wordOf(allocate([thirds, back]))).toBe("offer_id D1");
    expect(wordOf({ ...allocate([thirds, back]), ...link("D2", "2026-03-31") })).toBe("recorded D2");
    expect(wordOf(allocate([{ ...thirds, at: "2026-07-01" }]))).toBe("offer_id D1");
  });
  it("and one that names a deal which no file knows decides nothing, which an exception says", () => {
    const unknown: Given = {
      agreement: "agmt-1",
      parts: [
        ["D1", 5_000],
        ["D9", 5_000],
      ],
    };
    expect(wordOf(allocate([unknown]))).toBe("offer_id D1");
    const said = (files: Files) =>
      closed({ ...sharedFolder, ...files }).exceptions.find(({ type }) => type === "AMBIGUOUS_MATCH")?.details.decided;
    expect(said(allocate([unknown]))).toBe(
      "ada decided so on 2026-04-01: one order, three business units; it decides nothing, because no file knows D9",
    );
    expect(said(link("D8", "2026-04-02"))).toMatch(/^bob decided so .* no file knows D8$/);
  });
});

describe("a document", () => {
  const problemsOf = (...given: readonly Given[]) => {
    const file = { index: 0, path: "internal/allocations.json", strings: createStrings() };
    const outcome = readDocument(reportFormats, file, Object.values(allocate(given))[0] ?? "");
    return { status: outcome.status, problems: outcome.problems.map((one) => JSON.stringify(one)).join("\n") };
  };
  const bad: readonly (readonly [string, Given["parts"], RegExp])[] = [
    [
      "whose parts sum to less",
      [
        ["D1", 5_000],
        ["D2", 4_000],
      ],
      /\[1\]\[parts\].*sum to 9000 basis points: make them 10000/,
    ],
    [
      "whose parts sum to more",
      [
        ["D1", 9_000],
        ["D2", 9_000],
      ],
      /\[1\]\[parts\].*sum to 18000/,
    ],
    [
      "with a deal twice",
      [
        ["D1", 5_000],
        ["D1", 5_000],
      ],
      /\[1\]\[parts\]\[1\]\[deal_id\].*D1 stands here twice/,
    ],
    [
      "with nothing for a deal",
      [
        ["D1", 10_000],
        ["D2", 0],
      ],
      /\[1\]\[parts\]\[1\]\[basis_points\].*above 0/,
    ],
    [
      "with less than nothing",
      [
        ["D1", 10_001],
        ["D2", -1],
      ],
      /\[1\]\[parts\]\[1\]\[basis_points\].*above 0/,
    ],
    [
      "in broken basis points",
      [
        ["D1", 0.5],
        ["D2", 9_999.5],
      ],
      /\[1\]\[parts\]\[0\]\[basis_points\].*whole number/,
    ],
    ["of one deal", [["D1", 10_000]], /\[1\]\[parts\].*record a link instead/],
  ];
  for (const [name, parts, message] of bad)
    it(`${name} is refused with its file, by the place, what is wrong and what to do`, () => {
      const { status, problems } = problemsOf(thirds, { agreement: "agmt-2", parts });
      expect(status).toBe("refused");
      expect(problems).toMatch(message);
    });
  it("without who decided, when or why is refused", () => {
    expect(problemsOf({ ...thirds, by: "" }).problems).toMatch(/decided_by.*write who decided/);
    expect(problemsOf({ ...thirds, at: "soon" }).problems).toMatch(/decided_at.*a date or time such as/);
    expect(problemsOf({ ...thirds, reason: "" }).problems).toMatch(/reason.*write why/);
  });
});
