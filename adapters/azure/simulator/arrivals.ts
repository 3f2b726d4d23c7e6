/** Referrals that come to a partner: marketplace leads, qualified leads of Microsoft's, and co-sell invitations of other partners. */
import { addDays } from "../../simulator/ground.ts";
import { refusal } from "./answers.ts";
import type { Events } from "./events.ts";
import type { ReferralRecord } from "./ledger.ts";
import { arrivingDocument, inviterOf, microsoft, referKinds, type Wish } from "./people.ts";
import { type Records, withStatus } from "./records.ts";
import type { Sellers } from "./sellers.ts";
import { readNew } from "./shapes.ts";
import type { Occasion, World } from "./world.ts";

export interface Sending extends Wish {
  /** The organization it comes to; default: the first that the simulator knows. */
  readonly account?: string | undefined;
  readonly expirationDays?: number | undefined;
  /** One already there, in which it arrives; default: a new one. */
  readonly engagementId?: string | undefined;
}

export interface ArrivalParts {
  readonly records: Records;
  readonly events: Events;
  readonly sellers: Sellers;
}

export const createArrivals = (world: World, { records, events, sellers }: ArrivalParts) => {
  const { ledger, dice, credentials } = world;

  /** A referral comes. Throws when what was wished for is none of Microsoft's shape. */
  const refer = (sending: Sending, occasion: Occasion): ReferralRecord => {
    const account = sending.account ?? credentials[0]?.organizationId ?? "";
    const credential = credentials.find(({ organizationId }) => organizationId === account);
    if (!credential)
      throw refusal(
        "conflict",
        `There is no organization ${account}; the simulator knows ${credentials.map(({ organizationId }) => organizationId).join(", ")}`,
      );
    const { organizationId, organizationName } = credential;
    const fate = world.nextFate(`${sending.kind} ${account}`);
    const inviter = sending.kind === "co_sell" ? inviterOf(dice, fate) : microsoft;
    const expirationDays = sending.expirationDays ?? world.settings().referrals.expirationDays;
    const own = { organizationId, organizationName };
    const document = arrivingDocument(dice, sending, { fate, now: occasion.now, expirationDays, own, inviter });
    readNew(document);
    const engagementId = sending.engagementId ?? world.uuid("engagement");
    const draft = { engagementId, account, direction: "Incoming", name: fate } as const;
    if (sending.kind === "co_sell") {
      const theirs = { ...withStatus(document, "Active", "Accepted"), ...inviter, expirationDateTime: null };
      records.write({ ...draft, party: "other", document: theirs, name: `${fate} inviter` }, occasion);
    }
    const row = records.write({ ...draft, party: "partner", document }, occasion);
    sellers.plan(row);
    events.referral("created", row, occasion);
    return row;
  };

  /** The next arrival of a Poisson stream. */
  const planNext = (perWeek: number, account: string): void => {
    const count = ledger.fates.get(`arrival ${account}`)?.count ?? 0;
    const weeks = -Math.log(1 - dice.draw(account, "arrival", count)) / perWeek;
    world.schedule("arrival", account, addDays(world.now(), weeks * 7));
  };
  /** Schedules what is to come by itself, and takes off the schedule what is not. `anew`: the rate may have changed. */
  const expect = (anew = false): void => {
    const { perWeek } = world.settings().referrals;
    for (const { organizationId } of credentials) {
      const waits = ledger.due.all().some((row) => row.kind === "arrival" && row.subject === organizationId);
      if (waits && (anew || perWeek === 0)) world.cancel(organizationId, ["arrival"]);
      if (perWeek > 0 && (anew || !waits)) planNext(perWeek, organizationId);
    }
  };
  return {
    refer,
    expect,
    /** Something arrives by itself, and the next is planned. */
    arrive: (account: string, occasion: Occasion): void => {
      const fate = world.nextFate(`arrival ${account}`);
      if (credentials.some(({ organizationId }) => organizationId === account))
        refer({ kind: dice.pick(referKinds, fate, "kind"), account }, occasion);
      expect();
    },
  };
};
export type Arrivals = ReturnType<typeof createArrivals>;
