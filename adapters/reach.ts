/** Whether a request that failed can have reached the partner: what never connected may be repeated without a search. */

/** Codes of network trouble in which no connection was made, so nothing can have happened. */
const beforeContact = new Set(
  "ECONNREFUSED ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH UND_ERR_CONNECT_TIMEOUT CERT_HAS_EXPIRED DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_VERIFY_LEAF_SIGNATURE ERR_TLS_CERT_ALTNAME_INVALID".split(
    " ",
  ),
);

/** The code of a failure before any connection was made, or null: then the request may have been carried out. */
export const codeBeforeContact = (error: unknown): string | null => {
  let at = error;
  for (let depth = 0; depth < 5 && at instanceof Error; depth++) {
    if ("code" in at && typeof at.code === "string" && beforeContact.has(at.code)) return at.code;
    at = at.cause;
  }
  return null;
};
