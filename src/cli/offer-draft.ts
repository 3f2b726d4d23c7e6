/** `cosell offers draft`, `clone`, `set`, `check`, `templates`: offers before they leave. */
import { readFile } from "node:fs/promises";
import * as z from "zod";
import { type JsonObject, jsonObjectSchema } from "../domain/deal.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, listFlag, type Report, switchFlag, textFlag } from "./command.ts";
import { findDeal } from "./deals.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { jsonOf } from "./json.ts";
import { findOffer, type Judged, judgedSchema, renderJudged } from "./offer-rows.ts";
import { whereabouts } from "./shares.ts";
import { renderTable } from "./table.ts";

export const oneOffer = {
  operands: "<off_… | the marketplace's id | source:key>",
  operandsMin: 1,
  operandsMax: 1,
} as const;

const termFlags = [
  textFlag("terms", "file.json", "terms to merge over the deal's and the template's"),
  listFlag("buyer", "account", "the buyer's account at the marketplace; never guessed"),
  textFlag("product", "id", "the marketplace's id of the listing"),
  textFlag("total", "amount", "a flat price for the whole term, such as 120000.00"),
  textFlag("currency", "code", "of --total; default USD"),
  textFlag("months", "count", "the term"),
  textFlag("until", "day", "the last day to accept, YYYY-MM-DD"),
  textFlag("net-days", "count", "payment terms"),
  textFlag("discount", "percent", "off the list price, for the internal approval"),
  textFlag(
    "renewal",
    "kind",
    "native, pre_existing_marketplace, pre_existing_external, channel_shift, migration; none: you state that it renews nothing",
  ),
  switchFlag("attest", "with --renewal: you state that it is one; the marketplace audits it"),
] as const;

/** Terms as the flags give them. */
const readTerms = async (typed: Arguments): Promise<JsonObject> => {
  const file = typed.text("terms");
  const given = file === undefined ? {} : await readJson(file);
  const total = typed.text("total");
  const renewal = typed.text("renewal");
  const months = numberOf(typed, "months");
  const netDays = numberOf(typed, "net-days");
  const buyers = typed.list("buyer");
  const text = (name: string, member: string): JsonObject => {
    const value = typed.text(name);
    return value === undefined ? {} : { [member]: value };
  };
  return {
    ...given,
    ...(buyers.length === 0 ? {} : { buyer: { ...objectOf(given.buyer), accounts: [...buyers] } }),
    ...text("product", "product"),
    ...(total === undefined
      ? {}
      : { price: { model: "flat", total: { amount: total, currency: typed.text("currency") ?? "USD" } } }),
    ...(months === null ? {} : { term: { months } }),
    ...text("until", "acceptBy"),
    ...(netDays === null ? {} : { netDays }),
    ...text("discount", "discountPercent"),
    ...(renewal === undefined
      ? {}
      : { renewal: renewal === "none" ? false : { kind: renewal, attested: typed.on("attest") } }),
  };
};
const objectOf = (value: unknown): JsonObject => {
  const parsed = jsonObjectSchema.safeParse(value);
  return parsed.success ? parsed.data : {};
};
const numberOf = (typed: Arguments, name: string): number | null => {
  const text = typed.text(name);
  if (text === undefined) return null;
  if (!/^\d{1,4}$/.test(text)) throw usageFailure(`--${name} is a number, not ${text}`, `write --${name} 12`);
  return Number(text);
};
export const readJson = async (path: string): Promise<JsonObject> => {
  const text = await readFile(path, "utf8").catch(() => {
    throw new Failure(`${path} cannot be read`, { fix: "name a JSON file" });
  });
  try {
    return jsonObjectSchema.parse(JSON.parse(text));
  } catch {
    throw new Failure(`${path} is not a JSON object`, {
      fix: "see the terms under POST /v1/offers in the API's /docs",
    });
  }
};

export const reportOf = (judged: Judged): Report => ({
  exitCode: judged.gaps.length > 0 ? exitCodes.failed : exitCodes.ok,
  text: renderJudged(judged),
  json: jsonOf(judged),
});

export const offerDraftCommand: Command = {
  name: "offers draft",
  summary: "Draft a private offer from a deal and its share",
  operands: "[source:key]",
  operandsMin: 0,
  operandsMax: 1,
  about:
    "Name, price and term come from the deal, then from the template, then from what you give. The buyer's account is never taken from the deal: ask the buyer (cosell offers message). Nothing is sent.",
  flags: [
    ...termFlags,
    textFlag("connection", "label", "where the offer is made; needed when there are several"),
    textFlag("template", "name", "a template of cosell offers templates"),
    textFlag("type", "type", "what is sold: saas, server, data, professional_services; default saas"),
    switchFlag("dry-run", "only judge, save nothing"),
  ],
  examples: [
    "cosell offers draft salesforce:006Hs00001ABCDE --product prod-abc --buyer 123456789012",
    "cosell offers draft salesforce:006Hs00001ABCDE --template 'Standard, net 30' --until 2027-01-31 --dry-run",
    "cosell offers draft --connection AWS --terms offer.json",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const name = typed.operands[0];
      const connection = await findConnection(client, typed.text("connection"));
      const template = typed.text("template");
      const judged = await client.post(
        "/v1/offers",
        {
          connectionId: connection.id,
          ...(name === undefined ? {} : { opportunityId: (await findDeal(client, name)).id }),
          ...(template === undefined ? {} : { templateId: await templateId(client, template, connection.marketplace) }),
          ...(typed.text("type") === undefined ? {} : { productType: typed.text("type") }),
          terms: await readTerms(typed),
          dryRun: typed.on("dry-run"),
        },
        judgedSchema,
      );
      // A draft with gaps is saved: showing them is what the command is for.
      return { ...reportOf(judged), exitCode: exitCodes.ok };
    }),
};

