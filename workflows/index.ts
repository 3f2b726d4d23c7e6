/** The list of workflows. Step and function ids are persistence keys: append, never rename. */
import { createAgreementDuty } from "./agreement-duty.ts";
import { createAnswer } from "./answer.ts";
import { createAutoShare, createRuleChanged } from "./auto-share.ts";
import type { Client, WorkflowDeps } from "./deps.ts";
import { createIngest } from "./ingest.ts";
import { createInvitation } from "./invitations.ts";
import { createOfferChange } from "./offer-change.ts";
import { createOfferPublish } from "./offer-publish.ts";
import { createAgreementSync, createOfferSync } from "./offer-sync.ts";
import { createPush } from "./push.ts";
import { createBooksClock, createReconcile } from "./reconcile.ts";
import { createReportFetch } from "./report-fetch.ts";
import { createChanged, createRevise } from "./revise.ts";
import { createSweep, createSweepClock, createSync } from "./sync.ts";
import { createConsentWatch, createExpiry, createResumed } from "./upkeep.ts";
import { createWebhookDeliver } from "./webhook.ts";

export const createFunctions = (client: Client, deps: WorkflowDeps) => [
  createPush(client, deps),
  createSync(client, deps),
  createSweepClock(client, deps),
  createSweep(client, deps),
  createChanged(client, deps),
  createRevise(client, deps),
  createResumed(client, deps),
  createExpiry(client, deps),
  createInvitation(client, deps),
  createAnswer(client, deps),
  createAutoShare(client, deps),
  createRuleChanged(client, deps),
  createWebhookDeliver(client, deps),
  createConsentWatch(client, deps),
  createOfferPublish(client, deps),
  createOfferChange(client, deps),
  createOfferSync(client, deps),
  createAgreementSync(client, deps),
  createAgreementDuty(client, deps),
  createIngest(client, deps),
  createReportFetch(client, deps),
  createReconcile(client, deps),
  createBooksClock(client, deps),
];
