/**
 * What every source of reports must keep, whatever marketplace writes them and however it gives them out: one suite over the door and
 * whoever stands for the marketplace. Each test reads what was really there.
 */
import { describe, expect, it } from "vitest";
import { BrokenReport, type RemoteReport, type ReportPage, type ReportSource } from "../adapters/contract.ts";
import type { Json } from "../src/domain/deal.ts";
import type { Fault, Result } from "../src/domain/fault.ts";

/** One marketplace with a seller of ours, for one test. */
export interface ReportsPartner {
  /** Opens the door anew, as another process would: nothing is remembered but what a cursor holds. */
  readonly open: () => ReportSource;
  readonly now: () => Date;
  /** Something is sold, and so much time passes that the reports tell of it. */
  readonly earn: () => Promise<unknown>;
  /** More comes of what was sold: at least one report is written anew under its old name. */
  readonly restate: () => Promise<unknown>;
  /** What is there: each file's text by its name as we call it, the newest version. */
  readonly held: () => Promise<Readonly<Record<string, string>>>;
  /** The next so-and-so many requests of this kind meet the fault. */
  readonly strike: (on: "list" | "read", fault: string, times: number) => Promise<unknown>;
  /** Hosts that were contacted, sign-in apart. */
  readonly contacted: () => readonly string[];
}
export interface ReportsHarness {
  readonly name: string;
  /** `pageMax`: so many files on one page at most. */
  readonly open: (how: { readonly pageMax: number }) => Promise<ReportsPartner>;
  readonly hosts: RegExp;
  /** Words that a missing permission is told with, by what is asked. */
  readonly permission: Readonly<Record<"list" | "read", RegExp>>;
  /** What becomes of a file between listing and reading, as the simulator calls it, and the fault that tells it. */
  readonly spoilt: { readonly fault: string; readonly kind: Fault["kind"] };
}

const pagesMax = 60;
const good = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(`${result.fault.kind}: ${result.fault.message}`);
  return result.value;
};
const faultOf = <T>(result: Result<T>): Fault => {
  if (result.ok) throw new Error("it went well");
  return result.fault;
};
/** A cursor as the service keeps it: text in a database. */
const stored = (cursor: Json): Json => JSON.parse(JSON.stringify(cursor));

interface Listed {
  readonly files: readonly RemoteReport[];
  readonly cursor: Json;
  readonly pages: readonly (ReportPage & { readonly before: Json | null })[];
}
/** Asks for page after page, each of a door of its own. */
const listAll = async (partner: ReportsPartner, from: Json | null = null): Promise<Listed> => {
  const pages: (ReportPage & { before: Json | null })[] = [];
  let before = from;
  for (let count = 0; count < pagesMax; count++) {
    const page = good(await partner.open().list(before));
    pages.push({ ...page, before });
    before = stored(page.cursor);
    if (page.isLast) return { files: pages.flatMap(({ files }) => files), cursor: before, pages };
  }
  throw new Error(`there is no last page among ${pagesMax}`);
};
const textOf = async (partner: ReportsPartner, report: RemoteReport): Promise<string> =>
  new Response(good(await partner.open().read(report))).text();
/** The newest version of each file. */
const newest = (files: readonly RemoteReport[]): readonly RemoteReport[] => [
  ...new Map(
    files.toSorted((a, b) => ((a.modifiedAt ?? "") < (b.modifiedAt ?? "") ? -1 : 1)).map((file) => [file.path, file]),
  ).values(),
];
const keysOf = (files: readonly RemoteReport[]): readonly string[] => files.map(({ key }) => key);

