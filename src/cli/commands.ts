/** All commands, in the order in which help lists them. */
import { forgetCommand, keyCreateCommand, keyRevokeCommand, keysCommand } from "./access.ts";
import { authorityCommand, authoritySetCommand } from "./authority.ts";
import { backupCommand, backupVerifyCommand } from "./backup.ts";
import type { Command } from "./command.ts";
import { connectAwsCommand } from "./connect-aws.ts";
import { connectionCheckCommand, connectionResumeCommand, connectionsCommand, hookKeysCommand } from "./connections.ts";
import { dealFieldsCommand, dealShowCommand } from "./deal-fields.ts";
import { exportCommand } from "./export.ts";
import { importCommand } from "./import.ts";
import { eventsCommand, exceptionsCommand } from "./journal.ts";
import { restoreCommand } from "./restore.ts";
import { runnerCommand } from "./runner.ts";
import { demoCommand, serveCommand, versionCommand } from "./service.ts";
import { shareCommand } from "./share.ts";
import { sharesCommand, syncCommand, withdrawCommand } from "./shares.ts";
import { simulatorCommand } from "./simulator.ts";

export const commands: readonly Command[] = [
  demoCommand,
  serveCommand,
  connectAwsCommand,
  connectionsCommand,
  connectionCheckCommand,
  connectionResumeCommand,
  hookKeysCommand,
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
  simulatorCommand,
  runnerCommand,
  eventsCommand,
  exceptionsCommand,
  keysCommand,
  keyCreateCommand,
  keyRevokeCommand,
  forgetCommand,
  backupCommand,
  backupVerifyCommand,
  restoreCommand,
  versionCommand,
];
