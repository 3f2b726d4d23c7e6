/** The merge of three sides into one deal: what wins, what is kept, and that order, repeats and crowds do not matter. */
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { Json, OpportunityInput } from "../src/domain/deal.ts";
import type { Rule, Side } from "../src/domain/fields.ts";
import { openFields } from "./fields-rig.ts";
import { dealInput } from "./store-fixture.ts";

const { fixture, save, wholeInput, edit, follow, pass, read, notes, digest } = await openFields("fields");
const { db, store, clock, actorId } = fixture;
afterAll(() => fixture.close());

const rules: readonly Rule[] = [
  { field: "nextSteps", source: null, sides: ["partner", "ours", "crm"], decides: "order" },
  { field: "termMonths", source: "other", sides: ["ours"], decides: "order" },
];
await db.transaction((tx) => store.statements.putAuthority(tx, { rules, expected: 0, actorId }));

let counter = 0;

describe("what a CRM says again", () => {
  it("never undoes what a person changed since, contacts included", async () => {
    const input = dealInput(`again-${counter++}`, { partner: "One GmbH", tag: "sourced" });
    const { opportunity } = await save(input);
    await edit(opportunity.id, {
      title: "Ours",
      closeDate: "2027-05-01",
      partner: "Two GmbH",
      tag: "influenced",
      contacts: [],
    });
    expect((await save(input)).outcome).toBe("unchanged");
    const now = await wholeInput(opportunity.id);
    expect(now).toMatchObject({ title: "Ours", closeDate: "2027-05-01", partner: "Two GmbH", tag: "influenced" });
    expect(now.contacts).toEqual([]);
  });

  it("wins where the CRM changed it meanwhile and goes first, and the other side's word is kept", async () => {
    const input = dealInput(`wins-${counter++}`);
    const { opportunity } = await save(input);
    await edit(opportunity.id, { title: "Ours" });
    const saved = await save({ ...input, title: "The CRM's second" });
    expect([saved.outcome, saved.opportunity.title]).toEqual(["updated", "The CRM's second"]);
    const { said } = await store.opportunities.known(db.sql, saved.opportunity);
    expect(said.find(({ side }) => side === "ours")?.fields.title?.value).toBe("Ours");
  });

  it("is kept but not taken where another side goes first, and that is noted once", async () => {
    const input = dealInput(`kept-${counter++}`, { nextSteps: "call" });
    const { opportunity } = await save(input);
    await edit(opportunity.id, { nextSteps: "ours" });
    const saved = await save({ ...input, nextSteps: "write" });
    expect([saved.outcome, saved.opportunity.nextSteps]).toEqual(["unchanged", "ours"]);
    await save({ ...input, nextSteps: "write" });
    const told = (await notes(opportunity.id)).filter((note) => note?.startsWith("not taken"));
    expect(told).toEqual(["not taken from crm:test: nextSteps (ours changed it too and goes first)"]);
    expect((await follow(opportunity.id, { name: "nextSteps", value: "theirs" })).length).toBe(1);
    expect((await save({ ...input, nextSteps: "fax" })).opportunity.nextSteps).toBe("theirs");
  });

  it("empties a field the CRM leaves out now, and only that", async () => {
    const input = dealInput(`empty-${counter++}`, {
      nextSteps: "call",
      programmes: { aws: { useCase: "x", solutions: ["S-1"] } },
    });
    const { opportunity } = await save(input);
    const { nextSteps: _, ...rest } = input;
    const saved = await save({ ...rest, programmes: { aws: { solutions: ["S-1"] } } });
    expect(saved.opportunity).toMatchObject({
      nextSteps: null,
      title: input.title,
      programmes: { aws: { solutions: ["S-1"] } },
    });
    await edit(opportunity.id, { nextSteps: "ours", programmes: { aws: { solutions: ["S-1"], useCase: null } } });
    await save({ ...rest, programmes: { aws: { solutions: ["S-2"] } } });
    // A programme's field set to null is a word of its own: it clears the partner's.
    expect(await wholeInput(opportunity.id)).toMatchObject({
      nextSteps: "ours",
      programmes: { aws: { solutions: ["S-2"], useCase: null } },
    });
  });

  it("does not bring back a person who was forgotten", async () => {
    const contacts = [{ role: "customer" as const, email: "gone@customer.example" }];
    const input = dealInput(`gone-${counter++}`, { contacts });
    const { opportunity } = await save(input);
    await db.transaction((tx) => store.contacts.forget(tx, "gone@customer.example"));
    await save({ ...input, title: "Later" });
    expect((await wholeInput(opportunity.id)).contacts).toEqual([]);
  });

  it("of one deal's company leaves what another deal told of it: two old exports never take turns", async () => {
    const account = { name: "Twin", website: `https://twin-${counter++}.example`, country: "FR" };
    const one = dealInput(`twin-${counter++}`, { account: { ...account, city: "Lyon" } });
    const two = dealInput(`twin-${counter++}`, { account: { ...account, industry: "Retail" } });
    await save(one);
    await save(two);
    const outcomes = [await save(one), await save(two), await save(one)].map(({ outcome }) => outcome);
    expect(outcomes).toEqual(["unchanged", "unchanged", "unchanged"]);
    const { opportunity } = await save(one);
    expect((await wholeInput(opportunity.id)).account).toMatchObject({ city: "Lyon", industry: "Retail" });
  });
});

