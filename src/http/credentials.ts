/** What proves who we are to a marketplace, and the marketplace to us: kept as secrets, named in settings by reference only. */
import type { Session } from "../../adapters/contract.ts";
import type { Connection, Json, JsonObject } from "../domain/deal.ts";
import type { Fault } from "../domain/fault.ts";
import { toHex } from "../store/seal.ts";
import type { AppDeps } from "./endpoint.ts";
import { itemsOf, itemsOfGaps, ProblemError } from "./problem.ts";

export const referencePrefix = "secret:";
const suffixBytes = 4;
const hookKeyBytes = 32;
/** The new key and the one before it: the sender is switched over while both are taken. */
const liveHookKeys = 2;
export const hookHeaderDefault = "x-cosell-key";

type Seller = Pick<Connection, "marketplace" | "account" | "environment">;

/** The reference, without prefix, of a secret that belongs to a seller identity. */
export const nameOf = (seller: Seller, name: string): string =>
  `connection:${seller.marketplace}:${seller.account}:${seller.environment}:${name}`;

export interface KeptSecrets {
  /** The settings, with each `secret:<name>` replaced by the reference under which the value is kept. */
  readonly settings: JsonObject;
  readonly refs: readonly string[];
}

/**
 * Keeps each secret under a reference of its own that nothing used before: until the connection is saved, running work
 * goes on with the old ones. Throws a problem when a secret is named by no setting.
 */
export const keepSecrets = async (
  deps: AppDeps,
  seller: Seller,
  given: { readonly settings: JsonObject; readonly secrets: Readonly<Record<string, string>> },
): Promise<KeptSecrets> => {
  const refs = new Map<string, string>();
  const suffix = toHex(deps.ids.bytes(suffixBytes));
  for (const name of Object.keys(given.secrets)) refs.set(name, `${nameOf(seller, name)}:${suffix}`);
  const used = new Set<string>();
  const settings = rewrite(given.settings, (text) => {
    const named = text.startsWith(referencePrefix) ? text.slice(referencePrefix.length) : null;
    const name = [...refs.keys()].find((known) => named === known || named === nameOf(seller, known));
    if (name === undefined) return text;
    used.add(name);
    return `${referencePrefix}${refs.get(name)}`;
  });
  const unused = [...refs.keys()].filter((name) => !used.has(name));
  if (unused.length > 0)
    throw new ProblemError("invalid", "A secret is named by no setting.", {
      errors: unused.map((name) => ({
        pointer: `/secrets/${name}`,
        field: `secrets.${name}`,
        code: "unused",
        message: "no setting refers to it",
        fix: `write "secret:${name}" where the settings need it, or leave it out`,
      })),
    });
  for (const [name, ref] of refs) await keep(deps, ref, given.secrets[name] ?? "");
  return { settings, refs: [...refs.values()] };
};

/** Empties secrets that no saved connection refers to. */
export const eraseSecrets = async (deps: AppDeps, refs: readonly string[]): Promise<void> => {
  for (const ref of refs) await deps.secrets.rotate(ref, 1, "");
};

/** The settings as the adapter reads them. Throws a problem that names what does not fit. */
export const parseSettings = (deps: AppDeps, seller: Seller, settings: JsonObject): JsonObject => {
  const marketplace = deps.registry.find(seller.marketplace);
  if (marketplace === null)
    throw new ProblemError("invalid", `marketplace: this build has no adapter for ${seller.marketplace}`, {
      errors: [
        {
          pointer: "/marketplace",
          field: "marketplace",
          code: "unknown",
          message: "this build has no adapter for it",
          fix: `use one of: ${deps.registry.marketplaces.map(({ id }) => id).join(", ")}`,
        },
      ],
    });
  const parsed = marketplace.settings.safeParse(settings);
  if (parsed.success) return parsed.data;
  const errors = itemsOf(parsed.error).map((item) => ({
    ...item,
    pointer: `/settings${item.pointer ?? ""}`,
    field: item.field ? `settings.${item.field}` : "settings",
  }));
  throw new ProblemError("invalid", `${errors[0]?.field}: ${errors[0]?.message}`, { errors });
};

