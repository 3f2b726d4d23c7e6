/**
 * Which addresses of the internet a person may make us call. Everything that is not plainly public is refused: loopback,
 * private, link-local, carrier-grade NAT, multicast, reserved, and every IPv6 form that carries an IPv4 address inside.
 * Ranges: https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry.
 */
import ipaddr from "ipaddr.js";

/** What an operator lets us call although it is not public. */
export interface AddressAllowance {
  /** Exact host names, lower case: called wherever they lead, also by http. */
  readonly hosts: readonly string[];
  /** Networks in CIDR form, for example `10.1.0.0/16`. */
  readonly networks: readonly string[];
}
export const noAllowance: AddressAllowance = { hosts: [], networks: [] };

/** Answers to the machines of one cloud only, though its address looks public: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16 */
const platformAddresses: readonly string[] = ["168.63.129.16"];
/** The only IPv6 space that is routed publicly today (RFC 4291, section 2.4). */
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");
/** Names that never leave a machine or a site (RFC 6761, 6762, 8375, 9476 and ICANN's private-use TLD). */
const localSuffixes = ["localhost", "localdomain", "local", "internal", "intranet", "lan", "home.arpa", "alt"];
const urlCharactersMax = 2_048;
/** What ends in a number is an address, or none. */
const hostPattern = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*(?![0-9]+$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** A list such as `hooks.corp.example,10.1.0.0/16`, or what is wrong with it. */
export const parseAllowance = (text: string): AddressAllowance | { readonly wrong: string } => {
  const hosts: string[] = [];
  const networks: string[] = [];
  for (const entry of text
    .split(",")
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== "")) {
    const network = networkOf(entry);
    if (network !== null) networks.push(network);
    else if (hostPattern.test(entry)) hosts.push(entry);
    else return { wrong: `${entry} is neither a host name, an address nor a network such as 10.1.0.0/16` };
  }
  return { hosts, networks };
};

const networkOf = (entry: string): string | null => {
  const bare = entry.replace(/^\[(.*)\]$/, "$1");
  if (ipaddr.isValidCIDR(bare)) return bare;
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return `${bare}/32`;
  return ipaddr.IPv6.isValid(bare) ? `${bare}/128` : null;
};

/** Why an address (as a resolver gives it) is not called, or null: it is public, or it lies in an allowed network. */
export const addressRefusal = (address: string, allowance: AddressAllowance): string | null => {
  if (!ipaddr.isValid(address)) return "it is no address";
  const parsed = ipaddr.parse(address);
  if (isAllowed(address, allowance)) return null;
  if (platformAddresses.includes(parsed.toString())) return "it is an address of the platform we may run on";
  const range = parsed.range();
  if (range !== "unicast") return `it is a ${rangeNames[range] ?? range} address`;
  return parsed.kind() === "ipv6" && !parsed.match(globalUnicast) ? "it is a reserved address" : null;
};

const rangeNames: Readonly<Record<string, string>> = {
  broadcast: "broadcast",
  carrierGradeNat: "carrier-grade NAT",
  linkLocal: "link-local",
  uniqueLocal: "private",
  deprecatedSiteLocal: "private",
  ipv4Mapped: "mapped IPv4",
  rfc6145: "translated IPv4",
  rfc6052: "NAT64",
  "6to4": "6to4",
  teredo: "Teredo",
};

const isAllowed = (address: string, allowance: AddressAllowance): boolean => {
  const parsed = ipaddr.parse(address);
  return allowance.networks.some((network) => {
    const [base, bits] = ipaddr.parseCIDR(network);
    return base.kind() === parsed.kind() && parsed.match(base, bits);
  });
};

export type Destination =
  | {
      readonly ok: true;
      /** The host name, or the literal address without brackets; lower case, without a last full stop. */
      readonly host: string;
      readonly literal: boolean;
      /** The operator vouches for this name: wherever it leads is called. */
      readonly trusted: boolean;
    }
  | { readonly ok: false; readonly why: string };

/**
 * What a URL leads to as far as its text tells, or why it is not called. A name that passes must still be resolved and each of
 * its addresses put to `addressRefusal`, unless it is trusted. Any port but 0 is taken.
 */
export const readDestination = (text: string, allowance: AddressAllowance): Destination => {
  const refuse = (why: string): Destination => ({ ok: false, why });
  if (text.length > urlCharactersMax) return refuse(`it is longer than ${urlCharactersMax} characters`);
  // The URL parser drops blanks and control characters inside: what was typed would not be what is called.
  if (!/^[\x21-\x7e]+$/.test(text) || text.includes("\\"))
    return refuse(
      "it holds blanks, backslashes, control characters or letters outside ASCII; write it percent-encoded",
    );
  if (!URL.canParse(text)) return refuse("it is no complete address such as https://host/path");
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") return refuse(`${url.protocol} is not called; use https`);
  if (!/^https?:\/\/[^/]/i.test(text)) return refuse("write it with two slashes, as https://host/path");
  if (url.username !== "" || url.password !== "" || /^[^/]*\/\/[^/?#]*@/.test(text))
    return refuse("it holds a user name or password; the signature proves who we are");
  if (url.port === "0") return refuse("port 0 cannot be called");
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  const trusted = allowance.hosts.includes(host);
  const literal = ipaddr.isValid(host);
  const why = trusted ? null : literal ? addressRefusal(host, allowance) : nameRefusal(host);
  if (why !== null) return refuse(why);
  const vouched = trusted || (literal && isAllowed(host, allowance));
  if (url.protocol === "http:" && !vouched) return refuse("it is not encrypted; use https");
  return { ok: true, host, literal, trusted };
};

const nameRefusal = (name: string): string | null => {
  if (localSuffixes.some((suffix) => name === suffix || name.endsWith(`.${suffix}`)))
    return "it is a name of the local network";
  if (!name.includes(".")) return "it is a short name of the local network; write the whole name";
  return name.length > 253 || name.split(".").some((label) => label === "" || label.length > 63)
    ? "it is no host name"
    : null;
};