describe("a save", () => {
  it("of an unchanged deal takes three round trips, of one changed field eight, however many fields there are", async () => {
    const input = dealInput(`trips-${counter++}`, { partner: "Trips Ltd", programmes: { aws: { useCase: "x" } } });
    await save(input);
    const options = (db.sql as unknown as { readonly options: { debug: unknown } }).options;
    const tripsOf = async (next: OpportunityInput) => {
      const seen: string[] = [];
      options.debug = (_: number, text: string) => seen.push(text);
      await save(next);
      options.debug = false;
      return seen.filter((text) => !/^(begin|commit)/.test(text)).length;
    };
    expect(await tripsOf(input)).toBe(3);
    expect(await tripsOf({ ...input, nextSteps: "call" })).toBe(8);
  });

  it("of a deal from before words were kept takes the CRM's word, which is its source from then on", async () => {
    const input = dealInput(`old-${counter++}`);
    const { opportunity } = await save(input);
    await db.sql`delete from statement where opportunity_id = ${opportunity.id}`;
    expect((await save(input)).outcome).toBe("unchanged");
    const { said } = await store.opportunities.known(db.sql, opportunity);
    expect(said[0]?.fields.title).toMatchObject({ value: input.title, holds: true });
    await db.sql`delete from statement where opportunity_id = ${opportunity.id}`;
    expect((await save({ ...input, title: "New" })).opportunity.title).toBe("New");
  });
});

describe("a partner", () => {
  it("never changes an amount, a company or people by default, however it claims to", async () => {
    const { opportunity } = await save(dealInput(`never-${counter++}`));
    const before = await read(opportunity.id);
    for (const [name, value] of [
      ["amount", { amount: "1.00", currency: "USD" }],
      ["account.name", "Other"],
      ["contacts", { count: 0, mark: "x" }],
      ["partner", "Other"],
    ] as const)
      expect(await follow(opportunity.id, { name, value, isInformed: true })).toEqual([]);
    expect(await read(opportunity.id)).toEqual(before);
  });

  it("changes what follows the latest word unless somebody here spoke after it", async () => {
    const { opportunity } = await save(dealInput(`latest-${counter++}`));
    pass();
    const earlier = clock.now();
    pass();
    await edit(opportunity.id, { closeDate: "2027-07-01" });
    expect(await follow(opportunity.id, { name: "closeDate", value: "2027-08-01", at: earlier })).toEqual([]);
    pass();
    expect(await follow(opportunity.id, { name: "closeDate", value: "2027-09-01" })).toEqual(["closeDate"]);
    expect((await wholeInput(opportunity.id)).closeDate).toBe("2027-09-01");
  });
});

