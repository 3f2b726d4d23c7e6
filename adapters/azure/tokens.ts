/** Access tokens of all connections of a process, until shortly before they expire: one is not asked for anew for each request. */

/** A token is not handed out any more this long before it expires: the request must still arrive with it. */
const aheadMs = 5 * 60_000;
const keptMax = 2_000;

export interface AccessToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/** The marketplace makes one and gives it to all its sessions. `owner` is the connection with what it signs in as. */
export const createTokens = () => {
  const kept = new Map<string, AccessToken>();
  const keyOf = (owner: string, scope: string): string => `${owner} ${scope}`;
  return {
    find: (owner: string, scope: string, now: Date): AccessToken | null => {
      const key = keyOf(owner, scope);
      const token = kept.get(key);
      if (token === undefined) return null;
      if (token.expiresAt.getTime() - aheadMs > now.getTime()) return token;
      kept.delete(key);
      return null;
    },
    keep: (owner: string, scope: string, token: AccessToken): void => {
      if (kept.size >= keptMax) kept.clear();
      kept.set(keyOf(owner, scope), token);
    },
    /** Forgets a token that was refused, or all of an owner. */
    drop: (owner: string, scope?: string): void => {
      for (const key of kept.keys())
        if (scope === undefined ? key.startsWith(`${owner} `) : key === keyOf(owner, scope)) kept.delete(key);
    },
  };
};
export type Tokens = ReturnType<typeof createTokens>;
