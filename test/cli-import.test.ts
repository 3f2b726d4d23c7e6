import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { type Call, cosell, fakeApi, type Route } from "./cli-shell.ts";

const directory = mkdtempSync(join(tmpdir(), "cosell-import-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let files = 0;
const file = (content: string | Uint8Array, name = `f${files++}.csv`): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const mapping = (value: unknown): string =>
  file(typeof value === "string" ? value : JSON.stringify(value), `m${files++}.json`);

const rowsOf = (call: Call) =>
  z
    .object({
      rows: z.array(z.object({ line: z.number(), input: z.record(z.string(), z.unknown()) })),
      dryRun: z.boolean(),
    })
    .parse(call.body);
const accepts: Route = (call) =>
  call.path === "/v1/opportunities/import"
    ? {
        body: {
          results: rowsOf(call).rows.map(({ line }) => ({ line, outcome: "created", id: "opp_1", errors: [] })),
          counts: {},
        },
      }
    : undefined;
const fieldsSchema = {
  properties: {
    useCase: { anyOf: [{ type: "string" }, {}] },
    solutions: { anyOf: [{ type: "array" }, {}] },
    nationalSecurity: { anyOf: [{ anyOf: [{ type: "boolean" }, { type: "string" }] }, {}] },
    marketing: { anyOf: [{ type: "object", properties: { source: { type: "string" } } }, {}] },
  },
};
const marketplaces: Route = (call) =>
  call.path === "/v1/marketplaces" ? { body: { items: [{ id: "aws", fieldsSchema }], next: null } } : undefined;

/** Imports a file with this content; tells what was sent. */
const importing = async (content: string | Uint8Array, ...flags: readonly string[]) => {
  const { api, calls } = fakeApi(accepts, marketplaces);
  const ran = await cosell(["import", file(content), ...flags], { api });
  const sent = calls.filter((call) => call.path.endsWith("/import")).flatMap((call) => rowsOf(call).rows);
  return { ...ran, sent, calls };
};
const head = "source,key,title,account.name";
const good = `${head}\nsf,1,Deal,Acme`;

describe("a file of the wrong form is refused whole, by place and remedy, and nothing is sent", () => {
  const utf16 = (text: string): Uint8Array => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, "utf16le")]);
  test.each<[string, string | Uint8Array, RegExp, RegExp]>([
    ["an empty file", "", /is empty/, /export/],
    ["UTF-16 with a mark", utf16(good), /UTF-16/, /CSV UTF-8/],
    ["UTF-16 without a mark", Buffer.from(good, "utf16le"), /UTF-16/, /CSV UTF-8/],
    ["big-endian UTF-16", Buffer.from(utf16(good)).swap16(), /UTF-16/, /CSV UTF-8/],
    ["Latin-1", Buffer.from(`${head}\nsf,1,Deal,M\xfcller`, "latin1"), /line 2.*0xfc.*Windows-1252/s, /iconv/],
    [
      "Latin-1 far down",
      Buffer.from(`${good}\n${"sf,2,Deal,Acme\n".repeat(9_000)}sf,3,\xe9,x`, "latin1"),
      /line 9003.*0xe9/s,
      /iconv/,
    ],
    ["a cut multi-byte letter at the end", Buffer.from(`${good}é`).subarray(0, -1), /line 2.*0xc3/s, /UTF-8/],
    ["a zero byte", `${good}\nsf,2,a\0b,x`, /line 3.*zero byte/s, /UTF-8/],
    ["an Excel workbook", Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(600, 7)]), /xlsx/, /CSV UTF-8/],
    ["an old Excel workbook", Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 1, 2, 3]), /xls/, /CSV UTF-8/],
    ["a gzip archive", Buffer.from([0x1f, 0x8b, 8, 0, 1]), /gzip/, /unpack/],
    ["a PDF", "%PDF-1.7 …", /PDF/, /CSV/],
    ["a web page", "<!DOCTYPE html><title>Login</title>", /web page/, /login page/],
    ["JSON", '[{"source":"sf"}]', /JSON/, /POST/],
    ["blank lines only", "\n\r\n\n", /no header line/, /first line/],
    [
      "an open quote",
      `${good}\nsf,2,"Deal,Acme\nsf,3,x,y`,
      /line 3, character 6: the quote that opens here/,
      /close the quote/,
    ],
    ["a quote inside a cell", `${good}\nsf,2,5" pipe,Acme`, /line 3, character 7/, /twice/],
    ["a row that is too short", `${good}\nsf,2,Deal`, /line 3, column 3.*3 cells.*4/s, /missing cells/],
    ["a row that is too long", `${good}\nsf,2,Deal,Acme, Inc.`, /line 3, column 5.*5 cells.*4/s, /in quotes/],
    [
      "an unknown column",
      `${head},closeDat\nsf,1,Deal,Acme,2027-01-01`,
      /column 5 \(closeDat\): unknown column; did you mean closeDate/,
      /--ignore/,
    ],
    [
      "a duplicate column",
      `${head},title\nsf,1,Deal,Acme,x`,
      /column 5 \(title\): duplicate column: it stands in column 3/,
      /keep one/,
    ],
    [
      "two headers for one column",
      `${head},Opportunity Name\nsf,1,Deal,Acme,x`,
      /"title" means the same and stands in column 3/,
      /keep one/,
    ],
    ["a column without header", `${head},\nsf,1,Deal,Acme,x`, /column 5.*no header/s, /name the column/],
    [
      "a missing column",
      "source,key,title\nsf,1,Deal",
      /account\.name.*required column is missing/s,
      /add the column account\.name/,
    ],
    ["no source anywhere", "key,title,account.name\n1,Deal,Acme", /source.*missing/s, /--source/],
    [
      "an unknown programme field",
      `${head},aws.useCas\nsf,1,Deal,Acme,x`,
      /unknown field of aws; did you mean aws\.useCase/,
      /rename/,
    ],
  ])("%s", async (_, content, message, remedy) => {
    const { code, err, sent } = await importing(content);
    expect(err).toMatch(message);
    expect(err).toMatch(remedy);
    expect({ code, sent }).toEqual({ code: 1, sent: [] });
  });

  test("a file that is not there, or is a directory", async () => {
    for (const path of [join(directory, "none.csv"), directory]) {
      const { code, err } = await cosell(["import", path]);
      expect(code).toBe(1);
      expect(err).toMatch(/fix: /);
    }
  });

  test("a fault of form on the last line of many keeps all rows out", async () => {
    const { code, sent, err } = await importing(`${good}\n${"sf,2,Deal,Acme\n".repeat(5_000)}sf,"x`);
    expect(err).toMatch(/line 5003, character 4/);
    expect({ code, sent }).toEqual({ code: 1, sent: [] });
  });
});

