/** `cosell capabilities`: what each marketplace offers, and why not the rest. */
import * as z from "zod";
import type { Json } from "../domain/deal.ts";
import { withClient } from "./client.ts";
import type { Command } from "./command.ts";
import { exitCodes, Failure } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { whereabouts } from "./shares.ts";
import { renderTable } from "./table.ts";

const offerSchema = z.looseObject({
  capabilities: z.record(z.string(), z.boolean()).nullable(),
  lacks: z.record(z.string(), z.string()).nullable(),
});
const marketplaceSchema = offerSchema.extend({
  id: z.string(),
  name: z.string(),
  connection: z.object({ id: z.string(), label: z.string() }).nullable(),
});

/** One column of the table: a connection, or a marketplace as its example sets it up. */
interface Offered {
  readonly marketplace: string;
  readonly name: string;
  readonly connection: string | null;
  readonly capabilities: Readonly<Record<string, boolean>> | null;
  readonly lacks: Readonly<Record<string, string>> | null;
}

const reasonLinesMax = 8;

/** Capability by marketplace: `yes`, or the reason why not. */
const tableOf = (offers: readonly Offered[], columns: number): string => {
  const names = [...new Set(offers.flatMap(({ capabilities }) => Object.keys(capabilities ?? {})))];
  const titleOf = ({ name, connection }: Offered): string =>
    `${name}: ${connection ?? "not connected, as its example"}`;
  const cellOf = ({ capabilities, lacks }: Offered, name: string): string => {
    if (capabilities === null) return "its settings are refused";
    return capabilities[name] === true ? "yes" : `no: ${lacks?.[name] ?? "no reason given"}`;
  };
  return renderTable(
    names,
    [
      { title: "capability", cell: (name) => name },
      ...offers.map((offer) => ({
        title: titleOf(offer),
        cell: (name: string) => cellOf(offer, name),
        shrink: true,
        lines: reasonLinesMax,
      })),
    ],
    columns,
  );
};

export const capabilitiesCommand: Command = {
  name: "capabilities",
  summary: "Tell what each marketplace or a connection offers, and why not the rest",
  operands: "[connection]",
  operandsMin: 0,
  operandsMax: 1,
  flags: [],
  about:
    "Without a connection: each marketplace by its first connection; one that nobody has connected is told as its example settings set it up, with everything that can be.",
  examples: ["cosell capabilities", 'cosell capabilities "AWS production"', "cosell capabilities --json"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [wanted] = typed.operands;
      const offers: Offered[] = [];
      if (wanted === undefined) {
        for await (const one of client.each("/v1/marketplaces", marketplaceSchema))
          offers.push({ ...pick(one), marketplace: one.id, name: one.name, connection: one.connection?.label ?? null });
      } else {
        const connection = await findConnection(client, wanted);
        const offer = offerSchema.parse(connection);
        offers.push({
          ...pick(offer),
          marketplace: connection.marketplace,
          name: connection.marketplace,
          connection: connection.label,
        });
      }
      if (offers.length === 0)
        throw new Failure("the service knows no marketplace", { fix: "use another build of it" });
      const json: Json = offers.map((offer) => ({ ...offer }));
      return { exitCode: exitCodes.ok, text: tableOf(offers, shell.columns), json: { marketplaces: json } };
    }),
};

const pick = ({ capabilities, lacks }: z.infer<typeof offerSchema>) => ({ capabilities, lacks });
