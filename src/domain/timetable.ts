/** When a cron line fires. Pure. */
import { Cron } from "croner";

/** The first tick of a cron expression after `after`, or null when there is none. `TZ=Zone` in front names its time zone. */
export const nextTick = (expression: string, after: Date): Date | null => {
  const [, zone, pattern] = /^(?:TZ=(\S+) )?(.*)$/.exec(expression) ?? [];
  return new Cron(pattern ?? expression, { timezone: zone ?? "UTC", mode: "5-part", paused: true }).nextRun(after);
};
