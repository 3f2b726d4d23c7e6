/** The repositories, assembled. Each function takes the pool or an open transaction first. */
import type { ClockDep, IdsDep, SealDep } from "../ports.ts";
import { createAccess } from "./access.ts";
import { createCompanies } from "./companies.ts";
import { createConnections } from "./connections.ts";
import { createContacts } from "./contacts.ts";
import { createEffects } from "./effects.ts";
import { createJournal } from "./journal.ts";
import { createOpportunities } from "./opportunities.ts";
import { createShares } from "./shares.ts";
import { createStatements } from "./statements.ts";

export type Store = ReturnType<typeof createStore>;

export const createStore = (deps: ClockDep & IdsDep & SealDep) => {
  const journal = createJournal(deps);
  const contacts = createContacts(deps);
  const statements = createStatements(deps);
  const opportunities = createOpportunities({
    ...deps,
    journal,
    contacts,
    companies: createCompanies(deps),
    statements,
  });
  return {
    journal,
    contacts,
    opportunities,
    statements,
    access: createAccess(deps),
    connections: createConnections({ ...deps, journal }),
    effects: createEffects(deps),
    shares: createShares({ ...deps, journal, contacts, opportunities }),
  };
};
