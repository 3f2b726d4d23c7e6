/** AWS's adapter before the simulated marketplace: its doors, and what goes over the wire. */
import { createAws } from "../adapters/aws/index.ts";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import type { Outcome } from "../adapters/contract.ts";
import type { RemoteRef } from "../src/domain/deal.ts";
import { ok, type Result } from "../src/domain/fault.ts";
import type { OfferDraft, OfferObservation } from "../src/domain/offer.ts";
import { connection } from "./aws-double.ts";
import type { Market } from "./aws-marketplace-rig.ts";
import { testIds } from "./ids.ts";

const { account, accessKeyId, secretAccessKey } = simulatedCredential;
export const got = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.fault));
  return result.value;
};

/** The doors on a market, and what went over the wire. */
export const openDoors = (market: Market) => {
  const calls: string[] = [];
  const secrets: Readonly<Record<string, string>> = { id: accessKeyId, key: secretAccessKey };
  let lost = 0;
  const session = createAws().open(
    {
      clock: market.clock,
      ids: testIds,
      http: async (request) => {
        market.pause(1);
        const { pathname } = new URL(request.url);
        calls.push(
          pathname === "/" ? (request.headers.get("x-amz-target")?.split(".").at(-1) ?? "") : pathname.slice(1),
        );
        const answer = await fetch(request);
        if (lost === 0) return answer;
        lost -= 1;
        throw new Error("the answer was lost");
      },
      secrets: {
        get: async (name) => ({ value: secrets[name] ?? "", version: 1 }),
        rotate: async () => false,
      },
      quota: { take: async () => ok(null) },
    },
    connection({
      account,
      settings: {
        accountId: account,
        catalog: "AWS",
        endpoint: market.url,
        credentials: { accessKeyIdRef: "secret:id", secretAccessKeyRef: "secret:key" },
        offers: {},
      },
    }),
  );
  const { offers, agreements, coSell } = session;
  if (offers === undefined || agreements === undefined || coSell === undefined) throw new Error("no doors");

  /** Follows a task as the engine does: a poll, some minutes, a poll. */
  const follow = async (outcome: Outcome): Promise<Outcome> => {
    let at = outcome;
    for (let poll = 0; poll < 5 && at.task?.state === "running"; poll++) {
      await market.controls.advance(5 / 1440);
      at = got(await offers.poll(at));
    }
    return at;
  };
  return {
    offers,
    agreements,
    coSell,
    follow,
    /** Writes and polls a publication until AWS has applied it; throws with what it refused. */
    publish: async (draft: OfferDraft): Promise<RemoteRef> => {
      const next = offers.publication(draft, []);
      if (next.kind !== "write") throw new Error("no write");
      const done = await follow(got(await offers.run(next.write, `t-${draft.marker}`)));
      const { kind } = offers.publication(draft, [done]);
      const made = done.task?.made ?? null;
      if (kind !== "done" || made === null) throw new Error(JSON.stringify(done.task));
      return made;
    },
    look: async (ref: RemoteRef): Promise<OfferObservation> => got(await offers.look(ref)),
    calls,
    loseAnswers: (count: number) => {
      lost = count;
    },
  };
};
