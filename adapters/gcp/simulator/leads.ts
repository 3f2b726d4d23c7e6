/**
 * The legacy surface: leads, and the opportunities that approved ones become. It lists nothing.
 * https://developers.google.com/cloud-crm-partners/reference/rest
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { at, isList, objectAt, textAt, withAt } from "../../simulator/document.ts";
import { addDays } from "../../simulator/ground.ts";
import { forbidden, invalid, notFound, refusal, violation } from "./answers.ts";
import type { CrmRecord } from "./ledger.ts";
import { isOutputPath, masked, readMask } from "./mask.ts";
import { type Call, sent } from "./opportunities.ts";
import { declinedFor, ownerOf, type Person } from "./sellers.ts";
import { outputPaths, printed } from "./shapes.ts";
import { crmCatalogue, snake } from "./tables.ts";
import { dateOf, type Occasion, type World } from "./world.ts";

const opportunity = "LeadOpportunity";

export const createLeads = (world: World) => {
  const { ledger, dice } = world;
  const shown = (message: string, document: JsonObject): JsonObject =>
    world.settings().rules.defaults === "print" ? printed(crmCatalogue, message, document) : document;
  const mine = (row: CrmRecord | null, call: Call, name: string): CrmRecord => {
    if (row?.partner === call.partner) return row;
    throw notFound(name);
  };
  const lead = (call: Call): CrmRecord => mine(ledger.leads.get(call.names[1] ?? ""), call, nameOf(call, "leads"));
  const deal = (call: Call): CrmRecord =>
    mine(ledger.leadOpportunities.get(call.names[1] ?? ""), call, nameOf(call, "opportunities"));

  const create = (call: Call): JsonObject => {
    const given = sent(world, call.input, { catalogue: crmCatalogue, message: "Lead", path: "lead" });
    checkLead(given);
    refuseDuplicate(call, textAt(given, "externalSystemId"));
    const id = world.letters("lead", 18);
    const document = {
      ...given,
      name: `partners/${call.partner}/leads/${id}`,
      leadStatus: "SUBMITTED",
      leadApprovalStatus: "PENDING",
      submittedTime: world.stamp(call.now),
      createDate: dateOf(call.now),
    };
    const customer = JSON.stringify(objectAt(given, "customer"));
    const fate = world.fateOf("lead", customer, textAt(given, "opportunitySummary"));
    ledger.leads.put(id, { id, partner: call.partner, sequence: world.sequence(), fate, document });
    const { reviewer, timing } = world.settings();
    const at = addDays(call.now, dice.between(timing.reviewDays, fate, "days"));
    if (reviewer === "seeded") world.schedule("lead_verdict", id, at);
    return shown("Lead", document);
  };

  const checkLead = (given: JsonObject): void => {
    const absent = world.settings().leads.required.filter((path) => at(given, path) === undefined);
    const missing = absent.map((path) => snake(`lead.${path}`));
    const products = at(given, "productInterests");
    const found = missing.map((field) => violation(field, `The field '${field}' is required and must be set`));
    if (isList(products) && products.length > 1)
      found.push(
        violation("lead.product_interests", "The field 'lead.product_interests' takes a single value at this time"),
      );
    if (found.length > 0) throw invalid(found);
  };

  const refuseDuplicate = (call: Call, external: string | null): void => {
    if (external === null || world.settings().leads.duplicate === "accept") return;
    const twin = ledger.leads
      .all()
      .find((row) => row.partner === call.partner && textAt(row.document, "externalSystemId") === external);
    if (twin)
      throw refusal(
        "ALREADY_EXISTS",
        `Resource '${textAt(twin.document, "name")}' already has this external_system_id`,
      );
  };

  const mustWait = (row: CrmRecord): void => {
    const status = textAt(row.document, "leadApprovalStatus");
    if (status === "PENDING") return;
    throw forbidden("FAILED_PRECONDITION", [
      violation(row.id, `The lead ${row.id} is ${status}; it must be PENDING for this`),
    ]);
  };
  const decided = (row: CrmRecord, changes: JsonObject): CrmRecord => {
    world.cancel(row.id, ["lead_verdict"]);
    const saved = { ...row, document: { ...row.document, ...changes } };
    ledger.leads.put(row.id, saved);
    return saved;
  };

  /** The lead becomes an opportunity with an owner at Google. */
  const approve = (row: CrmRecord, owner: Partial<Person>, { now }: Occasion): CrmRecord => {
    mustWait(row);
    const id = world.settings().leads.sameId ? row.id : world.letters("lead opportunity", 18);
    const { name, email } = { ...ownerOf(row.fate, dice), ...owner };
    const [givenName = "", ...family] = name.split(" ");
    const { document: lead } = row;
    const products = at(lead, "productInterests");
    const external = textAt(lead, "externalSystemId");
    const document: JsonObject = {
      name: `partners/${row.partner}/opportunities/${id}`,
      lead: textAt(lead, "name"),
      owner: { givenName, familyName: family.join(" "), email },
      dealSize: at(lead, "partnerAnnualContractValue") ?? 0,
      dealCurrencyCode: textAt(lead, "leadCurrencyCode") ?? "",
      closeDate: objectAt(lead, "estimatedCloseDate"),
      salesStage: "QUALIFY",
      winProbability: "10",
      ...(isList(products) && products[0] !== undefined ? { productFamily: products[0] } : {}),
      customer: objectAt(lead, "customer"),
      qualificationState: "QUALIFIED",
      ...(external === null ? {} : { externalSystemId: external }),
      createDate: dateOf(now),
      submitDate: objectAt(lead, "createDate"),
    };
    ledger.leadOpportunities.put(id, { ...row, id, sequence: world.sequence(), document });
    return decided(row, { leadStatus: "CONVERTED", leadApprovalStatus: "APPROVED", approvalNotes: "Approved" });
  };

  const reject = (row: CrmRecord, reason: string | undefined): CrmRecord => {
    mustWait(row);
    const comments = reason ?? declinedFor(row.fate, dice, 1);
    return decided(row, { leadStatus: "CLOSED", leadApprovalStatus: "REJECTED", rejectionComments: comments });
  };

  const patch = (call: Call): JsonObject => {
    const row = deal(call);
    const given = sent(world, call.input, { catalogue: crmCatalogue, message: opportunity, path: "opportunity" });
    const paths = readMask(crmCatalogue, opportunity, call.query.get("updateMask"));
    const open = paths.filter((path) => !isOutputPath(crmCatalogue, opportunity, path));
    const edited = masked(row.document, given, open);
    const document = outputPaths(crmCatalogue, opportunity, row.document).reduce(
      (left, path) => withAt(left, path, at(row.document, path)),
      edited,
    );
    ledger.leadOpportunities.put(row.id, { ...row, document });
    return shown(opportunity, document);
  };

  return {
    create,
    get: (call: Call): JsonObject => shown("Lead", lead(call).document),
    opportunity: (call: Call): JsonObject => shown(opportunity, deal(call).document),
    patch,
    approve,
    reject,
    /** The seeded reviewer decides. */
    decide: (row: CrmRecord, occasion: Occasion): void => {
      if (dice.draw(row.fate, "verdict") < world.settings().proportions.decline) reject(row, undefined);
      else approve(row, {}, occasion);
    },
    /** Google edits members of a lead's opportunity; null removes one. */
    edit: (row: CrmRecord, changes: JsonObject): CrmRecord => {
      const document = Object.entries(changes).reduce(
        (left, [path, value]) => withAt(left, path, value ?? undefined),
        row.document,
      );
      const saved = { ...row, document };
      ledger.leadOpportunities.put(row.id, saved);
      return saved;
    },
  };
};
export type Leads = ReturnType<typeof createLeads>;

const nameOf = (call: Call, kind: string): string => `partners/${call.partner}/${kind}/${call.names[1] ?? ""}`;