/** The rule in the fewest words, one field at a time, without documents: what the product must agree with. */
interface Model {
  value: Json;
  from: { side: Side; at: number } | null;
  crm: Json;
  partner: { value: Json; at: number };
}
const orders: Readonly<Record<string, { readonly sides: readonly Side[]; readonly latest: boolean }>> = {
  title: { sides: ["crm", "ours"], latest: false },
  lostReason: { sides: ["crm", "ours", "partner"], latest: true },
  nextSteps: { sides: ["partner", "ours", "crm"], latest: false },
};
const names = Object.keys(orders);
const speak = (
  model: Model,
  name: string,
  word: { readonly side: Side; readonly value: Json; readonly at: number; readonly knows: boolean },
): void => {
  const { sides = [], latest = false } = orders[name] ?? {};
  if (word.side === "partner") {
    if (word.at < model.partner.at) return;
    if (word.value !== model.partner.value) model.partner = { value: word.value, at: word.at };
  }
  if (word.value === model.value || !sides.includes(word.side)) return;
  const { from } = model;
  const wins =
    word.knows ||
    from === null ||
    (latest || from.side === word.side ? word.at >= from.at : sides.indexOf(word.side) < sides.indexOf(from.side));
  if (!wins) return;
  Object.assign(model, { value: word.value, from: { side: word.side, at: word.at } });
  if (word.side === "partner") model.partner.at = word.at;
};

interface Real {
  readonly id: string;
  input: OpportunityInput;
}
interface Step {
  readonly side: Side;
  readonly values: Readonly<Record<string, string>>;
  /** Partner: it knew our value; how many seconds ago it spoke. */
  readonly knows: boolean;
  readonly ago: number;
}
const runStep = async (real: Real, step: Step): Promise<void> => {
  pass();
  if (step.side === "crm") {
    real.input = { ...real.input, ...step.values };
    await save(real.input);
  } else if (step.side === "ours") await edit(real.id, step.values);
  else
    for (const [name, value] of Object.entries(step.values))
      await follow(real.id, {
        name,
        value,
        isInformed: step.knows,
        at: new Date(clock.now().getTime() - step.ago * 1000),
      });
};
const modelStep = (models: Map<string, Model>, step: Step): void => {
  const now = clock.now().getTime();
  for (const [name, value] of Object.entries(step.values)) {
    const model = models.get(name);
    if (model === undefined) continue;
    const knew = step.side === "crm" ? model.crm === model.value : step.side === "ours" || step.knows;
    if (step.side === "crm" && value === model.crm) continue;
    if (step.side === "crm") model.crm = value;
    const at = step.side === "partner" ? now - step.ago * 1000 : now;
    speak(model, name, { side: step.side, value, at, knows: knew });
  }
};
const words = fc.constantFrom("a", "b", "c", "d");
const stepOf = fc.record({
  side: fc.constantFrom<Side>("crm", "ours", "partner"),
  values: fc.dictionary(fc.constantFrom(...names), words, { minKeys: 1 }),
  knows: fc.boolean(),
  ago: fc.nat({ max: 4 }),
});
const opened = async () => {
  const input = dealInput(`model-${counter++}`, { title: "a", lostReason: "a", nextSteps: "a" });
  const { opportunity } = await save(input);
  const from = { side: "crm" as const, at: clock.now().getTime() };
  const models = new Map<string, Model>(
    names.map((name) => [name, { value: "a", from: { ...from }, crm: "a", partner: { value: null, at: 0 } }]),
  );
  return { real: { id: opportunity.id, input }, models };
};

class Says implements fc.AsyncCommand<Map<string, Model>, Real> {
  readonly step: Step;
  constructor(step: Step) {
    this.step = step;
  }
  check = () => true;
  run = async (models: Map<string, Model>, real: Real): Promise<void> => {
    await runStep(real, this.step);
    modelStep(models, this.step);
    const fields = await read(real.id);
    expect(Object.fromEntries(names.map((name) => [name, fields.get(name)]))).toEqual(
      Object.fromEntries([...models].map(([name, { value }]) => [name, value])),
    );
    // The deal's value is always the last word of the one it is said to be from.
    const deal = await store.opportunities.find(db.sql, real.id);
    const { said } = await store.opportunities.known(db.sql, deal ?? fail());
    for (const name of names) {
      const held = said.filter((one) => one.fields[name]?.holds === true);
      expect(held.map((one) => [one.side, one.fields[name]?.value])).toEqual([
        [models.get(name)?.from?.side, fields.get(name)],
      ]);
    }
  };
  toString = () => JSON.stringify(this.step);
}
const fail = (): never => {
  throw new Error("no deal");
};