describe("a row that does not fit is refused by line, column and remedy, and all others go in", () => {
  test.each<[string, string, string, RegExp]>([
    ["amount,currency", '"1,234.50",USD', "column 5 (amount)", /decimals.*point/],
    ["amount,currency", '"1.234,50",EUR', "column 5 (amount)", /decimals.*comma/],
    ["amount,currency", "1e3,USD", "column 5 (amount)", /no exponent/],
    ["amount,currency", "(12.00),USD", "column 5 (amount)", /no brackets|brackets/],
    ["amount,currency", "$12,USD", "column 5 (amount)", /no currency sign/],
    ["amount,currency", "1.0000001,USD", "column 5 (amount)", /6 after the decimal point/],
    ["amount,currency", "12,DOLLAR", "column 6 (currency)", /USD or EUR/],
    ["amount,currency", "12,", "column 6 (currency)", /fill the currency column/],
    ["closeDate", "03/31/2027", "column 5 (closeDate)", /"dates": "MM\/DD\/YYYY"/],
    ["closeDate", "2027-02-30", "column 5 (closeDate)", /2027-03-31/],
    ["stage", "Closed Won", "column 5 (stage)", /values.*stage.*Closed Won/s],
    ["stage", "qualifed", "column 5 (stage)", /write qualified/],
    ["termMonths", "12.5", "column 5 (termMonths)", /digits only/],
    ["termMonths", "500", "column 5 (termMonths)", /termMonths/],
    ["Country", "Germani", "column 5 (Country)", /DE is germany/],
    ["account.duns", "12345", "column 5 (account.duns)", /account\.duns/],
    ["tag", "both", "column 5 (tag)", /sourced, influenced|write one of them/],
    ["taggedAt", "yesterday", "column 5 (taggedAt)", /2026-11-22T09:30:00Z/],
    ["ownerFirstName", "Ada", "(ownerEmail)", /fill ownerEmail, or clear/],
    ["aws.marketing", "json:{", "column 5 (aws.marketing)", /remove json:/],
    [
      "aws.marketing,aws.marketing.source",
      '"json:{""source"":""None""}",None',
      "(aws.marketing",
      /leave one of the two empty/,
    ],
  ])("%s = %s", async (columns, cells, place, remedy) => {
    const empty = ",".repeat(columns.split(",").length - 1);
    const { code, out, sent } = await importing(
      `${head},${columns}\nsf,1,Deal,Acme,${empty}\nsf,2,Deal,Acme,${cells}\nsf,3,Deal,Acme,${empty}`,
    );
    expect(out).toContain("line 3");
    expect(out).toContain(place);
    expect(out).toMatch(remedy);
    expect(sent.map((row) => row.line)).toEqual([2, 4]);
    expect(code).toBe(1);
  });

  test("the later of two rows with one CRM key is refused, naming the first line", async () => {
    const { code, out, sent } = await importing(`${good}\nsf,2,Deal,Acme\nsf,1,Again,Acme\nhubspot,1,Other,Acme`);
    expect(out).toContain("line 4, column 2 (key): sf:1 stands already on line 2");
    expect(sent.map((row) => row.line)).toEqual([2, 3, 5]);
    expect(code).toBe(1);
  });

  test("a refusal by the service is told with line and column like our own", async () => {
    const { api } = fakeApi((call) =>
      call.path.endsWith("/import")
        ? {
            body: {
              results: [
                { line: 2, outcome: "refused", id: null, errors: [{ path: "amount", message: "at most 9 trillion" }] },
              ],
            },
          }
        : undefined,
    );
    const { out, code } = await cosell(["import", file(`${head},amount,currency\nsf,1,Deal,Acme,99,USD`)], { api });
    expect(out).toContain("line 2, column 5 (amount): at most 9 trillion");
    expect(code).toBe(1);
  });

  test("deals that only a programme would refuse go in as they are", async () => {
    const { code, sent } = await importing(
      `${head},problem,customerEmail,customerPhone,closeDate,Industry\nsf,1,Deal,Acme,Slow ERP. Bad data.,A@B.EXAMPLE,504 555,2020-01-01,Sports & Leisure`,
    );
    expect(code).toBe(0);
    expect(sent[0]?.input).toMatchObject({
      problem: "Slow ERP. Bad data.",
      closeDate: "2020-01-01",
      account: { industry: "Sports & Leisure" },
      contacts: [{ role: "customer", email: "A@B.EXAMPLE", phone: "504 555" }],
    });
  });
});

