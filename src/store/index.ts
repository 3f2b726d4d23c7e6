/** The repositories, assembled. Each function takes the pool or an open transaction first. */
import type { ClockDep, IdsDep, SealDep } from "../ports.ts";
import { createAccess } from "./access.ts";
import { createAgreements } from "./agreements.ts";
import { createAnswerRules } from "./answer-rules.ts";
import { createApprovals } from "./approvals.ts";
import { createAutoShare } from "./auto-share.ts";
import { createBooks } from "./books.ts";
import { createCompanies } from "./companies.ts";
import { createConnections } from "./connections.ts";
import { createConsents } from "./consents.ts";
import { createContacts } from "./contacts.ts";
import { createDecisions } from "./decisions.ts";
import { createDrifts } from "./drifts.ts";
import { createEffects } from "./effects.ts";
import { createExceptions } from "./exceptions.ts";
import { createFeeRows } from "./fee-rows.ts";
import { createHealth } from "./health.ts";
import { createInbox } from "./inbox.ts";
import { createInvitations } from "./invitations.ts";
import { createJournal } from "./journal.ts";
import { createLedger } from "./ledger.ts";
import { createMeasures } from "./measures.ts";
import { createOfferDates } from "./offer-dates.ts";
import { createOfferSuggestions } from "./offer-suggestions.ts";
import { createOfferTemplates } from "./offer-templates.ts";
import { createOffers } from "./offers.ts";
import { createOpportunities } from "./opportunities.ts";
import { createOwnFiles } from "./own-files.ts";
import { createPeriods } from "./periods.ts";
import { createReconciliations } from "./reconciliations.ts";
import { createRecoveries } from "./recoveries.ts";
import { createReportFiles } from "./report-files.ts";
import { createReportListings } from "./report-listings.ts";
import { createShareRules } from "./share-rules.ts";
import { createShares } from "./shares.ts";
import { createStatements } from "./statements.ts";
import { createTasks } from "./tasks.ts";
import { createWebhookMessages } from "./webhook-messages.ts";
import { createWebhooks } from "./webhooks.ts";

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
  const shareRules = createShareRules({ ...deps, journal });
  const effects = createEffects(deps);
  const tasks = createTasks({ ...deps, journal, effects });
  const shares = createShares({ ...deps, journal, contacts, opportunities, shareRules, tasks });
  const offerDates = createOfferDates(deps);
  const feeRows = createFeeRows(deps);
  const reportFiles = createReportFiles(deps);
  return {
    journal,
    exceptions: createExceptions({ ...deps, journal }),
    periods: createPeriods({ ...deps, journal }),
    decisions: createDecisions({ ...deps, journal }),
    contacts,
    opportunities,
    statements,
    access: createAccess(deps),
    measures: createMeasures(),
    inbox: createInbox(deps),
    connections: createConnections({ ...deps, journal }),
    consents: createConsents(deps),
    effects,
    tasks,
    recoveries: createRecoveries({ ...deps, journal }),
    invitations: createInvitations({ ...deps, journal, contacts }),
    answerRules: createAnswerRules({ ...deps, journal }),
    drifts: createDrifts({ ...deps, journal }),
    health: createHealth(),
    offers: createOffers({ ...deps, journal, opportunities, dates: offerDates }),
    offerDates,
    offerSuggestions: createOfferSuggestions(deps),
    offerTemplates: createOfferTemplates(deps),
    approvals: createApprovals({ ...deps, journal }),
    feeRows,
    agreements: createAgreements({ ...deps, journal, dates: offerDates }),
    reportFiles,
    books: createBooks(),
    ownFiles: createOwnFiles({ ...deps, reportFiles, feeRows }),
    reconciliations: createReconciliations({ ...deps, journal }),
    reportListings: createReportListings(deps),
    ledger: createLedger(deps),
    shares,
    shareRules,
    autoShare: createAutoShare({ ...deps, journal, contacts, opportunities, shareRules, shares }),
    webhooks: createWebhooks({ ...deps, journal }),
    webhookMessages: createWebhookMessages({ ...deps, journal }),
  };
};
