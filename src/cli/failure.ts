/** What ends a command early: told to the person with place and remedy, and the exit code of the process. */

export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** One thing that is wrong, where, and what to do. */
export interface FailureRow {
  readonly path: string;
  readonly message: string;
  readonly fix?: string | undefined;
}

export class Failure extends Error {
  readonly exitCode: ExitCode;
  readonly fix: string | null;
  readonly rows: readonly FailureRow[];
  constructor(
    message: string,
    details: { readonly exitCode?: ExitCode; readonly fix?: string; readonly rows?: readonly FailureRow[] } = {},
  ) {
    super(message);
    this.name = "Failure";
    this.exitCode = details.exitCode ?? exitCodes.failed;
    this.fix = details.fix ?? null;
    this.rows = details.rows ?? [];
  }
}

/** The command line itself is wrong: exit code 2. */
export const usageFailure = (message: string, fix: string): Failure =>
  new Failure(message, { exitCode: exitCodes.usage, fix });

/** A failure as text for stderr. */
export const renderFailure = (failure: Failure): string => {
  const rows = failure.rows.map(
    (row) => `  ${row.path === "" ? "" : `${row.path}: `}${row.message}${row.fix ? `\n    fix: ${row.fix}` : ""}`,
  );
  return [`error: ${failure.message}`, ...rows, ...(failure.fix === null ? [] : [`fix: ${failure.fix}`])].join("\n");
};

/** A failure as the JSON document that `--json` prints. */
export const failureJson = (failure: Failure) => ({
  error: { message: failure.message, fix: failure.fix, errors: failure.rows.map((row) => ({ ...row })) },
});