export const offerCloneCommand: Command = {
  ...oneOffer,
  name: "offers clone",
  summary: "Draft an offer like another one",
  flags: [...termFlags],
  examples: ["cosell offers clone off_0199c0de00007000800000000000a001 --until 2027-03-31"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const offer = await findOffer(client, typed.operands[0] ?? "");
      const judged = await client.post(`/v1/offers/${offer.id}/clone`, { terms: await readTerms(typed) }, judgedSchema);
      return { ...reportOf(judged), exitCode: exitCodes.ok };
    }),
};

export const offerSetCommand: Command = {
  ...oneOffer,
  name: "offers set",
  summary: "Change a draft's terms",
  about: "Only before it is published. A draft that waits for its approval falls back, and is asked for again.",
  flags: [...termFlags],
  examples: ["cosell offers set off_0199c0de00007000800000000000a001 --net-days 30 --discount 12.5"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const { id, version } = await findOffer(client, typed.operands[0] ?? "");
      const body = { terms: await readTerms(typed) };
      if (Object.keys(body.terms).length === 0)
        throw usageFailure("nothing to change", "give a flag; cosell help offers set lists them");
      const judged = await client.patch(`/v1/offers/${id}`, { body, version }, judgedSchema);
      return { ...reportOf(judged), exitCode: exitCodes.ok };
    }),
};

export const offerCheckCommand: Command = {
  ...oneOffer,
  name: "offers check",
  summary: "Judge a draft: what would be refused, the fee, the approval, the marketplace's own dry run",
  about: "Exit code 1 where something is in the way. Nothing lasting is made at the marketplace.",
  flags: [switchFlag("offline", "do not ask the marketplace")],
  examples: [
    "cosell offers check off_0199c0de00007000800000000000a001",
    "cosell offers check salesforce:006Hs00001ABCDE --json",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const offer = await findOffer(client, typed.operands[0] ?? "");
      return reportOf(
        await client.post(`/v1/offers/${offer.id}/check`, { rehearse: !typed.on("offline") }, judgedSchema),
      );
    }),
};

const templateSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  marketplace: z.string(),
  terms: jsonObjectSchema,
});
const listTemplates = async (client: Client) => {
  const all: z.infer<typeof templateSchema>[] = [];
  for await (const row of client.each("/v1/offer-templates", templateSchema, {}, 1_000)) all.push(row);
  return all;
};
const templateId = async (client: Client, name: string, marketplace: string): Promise<string> => {
  const found = (await listTemplates(client)).find(
    (row) => row.id === name || (row.name === name && row.marketplace === marketplace),
  );
  if (found === undefined)
    throw new Failure(`there is no template ${name} for ${marketplace}`, { fix: "cosell offers templates lists them" });
  return found.id;
};

export const offerTemplatesCommand: Command = {
  name: "offers templates",
  summary: "List templates of offers; save one from a JSON file, remove one",
  operands: "[file.json]",
  operandsMin: 0,
  operandsMax: 1,
  about:
    "A template is any part of an offer's terms, without the buyer. The same name for the same marketplace again replaces it.",
  flags: [
    textFlag("name", "name", "with a file: what it is called"),
    textFlag("for", "marketplace", "with a file: aws, azure or gcp"),
    textFlag("remove", "name", "remove this one"),
  ],
  examples: ["cosell offers templates", "cosell offers templates net30.json --name 'Standard, net 30' --for aws"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [file] = typed.operands;
      const remove = typed.text("remove");
      const marketplace = typed.text("for");
      if (file !== undefined) {
        const name = typed.text("name");
        if (name === undefined || marketplace === undefined)
          throw usageFailure("a template needs a name and a marketplace", "add --name <name> --for aws");
        await client.post("/v1/offer-templates", { name, marketplace, terms: await readJson(file) }, templateSchema);
      }
      if (remove !== undefined) {
        const found = (await listTemplates(client)).find(({ id, name }) => id === remove || name === remove);
        if (found === undefined)
          throw new Failure(`there is no template ${remove}`, { fix: "cosell offers templates lists them" });
        await client.remove(`/v1/offer-templates/${found.id}`);
      }
      const all = await listTemplates(client);
      const text = renderTable(
        all,
        [
          { title: "template", cell: (row) => row.name },
          { title: "for", cell: (row) => row.marketplace },
          { title: "terms", cell: (row) => Object.keys(row.terms).join(", "), shrink: true, lines: 2 },
        ],
        shell.columns,
      );
      return { exitCode: exitCodes.ok, text, json: { templates: jsonOf(all) } };
    }),
};
