/**
 * An offer's licence agreement: Google's standard one, or a PDF that is fetched from a host which the connection allows and handed on
 * byte by byte. https://github.com/googleapis/googleapis/blob/master/google/cloud/commerceproducer/v1beta/private_offer.proto (PrivateOfferDocument)
 */
import * as z from "zod";
import type { JsonObject } from "../../../src/domain/deal.ts";
import { type Fault, failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { Outcome, Write } from "../../contract.ts";
import { parsedAs, readOf } from "../reading.ts";
import { offerDocumentSchema, offerDocumentsSchema } from "../wire-offers.ts";
import { lastOf, offerPath } from "./names.ts";
import type { MarketDeps } from "./offer-deps.ts";
import { offerSources } from "./rule-kinds.ts";
import { standardAgreement } from "./words.ts";

const pdfBytesMax = 4 * 1024 * 1024;
const timeoutMs = 20_000;
const mimeType = "application/pdf";
/** `%PDF-` */
const pdfSign = [0x25, 0x50, 0x44, 0x46, 0x2d] as const;

const agreementSchema = z.looseObject({
  documentType: z.string(),
  url: z.string().nullish(),
  sha256: z.string().nullish(),
});
type Agreement = z.infer<typeof agreementSchema>;
const bodySchema = z.looseObject({ offer: z.string(), agreement: agreementSchema, isReplaced: z.boolean() });

const refused = (message: string, fix: string): { readonly ok: false; readonly fault: Fault } => {
  const gap = { field: "legal.url", code: "not_allowed", message, fix, source: offerSources.offer };
  return failed({ kind: "rejected", message, gaps: [gap] });
};

/** The PDF's bytes. Nothing has been sent to Google yet, so whatever passes may be tried again. */
const fetchPdf = async (
  { http, market }: MarketDeps,
  { url: text, sha256 }: Agreement,
): Promise<Result<Uint8Array<ArrayBuffer>>> => {
  const url = new URL(text ?? "");
  if (url.protocol !== "https:" || !market.documentHosts.includes(url.host))
    return refused(
      "this connection fetches no agreements from there",
      "Add its host to settings.marketplace.documentHosts.",
    );
  try {
    const request = new Request(url, { headers: { accept: mimeType }, redirect: "manual" });
    const response = await http(request, { timeoutMs, bodyBytesMax: pdfBytesMax, hosts: [url.host] });
    if (response.status >= 500 || response.status === 429)
      return failed({ kind: "unavailable", message: `${url.host} answered ${response.status} for the agreement` });
    if (response.status !== 200)
      return refused(
        `${url.host} answered ${response.status} for the agreement`,
        "Give an address that serves the PDF itself.",
      );
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (!pdfSign.every((byte, index) => bytes[index] === byte))
      return refused("what lies at the agreement's address is no PDF", "Give the address of a PDF of at most 4 MB.");
    if (sha256 != null && sha256 !== (await digestOf(bytes)))
      return refused(
        "the PDF is another one than gcp.documentSha256 says",
        "Compare the file, and correct the one or the other.",
      );
    return ok(bytes);
  } catch (error) {
    const name = error instanceof Error ? error.name : "no answer";
    return failed({ kind: "unavailable", message: `the agreement cannot be fetched from ${url.host} (${name})` });
  }
};
const digestOf = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");

const chunkBytes = 0x8000;
const base64Of = (bytes: Uint8Array): string => {
  let text = "";
  for (let from = 0; from < bytes.length; from += chunkBytes)
    text += String.fromCharCode(...bytes.subarray(from, from + chunkBytes));
  return btoa(text);
};

const documentsOf = (deps: MarketDeps, offer: string) =>
  readOf(deps, offerDocumentsSchema, {
    operation: "privateOffers.documents.list",
    path: offerPath(deps.market, offer, "/documents"),
    // The contents stay there: two of them would be more than an answer may have.
    query: { pageSize: "20", fields: "privateOfferDocuments(name,documentType)" },
  });

/** A draft whose agreement was changed has the former one still. */
const removeFormer = async (deps: MarketDeps, offer: string): Promise<Result<null>> => {
  const listed = await documentsOf(deps, offer);
  if (!listed.ok) return listed;
  for (const { name } of listed.value.value.privateOfferDocuments ?? []) {
    const removed = await deps.wire.send({
      operation: "privateOffers.documents.delete",
      path: offerPath(deps.market, offer, `/documents/${encodeURIComponent(lastOf(name))}`),
    });
    if (!removed.ok && removed.fault.kind !== "missing") return failed(removed.fault);
  }
  return ok(null);
};

const outcomeOf = (write: Write, offer: string): Outcome => ({
  key: write.key,
  ref: { id: offer },
  version: null,
  task: null,
});

/** Attaches the agreement to the draft; one that was there before goes. */
export const attachAgreement = async (deps: MarketDeps, write: Write): Promise<Result<Outcome>> => {
  const { offer, agreement, isReplaced } = bodySchema.parse(write.body);
  let document: JsonObject = { documentType: agreement.documentType };
  if (agreement.documentType !== standardAgreement) {
    const pdf = await fetchPdf(deps, agreement);
    if (!pdf.ok) return pdf;
    document = { ...document, mimeType, inlineContent: base64Of(pdf.value) };
  }
  if (isReplaced) {
    const removed = await removeFormer(deps, offer);
    if (!removed.ok) return removed;
  }
  const sent = await deps.wire.send({
    operation: "privateOffers.documents.create",
    path: offerPath(deps.market, offer, "/documents"),
    query: { fields: "name,documentType" },
    body: document,
  });
  if (!sent.ok) return failed(sent.fault);
  const made = parsedAs(offerDocumentSchema, sent.value, "privateOffers.documents.create");
  return made.ok ? ok(outcomeOf(write, offer)) : made;
};

/** Whether the draft has its agreement. One that was replaced is written again: the former one may be there still. */
export const locateAgreement = async (deps: MarketDeps, write: Write): Promise<Result<Outcome | null>> => {
  const { offer, agreement, isReplaced } = bodySchema.parse(write.body);
  if (isReplaced) return ok(null);
  const listed = await documentsOf(deps, offer);
  if (!listed.ok) return listed;
  const has = (listed.value.value.privateOfferDocuments ?? []).some(
    ({ documentType }) => documentType === agreement.documentType,
  );
  return ok(has ? outcomeOf(write, offer) : null);
};
