/** All commands, in the order in which help lists them. */
import { forgetCommand, keyCreateCommand, keyRevokeCommand, keysCommand } from "./access.ts";
import {
  agreementApproveCommand,
  agreementRejectCommand,
  agreementShowCommand,
  agreementsCommand,
  feesCommand,
} from "./agreements.ts";
import {
  answerRuleDeleteCommand,
  answerRuleDryRunCommand,
  answerRuleFieldsCommand,
  answerRuleSaveCommand,
  answerRulesCommand,
} from "./answer-rules.ts";
import { attributionCompareCommand, attributionExportCommand, attributionReplayCommand } from "./attribution.ts";
import { authorityCommand, authoritySetCommand } from "./authority.ts";
import { backupCommand, backupVerifyCommand } from "./backup.ts";
import {
  creditsCommand,
  payoutsCommand,
  reconciliationRunCommand,
  reconciliationsCommand,
  revenueCommand,
} from "./books.ts";
import { capabilitiesCommand } from "./capabilities.ts";
import { closeCommand, closeVerifyCommand } from "./close.ts";
import { closeDiffCommand, closeLockCommand, closeReopenCommand } from "./close-periods.ts";
import { closePrepareCommand } from "./close-prepare.ts";
import type { Command } from "./command.ts";
import { connectAwsCommand } from "./connect-aws.ts";
import { connectAzureCommand } from "./connect-azure.ts";
import { connectGcpCommand } from "./connect-gcp.ts";
import { connectionCheckCommand, connectionResumeCommand, connectionsCommand, hookKeysCommand } from "./connections.ts";
import { dealFieldsCommand, dealShowCommand } from "./deal-fields.ts";
import {
  decisionAliasCommand,
  decisionAllocateCommand,
  decisionLinkCommand,
  decisionRevokeCommand,
  decisionsCommand,
} from "./decisions.ts";
import { doctorCommand } from "./doctor.ts";
import {
  exceptionAssignCommand,
  exceptionMoveCommands,
  exceptionShowCommand,
  exceptionsCommand,
} from "./exceptions.ts";
import { explainCommand } from "./explain.ts";
import { exportCommand } from "./export.ts";
import { hookRegistrationCommand } from "./hook-registration.ts";
import { importCommand } from "./import.ts";
import {
  invitationAcceptCommand,
  invitationReasonsCommand,
  invitationRejectCommand,
  invitationShowCommand,
  invitationsCommand,
} from "./invitations.ts";
import { eventsCommand } from "./journal.ts";
import { migrateCommand } from "./migrate.ts";
import { oauthCommand } from "./oauth.ts";
import {
  offerApproveCommand,
  offerExtendCommand,
  offerPublishCommand,
  offerRefuseCommand,
  offerSubmitCommand,
  offerWithdrawCommand,
} from "./offer-decisions.ts";
import {
  offerCheckCommand,
  offerCloneCommand,
  offerDraftCommand,
  offerSetCommand,
  offerTemplatesCommand,
} from "./offer-draft.ts";
import {
  offerAdoptCommand,
  offerMessageCommand,
  offerPolicyCommand,
  offerShowCommand,
  offersCommand,
  offerWatchCommand,
} from "./offers.ts";
import {
  periodDiffCommand,
  periodJournalsCommand,
  periodKeyCommand,
  periodMoveCommands,
  periodPackCommand,
  periodsCommand,
} from "./periods.ts";
import { queueCommand } from "./queue.ts";
import { reportAddCommand, reportFetchCommand, reportShowCommand, reportsCommand } from "./reports.ts";
import { restoreCommand } from "./restore.ts";
import {
  ruleKeygenCommand,
  rulePushCommand,
  ruleSignCommand,
  ruleTrustCommand,
  ruleVerifyCommand,
} from "./rule-documents.ts";
import { runnerCommand } from "./runner.ts";
import { demoCommand, serveCommand, versionCommand } from "./service.ts";
import { shareCommand } from "./share.ts";
import {
  ruleDeleteCommand,
  ruleDisableCommand,
  ruleEnableCommand,
  ruleMoveCommand,
  ruleSaveCommand,
  ruleShowCommand,
  rulesCommand,
} from "./share-rules.ts";
import { ruleDryRunCommand, ruleFieldsCommand, ruleRunCommand } from "./share-rules-trial.ts";
import { sharesCommand, syncCommand, withdrawCommand } from "./shares.ts";
import { simulatorCommand } from "./simulator.ts";
import {
  taskCancelCommand,
  taskDoneCommand,
  taskPrintCommand,
  taskShowCommand,
  tasksCommand,
  taskTellCommand,
} from "./tasks.ts";
import { taskImportCommand } from "./tasks-import.ts";
import { webhookLogCommand, webhookReplayCommand, webhookTestCommand } from "./webhook-log.ts";
import {
  webhookAddCommand,
  webhookDeleteCommand,
  webhookRotateCommand,
  webhookShowCommand,
  webhooksCommand,
  webhookUpdateCommand,
} from "./webhooks.ts";

