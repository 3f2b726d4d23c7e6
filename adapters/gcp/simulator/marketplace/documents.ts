/** Documents of private offers: the licence agreement, or the statement of work. Fixed once the offer is no draft any more. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { textAt } from "../../../simulator/document.ts";
import { forbidden, invalid, notFound, type Violation, violation } from "../answers.ts";
import { masked, readMask } from "../mask.ts";
import type { Call } from "../opportunities.ts";
import type { World } from "../world.ts";
import { offerName } from "./amendments.ts";
import { type Offers, offerState, sentAs } from "./offers.ts";
import { paged } from "./pages.ts";
import { standardAgreement } from "./publishing.ts";
import type { OfferDocumentRecord, OfferRecord } from "./records.ts";
import { producerCatalogue } from "./tables.ts";

const type = "PrivateOfferDocument";
const bytesMax = 4 * 1024 * 1024;
const withContent = ["CUSTOM_END_USER_LICENSE_AGREEMENT", "STATEMENT_OF_WORK"];

export const createDocuments = (world: World, offers: Offers) => {
  const { ledger } = world;
  const nameOf = (offer: OfferRecord, id: string): string => `${offerName(offer.project, offer.id)}/documents/${id}`;
  const view = (offer: OfferRecord, row: OfferDocumentRecord): JsonObject => ({
    name: nameOf(offer, row.id),
    ...row.document,
    createTime: row.createdAt,
    updateTime: row.updatedAt,
  });
  const siblings = (offer: OfferRecord): readonly OfferDocumentRecord[] =>
    ledger.offerDocuments.all().filter((row) => row.offer === offer.id);
  const find = (call: Call) => {
    const offer = offers.find(call);
    const id = call.names[3] ?? "";
    const row = ledger.offerDocuments.get(id);
    if (row?.offer !== offer.id) throw notFound(nameOf(offer, id));
    return { offer, row };
  };
  const editable = (offer: OfferRecord): void => {
    if (offerState(offer) === "DRAFT") return;
    const words = `The documents of a private offer in state ${offerState(offer)} cannot be changed`;
    throw forbidden("FAILED_PRECONDITION", [violation(offerName(offer.project, offer.id), words)]);
  };
  const check = (document: JsonObject, others: readonly OfferDocumentRecord[]): void => {
    const documentType = textAt(document, "documentType");
    const hasTwin = others.some((other) => textAt(other.document, "documentType") === documentType);
    const problems = [
      ...contentViolations(document),
      ...(hasTwin ? [wrong("document_type", "is that of another document of the private offer")] : []),
    ];
    if (problems.length > 0) throw invalid(problems);
  };

  const create = (call: Call): JsonObject => {
    const offer = offers.find(call);
    editable(offer);
    const document = sentAs(type, call.input, "private_offer_document");
    check(document, siblings(offer));
    const stamp = world.stamp(call.now);
    const row = { id: world.uuid("document"), offer: offer.id, createdAt: stamp, updatedAt: stamp, document };
    ledger.offerDocuments.put(row.id, row);
    return view(offer, row);
  };
  const patch = (call: Call): JsonObject => {
    const { offer, row } = find(call);
    editable(offer);
    const given = sentAs(type, call.input, "private_offer_document");
    const mask = call.query.get("updateMask") ?? "";
    const paths = mask.trim() === "" ? Object.keys(given) : readMask(producerCatalogue, type, mask);
    const document = masked(row.document, given, paths);
    check(
      document,
      siblings(offer).filter(({ id }) => id !== row.id),
    );
    const saved = { ...row, document, updatedAt: world.stamp(call.now, row.updatedAt) };
    ledger.offerDocuments.put(row.id, saved);
    return view(offer, saved);
  };

  return {
    "privateOffers.documents.list": (call: Call): JsonObject => {
      const offer = offers.find(call);
      const rows = siblings(offer).map((row) => view(offer, row));
      return paged(rows, "privateOfferDocuments", { call });
    },
    "privateOffers.documents.get": (call: Call): JsonObject => {
      const { offer, row } = find(call);
      return view(offer, row);
    },
    "privateOffers.documents.create": create,
    "privateOffers.documents.patch": patch,
    "privateOffers.documents.delete": (call: Call): JsonObject => {
      const { offer, row } = find(call);
      editable(offer);
      ledger.offerDocuments.remove(row.id);
      return {};
    },
  };
};

const wrong = (member: string, words: string): Violation => {
  const field = `private_offer_document.${member}`;
  return violation(field, `The field '${field}' ${words}`);
};

const contentViolations = (document: JsonObject): readonly Violation[] => {
  const [documentType, content] = [textAt(document, "documentType"), textAt(document, "inlineContent")];
  const mimeType = textAt(document, "mimeType");
  if (documentType === null) return [wrong("document_type", "is required and must be set")];
  if (documentType === standardAgreement) {
    const isBare = content === null && mimeType === null;
    return isBare ? [] : [wrong("inline_content", "and mime_type must not be set for a standard agreement")];
  }
  if (!withContent.includes(documentType))
    return [wrong("document_type", `${documentType} is not permitted for new offers`)];
  return [
    ...(mimeType === "application/pdf" ? [] : [wrong("mime_type", "must be application/pdf")]),
    ...(content === null ? [wrong("inline_content", "must be set")] : []),
    ...(((content?.length ?? 0) * 3) / 4 > bytesMax ? [wrong("inline_content", "must have at most 4 MB")] : []),
  ];
};
