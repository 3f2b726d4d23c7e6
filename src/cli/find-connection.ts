/** Connections as the API lists them, and which one a person meant. */
import { z } from "zod";
import type { Client } from "./client.ts";
import { Failure, usageFailure } from "./failure.ts";
import { didYouMean } from "./nearest.ts";

const connectionsMax = 1_000;

export const listedConnectionSchema = z.looseObject({
  id: z.string(),
  marketplace: z.string(),
  label: z.string(),
  account: z.string(),
  environment: z.string(),
  state: z.string(),
  parkedReason: z.string().nullish(),
});
export type ListedConnection = z.infer<typeof listedConnectionSchema>;

export const listConnections = async (client: Client): Promise<readonly ListedConnection[]> => {
  const all: ListedConnection[] = [];
  for await (const one of client.each("/v1/connections", listedConnectionSchema, {}, connectionsMax)) all.push(one);
  return all.toSorted((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0));
};

/** The connection with this label, account or id; without a name, the only one there is. */
export const findConnection = async (client: Client, name: string | undefined): Promise<ListedConnection> => {
  const all = await listConnections(client);
  const [first, second] = all;
  if (first === undefined)
    throw new Failure("there is no connection yet", {
      fix: "cosell connect aws, or start the service once: it brings a simulated one",
    });
  const labels = all.map((one) => one.label);
  if (name === undefined) {
    if (second === undefined) return first;
    throw usageFailure(
      `there are ${all.length} connections: ${labels.join(", ")}`,
      "say which with --connection <label>",
    );
  }
  const found = all.filter((one) => one.id === name || one.label === name || one.account === name);
  const [only, other] = found;
  if (only === undefined)
    throw new Failure(`there is no connection ${name}${didYouMean(name, labels)}`, {
      fix: "cosell connections lists them",
    });
  if (other !== undefined) throw usageFailure(`${name} is more than one connection`, "name it by its id, con_…");
  return only;
};
