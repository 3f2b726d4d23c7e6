/** The journals of a month as CSV, in the shapes of the close pack. */
import * as z from "zod";
import {
  defaultAccountNames,
  genericJournals,
  journalsOf,
  netsuiteJournals,
  quickbooksJournals,
} from "../domain/finance/pack/journals.ts";
import { csvRows, type PackTable } from "../domain/finance/pack/table.ts";
import { type AppDeps, type Endpoint, endpoint } from "./endpoint.ts";
import { knownDay, periodParams, postingsNow } from "./period-reading.ts";
import { notFound } from "./problem.ts";

export const journalsEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/periods/{marketplace}/{month}/journals",
    tag: "Periods",
    scope: "read",
    summary: "Journal entries of a month as CSV",
    description:
      "Ids follow from what an entry is about, so that importing twice posts once. Those of a locked month never change. QuickBooks Online takes at most 1,000 rows in a file: ask for part 2 and on until there is none.",
    params: periodParams,
    query: z.strictObject({
      format: z.enum(["generic", "netsuite", "quickbooks"]).default("generic"),
      part: z.coerce.number().int().min(1).max(10_000).default(1).describe("with quickbooks: which file"),
    }),
    answers: { 200: { description: "the entries", mediaType: "text/csv" } },
    problems: ["not-found", "conflict"],
    handle: async ({ params, query: { format, part } }) => {
      const { marketplace, month } = params;
      const { periods } = deps.store;
      const query = deps.db.sql;
      const period = await periods.find(query, params);
      const [locked] = period.state === "locked" ? await periods.held(query, marketplace, month) : [];
      const asOfDay = locked?.asOfDay ?? (await knownDay(query));
      const locks = locked === undefined ? await periods.held(query, marketplace, null) : [];
      const postings = locked?.postings ?? (await postingsNow(deps, query, { marketplace, month, asOfDay, locks }));
      const journals = journalsOf(postings, asOfDay);
      const tables: readonly PackTable[] =
        format === "quickbooks"
          ? quickbooksJournals(journals, defaultAccountNames)
          : [(format === "netsuite" ? netsuiteJournals : genericJournals)(journals, defaultAccountNames)];
      const table = tables[part - 1];
      if (table === undefined) throw notFound(`part of the ${format} journals`, String(part));
      return new Response([...csvRows(table)].join(""), {
        headers: {
          "content-type": "text/csv; charset=utf-8",
          "content-disposition": `attachment; filename="${marketplace}-${month}-${table.name}.csv"`,
        },
      });
    },
  });
