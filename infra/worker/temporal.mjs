/**
 * Stands for `temporal-polyfill` on Workers, 23 kB of the bundle: the Inngest SDK needs it to sleep for a `Temporal.Duration`, and
 * workflows here sleep until a moment alone.
 */
export const Temporal = {
  get Now() {
    throw new Error("this build has no Temporal: sleep until a moment instead of for a duration");
  },
};
