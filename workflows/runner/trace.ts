/** Trace continuity: every call of a run belongs to one trace that anybody can derive from the run's id. */

/**
 * The `traceparent` of a run's calls. The trace id is the run's id (a UUID) without its hyphens; the parent is the run itself,
 * named by the last 16 of these digits. The same for every call, attempt and process, so that spans of a run that waited for
 * weeks fall into one trace. Null when the id is no UUID. https://www.w3.org/TR/trace-context/#traceparent-header
 */
export const traceparentOf = (runId: string): string | null => {
  const traceId = runId.replaceAll("-", "").toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(traceId) || /0{16}$/.test(traceId)) return null;
  return `00-${traceId}-${traceId.slice(16)}-01`;
};