describe("exports as CRMs write them", () => {
  test("a byte order mark, semicolons, line ends of every kind and blank lines are read", async () => {
    const { code, sent } = await importing(
      `\uFEFF${head.replaceAll(",", ";")}\r\nsf;1;"Deal; the first";Acme\r\rsf;2;Two;Acme\n\nsf;3;Three;Acme`,
    );
    expect(code).toBe(0);
    expect(sent.map((row) => [row.line, row.input.title])).toEqual([
      [2, "Deal; the first"],
      [4, "Two"],
      [6, "Three"],
    ]);
  });

  test("the usual headers of Salesforce and HubSpot are understood", async () => {
    const salesforce = await importing(
      "Opportunity ID,Opportunity Name,Account Name,Close Date,Billing Country,Billing State/Province,Next Step,Stage\n006A,Deal,Acme,2027-03-31,united states,Ohio,Call,Qualified",
      "--source",
      "salesforce",
    );
    expect(salesforce.sent[0]?.input).toMatchObject({
      source: "salesforce",
      key: "006A",
      title: "Deal",
      stage: "qualified",
      closeDate: "2027-03-31",
      nextSteps: "Call",
      account: { name: "Acme", country: "US", state: "Ohio" },
    });
    const hubspot = await importing(
      "Record ID,Deal Name,Associated Company,Company Domain Name,Deal Stage,Amount,Currency,Deal owner,Country/Region\n77,Deal,Acme,acme.example,prospect,12.5,eur,Sam,de",
      "--source=hubspot",
      "--ignore",
      "Deal owner",
    );
    expect(hubspot.sent[0]?.input).toMatchObject({
      source: "hubspot",
      key: "77",
      amount: { amount: "12.5", currency: "EUR" },
      account: { name: "Acme", website: "acme.example", country: "DE" },
    });
  });

  test("programme fields take lists, switches, nested fields and JSON; formula marks are taken away", async () => {
    const { sent } = await importing(
      `${head},aws.solutions,aws.nationalSecurity,aws.marketing.source,aws.useCase\nsf,1,'=Deal,Acme,"S-1; S-2\\;3;",true,None,"json:[""x""]"`,
    );
    expect(sent[0]?.input).toMatchObject({
      title: "=Deal",
      programmes: {
        aws: { solutions: ["S-1", "S-2;3"], nationalSecurity: true, marketing: { source: "None" }, useCase: ["x"] },
      },
    });
  });

  test("a mapping renames columns, translates words, fills in, leaves out and reads other dates and decimals", async () => {
    const map = mapping({
      columns: {
        Nummer: "key",
        Bezeichnung: "title",
        Kunde: "account.name",
        Phase: "stage",
        Abschluss: "closeDate",
        Summe: "amount",
      },
      values: { stage: { "In Verhandlung": "committed" } },
      defaults: { source: "dynamics", currency: "EUR", type: "renewal" },
      ignore: ["Notiz"],
      decimals: "comma",
      dates: "DD.MM.YYYY",
    });
    const { code, sent } = await importing(
      "Nummer;Bezeichnung;Kunde;Phase;Abschluss;Summe;Notiz\n7;Angebot;Müller;in verhandlung;31.3.2027;1.234.567,5;x",
      "--mapping",
      map,
    );
    expect(code).toBe(0);
    expect(sent[0]?.input).toMatchObject({
      source: "dynamics",
      key: "7",
      stage: "committed",
      type: "renewal",
      closeDate: "2027-03-31",
      amount: { amount: "1234567.5", currency: "EUR" },
    });
  });

  test.each<[string, unknown, RegExp]>([
    ["no JSON", "{columns:", /is not JSON/],
    ["an unknown part", { colums: {} }, /colums: unknown part; did you mean columns/],
    [
      "an unknown column",
      { columns: { Kunde: "acount.name" } },
      /columns\.Kunde: "acount\.name" is not one of our columns; did you mean account\.name/,
    ],
    ["a column mapped twice", { columns: { A: "title", B: "title" } }, /"A" is mapped to title as well/],
    ["values for no column", { values: { phase: { a: "b" } } }, /values\.phase: "phase" is not one of our columns/],
    ["a wrong format", { dates: "YY" }, /dates: /],
    ["a wrong type", { ignore: "x" }, /ignore: /],
    [
      "a header the file lacks",
      { columns: { Titel: "title" } },
      /Titel.*the mapping names a column that the file does not have; did you mean title/s,
    ],
  ])("a mapping file with %s is refused by path", async (_, value, message) => {
    const { code, err, sent } = await importing(good, "--mapping", mapping(value));
    expect(err).toMatch(message);
    expect({ code, sent }).toEqual({ code: 1, sent: [] });
  });
});

