import core from "./0001_core.sql";
import runner from "./0002_runner.sql";
import simulator from "./0003_simulator.sql";
import invitations from "./0004_invitations.sql";

/** In order. Append only: an applied migration is never edited. */
export const migrations: readonly { readonly name: string; readonly text: string }[] = [
  { name: "0001_core", text: core },
  { name: "0002_runner", text: runner },
  { name: "0003_simulator", text: simulator },
  { name: "0004_invitations", text: invitations },
];
