/** Reports that the labelled case does not have, each as its vendor documents it. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { answerSchema, type Closed, closeOnce, reconciliationCase, withDirectory } from "./close-rig.ts";

const internal = join(reconciliationCase, "input", "internal");

/** Closes a folder of these files; policy and fee schedule are those of the case. */
const closeFiles = (files: Readonly<Record<string, string>>, asOf = "2026-06-30"): Promise<Closed> =>
  withDirectory(async (folder) => {
    for (const name of ["policy.json", "fee-schedule.json"])
      await writeFile(join(folder, name), await readFile(join(internal, name)));
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    return closeOnce(folder, asOf);
  });
const moneyIn = (closed: Closed) => answerSchema.parse(JSON.parse(closed.answerText)).money;
const kindsIn = (closed: Closed): readonly string[] =>
  closed.linksText
    .trimEnd()
    .split("\r\n")
    .slice(1)
    .map((row) => row.split(",").slice(1, 3).join(" "));

/** Both examples are printed in the seller guide: https://github.com/awsdocs/aws-marketplace-user-guide-for-sellers */
const sellerOfRecord = `billing_event_id,from_account_id,to_account_id,end_user_account_id,product_id,action,transaction_type,parent_billing_event_id,disbursement_billing_event_id,amount,currency,invoice_date,invoice_id
I0,737399998888,777788889999,737399998888,prod-o4grxfafcxxxx,INVOICED,SELLER_REV_SHARE,,,100,USD,2018-12-31T00:00:00Z,781216640
I1,737399998888,AWS,737399998888,prod-o4grxfafcxxxx,INVOICED,AWS_TAX_SHARE,,,20.6,USD,2018-12-31T00:00:00Z,781216640
I2,777788889999,111122223333,737399998888,prod-o4grxfafcxxxx,INVOICED,SELLER_REV_SHARE,,,-80,USD,2018-12-31T00:04:07Z,788576665
I3,777788889999,AWS,737399998888,prod-o4grxfafcxxxx,INVOICED,AWS_REV_SHARE,,,-0.2,USD,2018-12-31T00:04:07Z,788576665
I10,737399998888,777788889999,737399998888,,DISBURSED,SELLER_REV_SHARE,I0,I14,-100,USD,2018-12-31T00:00:00Z,781216640
I12,777788889999,111122223333,737399998888,,DISBURSED,SELLER_REV_SHARE,I2,I14,80,USD,2018-12-31T00:04:07Z,788576665
I13,777788889999,AWS,737399998888,prod-o4grxfafcxxxx,DISBURSED,AWS_REV_SHARE,I3,I14,0.2,USD,2018-12-31T00:04:07Z,788576665
I14,AWS,777788889999,,,DISBURSED,DISBURSEMENT,,,19.8,USD,,
`;
const manufacturer = `billing_event_id,from_account_id,to_account_id,end_user_account_id,product_id,action,transaction_type,parent_billing_event_id,disbursement_billing_event_id,amount,currency,invoice_date,invoice_id
I5,777788889999,111122223333,,prod-o4grxfafcxxxx,INVOICED,SELLER_REV_SHARE,,,73.5,,2018-12-31T00:04:07Z,788576665
I6,777788889999,111122223333,,prod-o4grxfafcxxxx,INVOICED,SELLER_TAX_SHARE,,,6.5,,2018-12-31T00:04:07Z,788576665
I7,111122223333,AWS,,prod-o4grxfafcxxxx,INVOICED,AWS_REV_SHARE,,,-7.35,,2018-12-31T00:04:07Z,788576665
I30,777788889999,111122223333,,prod-o4grxfafcxxxx,DISBURSED,SELLER_REV_SHARE,I5,I33,-73.5,USD,,
I31,777788889999,111122223333,,prod-o4grxfafcxxxx,DISBURSED,SELLER_TAX_SHARE,I6,I33,-6.5,USD,,
I32,111122223333,AWS,,prod-o4grxfafcxxxx,DISBURSED,AWS_REV_SHARE,I7,I33,7.35,USD,,
I33,AWS,111122223333,,,DISBURSED,DISBURSEMENT,,,72.65,USD,,
`;

