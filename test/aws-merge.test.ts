import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Document,
  markOf,
  meaning,
  ourFields,
  type Path,
  paths,
  read,
  remember,
} from "../adapters/aws/document.ts";
import { gates, merge } from "../adapters/aws/revision.ts";
import type { Revision } from "../adapters/contract.ts";
import { nest } from "../adapters/nested.ts";
import type { Json, JsonObject, Observation, ShareDraft } from "../src/domain/deal.ts";
import { coSellOf, type DraftParts, draftOf, now, openSession } from "./aws-double.ts";

const coSell = coSellOf(openSession().session);
const created = (draft: ShareDraft): JsonObject => {
  const next = coSell.submission(draft, []);
  if (next.kind !== "write") throw new Error("a submission begins with a write");
  return next.write.body;
};
const lastModified = "2026-08-01T09:30:12.078035+00:00";
/** The record as AWS would hold it after our create, with its own members and changes. */
const record = (
  draft: ShareDraft,
  status: string,
  change: Readonly<Partial<Record<string, Json>>> = {},
): JsonObject => {
  const { Origin: _, OpportunityTeam: __, ...body } = created(draft);
  const flat = {
    ...read(body),
    "LifeCycle.ReviewStatus": status,
    "LifeCycle.ReviewComments": "Which region?",
    ...change,
  };
  return {
    ...nest(flat),
    Id: "O1",
    Arn: "arn:aws:partnercentral:us-east-1:111122223333:catalog/AWS/opportunity/O1",
    Catalog: "AWS",
    CreatedDate: "2026-07-01T00:00:00Z",
    LastModifiedDate: lastModified,
    OpportunityTeam: [{ Email: "me@example.org" }],
    RelatedEntityIdentifiers: { Solutions: ["S-0000001"] },
  };
};
const observed = (opportunity: JsonObject): Observation => ({
  ref: { id: "O1" },
  version: lastModified,
  event: null,
  facts: {},
  people: [],
  body: JSON.stringify({ opportunity, summary: null }),
  seenAt: now,
});
const revise = (
  parts: DraftParts,
  opportunity: JsonObject,
  base: Json = coSell.baseOf(observed(record(draftOf(), "Approved"))),
): Revision => coSell.revision({ draft: draftOf(parts), base, observation: observed(opportunity) });
const bodyOf = (revision: Revision): JsonObject => {
  if (revision.kind !== "write") throw new Error(`no write: ${JSON.stringify(revision)}`);
  return revision.write.body;
};

