/** `cosell connections webhooks`: where the partner delivers its webhooks, set at the partner, and tried. */
import * as z from "zod";
import type { Client } from "./client.ts";
import { withClient } from "./client.ts";
import { type Command, type Report, type Shell, switchFlag } from "./command.ts";
import { exitCodes } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { whereabouts } from "./shares.ts";

const pollMs = 2_000;
const waitMsMax = 120_000;

const hookSchema = z.object({ url: z.string(), events: z.array(z.string()) });
const stateSchema = z.looseObject({ hookUrl: z.string(), registered: hookSchema.nullable(), isOurs: z.boolean() });
const savedSchema = z.looseObject({ outcome: z.string(), before: hookSchema.nullable(), after: hookSchema });
const testSchema = z.looseObject({ state: z.enum(["waiting", "delivered", "failed"]), detail: z.string() });

export const hookRegistrationCommand: Command = {
  name: "connections webhooks",
  summary: "Show or set where the partner delivers its webhooks",
  operands: "[label]",
  operandsMin: 0,
  operandsMax: 1,
  about: `
Partner Center keeps one address for a tenant. Where it delivers elsewhere now, for example to a CRM connector, --register refuses
unless --replace says that this may end; --dry-run says what would be replaced.`,
  flags: [
    switchFlag("register", "make the partner deliver to this service"),
    switchFlag("replace", "with --register: another address may be replaced"),
    switchFlag("dry-run", "with --register: say what would change, change nothing"),
    switchFlag("test", "ask the partner for a test delivery, and wait for it"),
  ],
  examples: [
    'cosell connections webhooks "Microsoft"',
    'cosell connections webhooks "Microsoft" --register --dry-run',
    'cosell connections webhooks "Microsoft" --test',
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const { id, label } = await findConnection(client, typed.operands[0]);
      const path = `/v1/connections/${id}/webhook-registration`;
      if (typed.on("register")) {
        const body = { replace: typed.on("replace"), dryRun: typed.on("dry-run") };
        const saved = await client.put(path, { body }, savedSchema);
        const before = saved.before === null ? "nowhere" : saved.before.url;
        const text = `${label}: ${saved.outcome}${body.dryRun ? " (dry run: nothing was changed)" : ""}\n  before  ${before}\n  after   ${saved.after.url}  ${saved.after.events.join(", ")}\n`;
        if (!typed.on("test") || body.dryRun) return { exitCode: exitCodes.ok, text, json: plain(saved) };
        shell.tell(text.trimEnd());
      }
      return typed.on("test") ? tried(shell, client, { path, label }) : shown(client, { path, label });
    }),
};

const shown = async (client: Client, at: { readonly path: string; readonly label: string }): Promise<Report> => {
  const state = await client.get(at.path, stateSchema);
  const there =
    state.registered === null ? "nowhere" : `${state.registered.url}  ${state.registered.events.join(", ")}`;
  const advice = state.isOurs
    ? ""
    : `  ours    ${state.hookUrl}\nMake it ours: cosell connections webhooks ${JSON.stringify(at.label)} --register\n`;
  return {
    exitCode: exitCodes.ok,
    text: `${at.label}: the partner delivers\n  to      ${there}\n${advice}`,
    json: plain(state),
  };
};

const tried = async (
  shell: Shell,
  client: Client,
  at: { readonly path: string; readonly label: string },
): Promise<Report> => {
  const { id } = await client.post(`${at.path}/test`, undefined, z.looseObject({ id: z.string() }));
  let test: z.infer<typeof testSchema> = { state: "waiting", detail: "not delivered yet" };
  for (
    let waitedMs = 0;
    test.state === "waiting" && waitedMs < waitMsMax && !shell.stopped.aborted;
    waitedMs += pollMs
  ) {
    shell.progress(`waiting for the test delivery: ${test.detail}`);
    await client.settle?.(pollMs);
    await shell.sleep(pollMs);
    test = await client.get(`${at.path}/test/${id}`, testSchema);
  }
  shell.progress("");
  const advice =
    test.state === "delivered"
      ? ""
      : "Check COSELL_PUBLIC_URL, DNS, certificate and the proxy in front of the service.\n";
  return {
    exitCode: test.state === "delivered" ? exitCodes.ok : exitCodes.failed,
    text: `${at.label}: test ${test.state}: ${test.detail}\n${advice}`,
    json: { test: id, state: test.state, detail: test.detail },
  };
};

const plain = (value: unknown) => z.json().parse(JSON.parse(JSON.stringify(value)));
