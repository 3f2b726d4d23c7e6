/** What `kill-driver.ts` does with private offers: each draft becomes one published offer at its cloud, whenever the service dies. */
import { type MarketplaceId, partnerNames } from "../src/domain/deal.ts";
import { simulatedTerms } from "./cloud-terms.ts";
import { cloudsDeal } from "./deals.ts";
import { type KillRig, openKillRig, sleep } from "./kill-rig.ts";
import type { KillSubject } from "./kill-subject.ts";

/** A marketplace takes minutes, and a search that must not be trusted at once ten: here they are seconds. */
const speed = 120;
const recoveryMsMax = 60_000;
/** How many writes make an offer there. */
const writes: Readonly<Record<MarketplaceId, number>> = { aws: 1, azure: 1, gcp: 3 };

interface Story {
  readonly id: string;
  readonly state: string;
  readonly marker: string;
  readonly remoteId: string | null;
  readonly effects: readonly { readonly writeKey: string; readonly state: string }[];
}
type Row = Readonly<Record<string, unknown>>;

export const openOfferSubject = async (cloud: MarketplaceId): Promise<KillSubject> => {
  const rig = await openKillRig({ cloud, speed });
  return {
    name: `offers at ${partnerNames[cloud]}`,
    rig,
    points: pointsOf(writes[cloud]),
    randomMsMax: 3_000,
    begin: async (key) => {
      await ask(rig, key).catch(() => null);
    },
    finish: (key) => finish(rig, key),
  };
};

const pointsOf = (count: number): readonly string[] => [
  "offer.begun:1",
  ...Array.from({ length: count }, (_, at) => at + 1).flatMap((at) =>
    ["effect.intended", "effect.marked", "effect.answered", "effect.recorded", "offer.settled"].map(
      (point) => `${point}:${at}`,
    ),
  ),
  `effect.intended:${count + 1}`,
  ...["offer.looked:1", "offer.absorbed:1", "outbox.read:1", "outbox.handed:1", "outbox.read:2", "outbox.handed:2"],
  "outbox.handed:3",
];

/** As a careful client asks again: what is there already is not drafted twice. */
const ask = async (rig: KillRig, key: string): Promise<string> => {
  const deal = await rig.call<{ id: string }>("POST", "/v1/opportunities", cloudsDeal(key));
  const { items } = await rig.call<{ items: readonly Story[] }>("GET", `/v1/offers?opportunity=${deal.id}`);
  const given = { connectionId: rig.connectionId, opportunityId: deal.id, terms: simulatedTerms[rig.cloud] };
  const offer = items[0] ?? (await rig.call<{ offer: Story }>("POST", "/v1/offers", given)).offer;
  if (offer.state === "draft") await rig.call("POST", `/v1/offers/${offer.id}/publish`, {});
  return offer.id;
};

const finish = async (rig: KillRig, key: string): Promise<readonly string[]> => {
  const offerId = await ask(rig, key);
  const read = () => rig.call<Story>("GET", `/v1/offers/${offerId}`);
  let story = await read();
  for (const endMs = Date.now() + recoveryMsMax; story.state !== "published" && Date.now() < endMs; await sleep(100))
    story = await read();
  const theirs = await offersThere(rig, story.marker);
  const open = story.effects.filter(({ state }) => state !== "confirmed" && state !== "refused");
  const confirmed = story.effects.filter(({ state }) => state === "confirmed");
  return [
    ...(story.state === "published" ? [] : [`the offer is ${story.state} after ${recoveryMsMax / 1_000} s`]),
    ...(theirs.length === 1 ? [] : [`${theirs.length} offers lie at ${partnerNames[rig.cloud]}`]),
    ...(theirs.some(({ id }) => id === story.remoteId) ? [] : [`the offer is not ${story.remoteId}, which we follow`]),
    ...open.map(({ writeKey, state }) => `the write ${writeKey} is ${state}`),
    ...(confirmed.length === writes[rig.cloud] ? [] : [`${confirmed.length} writes are confirmed`]),
    ...(new Set(confirmed.map(({ writeKey }) => writeKey)).size === confirmed.length
      ? []
      : ["a write is confirmed twice"]),
  ];
};

/** Every offer that the cloud holds with this mark, whatever its state. */
const offersThere = async (rig: KillRig, marker: string): Promise<readonly Row[]> => {
  const ledger = await rig.control<{
    readonly marketplace?: { readonly entities: readonly Row[] };
    readonly offers?: readonly Row[];
  }>("GET", "/ledger");
  const rows = ledger.marketplace?.entities.filter(({ kind }) => kind === "Offer") ?? ledger.offers ?? [];
  return rows.filter((row) => JSON.stringify(row).includes(marker));
};
