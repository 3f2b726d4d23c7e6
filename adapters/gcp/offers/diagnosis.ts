/** What a connection to Google's marketplace needs, tried for real and without changing anything there. */
import { type Check, found } from "../../../src/domain/diagnosis.ts";
import type { Call, Sent } from "../client.ts";
import { readKey } from "../credential.ts";
import type { DiagnosisDeps } from "../diagnosis.ts";
import { reasonOf } from "../faults.ts";
import type { Target } from "../settings.ts";
import { procurementHost, producerHost } from "../wire-offers.ts";
import { keyPlaceOf } from "./hooks.ts";
import { offersPath } from "./names.ts";
import type { Market } from "./settings.ts";

/** The checks of the marketplace's part; none where the connection is for co-sell alone. */
export const marketChecksOf = (at: DiagnosisDeps): readonly Check[] => {
  const { market } = at.target;
  if (market === null) return [];
  const isAlone = at.target.isAssisted;
  return [
    ...(isAlone ? [keyCheck(at)] : []),
    apiCheck(at, offersOf(market)),
    apiCheck(at, ordersOf(market)),
    confirmedCheck(at),
    pushCheck(at, market),
  ];
};

const keyCheck = ({ deps, target }: DiagnosisDeps): Check => ({
  id: "key",
  what: "read the service account's key",
  run: async () => {
    const key = await readKey(deps, target);
    return key.ok
      ? found.ok(`${key.value.clientEmail} is there`)
      : found.failed(
          key.fault.message,
          `Store it anew: cosell connect gcp --partner ${target.partnerId} --key key.json`,
        );
  },
});

interface Api {
  readonly id: string;
  readonly what: string;
  readonly host: string;
  readonly call: Call;
  /** What a 403 most often lacks. */
  readonly right: string;
}
const offersOf = (market: Market): Api => ({
  id: "offers",
  what: `list a private offer of ${market.project}`,
  host: producerHost,
  call: { operation: "privateOffers.list", path: offersPath(market), query: { pageSize: "1" } },
  right: `Give it the role roles/commerceproducer.admin in ${market.project}`,
});
const ordersOf = (market: Market): Api => ({
  id: "orders",
  what: `list an order of providers/${market.providerId}`,
  host: procurementHost,
  call: {
    operation: "providers.entitlements.list",
    path: `/v1/providers/${encodeURIComponent(market.providerId)}/entitlements`,
    query: { pageSize: "1" },
  },
  right: "Link it in Producer Portal as the service account of the Procurement API",
});

const apiCheck = (at: DiagnosisDeps, { id, what, host, call, right }: Api): Check => ({
  id,
  what,
  needs: ["key"],
  run: async () => {
    const sent = await at.wire.send(call);
    if (sent.ok) return found.ok("Google answers");
    return found.failed(sent.fault.message, remedyOf(at.target, { sent, host, right }));
  },
});

const remedyOf = (
  { credentials, market }: Target,
  { sent, host, right }: { readonly sent: Extract<Sent, { ok: false }>; readonly host: string; readonly right: string },
): string => {
  const reason = sent.answer === undefined ? null : reasonOf(sent.answer);
  if (reason === "SERVICE_DISABLED")
    return `Run: gcloud services enable ${host} --project ${market?.project}, then wait some minutes.`;
  switch (sent.fault.kind) {
    case "denied":
      return `${right}: ${credentials?.clientEmail ?? "the service account"}. Compare project and provider with Producer Portal.`;
    case "missing":
      return "Compare settings.marketplace.project and providerId with Producer Portal.";
    case "unavailable":
    case "ambiguous":
    case "throttled":
      return `Check that this machine reaches ${host} on port 443, and run the diagnosis again.`;
    default:
      return "Update cosell; if it stays, report it.";
  }
};

const confirmedCheck = ({ known }: DiagnosisDeps): Check => ({
  id: "publish",
  what: "look for a confirmed privateOffers.publish in the journal",
  run: async () => {
    const last = known.confirmed["privateOffers.publish"];
    return last === undefined
      ? found.skipped("not tried: it would make an offer, and none is confirmed yet")
      : found.ok(`Google confirmed one at ${last}`);
  },
});

const timeoutMs = 10_000;
const bodyBytesMax = 64 * 1024;
const pushCheck = (at: DiagnosisDeps, { push }: Market): Check => ({
  id: "push",
  what: "fetch the keys that prove Pub/Sub's pushes",
  run: async () => {
    if (push === null)
      return found.skipped("no push is set up (settings.marketplace.push): orders are found by sweeps");
    const { url, host } = keyPlaceOf({ target: at.target });
    const response = await at.deps.http(new Request(url), { timeoutMs, bodyBytesMax, hosts: [host] }).catch(() => null);
    return response?.ok
      ? found.ok(`pushes must be signed as ${push.email} for the audience ${push.audience}`)
      : found.failed(
          `Google's keys cannot be fetched (${response === null ? "no answer" : `status ${response.status}`})`,
          `Check that this machine reaches ${host} on port 443; without them no push can be proved.`,
        );
  },
});
