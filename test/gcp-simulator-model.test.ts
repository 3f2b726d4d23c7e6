import { describe, expect, it } from "vitest";
import { producerCatalogue, rivals } from "../adapters/gcp/simulator/marketplace/tables.ts";
import { channelHost, crmHost, operations } from "../adapters/gcp/simulator/surfaces.ts";
import {
  type Catalogue,
  channelCatalogue,
  crmCatalogue,
  memberNames,
  memberOf,
} from "../adapters/gcp/simulator/tables.ts";
import channel from "./vectors/gcp/cloudchannel-v1alpha1.json" with { type: "json" };
import procurement from "./vectors/gcp/cloudcommerceprocurement-v1.json" with { type: "json" };
import crm from "./vectors/gcp/cloudcrmpartners-v1.json" with { type: "json" };
import producer from "./vectors/gcp/commerceproducer-v1beta.json" with { type: "json" };

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
    const scalars = ["string", "bool", "int32", "int64", "double", "timestamp", "duration", "bytes", "json"];
    for (const catalogue of [channelCatalogue, crmCatalogue, producerCatalogue])
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
    const of = (host: string) =>
      Object.entries(operations).flatMap(([name, operation]) => (operation.host === host ? [name] : []));
    const legacy = of(crmHost).filter((name) => name.startsWith("partners."));
    expect([...of(channelHost), ...of(crmHost)].toSorted()).toEqual([...methods, ...legacy].toSorted());
    expect(legacy).toHaveLength(crm.methods.length);
  });
});

describe("the marketplace's tables", () => {
  const starred = (path: string): string => path.replaceAll(/\{[\w.]+=([^}]*)\}/g, "$1").replaceAll("*", "one");
  const answering = (method: string, path: string): readonly string[] =>
    Object.entries(operations).flatMap(([name, one]) => (one.method === method && one.path.test(path) ? [name] : []));

  it("have the members of every message of Google's protos, their types, and what is Google's alone", () => {
    const scalars: Readonly<Record<string, string>> = { Timestamp: "timestamp" };
    for (const [message, members] of Object.entries(producer.messages)) {
      const wanted = Object.entries(members).map(([name, type]) => {
        const [, output = "", bare = "", list = ""] = /^(!?)(\w+)((?:\[\])?)$/.exec(type) ?? [];
        return [name, { type: scalars[bare] ?? bare, isList: list !== "", isOutput: output !== "" }];
      });
      const found = memberNames(producerCatalogue, message).map((name) => [
        name,
        memberOf(producerCatalogue, message, name),
      ]);
      expect([message, Object.fromEntries(found)]).toEqual([message, Object.fromEntries(wanted)]);
    }
    for (const [name, values] of Object.entries(producer.enums))
      expect([name, producerCatalogue.enums[name]?.values]).toEqual([name, values]);
  });
  it("know of which members only one may be there", () => {
    const wanted = Object.entries(producer.oneofs).flatMap(([message, groups]) =>
      Object.values(groups).flatMap((group) => (group.length > 1 ? [[message, group.toSorted()]] : [])),
    );
    const known = Object.entries(rivals).flatMap(([message, groups]) =>
      message === "DateTime" ? [] : groups.map((group) => [message, [...group].toSorted()]),
    );
    expect(known.toSorted()).toEqual(wanted.toSorted());
  });
  it("answer for each method of the Producer API with its parameters, each by one operation", () => {
    const answered = producer.methods.map(({ rpc, http, path, fields }) => {
      const [name = "", ...more] = answering(http, starred(path));
      const operation = Object.entries(operations).find(([one]) => one === name)?.[1];
      const query = operation?.query ?? [];
      const inBody = ["POST", "PATCH"].includes(http);
      const camel = fields.map((field) => field.replaceAll(/_([a-z])/g, (_, letter) => letter.toUpperCase()));
      const expected = camel.filter(
        (field) => !["name", "parent"].includes(field) && (!inBody || field === "updateMask"),
      );
      expect([rpc, name, more, [...query].toSorted()]).toEqual([rpc, expect.any(String), [], expected.toSorted()]);
      return name;
    });
    expect(new Set(answered).size).toBe(producer.methods.length);
  });
  it("answer for each method of the Procurement API", () => {
    for (const { id, http, path } of procurement.methods) {
      expect([id, answering(http, `/${starred(path)}`)]).toEqual([id, [id]]);
    }
  });
});
