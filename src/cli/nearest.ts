/** How the command line offers the name that somebody most likely meant. */
import { nearest } from "../domain/nearest.ts";

/** ` — did you mean "x"?`, or nothing. */
export const didYouMean = (typed: string, names: readonly string[]): string => {
  const name = nearest(typed, names);
  return name === null ? "" : `; did you mean ${name}?`;
};
