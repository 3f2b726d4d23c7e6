/** The repositories, assembled. Each function takes the pool or an open transaction first. */
import type { ClockDep, IdsDep, SealDep } from "../ports.ts";
import { createAccess } from "./access.ts";
import { createAnswerRules } from "./answer-rules.ts";
import { createConnections } from "./connections.ts";
import { createContacts } from "./contacts.ts";
import { createEffects } from "./effects.ts";
import { createInbox } from "./inbox.ts";
import { createInvitations } from "./invitations.ts";
import { createJournal } from "./journal.ts";
import { createOpportunities } from "./opportunities.ts";
import { createShares } from "./shares.ts";

export type Store = ReturnType<typeof createStore>;

export const createStore = (deps: ClockDep & IdsDep & SealDep) => {
  const journal = createJournal(deps);
  const contacts = createContacts(deps);
  const opportunities = createOpportunities({ ...deps, journal, contacts });
  return {
    journal,
    contacts,
    opportunities,
    access: createAccess(deps),
    inbox: createInbox(deps),
    connections: createConnections({ ...deps, journal }),
    effects: createEffects(deps),
    invitations: createInvitations({ ...deps, journal, contacts }),
    answerRules: createAnswerRules({ ...deps, journal }),
    shares: createShares({ ...deps, journal, contacts, opportunities }),
  };
};