/** The connection as a session. Adapters refuse contradictory settings by throwing: that becomes a problem. */
export const sessionOf = (deps: AppDeps, connection: Connection): Session => {
  try {
    return deps.registry.open(connection);
  } catch (error) {
    const message = error instanceof Error ? error.message : "the adapter refuses these settings";
    throw new ProblemError("invalid", message, {
      errors: [{ pointer: "/settings", field: "settings", code: "contradictory", message }],
    });
  }
};

/** One cheap read with the connection's credentials. Throws a problem with the fault when it fails. */
export const checkConnection = async (deps: AppDeps, connection: Connection): Promise<JsonObject> => {
  const checked = await sessionOf(deps, connection).check();
  if (checked.ok) return checked.value;
  throw refusedBy(checked.fault);
};

/** The problem of what the marketplace answered, with its kind and what may mend it. */
export const refusedBy = (fault: Fault): ProblemError =>
  new ProblemError("check-failed", `${fault.message}. ${remedies[fault.kind] ?? ""}`.trim(), {
    errors: fault.kind === "rejected" ? itemsOfGaps(fault.gaps) : [],
    extra: { fault: fault.kind },
  });

const remedies: Partial<Record<Fault["kind"], string>> = {
  denied: "Check the credentials and their permissions",
  throttled: "Try again later",
  unavailable: "Try again later",
  ambiguous: "Try again later",
};

export interface HookKey {
  readonly secret: string;
  readonly headerName: string;
  readonly settings: JsonObject;
  /** How many keys are taken from now on. */
  readonly live: number;
}

/**
 * A new webhook key for the connection: taken from the moment the returned settings are saved, beside the one before it.
 * Throws a problem when the marketplace proves its deliveries in another way.
 */
export const rotateHookKey = async (
  deps: AppDeps,
  connection: Connection,
  header: string | undefined,
): Promise<HookKey> => {
  const known = objectOf(connection.settings.hookKeys);
  const knownHeader = typeof known.headerName === "string" ? known.headerName : hookHeaderDefault;
  const headerName = header ?? knownHeader;
  const before = Array.isArray(known.keyRefs) ? known.keyRefs.filter((ref) => typeof ref === "string") : [];
  const ref = `${nameOf(connection, "hook-key")}:${toHex(deps.ids.bytes(suffixBytes))}`;
  const keyRefs = [`${referencePrefix}${ref}`, ...before].slice(0, liveHookKeys);
  const settings = { ...connection.settings, hookKeys: { ...known, headerName, keyRefs } };
  const parsed = deps.registry.find(connection.marketplace)?.settings.safeParse(settings);
  if (parsed?.success !== true)
    throw new ProblemError(
      "conflict",
      "This marketplace proves its deliveries in another way: it takes no webhook key.",
    );
  const secret = toHex(deps.ids.bytes(hookKeyBytes));
  await keep(deps, ref, secret);
  return { secret, headerName, settings: parsed.data, live: keyRefs.length };
};

/** Stores a secret under a reference that nothing used before. */
export const keep = async (deps: AppDeps, ref: string, value: string): Promise<void> => {
  if (!(await deps.secrets.rotate(ref, 0, value))) throw new Error("a fresh secret reference was taken already");
};

/** The names of the secrets of ours that a setting refers to, wherever in it. */
export const referencesIn = (value: Json | undefined): readonly string[] => {
  if (typeof value === "string") return value.startsWith(referencePrefix) ? [value.slice(referencePrefix.length)] : [];
  if (Array.isArray(value)) return value.flatMap((inner: Json) => referencesIn(inner));
  return isObject(value) ? Object.values(value).flatMap(referencesIn) : [];
};

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const objectOf = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});

const rewrite = (value: JsonObject, change: (text: string) => string): JsonObject =>
  Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, rewriteAny(inner, change)]));

const rewriteAny = (value: Json, change: (text: string) => string): Json => {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((inner: Json) => rewriteAny(inner, change));
  return isObject(value) ? rewrite(value, change) : value;
};