export const commands: readonly Command[] = [
  demoCommand,
  serveCommand,
  connectAwsCommand,
  connectAzureCommand,
  connectGcpCommand,
  connectionsCommand,
  connectionCheckCommand,
  connectionResumeCommand,
  hookKeysCommand,
  hookRegistrationCommand,
  oauthCommand,
  queueCommand,
  capabilitiesCommand,
  doctorCommand,
  closeCommand,
  closePrepareCommand,
  closeVerifyCommand,
  closeLockCommand,
  closeDiffCommand,
  closeReopenCommand,
  explainCommand,
  reportsCommand,
  reportAddCommand,
  reportShowCommand,
  reportFetchCommand,
  reconciliationsCommand,
  reconciliationRunCommand,
  revenueCommand,
  payoutsCommand,
  creditsCommand,
  attributionReplayCommand,
  attributionExportCommand,
  attributionCompareCommand,
  importCommand,
  exportCommand,
  dealShowCommand,
  dealFieldsCommand,
  authorityCommand,
  authoritySetCommand,
  shareCommand,
  sharesCommand,
  withdrawCommand,
  syncCommand,
  tasksCommand,
  taskShowCommand,
  taskPrintCommand,
  taskDoneCommand,
  taskCancelCommand,
  taskTellCommand,
  taskImportCommand,
  offersCommand,
  offerShowCommand,
  offerDraftCommand,
  offerSetCommand,
  offerCheckCommand,
  offerSubmitCommand,
  offerApproveCommand,
  offerRefuseCommand,
  offerPublishCommand,
  offerMessageCommand,
  offerWatchCommand,
  offerExtendCommand,
  offerWithdrawCommand,
  offerCloneCommand,
  offerAdoptCommand,
  offerTemplatesCommand,
  offerPolicyCommand,
  agreementsCommand,
  agreementShowCommand,
  agreementApproveCommand,
  agreementRejectCommand,
  feesCommand,
  invitationsCommand,
  invitationShowCommand,
  invitationAcceptCommand,
  invitationRejectCommand,
  invitationReasonsCommand,
  answerRulesCommand,
  answerRuleSaveCommand,
  answerRuleDeleteCommand,
  answerRuleDryRunCommand,
  answerRuleFieldsCommand,
  rulesCommand,
  ruleShowCommand,
  ruleFieldsCommand,
  ruleSaveCommand,
  ruleDryRunCommand,
  ruleRunCommand,
  ruleKeygenCommand,
  ruleSignCommand,
  ruleVerifyCommand,
  ruleTrustCommand,
  rulePushCommand,
  ruleEnableCommand,
  ruleDisableCommand,
  ruleMoveCommand,
  ruleDeleteCommand,
  simulatorCommand,
  runnerCommand,
  eventsCommand,
  exceptionsCommand,
  exceptionShowCommand,
  exceptionAssignCommand,
  ...exceptionMoveCommands,
  decisionsCommand,
  decisionLinkCommand,
  decisionAllocateCommand,
  decisionAliasCommand,
  decisionRevokeCommand,
  periodsCommand,
  periodDiffCommand,
  periodJournalsCommand,
  ...periodMoveCommands,
  periodPackCommand,
  periodKeyCommand,
  webhooksCommand,
  webhookAddCommand,
  webhookShowCommand,
  webhookUpdateCommand,
  webhookDeleteCommand,
  webhookRotateCommand,
  webhookTestCommand,
  webhookLogCommand,
  webhookReplayCommand,
  keysCommand,
  keyCreateCommand,
  keyRevokeCommand,
  forgetCommand,
  backupCommand,
  backupVerifyCommand,
  restoreCommand,
  migrateCommand,
  versionCommand,
];
