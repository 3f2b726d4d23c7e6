/** The installation's key, for commands that must have it: from the environment, or from the data directory. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./failure.ts";

/** COSELL_KEY, or the key in the data directory; null when there is none. */
export const findKey = (
  environment: Readonly<Record<string, string | undefined>>,
  directory: string,
): string | null => {
  if (environment.COSELL_KEY) return environment.COSELL_KEY;
  const path = join(directory, "key");
  return existsSync(path) ? readFileSync(path, "utf8").trim() : null;
};

/** The same, or a `Failure` that says where it is looked for. */
export const readKey = (
  environment: Readonly<Record<string, string | undefined>>,
  directory: string,
  isElsewhere: boolean,
): string => {
  const key = isElsewhere && !environment.COSELL_KEY ? null : findKey(environment, directory);
  if (key === null)
    throw new Failure(
      isElsewhere ? "a service elsewhere does not give its key away" : `there is no key in ${join(directory, "key")}`,
      { fix: "set COSELL_KEY to the installation's key, or leave out --with-key" },
    );
  return key;
};
