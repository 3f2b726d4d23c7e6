/** What a partner answered and this version does not understand: the state is kept, and a person gets the answer as it came. */
import type { Fault } from "../domain/fault.ts";
import type { Query, SealDep } from "../ports.ts";
import type { Journal } from "./journal.ts";

const bodyCharactersMax = 64 * 1024;

export type Drifts = ReturnType<typeof createDrifts>;

export const createDrifts = (deps: SealDep & { readonly journal: Journal }) => ({
  /** Opens the exception, or gives the open one the latest answer. `sentence`: what it means for the subject. */
  raise: async (tx: Query, subject: string, fault: Fault, sentence = ""): Promise<void> => {
    const message = `${sentence}${sentence === "" ? "" : " "}${fault.message}`;
    await deps.journal.openException(tx, "DRIFT", subject, message);
    if (fault.kind !== "drift" || fault.body === undefined) return;
    const rows = await tx<
      { id: string }[]
    >`select id from exception where code = 'DRIFT' and subject = ${subject} and closed_at is null`;
    for (const { id } of rows) {
      const sealed = await deps.seal.close(fault.body.slice(0, bodyCharactersMax), `drift:${id}`);
      await tx`update exception set sealed_body = ${sealed} where id = ${id}`;
    }
  },
  /** The partner's answer behind an exception, at most 64 KiB of it; null: none was kept, or it was erased. */
  bodyOf: async (query: Query, exceptionId: string): Promise<string | null> => {
    const [row] = await query<
      { sealed_body: Uint8Array | null }[]
    >`select sealed_body from exception where id = ${exceptionId}`;
    return row?.sealed_body ? deps.seal.open(row.sealed_body, `drift:${exceptionId}`) : null;
  },
});