describe("AWS's worked examples of the billing event feed", () => {
  it("pay the seller of record 100 less 80 of cost and 0.20 of fee: 19.80, the payout's header", async () => {
    const closed = await closeFiles({ "data.csv": sellerOfRecord });
    expect(moneyIn(closed).aws?.USD).toEqual({
      invoiced: "100.00",
      fee: "0.20",
      tax_remitted_by_marketplace: "20.60",
      disbursed_net: "19.80",
    });
    expect(kindsIn(closed)).toContain("I2 COST");
    expect(closed.text).not.toMatch(/CONTROL_TOTAL_BREAK/);
  });
  it("pay the manufacturer 73.50 and 6.50 of tax less 7.35 of fee: 72.65, with the currency that the paying rows say", async () => {
    const closed = await closeFiles({ "data.csv": manufacturer });
    expect(moneyIn(closed).aws?.USD).toEqual({ invoiced: "73.50", fee: "7.35", disbursed_net: "72.65" });
    expect(kindsIn(closed)).toContain("I6 SELLER_TAX");
    expect(closed.text).not.toMatch(/CONTROL_TOTAL_BREAK/);
  });
  it("are refused where no row says a row's currency", async () => {
    const closed = await closeFiles({
      "data.csv": manufacturer.replace("I30,", "I30x,").replace(",I5,I33", ",I4,I33"),
    });
    expect(closed.text).toMatch(/line 2, column currency: the currency is empty/);
  });
});

const charges = `valid_from,insert_date,update_date,delete_date,amount,currency_code,time,agreement_id,term_id
2024-12-24 11:31:47.0,2025-10-01 01:03:41.0,2025-10-01 01:03:41.0,null,28440.00,USD,2025-11-06 00:00:00.000000,agmt-3kk39tbw3j6id2vakbp0XXXXX,term-1
`;
const agreements = `agreement_id,offer_id,acceptor_account_id,start_time,status,intent,currency_code,estimated_agreement_value,update_date
agmt-3kk39tbw3j6id2vakbp0XXXXX,offer-1,buyer-guid,2025-11-06T00:00:00Z,ACTIVE,NEW,USD,28440.00,2025-11-06T00:00:00Z
`;

describe("feeds", () => {
  it("describe agreements that the offers module does not know, with the dates that the charge feed prints", async () => {
    const closed = await closeFiles({ "agreements.csv": agreements, "charges.csv": charges });
    const answer = answerSchema.parse(JSON.parse(closed.answerText));
    expect(answer.exceptions).toEqual([
      {
        type: "ACCEPTED_NO_REVENUE",
        subjectType: "agreement",
        subjectId: "agmt-3kk39tbw3j6id2vakbp0XXXXX",
        amount: "28440.00",
        currency: "USD",
      },
    ]);
    expect(closed.text).not.toMatch(/refused/);
  });
  it("of products, offers' products and targets, accounts, addresses and legacy ids are read", async () => {
    const closed = await closeFiles({
      "product.csv":
        "product_id,manufacturer_account_id,product_code,title\nprod-o4grxfafcxxxx,555568000000,product_code_1,Product1\n",
      "offerproduct.csv": "offer_id,offer_revision,product_id\noffer-dacpxznflfwin,10,prod-o4grxfafcxxxx\n",
      "target.csv":
        "offer_target_id,offer_id,offer_revision,target_type,polarity,value\n925ddc73f6a373b7d5544ea3210610803b600,offer-dacpxznflfwin,1,ParticipatingPrograms,PositiveTargeting,EnterpriseContract\n",
      "mapping.csv": "mapping_type,legacy_id,new_id\nOFFER,8a806c74-dbd6-403e-9362-bb08f417ff37,offer-dacpxznflfwin\n",
      "account.csv":
        "account_id,aws_account_id,encrypted_account_id,mailing_address_id,tax_address_id,tax_registration_number,tax_legal_name\nxk0C,444456660000,Zf7o,25o3,,,\n",
      "address.csv":
        "address_id,aws_account_id,email_domain,company_name,country,state_or_region,city,postal_code,address_line_1,address_line_2,address_line_3\nV5Nh,444456660000,a.com,Mateo Jackson's Company,DE,,Hamburg,67568,,,\n",
    });
    expect(closed.text).not.toMatch(/refused|left alone|not known/);
    expect(closed.code).toBe(0);
  });
});