describe("a revision", () => {
  it("sends nothing when nothing of ours changed, whatever AWS changed", () => {
    const theirs = record(draftOf(), "Approved", {
      "LifeCycle.NextSteps": "AWS writes here",
      "Customer.Account.Duns": "123456789",
    });
    expect(revise({}, theirs).kind).toBe("nothing");
  });
  it("replaces the whole record: what we changed, and everything else exactly as AWS holds it", () => {
    const theirs = record(draftOf(), "Approved", {
      "LifeCycle.NextSteps": "AWS writes here",
      "Customer.Account.Duns": "123456789",
      "LifeCycle.NextStepsHistory": [{ Value: "Old", Time: "2026-07-01T00:00:00.123456+00:00" }],
      "Project.ExpectedContractDuration": { Term: "Months", Value: "12" },
    });
    const revision = revise({ opportunity: { closeDate: "2027-01-31" } }, theirs);
    const {
      Id: _,
      Arn: __,
      CreatedDate: ___,
      OpportunityTeam: ____,
      RelatedEntityIdentifiers: _____,
      ...rest
    } = theirs;
    const { LifeCycle, ...others } = rest;
    const { LifeCycle: sent, ...sentOthers } = bodyOf(revision);
    expect(sentOthers).toEqual({ ...others, Identifier: "O1" });
    expect(sent).toEqual({ ...(LifeCycle as JsonObject), TargetCloseDate: "2027-01-31" });
    expect(revision.kind === "write" && [revision.fields, revision.dropped, revision.write.key]).toEqual([
      ["closeDate"],
      [],
      `update:${lastModified}`,
    ]);
  });
  it("carries LastModifiedDate and history times as the raw strings, to the microsecond", () => {
    const theirs = record(draftOf(), "Approved", {
      "LifeCycle.NextStepsHistory": [{ Value: "Old", Time: lastModified }],
    });
    const text = JSON.stringify(bodyOf(revise({ opportunity: { closeDate: "2027-01-31" } }, theirs)));
    expect(text).toContain(`"LastModifiedDate":"${lastModified}"`);
    expect(text).toContain(`"Time":"${lastModified}"`);
  });
  it("lets the CRM win where both changed the same field, and says so", () => {
    const theirs = record(draftOf(), "Approved", { "LifeCycle.NextSteps": "AWS writes here" });
    const revision = revise({ opportunity: { nextSteps: "Ours" } }, theirs);
    expect(revision).toMatchObject({ kind: "write", fields: ["nextSteps"], overwrote: ["nextSteps"] });
    expect(JSON.stringify(bodyOf(revision))).toContain('"NextSteps":"Ours"');
  });
  it("takes an empty CRM field for no opinion, and a programme field of null for clearing", () => {
    const rich = draftOf({ fields: { additionalComments: "Call first" } });
    const theirs = record(rich, "Approved");
    const base = coSell.baseOf(observed(theirs));
    expect(revise({ opportunity: { nextSteps: null }, account: { city: null } }, theirs, base).kind).toBe("nothing");
    const cleared = revise({ fields: { additionalComments: null } }, theirs, base);
    expect(cleared).toMatchObject({ kind: "write", fields: ["aws.additionalComments"] });
    expect(JSON.stringify(bodyOf(cleared))).not.toContain("AdditionalComments");
  });
  it.each(["Submitted", "In review", "In-Review", "Rejected"])(
    "is locked while AWS's status is %s, and names what waits",
    (status) => {
      const revision = revise({ opportunity: { title: "Other", nextSteps: "Other" } }, record(draftOf(), status));
      expect(revision).toMatchObject({ kind: "locked", fields: ["title", "nextSteps"] });
    },
  );
  it("sends only the short list in Action Required, keeps the rest for later, and answers AWS's question without resending the status", () => {
    const theirs = record(draftOf(), "Action Required");
    const base = coSell.baseOf(observed(theirs));
    const edit: DraftParts = {
      opportunity: { title: "Other", problem: "Another problem of twenty signs" },
      account: { city: "Reno" },
    };
    const revision = revise(edit, theirs, base);
    expect(revision).toMatchObject({ kind: "write", fields: ["account.city", "problem"], dropped: [] });
    expect(JSON.stringify(bodyOf(revision))).toContain('"Title":"Data lake');
    expect(bodyOf(revision).LifeCycle).toMatchObject({ ReviewComments: "Which region?" });
    expect(bodyOf(revision).LifeCycle).not.toHaveProperty("ReviewStatus");
    const next = revise(
      edit,
      record(draftOf(edit), "Submitted", { "Project.Title": "Data lake for Example Industries" }),
      revision.kind === "write" ? revision.base : null,
    );
    expect(next).toMatchObject({ kind: "locked", fields: ["title"] });
    expect(revise({ opportunity: { title: "Other" } }, theirs, base)).toMatchObject({
      kind: "locked",
      fields: ["title"],
    });
  });
  it("drops for good, with AWS's reason, what approval has locked, and does not tell it twice", () => {
    const revision = revise({ opportunity: { title: "Other", nextSteps: "Other" } }, record(draftOf(), "Approved"));
    expect(revision).toMatchObject({ kind: "write", fields: ["nextSteps"], dropped: [{ field: "title" }] });
    const base = revision.kind === "write" ? revision.base : null;
    const held = record(draftOf(), "Approved", { "LifeCycle.NextSteps": "Other" });
    expect(revise({ opportunity: { title: "Other", nextSteps: "Other" } }, held, base)).toEqual({
      kind: "nothing",
      base,
    });
    expect(revise({ opportunity: { title: "Other" } }, record(draftOf(), "Approved"))).toMatchObject({
      kind: "nothing",
      dropped: [{ field: "title" }],
    });
  });
  it.each([
    ["Launched", "Approved"],
    ["Closed Lost", "Approved"],
    ["Closed Lost", "Pending Submission"],
  ])("is locked once the deal is %s (%s)", (stage, status) => {
    const revision = revise(
      { opportunity: { nextSteps: "Other" } },
      record(draftOf(), status, { "LifeCycle.Stage": stage }),
    );
    expect(revision.kind).toBe("locked");
  });
  it("is locked, naming the members, when AWS's record has members we do not know: an update would erase them", () => {
    const theirs = { ...record(draftOf(), "Approved"), Novelty: { Deep: 1 } };
    const revision = revise({ opportunity: { nextSteps: "Other" } }, theirs);
    expect(revision).toMatchObject({ kind: "locked", fields: ["nextSteps"] });
    expect(revision.kind === "locked" && revision.reason).toMatch(/^drift: .*Novelty/);
    const inside = record(draftOf(), "Approved", { "Project.Sustainability": "Green" });
    expect(revise({ opportunity: { nextSteps: "Other" } }, inside)).toMatchObject({ kind: "locked" });
    expect(
      revise({ opportunity: { nextSteps: "Other" } }, { ...record(draftOf(), "Approved"), Novelty: null }).kind,
    ).toBe("write");
    expect(revise({}, theirs).kind).toBe("nothing");
  });
  it("is locked when the record is of another catalog", () => {
    expect(
      revise({ opportunity: { nextSteps: "Other" } }, { ...record(draftOf(), "Approved"), Catalog: "Sandbox" }),
    ).toMatchObject({ kind: "locked" });
  });
  it("finds gaps only in what it would change, or what the change sets off", () => {
    const odd = record(draftOf(), "Approved", { "Project.CustomerUseCase": "An old word of AWS" });
    const base = coSell.baseOf(observed(odd));
    expect(
      revise({ opportunity: { nextSteps: "Other" }, fields: { useCase: "An old word of AWS" } }, odd, base).kind,
    ).toBe("write");
    const wrong = revise({ opportunity: { nextSteps: "x".repeat(256) } }, record(draftOf(), "Approved"));
    expect(wrong).toMatchObject({ kind: "gaps", gaps: [{ field: "nextSteps", code: "too_long" }] });
    const launched = revise({ opportunity: { stage: "launched" } }, record(draftOf(), "Approved"));
    expect(launched).toMatchObject({ kind: "gaps", gaps: [{ field: "aws.awsAccountId" }] });
    const known = revise(
      { opportunity: { stage: "launched" } },
      record(draftOf(), "Approved", { "Customer.Account.AwsAccountId": "123456789012" }),
    );
    expect(known).toMatchObject({ kind: "write", fields: ["stage"] });
    const lost = revise({ opportunity: { stage: "closed_lost" } }, record(draftOf(), "Approved"));
    expect(lost).toMatchObject({ kind: "gaps", gaps: [{ field: "lostReason", code: "required" }] });
    const late = revise(
      { opportunity: { nextSteps: "Other", closeDate: "2026-08-01" } },
      record(draftOf({ opportunity: { closeDate: "2026-08-01" } }), "Approved"),
    );
    expect(late).toMatchObject({ kind: "gaps", gaps: [{ field: "closeDate", code: "in_the_past" }] });
  });
  it("clears what only made sense with a value we changed", () => {
    const before = draftOf({ fields: { competitor: "*Other", otherCompetitor: "Acme Cloud" } });
    const theirs = record(before, "Approved");
    const revision = revise({ fields: { competitor: "On-Prem" } }, theirs, coSell.baseOf(observed(theirs)));
    expect(JSON.stringify(bodyOf(revision))).not.toContain("Acme Cloud");
  });
  it("keeps no personal data in the base", () => {
    expect(JSON.stringify(coSell.baseOf(observed(record(draftOf(), "Approved"))))).not.toMatch(/ada|park|206555/i);
  });
});

