/** What `kill-driver.ts` does with shares at AWS: each deal becomes one opportunity there, whenever the service dies. */
import { awsDeal } from "./deals.ts";
import { type KillRig, openKillRig, sleep } from "./kill-rig.ts";
import type { KillSubject } from "./kill-subject.ts";

const ofEffect = (at: number): readonly string[] =>
  ["effect.intended", "effect.marked", "effect.answered", "effect.recorded", "push.settled"].map(
    (point) => `${point}:${at}`,
  );
const recoveryMsMax = 60_000;

interface Ledger {
  readonly opportunities: readonly { readonly document: { readonly PartnerOpportunityIdentifier?: string } }[];
}

export const openShareSubject = async (): Promise<KillSubject> => {
  const rig = await openKillRig({ cloud: "aws", speed: 1 });
  await rig.control("PUT", "/settings", {
    quotas: {
      ...{ writesPerSecond: 1_000, readsPerSecond: 1_000, writesBurst: 1_000, readsBurst: 1_000 },
      ...{ writesPerDay: 1_000_000, readsPerDay: 1_000_000 },
    },
    timing: { taskSeconds: [0.1, 0.6], eventSeconds: [0.05, 0.3] },
  });
  return {
    name: "shares at AWS",
    rig,
    points: [
      ...["push.begun:1", ...ofEffect(1), ...ofEffect(2), ...ofEffect(3), "effect.intended:4"],
      ...["look.answered:1", "look.absorbed:1", "outbox.read:1", "outbox.handed:1", "outbox.read:2"],
      ...["outbox.handed:2", "outbox.handed:3", "outbox.handed:4"],
    ],
    randomMsMax: 1_500,
    begin: (key) =>
      ask(rig, key).then(
        () => {},
        () => {},
      ),
    finish: (key) => finish(rig, key),
  };
};

/** What was not acknowledged may be asked again; what was, must not be made twice. */
const ask = async (rig: KillRig, key: string): Promise<string> => {
  const deal = await rig.call<{ id: string }>("POST", "/v1/opportunities", awsDeal(key));
  const shares = `/v1/opportunities/${deal.id}/shares`;
  await rig.call("POST", shares, { connectionId: rig.connectionId }).catch((error: Error) => {
    if (!error.message.includes("409")) throw error;
  });
  return deal.id;
};

const finish = async (rig: KillRig, key: string): Promise<readonly string[]> => {
  const dealId = await ask(rig, key);
  let state = "none";
  for (const endMs = Date.now() + recoveryMsMax; state !== "submitted" && Date.now() < endMs; await sleep(100)) {
    const { items } = await rig.call<{ items: readonly { state: string }[] }>(
      "GET",
      `/v1/shares?opportunity=${dealId}`,
    );
    state = items[0]?.state ?? "none";
  }
  const made = (await rig.control<Ledger>("GET", "/ledger")).opportunities.filter(
    ({ document }) => document.PartnerOpportunityIdentifier === key,
  ).length;
  return [
    ...(state === "submitted" ? [] : [`the share is ${state} after ${recoveryMsMax / 1_000} s`]),
    ...(made === 1 ? [] : [`AWS holds ${made} opportunities`]),
  ];
};