describe("three sides speaking in any order", () => {
  it("end where the model says, step by step", async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands([stepOf.map((step) => new Says(step))], { maxCommands: 12 }), async (commands) => {
        await fc.asyncModelRun(async () => {
          const { real, models } = await opened();
          return { model: models, real };
        }, commands);
      }),
      { seed: 2026, numRuns: 16 },
    );
  }, 60_000);

  it("change nothing by saying the same again", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepOf, { maxLength: 6 }), stepOf, async (steps, last) => {
        const { real } = await opened();
        for (const step of [...steps, last]) await runStep(real, step);
        // A partner's word is claimed again only while it differs from the deal.
        if (last.side === "partner") return;
        const before = await digest();
        await runStep(real, last);
        expect(await digest()).toBe(before);
      }),
      { seed: 2027, numRuns: 8 },
    );
  }, 60_000);

  it("speak of each field for itself: field by field comes to the same as all at once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepOf, { maxLength: 8 }), async (steps) => {
        const together = await opened();
        for (const step of steps) await runStep(together.real, step);
        const all = await read(together.real.id);
        const apart = await opened();
        for (const name of [...names].reverse())
          for (const step of steps)
            if (Object.hasOwn(step.values, name))
              await runStep(apart.real, { ...step, values: { [name]: step.values[name] ?? "" } });
        const each = await read(apart.real.id);
        // Times differ between the runs, so only fields in which no time decides are compared.
        for (const name of names.filter((one) => orders[one]?.latest !== true))
          expect(each.get(name)).toBe(all.get(name));
      }),
      { seed: 2028, numRuns: 8 },
    );
  }, 60_000);
});

describe("at the same time", () => {
  it("two first saves of a deal make one deal, and both words count", async () => {
    for (let round = 0; round < 5; round++) {
      const key = `race-${counter++}`;
      const made = await Promise.all(
        ["One", "Two", "Three"].map((title) =>
          save(
            dealInput(key, {
              title,
              account: { name: title, country: "FR", website: `https://${title}-${key}.example` },
            }),
          ),
        ),
      );
      expect(made.map(({ outcome }) => outcome).toSorted()).toEqual(["created", "updated", "updated"]);
      expect(new Set(made.map(({ opportunity }) => opportunity.id)).size).toBe(1);
      const version = (await store.opportunities.find(db.sql, made[0]?.opportunity.id ?? ""))?.version;
      expect(version).toBe(3);
    }
  });

  it("two deals of one company lose no field of it, and never wait for each other for ever", async () => {
    const account = { name: "Crowd", website: `https://crowd-${counter++}.example`, country: "FR" };
    const one = dealInput(`company-${counter++}`, { account });
    const two = dealInput(`company-${counter++}`, { account });
    const { opportunity } = await save(one);
    const other = await save(two);
    for (let round = 1; round <= 8; round++) {
      await Promise.all([
        save({ ...one, account: { ...account, city: `City ${round}` } }),
        save({ ...two, account: { ...account, industry: `Industry ${round}` } }),
        edit(other.opportunity.id, (now) => ({ account: { ...now.account, street: `Street ${round}` } })),
        edit(opportunity.id, { title: `Title ${round}` }),
      ]);
      const now = await wholeInput(opportunity.id);
      expect(now.account).toMatchObject({
        city: `City ${round}`,
        industry: `Industry ${round}`,
        street: `Street ${round}`,
      });
      expect(now.title).toBe(`Title ${round}`);
    }
  });

  it("a CRM, a person and a partner lose no edit of different fields", async () => {
    const input = dealInput(`crowd-${counter++}`);
    const { opportunity } = await save(input);
    for (let round = 1; round <= 6; round++) {
      const month = `2028-0${round}-01`;
      await Promise.all([
        save({ ...input, problem: `The CRM's problem number ${round} of this deal` }),
        edit(opportunity.id, { title: `Ours ${round}` }),
        follow(opportunity.id, { name: "closeDate", value: month, isInformed: true }),
        edit(opportunity.id, { termMonths: round }),
      ]);
      expect(await wholeInput(opportunity.id)).toMatchObject({
        problem: `The CRM's problem number ${round} of this deal`,
        title: `Ours ${round}`,
        closeDate: month,
        termMonths: round,
      });
    }
    expect((await store.opportunities.find(db.sql, opportunity.id))?.version).toBe(25);
  });
});
