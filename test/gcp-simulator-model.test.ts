import { describe, expect, it } from "vitest";
import { operations } from "../adapters/gcp/simulator/surfaces.ts";
import {
  type Catalogue,
  channelCatalogue,
  crmCatalogue,
  memberNames,
  memberOf,
} from "../adapters/gcp/simulator/tables.ts";
import channel from "./vectors/gcp/cloudchannel-v1alpha1.json" with { type: "json" };
import crm from "./vectors/gcp/cloudcrmpartners-v1.json" with { type: "json" };

/** `customerDetails{organizationName,address PostalAddress}` → the name, and what it says of itself. */
const parted = (text: string): readonly [string, string] => {
  const [, name = "", rest = ""] = /^(\w+)(?:\[\])?(.*)$/s.exec(text) ?? [];
  return [name, rest];
};
const typeOf = (catalogue: Catalogue, message: string, name: string): string =>
  memberOf(catalogue, message, name)?.type ?? "nothing";
const outputs = (catalogue: Catalogue, message: string): readonly string[] =>
  memberNames(catalogue, message).filter((name) => memberOf(catalogue, message, name)?.isOutput);

describe("the simulator's tables", () => {
  it("have the members of Google's opportunity, no more and no fewer", () => {
    const groups = Object.keys(channel.resource).map((name) => parted(name)[0]);
    expect([...memberNames(channelCatalogue, "Opportunity")].toSorted()).toEqual(groups.toSorted());
    for (const [key, value] of Object.entries(channel.resource)) {
      if (!Array.isArray(value)) continue;
      const message = typeOf(channelCatalogue, "Opportunity", parted(key)[0]);
      const members = value.map((text: string) => parted(text));
      expect([message, [...memberNames(channelCatalogue, message)].toSorted()]).toEqual([
        message,
        members.map(([name]) => name).toSorted(),
      ]);
      for (const [name, rest] of members) {
        const inner = /^\{(.*)\}$/.exec(rest)?.[1];
        if (inner === undefined) continue;
        const names = inner
          .replaceAll(/\{[^}]*\}/g, "")
          .split(",")
          .map((text) => parted(text)[0]);
        const nested = typeOf(channelCatalogue, message, name);
        expect([nested, [...memberNames(channelCatalogue, nested)].toSorted()]).toEqual([nested, names.toSorted()]);
      }
    }
  });
  it("leave to Google alone what the page calls output only", () => {
    const marked = Object.entries(channel.resource).flatMap(([name, says]) =>
      typeof says === "string" && says.startsWith("OUT") ? [name] : [],
    );
    // The name is the identifier: Google's as well.
    expect([...outputs(channelCatalogue, "Opportunity")].toSorted()).toEqual([...marked, "name"].toSorted());
    expect(outputs(channelCatalogue, "QualificationInfo")).toEqual(["dealNumber"]);
  });
  it("know every value of an enum that was ever seen in public, and only the states are known whole", () => {
    const { stateNote: _note, ...seen } = channel.enumValuesSeen;
    for (const [name, values] of Object.entries(seen)) {
      const owner = Object.keys(channelCatalogue.messages).find((message) => memberOf(channelCatalogue, message, name));
      const type = typeOf(channelCatalogue, owner ?? "", name);
      expect([name, channelCatalogue.enums[type]?.values]).toEqual([name, expect.arrayContaining([...values])]);
    }
    const whole = Object.entries(channelCatalogue.enums).flatMap(([name, { complete }]) => (complete ? [name] : []));
    expect(whole).toEqual(["State", "Source"]);
  });
  it("have the members of the legacy lead and its opportunity", () => {
    const lead = [...crm.lead.required, ...crm.lead.other].map((text) => parted(text)[0]);
    expect([...memberNames(crmCatalogue, "Lead")].toSorted()).toEqual(lead.toSorted());
    const opportunity = crm.opportunity.map((text) => parted(text)[0]);
    expect([...memberNames(crmCatalogue, "LeadOpportunity")].toSorted()).toEqual(opportunity.toSorted());
    const marked = crm.opportunity.flatMap((text) => (/ OUT\b/.test(text) ? [parted(text)[0]] : []));
    expect(outputs(crmCatalogue, "LeadOpportunity")).toEqual(expect.arrayContaining(marked));
  });
  it("refer to nothing that they do not define", () => {
    const scalars = ["string", "bool", "int32", "int64", "double", "timestamp", "json"];
    for (const catalogue of [channelCatalogue, crmCatalogue])
      for (const message of Object.keys(catalogue.messages))
        for (const name of memberNames(catalogue, message)) {
          const type = typeOf(catalogue, message, name);
          expect([name, type, scalars.includes(type) || type in catalogue.messages || type in catalogue.enums]).toEqual(
            [name, type, true],
          );
        }
  });
  it("answer for every method that is documented, and for no other", () => {
    const methods = channel.methods.map(({ id }) => id);
    const legacy = Object.keys(operations).filter((name) => name.startsWith("partners."));
    expect(Object.keys(operations).toSorted()).toEqual([...methods, ...legacy, "token"].toSorted());
    expect(legacy).toHaveLength(crm.methods.length);
  });
});
