/** What only Microsoft's source of reports has: things that are made there first, and links that lead elsewhere. */
import { describe, expect, it } from "vitest";
import type { RemoteReport, ReportPage } from "../adapters/contract.ts";
import type { Json } from "../src/domain/deal.ts";
import { got } from "./azure-market-doors.ts";
import { openReports, type ReportsRig } from "./azure-reports-rig.ts";

/** One round: page after page, as the service asks. A fault is repeated with the same cursor, and counted. */
const round = async (rig: ReportsRig, from: Json | null = null) => {
  const files: RemoteReport[] = [];
  let [cursor, faults]: [Json | null, number] = [from, 0];
  for (let count = 0; count < 60; count++) {
    const page = await rig.source().list(cursor);
    if (!page.ok) {
      faults += 1;
      continue;
    }
    files.push(...page.value.files);
    cursor = page.value.cursor;
    if (page.value.isLast) return { files, cursor, faults, page: page.value satisfies ReportPage };
  }
  throw new Error("there is no last page");
};
const madeOf = ({ asked }: ReportsRig): readonly string[] =>
  asked.filter((line) => line.startsWith("POST")).map((line) => line.split("/").at(-1) ?? "");

describe("Microsoft's source of reports", () => {
  it("makes each query, schedule and export once, also where an answer was lost, and goes on with them after a loss of the cursor", async () => {
    const rig = await openReports();
    for (const on of ["CreateQuery", "CreateReport", "CreateExport"])
      await rig.controls.addFaults([{ on, fault: "commit_then_timeout", times: 1 }]);
    const { faults, page } = await round(rig);
    expect(faults).toBe(3);
    expect(page.pendingUntil).toMatch(/^2026-06-01T/);
    const { reports, exports } = await rig.controls.ledger();
    expect(reports.map(({ name }) => name.split(" ")[1]).toSorted()).toEqual(["ISVOrder", "ISVRevenue"]);
    expect(exports.map(({ kind }) => kind).toSorted()).toEqual(["payments", "transactionhistory"]);
    await round(rig);
    expect((await rig.controls.ledger()).reports).toHaveLength(2);
  });

  it("asks a data set for the columns that it has, and names those without which nothing could be read", async () => {
    const rig = await openReports({}, { analytics: ["revenue"], exports: [] });
    rig.answerWith((request) =>
      request.url.includes("ScheduledDataset")
        ? Response.json({ value: [{ datasetName: "ISVRevenue", selectableColumns: ["LineItemId", "BilledMonth"] }] })
        : null,
    );
    const page = await rig.source().list(null);
    expect(page).toMatchObject({
      ok: false,
      fault: { kind: "rejected", message: expect.stringMatching(/ISVRevenue has no PurchaseRecordId, AssetId, /) },
    });
    expect(madeOf(rig)).toEqual([]);
  });

  it("passes over runs and exports that fail, and lists what comes after them", async () => {
    const rig = await openReports({ settings: { money: { failures: 1 } } });
    const first = await round(rig);
    await rig.controls.advance(3);
    const broken = await round(rig, first.cursor);
    expect(broken.files).toEqual([]);
    await rig.controls.change({ money: { failures: 0 } });
    await rig.controls.advance(2);
    const tried = await round(rig, broken.cursor);
    await rig.controls.advance(1);
    const { files } = await round(rig, tried.cursor);
    const names = [...tried.files, ...files].map(({ path }) => path.replace(/-2026-06\.csv$/, ""));
    expect([...new Set(names)].toSorted()).toEqual(["earnings", "orders", "payments", "revenue"]);
  });

  it("says what is made in vain again and again, each kind for itself, until a file comes", async () => {
    const rig = await openReports({ settings: { money: { failures: 1 } } });
    let { cursor, page } = await round(rig);
    expect(page.late).toBeUndefined();
    for (let day = 0; day < 5; day += 1) {
      await rig.controls.advance(1);
      ({ cursor, page } = await round(rig, cursor));
    }
    expect(page.late).toMatch(
      /^revenue: no run of Microsoft's scheduled report \S+ left a file since 2026-06-0\d; orders: no run .*; earnings: Microsoft failed to make the export \d times in a row.*; payments: .* in a row/,
    );
    await rig.controls.change({ money: { failures: 0 } });
    for (let hours = 0; hours < 3; hours += 1) {
      await rig.controls.advance(1);
      ({ cursor, page } = await round(rig, cursor));
    }
    expect(page.late).toBeUndefined();
  });

  it("follows no link out of Azure's storage, and sends no token with one that it follows", async () => {
    const rig = await openReports({}, { analytics: ["revenue"], exports: [] });
    const first = await round(rig);
    await rig.controls.advance(2);
    const { files } = await round(rig, first.cursor);
    const [file] = files;
    if (file === undefined) throw new Error("nothing was listed");
    const links = [
      "https://reports.example.com/file",
      "http://reports.blob.core.windows.net/file",
      "https://reports.blob.core.windows.net.example.com/file",
      "https://blob.core.windows.net:8443/file",
      "https://user@reports.blob.core.windows.net/file",
    ];
    for (const link of links) {
      rig.answerWith((request) =>
        request.url.includes("/execution/")
          ? Response.json({
              value: [
                {
                  executionId: file.key.split("/").at(-1),
                  executionStatus: "Completed",
                  reportGeneratedTime: "2026-06-02T00:00:00",
                  reportAccessSecureLink: link,
                },
              ],
            })
          : null,
      );
      rig.contacted.length = 0;
      expect(await rig.source().read(file)).toMatchObject({ ok: false, fault: { kind: "denied" } });
      expect(rig.contacted).toEqual(["api.partnercenter.microsoft.com"]);
    }
    // The simulated storage refuses whoever brings a token beside the link.
    rig.answerWith(() => null);
    expect(await new Response(got(await rig.source().read(file))).text()).toContain("PurchaseRecordId");
  });

  it("asks for a fresh link at each reading, so that one that has expired is trouble that passes", async () => {
    const rig = await openReports({}, { analytics: ["revenue"], exports: [] });
    const first = await round(rig);
    await rig.controls.advance(2);
    const [file] = (await round(rig, first.cursor)).files;
    if (file === undefined) throw new Error("nothing was listed");
    await rig.controls.setFaults([{ on: "GetReportFile", fault: "link_expired", times: 1 }]);
    expect(await rig.source().read(file)).toMatchObject({ ok: false, fault: { kind: "unavailable" } });
    expect(await new Response(got(await rig.source().read(file))).text()).toContain("PurchaseRecordId");
  });

  it("begins with the first kind again after what stands in the way of a later one", async () => {
    const rig = await openReports();
    const first = await round(rig);
    await rig.controls.addFaults([{ on: "GetExport", fault: "permission_lost" }]);
    await rig.controls.advance(2);
    const sources: RemoteReport[] = [];
    let cursor = first.cursor;
    for (let day = 0; day < 2; day++) {
      for (;;) {
        const page = await rig.source().list(cursor);
        if (!page.ok) break;
        cursor = page.value.cursor;
        sources.push(...page.value.files);
      }
      await rig.controls.advance(1);
    }
    const days = sources
      .filter(({ path }) => path.startsWith("revenue"))
      .map(({ modifiedAt }) => modifiedAt?.slice(0, 10));
    expect(days).toEqual(["2026-06-01", "2026-06-02", "2026-06-03"]);
  });
});
