/**
 * Which of a vendor's hosts a request is meant for. A client in the same process sends the vendor's real address; one that reaches
 * the simulator over the network sends `<where it listens>/<vendor's host>/<path>`.
 */

export interface Place {
  readonly host: string;
  /** With a leading slash, still encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** The place a request is meant for, or null when no such host is simulated. `basePath`: what a router may have left in front. */
export const placeOf = (address: string, hosts: readonly string[], basePath: string): Place | null => {
  const url = new URL(address);
  if (hosts.includes(url.host)) return { host: url.host, path: url.pathname, query: url.searchParams };
  const isBelow = basePath !== "" && url.pathname.startsWith(`${basePath}/`);
  const [, host = "", ...rest] = (isBelow ? url.pathname.slice(basePath.length) : url.pathname).split("/");
  return hosts.includes(host) ? { host, path: `/${rest.join("/")}`, query: url.searchParams } : null;
};