test("a dry run sends the rows as a dry run and says so", async () => {
  const { out, calls } = await importing(good, "--dry-run");
  expect(calls.find((call) => call.path.endsWith("/import"))?.body).toMatchObject({ dryRun: true });
  expect(out).toMatch(/1 would be created.*nothing was changed/);
});

test("rows go out in batches of at most 200, and deals without a tag are counted", async () => {
  const lines = Array.from({ length: 451 }, (_, index) => `sf,k${index},Deal,Acme,${index % 2 === 0 ? "sourced" : ""}`);
  const { calls, out } = await importing(`${head},tag\n${lines.join("\n")}`);
  expect(calls.filter((call) => call.path.endsWith("/import")).map((call) => rowsOf(call).rows.length)).toEqual([
    200, 200, 51,
  ]);
  expect(out).toMatch(/451 rows: 451 created/);
  expect(out).toMatch(/225 deals have no sourced or influenced tag/);
});

// CSV_TEST_BYTES=60000000 runs it with a file over 50 MB.
test("a large file takes no more memory than a small one", async () => {
  const bytes = Number(process.env.CSV_TEST_BYTES ?? 12_000_000);
  const path = join(directory, "large.csv");
  const handle = openSync(path, "w");
  writeSync(handle, `${head},problem\n`);
  let rows = 0;
  for (let written = 0; written < bytes; ) {
    const part = Array.from({ length: 1_000 }, () => `sf,k${rows++},Deal,Acme,"${"why ".repeat(500)}"`).join("\n");
    written += writeSync(handle, `${part}\n`);
  }
  closeSync(handle);
  let most = 0;
  let sent = 0;
  const start = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
  const ran = await cosell(["import", path], {
    api: async (request) => {
      if (!request.url.endsWith("/import")) return new Response("{}", { status: 404 });
      const body = z.object({ rows: z.array(z.object({ line: z.number() })) }).parse(await request.json());
      sent += body.rows.length;
      const used = process.memoryUsage();
      most = Math.max(most, used.heapUsed + used.arrayBuffers - start);
      return Response.json({ results: body.rows.map(({ line }) => ({ line, outcome: "created", errors: [] })) });
    },
  });
  expect(ran.code).toBe(0);
  expect(sent).toBe(rows);
  // Garbage of some batches, never the file: its text alone would take twice its bytes.
  expect(most).toBeLessThan(120_000_000);
}, 60_000);
