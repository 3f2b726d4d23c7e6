/** Deliveries on their way into the inbox: none waits for company, and what arrives while a statement is under way shares the next. */
import { afterAll, expect, it } from "vitest";
import { createIntake } from "../src/http/intake.ts";
import type { NewDelivery, SealedDelivery } from "../src/store/inbox.ts";
import { openStore } from "./store-fixture.ts";

const { db, store, actorId, close } = await openStore("intake");
afterAll(close);
const connection = await db.transaction((tx) =>
  store.connections.save(
    tx,
    { marketplace: "aws", label: "AWS", account: "100000000000", environment: "simulated", settings: {} },
    actorId,
  ),
);
const delivery = (key: string): NewDelivery => ({
  ...{ connection, key, kind: "changed", headers: {}, body: "{}", hints: [] },
});
const keysOf = (together: readonly SealedDelivery[]): string => together.map(({ key }) => key).join(" ");

/** An intake whose statements wait until they are let go, unless one of `refused` is among them: those fail. */
const openGated = (refused: string | null = null) => {
  const asked: string[] = [];
  const gates: (() => void)[] = [];
  const receive: typeof store.inbox.receive = async (query, together) => {
    asked.push(keysOf(together));
    await new Promise<void>((open) => gates.push(open));
    if (together.some(({ key }) => key === refused)) throw new Error(`${refused} cannot be kept`);
    return store.inbox.receive(query, together);
  };
  const intake = createIntake({ db, store: { ...store, inbox: { ...store.inbox, receive } }, kick: () => {} });
  const letGo = async (): Promise<void> => {
    await expect.poll(() => gates.length).toBe(1);
    gates.pop()?.();
  };
  return { asked, intake, letGo };
};

it("keeps the first at once and those that come meanwhile in one statement, and answers each after its own", async () => {
  const { asked, intake, letGo } = openGated();
  const answered: string[] = [];
  const send = (key: string) => intake.receive(delivery(key)).then(() => answered.push(key));
  const [first, ...others] = ["a", "b", "c", "d"].map(send);
  await new Promise((resume) => setTimeout(resume, 60));
  expect([asked, answered]).toEqual([["a"], []]);
  await letGo();
  await first;
  expect(answered).toEqual(["a"]);
  await letGo();
  await Promise.all(others);
  expect(asked).toEqual(["a", "b c d"]);
});

it("lets one that cannot be kept take no other with it", async () => {
  const { asked, intake, letGo } = openGated("bad");
  const first = intake.receive(delivery("e"));
  await expect.poll(() => asked).toEqual(["e"]);
  const [good, bad] = [intake.receive(delivery("f")), intake.receive(delivery("bad"))];
  const refusal = expect(bad).rejects.toThrow("bad cannot be kept");
  for (let statement = 0; statement < 4; statement++) await letGo();
  expect(await Promise.all([first, good])).toEqual(["accepted", "accepted"]);
  await refusal;
  expect(asked).toEqual(["e", "f bad", "f", "bad"]);
});
