/** The service under the knife: the same composition as `npm start`, which kills itself at a named point when told to. */
import { serve } from "@hono/node-server";
import { openLocal, readConfig } from "../src/node.ts";
import { createFastClock } from "./fast-clock.ts";

const [point, hits] = (process.env.KILL_AT ?? ":").split(":");
let left = Number(hits ?? 1);
const at = (name: string): void => {
  if (name !== point || --left > 0) return;
  process.kill(process.pid, "SIGKILL");
};

const [beginMs = 0, speed = 1] = (process.env.KILL_CLOCK ?? "").split(":").map(Number);
const config = readConfig(process.env);
const opened = await openLocal(config, {
  at,
  clock: createFastClock(beginMs, speed),
  clouds: [],
  // The bound on writes is tested elsewhere; here it would only make the hundred rounds slower.
  adapt: (marketplace) => ({
    ...marketplace,
    limits: { ...marketplace.limits, writesPerSecond: 50, readsPerSecond: 100 },
  }),
});
const server = serve({ fetch: opened.service.app.fetch, port: config.PORT, hostname: "127.0.0.1" });
server.once("listening", () => {
  opened.service.start();
  // The runner sleeps by the machine's time until what is due by the clock's.
  if (speed !== 1) setInterval(() => opened.service.runner.wake(), 50).unref();
  process.stdout.write(`ready ${opened.token}\n`);
});
process.once("SIGTERM", () => {
  server.close();
  void opened.close().then(() => process.exit(0));
});