describe("a withdrawal", () => {
  const withdraw = (status: string, reason = "", change: Readonly<Partial<Record<string, Json>>> = {}) => {
    const observation = observed(record(draftOf(), status, change));
    return coSell.withdrawal?.({ draft: draftOf(), base: coSell.baseOf(observation), observation, reason });
  };
  it("is Closed Lost with a reason, all else as AWS holds it", () => {
    const revision = withdraw("Approved", "they chose Google");
    expect(revision).toMatchObject({ kind: "write", fields: ["stage", "lostReason"] });
    const body = revision === undefined ? {} : bodyOf(revision);
    expect(body.LifeCycle).toMatchObject({
      Stage: "Closed Lost",
      ClosedLostReason: "Lost to Competitor - Google",
      ReviewStatus: "Approved",
    });
    expect(body.Customer).toEqual(record(draftOf(), "Approved").Customer);
    expect(JSON.stringify(withdraw("Pending Submission", "hm"))).toContain('"ClosedLostReason":"Other"');
  });
  it("waits while AWS takes no change of the stage, and is nothing when the deal is closed already", () => {
    for (const status of ["Submitted", "In review", "Action Required", "Rejected"])
      expect(withdraw(status)?.kind).toBe("locked");
    expect(withdraw("Approved", "", { "LifeCycle.Stage": "Closed Lost" })?.kind).toBe("nothing");
  });
});