const listingIsWhole = ({ name, open }: ReportsHarness): void => {
  describe(`${name}: listing`, () => {
    it("has nothing yet, and no fault, before the first report is made", async () => {
      const partner = await open({ pageMax: 1_000 });
      const { files, cursor } = await listAll(partner);
      expect(files).toEqual([]);
      expect((await listAll(partner, cursor)).files).toEqual([]);
    });

    it("lists each file once across pages of one, and reads each as it is, byte for byte", async () => {
      const partner = await open({ pageMax: 1 });
      const first = await listAll(partner);
      await partner.earn();
      const { files, pages } = await listAll(partner, first.cursor);
      const held = await partner.held();
      expect(pages.length).toBeGreaterThan(1);
      expect(new Set(keysOf(files)).size).toBe(files.length);
      const texts: Record<string, string> = {};
      for (const file of newest(files)) {
        texts[file.path] = await textOf(partner, file);
        if (file.bytes !== null) expect(file.bytes).toBe(new TextEncoder().encode(texts[file.path]).length);
        expect(file.modifiedAt ?? "").toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/);
      }
      expect(Object.keys(held).length).toBeGreaterThan(1);
      expect(texts).toEqual(held);
    });

    it("goes on from any stored cursor, and gives the same page for the same one", async () => {
      const partner = await open({ pageMax: 2 });
      const first = await listAll(partner);
      await partner.earn();
      const { files, pages } = await listAll(partner, first.cursor);
      for (const [index, page] of pages.entries()) {
        const rest = pages.slice(index).flatMap((one) => one.files);
        expect(keysOf((await listAll(partner, page.before)).files)).toEqual(keysOf(rest));
      }
      expect(files.length).toBeGreaterThan(1);
    });

    it("lists nothing twice, and a new version of a file under its old name with another key", async () => {
      const partner = await open({ pageMax: 1_000 });
      const first = await listAll(partner);
      await partner.earn();
      const before = await listAll(partner, first.cursor);
      const again = await listAll(partner, before.cursor);
      expect(again.files).toEqual([]);
      await partner.restate();
      const after = await listAll(partner, again.cursor);
      const known = new Set(keysOf(before.files));
      expect(after.files.filter(({ key }) => known.has(key))).toEqual([]);
      const paths = new Set(before.files.map(({ path }) => path));
      const anew = newest(after.files.filter(({ path }) => paths.has(path)));
      expect(anew.length).toBeGreaterThan(0);
      const held = await partner.held();
      for (const file of anew) expect(await textOf(partner, file)).toBe(held[file.path]);
    });

    it("loses nothing to throttling and outages: they are faults that pass, and the same cursor goes on", async () => {
      const partner = await open({ pageMax: 2 });
      const first = await listAll(partner);
      await partner.earn();
      const calm = keysOf((await listAll(partner, first.cursor)).files);
      await partner.strike("list", "throttle", 1);
      const throttled = faultOf(await partner.open().list(first.cursor));
      expect(throttled.kind).toBe("throttled");
      if (throttled.kind === "throttled") expect(throttled.retryAt > partner.now().toISOString()).toBe(true);
      for (const fault of ["error_500", "timeout_before", "html_error_page", "reset_mid_body"]) {
        await partner.strike("list", fault, 1);
        expect([fault, faultOf(await partner.open().list(first.cursor)).kind]).toEqual([fault, "unavailable"]);
      }
      expect(keysOf((await listAll(partner, first.cursor)).files)).toEqual(calm);
    });

    it("refuses a cursor that is none of its own", async () => {
      const partner = await open({ pageMax: 2 });
      for (const cursor of [{}, "next", { round: 1 }])
        expect(faultOf(await partner.open().list(cursor)).kind).toBe("drift");
    });
  });
};

const readingIsSafe = ({ name, open, permission, spoilt, hosts }: ReportsHarness): void => {
  const listed = async () => {
    const partner = await open({ pageMax: 1_000 });
    const first = await listAll(partner);
    await partner.earn();
    const [file] = newest((await listAll(partner, first.cursor)).files);
    if (file === undefined) throw new Error("nothing was listed");
    return { partner, file, cursor: first.cursor };
  };

  describe(`${name}: reading`, () => {
    it("errs where a file is cut off, so that no part of one passes for the whole", async () => {
      const { partner, file } = await listed();
      await partner.strike("read", "reset_mid_body", 1);
      const read = await partner.open().read(file);
      const broken = await (read.ok
        ? new Response(read.value).text()
        : Promise.reject(new BrokenReport(read.fault))
      ).then(
        () => null,
        (error: unknown) => (error instanceof BrokenReport ? error : null),
      );
      expect(broken?.fault.kind).toBe("unavailable");
      expect(await textOf(partner, file)).toBe((await partner.held())[file.path]);
    });

    it("tells throttling and trouble apart from a file that is not there", async () => {
      const { partner, file } = await listed();
      await partner.strike("read", "throttle", 1);
      expect(faultOf(await partner.open().read(file)).kind).toBe("throttled");
      await partner.strike("read", "error_500", 1);
      expect(faultOf(await partner.open().read(file)).kind).toBe("unavailable");
      await partner.strike("read", spoilt.fault, 1);
      expect(faultOf(await partner.open().read(file)).kind).toBe(spoilt.kind);
      expect(faultOf(await partner.open().read({ ...file, key: "nothing" })).kind).toBe("missing");
    });

    it("names the permission that lacks, and the remedy", async () => {
      const { partner, file, cursor } = await listed();
      await partner.strike("list", "permission_lost", 1);
      const unlisted = faultOf(await partner.open().list(cursor));
      expect([unlisted.kind, unlisted.message]).toEqual(["denied", expect.stringMatching(permission.list)]);
      await partner.strike("read", "permission_lost", 1);
      const unread = faultOf(await partner.open().read(file));
      expect([unread.kind, unread.message]).toEqual(["denied", expect.stringMatching(permission.read)]);
    });

    it("contacts the vendor's documented hosts and no other", async () => {
      const { partner, file } = await listed();
      await textOf(partner, file);
      const contacted = [...new Set(partner.contacted())];
      expect(contacted.length).toBeGreaterThan(0);
      for (const host of contacted) expect(host).toMatch(hosts);
    });
  });
};

/** Runs the promises against one marketplace. */
export const runReportSourceConformance = (harness: ReportsHarness): void => {
  listingIsWhole(harness);
  readingIsSafe(harness);
};
