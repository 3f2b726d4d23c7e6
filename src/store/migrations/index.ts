import core from "./0001_core.sql";

/** In order. Append only: an applied migration is never edited. */
export const migrations: readonly { readonly name: string; readonly text: string }[] = [
  { name: "0001_core", text: core },
];
