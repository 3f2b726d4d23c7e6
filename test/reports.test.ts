/** Files of reports in the service: received byte for byte and once, read by the workflow, refused with place and remedy while others go on. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openWorld } from "./world.ts";

const world = await openWorld({ seed: "reports", sweepCron: "TZ=UTC 0 5 1 * *" });
const { call, timeline } = world;
afterAll(() => world.close());

interface ReportFile {
  readonly id: string;
  readonly path: string;
  readonly status: string;
  readonly format: string | null;
  readonly rows: number;
  readonly sha256: string;
  readonly problems: readonly { readonly line: number | null; readonly column: string | null; readonly fix: string }[];
}
const example = (path: string): string =>
  readFileSync(join(import.meta.dirname, "../examples/reconciliation/input", path), "utf8");
const fetchRaw = (method: string, path: string, body?: string | Uint8Array<ArrayBuffer>) =>
  world.service.app.fetch(
    new Request(`http://cosell.test${path}`, {
      method,
      headers: { authorization: `Bearer ${world.token}` },
      ...(body === undefined ? {} : { body }),
    }),
  );
const send = async (path: string, body: string | Uint8Array<ArrayBuffer>) => {
  const answer = await fetchRaw("POST", `/v1/reports/files?path=${encodeURIComponent(path)}`, body);
  return { status: answer.status, body: (await answer.json()) as { file: ReportFile; isNew: boolean; detail: string } };
};
const read = async (id: string) => (await call<ReportFile>("GET", `/v1/reports/files/${id}`)).body;
const openExceptions = async (code: string) =>
  (
    await call<{ items: readonly { code: string; subject: string; message: string }[] }>("GET", "/v1/exceptions")
  ).body.items.filter((one) => one.code === code);

describe("a file of reports", () => {
  const earnings = example("azure/earnings-2025-12.csv");

  it("is received once, read soon, and given back byte for byte", async () => {
    const first = await send("azure/earnings-2025-12.csv", earnings);
    expect([first.status, first.body.file.status, first.body.isNew]).toEqual([201, "receiving", true]);
    await timeline.settle();
    expect(await read(first.body.file.id)).toMatchObject({ status: "read", format: "azure.earnings", problems: [] });
    const again = await send("azure/earnings-2025-12.csv", earnings);
    expect([again.status, again.body.isNew, again.body.file.id]).toEqual([200, false, first.body.file.id]);
    const content = await fetchRaw("GET", `/v1/reports/files/${first.body.file.id}/content`);
    expect(await content.text()).toBe(earnings);
  });

  it("sent by several at the same moment is one file: one made it, the others are told that it was there", async () => {
    for (let round = 0; round < 4; round += 1) {
      const text = earnings
        .split("\n")
        .slice(0, round + 2)
        .join("\n");
      const answers = await Promise.all(Array.from({ length: 6 }, () => send("azure/at-once.csv", text)));
      expect(answers.map(({ status, body }) => `${status} ${body.isNew}`).toSorted()).toEqual([
        ...Array.from({ length: 5 }, () => "200 false"),
        "201 true",
      ]);
      expect(new Set(answers.map(({ body }) => body.file.id)).size).toBe(1);
      await timeline.settle();
      const kept = await call<{ items: readonly ReportFile[] }>("GET", "/v1/reports/files?path=at-once");
      expect(kept.body.items).toHaveLength(round + 1);
      expect(kept.body.items.filter(({ status }) => status === "receiving")).toEqual([]);
    }
  });

  it("is given out as it came, with whoever it names, to administrators alone", async () => {
    const [file] = (await call<{ items: readonly ReportFile[] }>("GET", "/v1/reports/files")).body.items;
    const actorId = await world.service.store.access.actor(world.db.sql, "person", "watcher");
    for (const [scopes, status] of [
      [["read"], 403],
      [["read", "write"], 403],
      [["admin"], 200],
    ] as const) {
      const { secret } = await world.service.store.access.createKey(world.db.sql, {
        ...{ actorId, name: scopes.join(), scopes, expiresAt: null },
      });
      const asked = await world.service.app.fetch(
        new Request(`http://cosell.test/v1/reports/files/${file?.id}/content`, {
          headers: { authorization: `Bearer ${secret}` },
        }),
      );
      expect([scopes.join(), asked.status]).toEqual([scopes.join(), status]);
      if (status === 403) expect(await asked.text()).not.toContain("earningId");
    }
  });

  it("that is damaged is refused with line, column and remedy, raises an exception, and stops no other", async () => {
    const lines = earnings.split("\n");
    const broken = [...lines.slice(0, 2), (lines[2] ?? "").split(",").slice(0, 4).join(","), ...lines.slice(3)].join(
      "\n",
    );
    const sent = await send("azure/earnings-2025-05.csv", broken);
    const other = await send("bank/statement.csv", example("bank/statement.csv"));
    const strange = await send("notes/minutes.txt", "who,what\nAda,said nothing\n");
    await timeline.settle();
    const refused = await read(sent.body.file.id);
    expect([refused.status, refused.problems[0]?.line, refused.problems[0]?.fix]).toEqual([
      "refused",
      3,
      "the file may be cut off; download it again",
    ]);
    expect((await read(other.body.file.id)).status).toBe("read");
    expect((await read(strange.body.file.id)).status).toBe("unknown");
    expect(await openExceptions("REFUSED_FILE")).toMatchObject([
      {
        subject: "azure/earnings-2025-05.csv",
        message: expect.stringMatching(/line 3: .*To do: the file may be cut off/),
      },
    ]);
    await send("azure/earnings-2025-05.csv", example("azure/earnings-2025-05.csv"));
    await timeline.settle();
    expect(await openExceptions("REFUSED_FILE")).toEqual([]);
  });

  it("sent again under its name with other content is a later delivery of each of its rows", async () => {
    const named = "earningId,OrderId,LineItemId,assetId,transactionType,transactionCurrency,transactionAmount,storeFee";
    const row = (id: string, amount: string, state: string): string =>
      `${id},O-${id},L-${id},A-again,purchase,CHF,${amount},0,${amount},${state}`;
    const text = (...rows: readonly string[]): string =>
      [`${named},earningAmount,paymentStatus,paymentId`, ...rows, ""].join("\n");
    for (const [first, second] of [
      ["900", "800"],
      ["800", "900"],
    ]) {
      const id = `again-${first}`;
      const path = `again/${id}.csv`;
      for (const amount of [first ?? "", second ?? ""]) {
        await send(path, text(row(id, amount, "Upcoming,"), row(`${id}-same`, "5", "Upcoming,")));
        await timeline.settle();
      }
      const kept = await world.db.sql<
        { key: string; amount: bigint; delivery: number; known_second: bigint; seq: bigint }[]
      >`select line.key, line.amount, line.delivery, line.known_second, file_seq as seq
          from ledger_line line join report_file on seq = file_seq where path = ${path} order by line.key, file_seq`;
      expect(kept.map(({ key, amount, delivery }) => [key, Number(amount / 1_000_000n), delivery])).toEqual([
        [id, Number(first), 0],
        [id, Number(second), 1],
        [`${id}-same`, 5, 0],
        [`${id}-same`, 5, 1],
      ]);
      expect(new Set(kept.map(({ known_second }) => known_second)).size).toBe(1);
    }
  });

  it("that is too large, empty or the service's own is not taken, and says what to do", async () => {
    expect((await send("x.csv", "")).body).toMatchObject({ detail: expect.stringContaining("empty") });
    expect((await send("internal/deals.csv", "a,b\n")).body).toMatchObject({
      detail: expect.stringContaining("Import the deals"),
    });
    expect((await send("../x.csv", "a,b\n")).status).toBe(400);
    const recorded = await send("internal/policy.json", example("internal/policy.json"));
    await timeline.settle();
    expect((await read(recorded.body.file.id)).problems).toMatchObject([{ column: "signatures" }]);
  });

  it("of unknown columns is read once a mapping tells what they are", async () => {
    const sent = await send("bank/may.csv", "Buchung;Betrag;Auftraggeber;Zweck\n05.05.2026;1.234,50;MICROSOFT;EDI 1\n");
    await timeline.settle();
    expect((await read(sent.body.file.id)).status).toBe("unknown");
    const mapping = {
      format: "cosell.bank-mapping/1",
      columns: { date: "Buchung", amount: "Betrag", payer: "Auftraggeber", reference: "Zweck" },
      ...{ date: "DD.MM.YYYY", decimal: ",", thousands: ".", currency: "EUR" },
    };
    await send("bank/mapping.json", JSON.stringify(mapping));
    await timeline.settle();
    expect(await read(sent.body.file.id)).toMatchObject({ status: "read", format: "bank.mapped-statement", rows: 1 });
  });
});
