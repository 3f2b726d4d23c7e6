/** A sign-in at a partner from the command line: begun here, done in a browser, and waited for. */
import * as z from "zod";
import type { Client } from "./client.ts";
import type { Shell } from "./command.ts";
import { Failure, usageFailure } from "./failure.ts";

const pollMs = 2_000;
/** The service keeps what was begun for an hour. */
const waitMsMax = 3_600_000;

export interface SignedIn {
  readonly text: string;
  readonly lapsesAt: string;
  /** What the partner still refuses. */
  readonly trouble: string | null;
}

const consentSchema = z.looseObject({ grantedAt: z.string(), lapsesAt: z.string(), ended: z.string().nullable() });
const stateSchema = z.looseObject({ consent: consentSchema.nullable() });
const begunSchema = z.looseObject({ signInUrl: z.string(), redirectUri: z.string() });
const finishedSchema = z.looseObject({
  consent: consentSchema,
  connection: z.string(),
  trouble: z.string().nullable(),
});

/** Signs a person in for the connection. With `pasted` (the address the browser was sent to) at once, else by waiting for the browser. */
export const finishSignIn = async (
  shell: Shell,
  client: Client,
  at: { readonly id: string; readonly pasted: string | undefined },
): Promise<SignedIn> => {
  const path = `/v1/connections/${at.id}/consent`;
  if (at.pasted !== undefined) return byHand(client, path, at.pasted);
  const before = (await client.get(path, stateSchema)).consent;
  const begun = await client.post(path, undefined, begunSchema);
  shell.tell(
    `Sign in at Microsoft, as the user who was made for this and with MFA:\n\n  ${begun.signInUrl}\n\nThe application must know the redirect address ${begun.redirectUri}.\nWaiting for the browser to come back; where it cannot, stop this and give --code the address it was sent to.`,
  );
  for (let waitedMs = 0; waitedMs < waitMsMax && !shell.stopped.aborted; waitedMs += pollMs) {
    await client.settle?.(pollMs);
    await shell.sleep(pollMs);
    const { consent } = await client.get(path, stateSchema);
    if (consent === null || consent.grantedAt === before?.grantedAt) continue;
    const { trouble } = await check(client, at.id);
    return signedIn(consent.lapsesAt, trouble);
  }
  throw new Failure("nobody has signed in", { fix: "run the same command again, or give --code" });
};

const byHand = async (client: Client, path: string, pasted: string): Promise<SignedIn> => {
  const query = URL.canParse(pasted) ? new URL(pasted).searchParams : new URLSearchParams(pasted);
  const [code, state] = [query.get("code"), query.get("state")];
  if (code === null || state === null)
    throw usageFailure(
      "--code has no code and state in it",
      "copy the whole address that the browser ended at, in quotes",
    );
  const done = await client.put(path, { body: { code, state } }, finishedSchema);
  return signedIn(done.consent.lapsesAt, done.trouble);
};

const check = async (client: Client, id: string): Promise<{ readonly trouble: string | null }> => {
  const answer = await client.attempt("POST", `/v1/connections/${id}/check`);
  const problem = z.looseObject({ detail: z.string() }).safeParse(answer.body);
  return { trouble: answer.status < 400 ? null : (problem.data?.detail ?? `the check answered ${answer.status}`) };
};

const signedIn = (lapsesAt: string, trouble: string | null): SignedIn => ({
  text: `Signed in. It is renewed by use; unused, it ends on ${lapsesAt.slice(0, 10)}.\n${trouble === null ? "" : `Microsoft still refuses something: ${trouble}\n`}`,
  lapsesAt,
  trouble,
});