const value = (path: Path): fc.Arbitrary<Json> => {
  const word = fc.constantFrom("a", "b", "c", "d");
  if (path === "Customer.Contacts") return fc.array(fc.record({ Email: word }), { maxLength: 2 });
  if (["PrimaryNeedsFromAws", "Project.DeliveryModels", "Project.ExpectedCustomerSpend"].includes(path))
    return fc.uniqueArray(word, { maxLength: 3 });
  return word;
};
const document = (clears: boolean): fc.Arbitrary<Document> =>
  fc.record(Object.fromEntries(paths.map((path) => [path, clears ? fc.option(value(path)) : value(path)])), {
    requiredKeys: [],
  });
const status = fc.constantFrom(...(Object.keys(gates) as (keyof typeof gates)[]));
const scene = fc.record({ ours: document(true), base: fc.option(document(false)), theirs: document(false), status });
const same = (path: Path, left: Json | undefined, right: Json | undefined) =>
  meaning(path, left) === meaning(path, right);

const check = (property: fc.IRawProperty<unknown>) =>
  fc.assert(property, { numRuns: Number(process.env.FC_RUNS ?? 200) });

describe("the three-way merge (any documents, any status)", () => {
  const merged = (given: { ours: Document; base: Document | null; theirs: Document; status: keyof typeof gates }) => {
    const gate = gates[given.status];
    const base = given.base === null ? null : remember(given.base);
    return { gate, result: merge(given.ours, base, { document: given.theirs, gate }) };
  };
  it("always resends what is locked or unsent exactly as read", () => {
    check(
      fc.property(scene, (given) => {
        const { gate, result } = merged(given);
        for (const path of paths) {
          if (gate.allows(path) && result.sent.includes(path)) continue;
          expect(result.document[path]).toEqual(given.theirs[path]);
          expect(result.sent).not.toContain(path);
        }
      }),
    );
  });
  it("loses no edit of ours: each is sent, waits, is dropped with a reason, or was theirs already", () => {
    check(
      fc.property(scene, (given) => {
        const { result } = merged(given);
        for (const path of paths) {
          const mine = given.ours[path];
          if (mine === undefined) continue;
          const changed = given.base === null || markOf(path, mine) !== markOf(path, given.base[path]);
          const told =
            result.sent.includes(path) ||
            result.waiting.includes(path) ||
            result.dropped.some(({ field }) => field === ourFields[path]);
          if (changed && !same(path, mine, given.theirs[path])) expect(told).toBe(true);
          // A cleared member may be cleared with its leader besides.
          if (!changed && mine !== null) expect(told).toBe(false);
          if (result.sent.includes(path)) expect(same(path, result.document[path], mine)).toBe(true);
        }
      }),
    );
  });
  it("loses no change of theirs, except where ours replaces it and that is told", () => {
    check(
      fc.property(scene, (given) => {
        const { result } = merged(given);
        for (const path of paths) {
          if (same(path, result.document[path], given.theirs[path])) continue;
          expect(result.sent).toContain(path);
          const theyChanged =
            given.base !== null && markOf(path, given.theirs[path]) !== markOf(path, given.base[path]);
          if (theyChanged && given.ours[path] !== undefined) expect(result.overwrote).toContain(path);
        }
      }),
    );
  });
  it("is idempotent: once sent, the same edit on the new record with the new base sends nothing and drops nothing", () => {
    check(
      fc.property(scene, (given) => {
        const { gate, result } = merged(given);
        const again = merge(given.ours, result.base, { document: result.document, gate });
        expect([again.sent, again.dropped]).toEqual([[], []]);
        expect(again.waiting).toEqual(result.waiting);
      }),
    );
  });
  it("sends nothing where the status lets nothing be edited", () => {
    check(
      fc.property(scene, fc.constantFrom("Submitted", "In review", "Rejected"), (given, closed) => {
        expect(merged({ ...given, status: closed }).result.sent).toEqual([]);
      }),
    );
  });
  it("reads back what it nests", () => {
    check(
      fc.property(document(false), (given) => {
        expect(read(nest(given))).toEqual(given);
      }),
    );
  });
});
