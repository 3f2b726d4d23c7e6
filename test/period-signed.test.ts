/** The lock of a month as documents: what it was made of by hashes, signed by the service's own key, verified offline with the public one. */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { dayOf } from "../src/domain/finance/day.ts";
import { makeKey, publicHalf } from "../src/domain/signed-rule.ts";
import { cosell } from "./cli-shell.ts";
import { reconciliationCase, withDirectory } from "./close-rig.ts";
import { openHttp } from "./http-fixture.ts";
import { drawLedger } from "./ledger.ts";
import { keepFile } from "./ledger-rig.ts";

const at = await openHttp();
afterAll(at.close);
const { ask, store, db } = at;
const may = "/v1/periods/aws/2026-05";
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const [rule] = JSON.parse(readFileSync(join(reconciliationCase, "input/internal/attribution-rules.json"), "utf8"));
const ruleNamed = `${rule.rule_id} v${rule.version}`;

it("names the hashes of inputs, rules, policy, decisions and journals, and verifies without the service; whatever is changed is found", async () => {
  const header =
    "billing_event_id,action,transaction_type,parent_billing_event_id,currency,amount,invoice_date,agreement_id,buyer_line_item_id,update_date\n";
  const sales = [
    "e1,INVOICED,SELLER_REV_SHARE,,USD,100.00,2026-05-02,b1,e1,2026-05-03T00:00:00Z\n",
    "e2,INVOICED,SELLER_REV_SHARE,,USD,50.00,2026-05-02,a1,e2,2026-05-03T00:00:00Z\n",
  ].join("");
  await keepFile(store, db.sql, ["data.csv", header + sales]);
  await keepFile(store, db.sql, ["policy.json", drawLedger(1, 1).files["policy.json"] ?? ""]);
  await keepFile(store, db.sql, ["attribution-rules.json", JSON.stringify([rule])]);
  at.clock.advanceTo(new Date("2026-05-31T12:00:00Z"));
  await store.ledger.reconcile(db, { id: "rec_1", asOfDay: dayOf("2026-05-31") ?? 0, mode: "full" });
  expect((await ask("POST", `${may}/lock`, { body: { reason: "May is closed." } })).status).toBe(200);

  const { manifest, lock } = (await ask("GET", `${may}/lock`)).body;
  expect(manifest).toMatchObject({
    ...{ kind: "cosell close", as_of: "2026-05-31", locked: { marketplace: "aws", period: "2026-05" } },
    rules: { [ruleNamed]: expect.stringMatching(/^[0-9a-f]{64}$/) },
    policy_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    decisions: {},
    signature: { name: "cosell", role: "service", signed_at: "2026-05-31" },
  });
  expect(manifest.inputs).toContainEqual({
    ...{ path: "data.csv", sha256: sha256(header + sales), bytes: (header + sales).length },
    ...{ status: "read", format: "aws.billing-event" },
  });
  const journals = (await ask("GET", `${may}/journals`)).text;
  expect(manifest.outputs).toEqual([{ path: "journals.csv", sha256: sha256(journals), bytes: journals.length }]);
  expect(lock.postings.map((one: { agreement_id: string }) => one.agreement_id)).toEqual(["a1", "b1"]);

  const key = (await ask("GET", "/v1/periods/key")).body;
  expect(JSON.stringify([key, manifest, lock])).not.toContain("private");
  expect((await ask("GET", "/v1/periods/key")).body).toEqual(key);
  const [kept] = await db.sql<{ sealed: Uint8Array }[]>`select sealed from secret where ref = 'secret:signing-key'`;
  expect(new TextDecoder().decode(kept?.sealed)).not.toContain(key.public_key);

  await withDirectory(async (directory) => {
    const [pack, keys, other] = ["pack", "service.pub", "other.pub"].map((name) => join(directory, name));
    if (pack === undefined || keys === undefined || other === undefined) throw new Error("no directory");
    const api = async (request: Request) => at.app.fetch(request);
    const token = await at.keyOf(["read"]);
    const run = (...words: readonly string[]) => cosell(words, { api, token });
    expect((await run("periods", "pack", "aws", "2026-05", "--out", pack)).code).toBe(0);
    expect((await run("periods", "key", "--out", keys)).code).toBe(0);
    // From here on nothing is asked.
    const verify = (by = keys) => cosell(["close", "verify", pack, "--keys", by]);
    expect(await verify()).toMatchObject({
      code: 0,
      out: expect.stringMatching(/1 file named, 0 files not as stated; signed by cosell: verified/),
    });
    writeFileSync(other, JSON.stringify(publicHalf(await makeKey({ side: "us", name: "cosell", role: "service" }))));
    expect((await verify(other)).code).toBe(1);
    const changes: readonly (readonly [string, string, string])[] = [
      ["journals.csv", "100.00", "101.00"],
      ["manifest.json", "2026-05-31", "2026-05-30"],
      ["manifest.json", `"${ruleNamed}"`, '"another v1"'],
      ["period-locks.json", '"100.00"', '"101.00"'],
      ["period-locks.json", '"2026-05"', '"2026-06"'],
    ];
    for (const [file, from, to] of changes) {
      const text = readFileSync(join(pack, file), "utf8");
      expect(text).toContain(from);
      writeFileSync(join(pack, file), text.replace(from, to));
      expect((await verify()).code, `${file} ${from}`).toBe(1);
      writeFileSync(join(pack, file), text);
    }
    expect((await verify()).code).toBe(0);
    // A lock of another closing of the same month, signed as well, is not the lock of this manifest.
    const good = readFileSync(join(pack, "period-locks.json"), "utf8");
    await ask("POST", `${may}/reopen`, { body: { reason: "Once more." } });
    await keepFile(store, db.sql, ["more.csv", header + sales.replaceAll("e1", "e3").replaceAll("e2", "e4")]);
    await store.ledger.reconcile(db, { id: "rec_2", asOfDay: dayOf("2026-05-31") ?? 0, mode: "full" });
    await ask("POST", `${may}/lock`, { body: {} });
    const later = (await ask("GET", `${may}/lock`)).body.lock;
    writeFileSync(join(pack, "period-locks.json"), JSON.stringify([later]));
    expect((await verify()).out).toMatch(/aws 2026-05 .*another manifest/);
    writeFileSync(join(pack, "period-locks.json"), good);
  });
});
