/** JSON lines, the same on Node and Workers. Fields are flat; text that looks like an e-mail or a key is masked as a last resort. */
import type { Clock, Log, LogFields } from "./ports.ts";

export type LogLevel = "info" | "warn" | "error";

const email = /[^\s@"']+@[^\s@"']+\.[^\s@"']+/g;
const secret = /\b(cosell_[0-9a-f]{8})[0-9a-f]+|\b(AKIA|ASIA)[A-Z0-9]{12,}|(Bearer )\S+/g;
const mask = (text: string): string => text.replace(email, "[e-mail]").replace(secret, "$1$2$3[masked]");

export const createLog = (deps: {
  readonly clock: Clock;
  readonly write: (line: string) => void;
  readonly level: LogLevel;
}): Log => {
  const ranks: Record<LogLevel, number> = { info: 0, warn: 1, error: 2 };
  const log =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (ranks[level] < ranks[deps.level]) return;
      const masked = Object.fromEntries(
        Object.entries(fields).map(([key, value]) => [key, typeof value === "string" ? mask(value) : value]),
      );
      deps.write(JSON.stringify({ at: deps.clock.now().toISOString(), level, message: mask(message), ...masked }));
    };
  return { info: log("info"), warn: log("warn"), error: log("error") };
};