describe("the seller dashboards' exports", () => {
  const feed = `billing_event_id,action,transaction_type,parent_billing_event_id,currency,amount,invoice_date,agreement_id,charge_side,charge_variant,update_date
e1,INVOICED,SELLER_REV_SHARE,,USD,100.00,2026-05-02T00:00:00Z,agmt-1,SELLING,SALE,2026-05-02T00:00:00Z
e2,INVOICED,AWS_REV_SHARE,,USD,-3.00,2026-05-02T00:00:00Z,agmt-1,SELLING,LISTING_FEE,2026-05-02T00:00:00Z
`;
  const dashboard = (gross: string): string =>
    `Invoice Date,Agreement Id,Currency,Gross Revenue,Gross Refund,Listing Fee,Listing Fee Refund,Seller Net Revenue,Uncollected Net Revenue
2026-05-02T00:00:00Z,agmt-1,USD,${gross},0,-3.00,0,97.00,97.00
`;
  it("add nothing to the feed's money and agree with it", async () => {
    const closed = await closeFiles({ "data.csv": feed, "billed revenue.csv": dashboard("100.00") });
    expect(moneyIn(closed).aws?.USD).toEqual({ invoiced: "100.00", fee: "3.00" });
    expect(closed.text).not.toMatch(/CONTROL_TOTAL_BREAK/);
  });
  it("raise a break of the control total where they differ", async () => {
    const closed = await closeFiles({ "data.csv": feed, "billed revenue.csv": dashboard("150.00") });
    expect(closed.text).toMatch(/CONTROL_TOTAL_BREAK 1/);
  });
});

describe("reports whose rows have no id of their own", () => {
  const revenue = (...rows: readonly string[]): string =>
    `PurchaseRecordId,LineItemId,BilledMonth,AssetId,TransactionCurrency,BilledRevenue,EarningAmountCC,PayoutStatus,EstimatedPayoutMonth
${rows.join("\n")}
`;
  it("add up the parts of a line in one Microsoft export, and a later export takes the place of an earlier one", async () => {
    const closed = await closeFiles({
      "revenue-2026-04.csv": revenue("G1,L1,2026-04,asset-1,USD,100.00,97.00,Unprocessed,2026-06"),
      "revenue-2026-05.csv": revenue(
        "G1,L1,2026-04,asset-1,USD,60.00,58.20,Sent,2026-06",
        "G1,L1,2026-04,asset-1,USD,40.00,38.80,Upcoming,2026-07",
      ),
    });
    expect(moneyIn(closed).azure?.USD).toEqual({ invoiced: "100.00", fee: "3.00" });
    expect(kindsIn(closed)).toEqual(["G1/L1 REVENUE"]);
  });
  const detailed = (...rows: readonly string[]): string =>
    `ds,report_creation_date,account_id,entitlement_id,sku_id,currency,cust_charges,marketplace_fee_amount,total_deductions,withheld_amount,released_amount,abandoned_amount,aggregated_payout
${rows.join("\n")}
`;
  it("add up equal rows of one Google report by account, and its second delivery takes the place of the first", async () => {
    const row = (account: string, charges: string): string =>
      `2026-04-01,2026-05-14,${account},ent-1,sku-1,EUR,${charges},0.30,0,0,0,0,${charges}`;
    const name = "2026-04-01 Detailed Disbursements Report";
    const first = { [`${name}.csv`]: detailed(row("E-1", "10.00"), row("E-2", "20.00")) };
    expect(moneyIn(await closeFiles(first)).gcp?.EUR?.invoiced).toBe("30.00");
    const second = await closeFiles({
      ...first,
      [`${name} (1).csv`]: detailed(row("E-1", "10.00"), row("E-2", "25.00")),
    });
    expect(moneyIn(second).gcp?.EUR?.invoiced).toBe("35.00");
    expect(kindsIn(second)).toEqual(["2026-04-01|ent-1|sku-1 REVENUE"]);
  });
});

