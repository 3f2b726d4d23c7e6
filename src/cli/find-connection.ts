/** Connections as the API lists them, and which ones a person meant. */
import * as z from "zod";
import { type MarketplaceId, marketplaceIdSchema } from "../domain/deal.ts";
import type { Client } from "./client.ts";
import { Failure, usageFailure } from "./failure.ts";
import { didYouMean } from "./nearest.ts";

export const connectionsMax = 1_000;

export const listedConnectionSchema = z.looseObject({
  id: z.string(),
  marketplace: z.string(),
  label: z.string(),
  account: z.string(),
  environment: z.string(),
  state: z.string(),
  parkedReason: z.string().nullish(),
  capabilities: z.looseObject({ assisted: z.boolean().optional() }).nullish(),
});
export type ListedConnection = z.infer<typeof listedConnectionSchema>;

export const listConnections = async (client: Client): Promise<readonly ListedConnection[]> => {
  const all: ListedConnection[] = [];
  for await (const one of client.each("/v1/connections", listedConnectionSchema, {}, connectionsMax)) all.push(one);
  return all.toSorted((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0));
};

/** Whether people do the partner's side of it: nothing is sent or read there by itself. */
export const isByHand = ({ capabilities }: ListedConnection): boolean => capabilities?.assisted === true;

/** The connection with this label, account or id, or the only one to this marketplace; without a name, the only one there is. */
export const findConnection = async (client: Client, name: string | undefined): Promise<ListedConnection> => {
  const all = await listConnections(client);
  return name === undefined ? onlyOne(all, "--connection <label>") : named(all, name);
};

/**
 * The connections that `--to aws,azure` names: by marketplace where there is one connection to it, else by label, account or
 * id. Without names, the only one there is.
 */
export const findConnections = async (
  client: Client,
  names: readonly string[],
): Promise<readonly ListedConnection[]> => {
  const all = await listConnections(client);
  if (names.length === 0) return [onlyOne(all, "--to aws,azure,gcp, or --to <label>")];
  // A label may have a comma in it.
  const parts = names.flatMap((name) => (all.some(({ label }) => label === name) ? [name] : name.split(",")));
  const found = parts
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => named(all, part));
  if (found.length === 0) throw usageFailure("--to names nothing", "write --to aws,azure,gcp, or --to <label>");
  return [...new Map(found.map((one) => [one.id, one])).values()];
};

const ofMarketplace = (all: readonly ListedConnection[], marketplace: MarketplaceId): ListedConnection => {
  const [only, ...others] = all.filter((one) => one.marketplace === marketplace);
  if (only === undefined)
    throw new Failure(`there is no connection to ${marketplace} yet`, {
      fix: `cosell connect ${marketplace}; cosell connections lists what is there`,
    });
  if (others.length > 0)
    throw usageFailure(
      `there are ${others.length + 1} connections to ${marketplace}: ${[only, ...others].map(({ label }) => label).join(", ")}`,
      "name the one you mean by its label",
    );
  return only;
};

const onlyOne = (all: readonly ListedConnection[], flag: string): ListedConnection => {
  const [first, second] = all;
  if (first === undefined)
    throw new Failure("there is no connection yet", {
      fix: "cosell connect aws, or start the service once: it brings simulated ones",
    });
  if (second === undefined) return first;
  throw usageFailure(
    `there are ${all.length} connections: ${all.map((one) => one.label).join(", ")}`,
    `say which with ${flag}`,
  );
};

const named = (all: readonly ListedConnection[], name: string): ListedConnection => {
  const [only, other] = all.filter((one) => one.id === name || one.label === name || one.account === name);
  const marketplace = marketplaceIdSchema.safeParse(name.toLowerCase());
  if (only === undefined && marketplace.success) return ofMarketplace(all, marketplace.data);
  if (only === undefined) {
    const labels = all.map((one) => one.label);
    throw new Failure(`there is no connection ${name}${didYouMean(name, labels)}`, {
      fix: "cosell connections lists them",
    });
  }
  if (other !== undefined) throw usageFailure(`${name} is more than one connection`, "name it by its id, con_…");
  return only;
};
