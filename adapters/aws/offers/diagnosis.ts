/**
 * What private offers need of AWS Marketplace, tried without changing anything: reads are made, and the one write asks for a dry
 * run (intent VALIDATE) on an offer that does not exist.
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { type Check, found } from "../../../src/domain/diagnosis.ts";
import type { Fault } from "../../../src/domain/fault.ts";
import { errorTypeOf } from "../faults.ts";
import { availabilityChange } from "./changes.ts";
import type { MarketplaceOperation } from "./client.ts";
import type { MarketplaceDeps } from "./reading.ts";

/** No record of AWS's has these. */
const nobody = {
  offer: "offer-0000000000000",
  agreement: "agmt-0000000000000000000000000",
  changeSet: "0000000000000",
};
const policy = "AWSMarketplaceSellerOfferManagement";

/** The checks of AWS Marketplace; none where the connection makes no offers. */
export const offerChecks = (at: MarketplaceDeps | null): readonly Check[] => {
  if (at === null) return [];
  const check = (
    id: string,
    [operation, kind, body]: readonly [MarketplaceOperation, "read" | "write", JsonObject],
    needs: readonly string[] = ["credentials"],
  ): Check => ({
    id,
    what: kind === "read" ? `${operation} at AWS Marketplace` : `${operation} that AWS must refuse: it names no offer`,
    needs,
    run: async () => {
      const sent = await at.wire.send(operation, kind, body);
      if (sent.ok) return found.ok("AWS answers");
      const type = sent.answer === undefined ? null : errorTypeOf(sent.answer);
      if (type === "ResourceNotFoundException") return found.ok("AWS lets us ask, and knows no such record");
      if (type === "ValidationException" || type === "ResourceNotSupportedException")
        return found.ok("AWS lets us ask, and refuses what was asked");
      if (sent.fault.kind === "missing") return found.ok("AWS lets us ask, and shows no such record to this account");
      return found.failed(sent.fault.message, remedyOf(operation, sent.fault));
    },
  });
  const party = [
    { name: "PartyType", values: ["Proposer"] },
    { name: "AgreementType", values: ["PurchaseAgreement"] },
  ];
  return [
    check("list-offers", ["ListEntities", "read", { EntityType: "Offer", MaxResults: 1 }]),
    check("get-offer", ["DescribeEntity", "read", { EntityId: nobody.offer }]),
    check("list-change-sets", ["ListChangeSets", "read", { MaxResults: 1 }]),
    check("get-change-set", ["DescribeChangeSet", "read", { ChangeSetId: nobody.changeSet }]),
    check(
      "start-change-set",
      [
        "StartChangeSet",
        "write",
        {
          Intent: "VALIDATE",
          ChangeSet: [availabilityChange(nobody.offer, "1970-01-01")],
          ClientRequestToken: "cosell-doctor",
        },
      ],
      ["credentials", "list-offers"],
    ),
    check("list-agreements", ["SearchAgreements", "read", { filters: party, maxResults: 1 }]),
    check("get-agreement", ["DescribeAgreement", "read", { agreementId: nobody.agreement }]),
    check("get-agreement-terms", ["GetAgreementTerms", "read", { agreementId: nobody.agreement }]),
    check("list-invoices", [
      "ListAgreementInvoiceLineItems",
      "read",
      { agreementId: nobody.agreement, groupBy: "INVOICE_ID", maxResults: 1 },
    ]),
  ];
};

const remedyOf = (operation: string, fault: Fault): string => {
  if (fault.kind === "denied")
    return `Allow aws-marketplace:${operation} to the connection's user or role: attach ${policy}, or the policy PrivateOffers of infra/aws/permissions.yaml. If it is attached, check that this account is registered as a seller at AWS Marketplace.`;
  if (fault.kind === "throttled") return "AWS or our own quota asks to wait: run the diagnosis again later.";
  if (fault.kind === "unavailable" || fault.kind === "ambiguous")
    return "Check that this machine reaches AWS Marketplace's addresses on port 443; then run the diagnosis again.";
  return "Update cosell; if it stays, report it.";
};
