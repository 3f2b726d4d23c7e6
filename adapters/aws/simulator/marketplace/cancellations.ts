/** Requests of the seller to cancel an agreement: the buyer approves or rejects; after some days one approves itself. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { fold } from "../../../simulator/dice.ts";
import { canonical, textAt } from "../../../simulator/document.ts";
import { addDays } from "../../../simulator/ground.ts";
import { modelled } from "../answers.ts";
import type { Occasion, World } from "../world.ts";
import type { AgreementReads } from "./agreement-reads.ts";
import type { Agreements } from "./agreements.ts";
import type { MarketCall } from "./calls.ts";
import type { News } from "./news.ts";
import { pageOf } from "./paging.ts";
import { epoch } from "./periods.ts";
import { type Cancellation, marketplaceCatalog } from "./records.ts";
import { agreementMissing, agreementRefusal, unacceptable } from "./refusals.ts";

export interface CancellationParts {
  readonly agreements: Agreements;
  readonly reads: AgreementReads;
  readonly news: News;
}

export const createCancellations = (world: World, { agreements, reads, news }: CancellationParts) => {
  const { ledger, dice } = world;

  const move = (row: Cancellation, to: Partial<Cancellation>, occasion: Occasion): Cancellation => {
    const moved = { ...row, ...to, updatedAt: occasion.now.toISOString() };
    ledger.cancellations.put(row.id, moved);
    news.cancellation(moved, agreements.find(row.agreementId), occasion);
    return moved;
  };

  const find = (call: MarketCall): Cancellation => {
    const agreement = reads.find(call);
    const id = textAt(call.input, "agreementCancellationRequestId") ?? "";
    const row = ledger.cancellations.get(id);
    if (row?.agreementId === agreement.id) return row;
    throw agreementMissing("AgreementCancellationRequest", id);
  };
  const openOf = (agreementId: string): Cancellation | null =>
    ledger.cancellations.all().find((row) => row.agreementId === agreementId && row.status === "PENDING_APPROVAL") ??
    null;

  const begin = (call: MarketCall): JsonObject => {
    const agreement = reads.find(call);
    if (agreement.account !== call.account)
      throw agreementRefusal("AccessDeniedException", "Only the proposer can ask for a cancellation.", {
        reason: "INVALID_ACCESS",
      });
    if (agreement.status !== "ACTIVE")
      throw unacceptable("INACTIVE_AGREEMENT", `Agreement ${agreement.id} is ${agreement.status}`, "agreementId");
    if (openOf(agreement.id) !== null)
      throw agreementRefusal("ConflictException", `A cancellation request for ${agreement.id} is already pending.`, {
        resourceId: agreement.id,
        resourceType: "AgreementCancellationRequest",
      });
    const at = call.now.toISOString();
    const row: Cancellation = {
      id: `acr-${world.letters("cancellation", 16)}`,
      sequence: world.sequence(),
      agreementId: agreement.id,
      account: call.account,
      reasonCode: textAt(call.input, "reasonCode") ?? "OTHER",
      description: textAt(call.input, "description"),
      status: "PENDING_APPROVAL",
      statusMessage: null,
      createdAt: at,
      updatedAt: at,
    };
    ledger.cancellations.put(row.id, row);
    news.cancellation(row, agreement, call);
    const { cancellationDays, rejectCancellation } = world.settings().marketplace;
    const rejects =
      world.settings().reviewer === "seeded" && dice.draw(agreement.fate, "rejects", row.sequence) < rejectCancellation;
    const days = rejects
      ? cancellationDays * dice.between([0.1, 0.9], agreement.fate, "rejects after")
      : cancellationDays;
    world.schedule("cancellation", `${row.id}|${rejects ? "reject" : "approve"}`, addDays(call.now, days));
    return viewOf(row);
  };

  const approve = (row: Cancellation, message: string | null, occasion: Occasion): Cancellation => {
    const approved = move(row, { status: "APPROVED", statusMessage: message }, occasion);
    const agreement = agreements.find(row.agreementId);
    if (agreement.status === "ACTIVE") agreements.end(agreement, "CANCELLED", occasion);
    return approved;
  };
  const reject = (row: Cancellation, occasion: Occasion): Cancellation =>
    move(row, { status: "REJECTED", statusMessage: "The buyer rejected the request." }, occasion);
  /** The open request of an agreement, for the controls. */
  const pending = (agreementId: string): Cancellation => {
    const row = openOf(agreementId);
    if (row !== null) return row;
    throw modelled("ConflictException", `No cancellation request for ${agreementId} is pending`);
  };

  return {
    send: (call: MarketCall): JsonObject => {
      const token = textAt(call.input, "clientToken");
      if (token === null) return begin(call);
      const id = `${call.account}:${call.operation}:${token}`;
      const digest = fold(canonical(call.input)).toString(36);
      const kept = ledger.tokens.get(id);
      if (kept !== null && kept.digest !== digest)
        throw agreementRefusal("ConflictException", "clientToken was used for another request.");
      if (kept !== null) return kept.answer;
      const answer = begin(call);
      ledger.tokens.put(id, { operation: call.operation, digest, answer, at: call.now.toISOString() });
      return answer;
    },
    get: (call: MarketCall): JsonObject => viewOf(find(call)),
    cancel: (call: MarketCall): JsonObject => {
      const row = find(call);
      if (row.status !== "PENDING_APPROVAL")
        throw agreementRefusal("ConflictException", `The cancellation request is ${row.status}.`, {
          resourceId: row.id,
          resourceType: "AgreementCancellationRequest",
        });
      const statusMessage = textAt(call.input, "cancellationReason");
      return viewOf(move(row, { status: "CANCELLED", statusMessage }, call));
    },
    list: (call: MarketCall): JsonObject => {
      const party = textAt(call.input, "partyType");
      if (party !== "Proposer" && party !== "Acceptor")
        throw unacceptable("INVALID_PARTY_TYPE", "partyType must be Proposer or Acceptor", "partyType");
      const agreementId = textAt(call.input, "agreementId");
      const status = textAt(call.input, "status");
      const rows = ledger.cancellations
        .all()
        .filter((row) => {
          const agreement = ledger.agreements.get(row.agreementId);
          return (
            (party === "Proposer" ? agreement?.account : agreement?.acceptor) === call.account &&
            (agreementId ?? row.agreementId) === row.agreementId &&
            (status ?? row.status) === row.status
          );
        })
        .map((row) => ({ id: row.id, key: row.createdAt, view: summaryOf(row) }));
      const { views, token } = pageOf(rows, { ...call, descending: false, size: Number(call.input.maxResults ?? 50) });
      return { items: views, ...(token === null ? {} : { nextToken: token }) };
    },
    /** The buyer's answer, or the time that stands for it. */
    decide: (subject: string, occasion: Occasion): void => {
      const [id = "", how] = subject.split("|");
      const row = ledger.cancellations.get(id);
      if (row?.status !== "PENDING_APPROVAL") return;
      if (how === "reject") reject(row, occasion);
      else approve(row, "Approved automatically.", occasion);
    },
    approve: (agreementId: string, occasion: Occasion) => approve(pending(agreementId), null, occasion),
    reject: (agreementId: string, occasion: Occasion) => reject(pending(agreementId), occasion),
  };
};
export type Cancellations = ReturnType<typeof createCancellations>;

const summaryOf = (row: Cancellation): JsonObject => ({
  agreementCancellationRequestId: row.id,
  agreementId: row.agreementId,
  status: row.status,
  reasonCode: row.reasonCode,
  agreementType: "PurchaseAgreement",
  catalog: marketplaceCatalog,
  createdAt: epoch(row.createdAt),
  updatedAt: epoch(row.updatedAt),
});
const viewOf = (row: Cancellation): JsonObject => {
  const { agreementType: _type, catalog: _catalog, ...kept } = summaryOf(row);
  return {
    ...kept,
    ...(row.description === null ? {} : { description: row.description }),
    ...(row.statusMessage === null ? {} : { statusMessage: row.statusMessage }),
  };
};
