/** Progress on one line: how much is done, of how much, and how long it took. Quiet where nobody looks. */
import type { Shell } from "./command.ts";

export interface Progress {
  readonly show: (done: number, note?: string) => void;
  /** Takes the line away and, when given, leaves a last message. */
  readonly end: (message?: string) => void;
}

const showEveryMs = 100;
const barWidth = 24;

/** Progress of `label` towards `total`; null: nobody knows how much there is. */
export const createProgress = (
  shell: Pick<Shell, "progress" | "tell" | "now">,
  label: string,
  total: number | null,
): Progress => {
  const startedMs = shell.now().getTime();
  let shownMs = Number.NEGATIVE_INFINITY;
  return {
    show: (done, note = "") => {
      const nowMs = shell.now().getTime();
      if (nowMs - shownMs < showEveryMs && done !== total) return;
      shownMs = nowMs;
      shell.progress(`${label} ${amount(done, total)}${note === "" ? "" : `  ${note}`}  ${seconds(nowMs - startedMs)}`);
    },
    end: (message) => {
      shell.progress("");
      if (message !== undefined) shell.tell(message);
    },
  };
};

const amount = (done: number, total: number | null): string => {
  if (total === null) return done.toLocaleString("en");
  const filled = total === 0 ? barWidth : Math.min(barWidth, Math.floor((done / total) * barWidth));
  return `${"█".repeat(filled)}${"░".repeat(barWidth - filled)} ${done.toLocaleString("en")}/${total.toLocaleString("en")}`;
};
const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