describe("Microsoft's orders", () => {
  it("say by which private offer an asset was bought, which revenue without that column does not", async () => {
    const revenue = `PurchaseRecordId,LineItemId,BilledMonth,AssetId,TransactionCurrency,BilledRevenue,EarningAmountCC,PayoutStatus,EstimatedPayoutMonth
G1,L1,2026-05,asset-1,USD,100.00,97.00,Upcoming,2026-07
`;
    const deals = `deal_id,account_name,account_domain,amount,currency,close_date,stage,marketplace,private_offer_id
D1,Northwind,northwind.example,100.00,USD,2026-05-01,Closed Won,azure,offer-guid
`;
    const orders = `AssetId,OrderStatus,OrderPurchaseDate,PrivateOfferId,BillingAccountId
asset-1,Active,2026-05-02,private-offer/offer-guid,account-1
`;
    const without = await closeFiles({ "revenue-2026-05.csv": revenue, "deals.csv": deals });
    const withOrders = await closeFiles({ "revenue-2026-05.csv": revenue, "deals.csv": deals, "orders.csv": orders });
    expect(without.linksText).toContain("azure,G1/L1,REVENUE,asset-1,,none");
    expect(withOrders.linksText).toContain("azure,G1/L1,REVENUE,asset-1,D1,offer_id");
  });
});

describe("bank statements", () => {
  const payments = "paymentID,paymentDate,paymentCurrencyCode,totalPayment\n1529410311,2026-05-15,EUR,1234567.89\n";
  const deposited = (closed: Closed): string | undefined => moneyIn(closed).azure?.EUR?.bank_deposited;

  it("of a bank with columns of its own are read after a mapping file", async () => {
    const mapping = {
      format: "cosell.bank-mapping/1",
      columns: { date: "Valuta", credit: "Haben", debit: "Soll", payer: "Auftraggeber", reference: "Verwendungszweck" },
      date: "DD.MM.YYYY",
      decimal: ",",
      thousands: ".",
      currency: "EUR",
    };
    const statement = `Valuta;Soll;Haben;Auftraggeber;Verwendungszweck
18.05.2026;;1.234.567,89;MICROSOFT IRELAND;PMT 1529410311 MARKETPLACE
19.05.2026;12,50;;BANK;FEES
`;
    const files = { "payments.csv": payments, "bank/mapping.json": JSON.stringify(mapping), "bank/mai.csv": statement };
    const closed = await closeFiles(files);
    expect(closed.text).not.toMatch(/refused|left alone/);
    expect(deposited(closed)).toBe("1234567.89");
    const wrong = await closeFiles({ ...files, "bank/mai.csv": statement.replace("1.234.567,89", "1,234,567.89") });
    expect(wrong.text).toMatch(/line 2, column Haben: "1,234,567\.89" has thousands separators/);
  });

  const camt = (amount: string, closing: string): string => `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId></GrpHdr><Stmt><Id>S1</Id>
<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">10.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">${closing}</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Ntry><Amt Ccy="EUR">${amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><ValDt><Dt>2026-05-18</Dt></ValDt><AcctSvcrRef>R1</AcctSvcrRef>
<NtryDtls><TxDtls><RltdPties><Dbtr><Pty><Nm>Microsoft &amp; Co</Nm></Pty></Dbtr></RltdPties><RmtInf><Ustrd>PMT 1529410311</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">5.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><ValDt><Dt>2026-05-19</Dt></ValDt><AcctSvcrRef>R2</AcctSvcrRef></Ntry>
<Ntry><Amt Ccy="EUR">9.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>PDNG</Cd></Sts><AcctSvcrRef>R3</AcctSvcrRef></Ntry>
</Stmt></BkToCstmrStmt></Document>
`;
  it("in camt.053 are read, and pending entries are not", async () => {
    const closed = await closeFiles({ "payments.csv": payments, "statement.xml": camt("1234567.89", "1234572.89") });
    expect(closed.text).not.toMatch(/refused|left alone/);
    expect(deposited(closed)).toBe("1234567.89");
  });
  it.each([
    ["entries that do not lead to the closing balance", camt("1234567.89", "1.00"), /do not lead from the opening/],
    ["a missing end", camt("1234567.89", "1234572.89").slice(0, 900), /well formed|never closed/],
    ["thousands separators", camt("1,234,567.89", "1234572.89"), /statement S1, entry 1, Amt: "1,234,567\.89"/],
    [
      "a document type",
      camt("1", "6").replace("<Document", '<!DOCTYPE x [<!ENTITY a "b">]><Document'),
      /document type is not read/,
    ],
  ])("in camt.053 with %s are refused", async (_, text, says) => {
    const closed = await closeFiles({ "payments.csv": payments, "statement.xml": text });
    expect(closed.text).toMatch(says);
    expect(closed.code).toBe(1);
  });
});
