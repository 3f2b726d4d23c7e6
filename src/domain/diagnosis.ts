/** What a diagnosis is: checks that are tried for real, one by one, each with what was found and what to do about it. */
import * as z from "zod";

export type Found =
  | { readonly kind: "ok"; readonly detail: string }
  | { readonly kind: "failed"; readonly detail: string; readonly remedy: string }
  | { readonly kind: "skipped"; readonly why: string };

/** One thing that must hold. It changes nothing, on either side. */
export interface Check {
  readonly id: string;
  /** What is tried, for people. */
  readonly what: string;
  /** Checks without which this one would only fail for the same reason. */
  readonly needs?: readonly string[];
  readonly run: () => Promise<Found>;
}

export const checkedSchema = z.object({
  id: z.string(),
  what: z.string().describe("what was tried"),
  result: z.enum(["ok", "failed", "skipped"]),
  detail: z.string().describe("what was found, or why it was skipped"),
  remedy: z.string().nullable().describe("what to do about a failure"),
});
export type Checked = z.infer<typeof checkedSchema>;

export const found = {
  ok: (detail: string): Found => ({ kind: "ok", detail }),
  failed: (detail: string, remedy: string): Found => ({ kind: "failed", detail, remedy }),
  skipped: (why: string): Found => ({ kind: "skipped", why }),
};

/** Runs the checks in their order. One that throws has failed; one whose needs were not met is skipped by name. */
export const runChecks = async (checks: readonly Check[]): Promise<readonly Checked[]> => {
  const done: Checked[] = [];
  for (const { id, what, needs = [], run } of checks) {
    const missing = needs.find((need) => done.some((one) => one.id === need && one.result !== "ok"));
    const result = missing === undefined ? await run().catch(thrown) : found.skipped(`${missing} must be ok first`);
    done.push({
      id,
      what,
      result: result.kind,
      detail: result.kind === "skipped" ? result.why : result.detail,
      remedy: result.kind === "failed" ? result.remedy : null,
    });
  }
  return done;
};

const thrown = (error: unknown): Found =>
  found.failed(
    `the check itself broke (${error instanceof Error ? error.name : typeof error})`,
    "Look at the service's log; if it stays, report it.",
  );
