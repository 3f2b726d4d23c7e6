/** Ids from a seed, for tests that only need some. */
import { createSeededIds } from "../src/ids.ts";

export const testIds = createSeededIds({ now: () => new Date(0), sleep: async () => {} }, "test");
