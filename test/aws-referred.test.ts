import { describe, expect, it } from "vitest";
import type { JsonObject, Observation } from "../src/domain/deal.ts";
import { coSellOf, now, openSession } from "./aws-double.ts";

const { invitations } = coSellOf(openSession().session);
const dealOf = (record: Observation) => {
  if (invitations === undefined) throw new Error("no invitations");
  return invitations.dealOf(record);
};
const micro = "2026-08-01T09:30:12.078035+00:00";

describe("a deal made of AWS's record", () => {
  const record = (opportunity: JsonObject): Observation => ({
    ref: { id: "O7" },
    version: micro,
    event: null,
    facts: {},
    people: [{ email: "sam@aws.example", name: "Sam Ito", title: "PDM" }],
    body: JSON.stringify({
      opportunity: { Catalog: "AWS", Id: "O7", LastModifiedDate: micro, ...opportunity },
      summary: null,
    }),
    seenAt: now,
  });
  const full: JsonObject = {
    OpportunityType: "Expansion",
    NationalSecurity: "No",
    Customer: {
      Account: {
        CompanyName: "Pinwheel Mills",
        WebsiteUrl: "https://pinwheel.example",
        Industry: "Manufacturing",
        Address: { CountryCode: "US", StateOrRegion: "Ohio", City: "Dayton", PostalCode: "45402" },
      },
      Contacts: [{ Email: "ada@pinwheel.example", FirstName: "Ada" }, { FirstName: "Nobody" }],
    },
    Project: {
      Title: "Looms",
      CustomerBusinessProblem: "Looms stand still and nobody notices.",
      CustomerUseCase: "IOT",
      DeliveryModels: ["SaaS or PaaS"],
      ExpectedCustomerSpend: [{ Amount: "2500.00", CurrencyCode: "USD", Frequency: "Monthly", TargetCompany: "AWS" }],
    },
    RelatedEntityIdentifiers: { Solutions: ["S-0000001"] },
    OpportunityTeam: [{ Email: "seller@aws.example" }],
    LifeCycle: { Stage: "Qualified", ReviewStatus: "Approved", TargetCloseDate: "2027-01-31", NextSteps: "Call" },
  };

  it("holds what AWS's record says in our words; AWS's own people are never among its contacts", () => {
    const { deal, done: outcomes, isUnsubmitted } = dealOf(record(full));
    expect(deal).toMatchObject({
      title: "Looms",
      type: "expansion",
      stage: "qualified",
      closeDate: "2027-01-31",
      nextSteps: "Call",
      account: { name: "Pinwheel Mills", country: "US", state: "Ohio", city: "Dayton", postalCode: "45402" },
      contacts: [{ role: "customer", email: "ada@pinwheel.example" }],
      programmes: {
        aws: {
          useCase: "IOT",
          deliveryModels: ["SaaS or PaaS"],
          expectedMonthlySpend: { amount: "2500.00", currency: "USD" },
          solutions: ["S-0000001"],
        },
      },
    });
    expect(JSON.stringify(deal)).not.toMatch(/aws\.example|Nobody/);
    expect([outcomes.map(({ key }) => key), isUnsubmitted]).toEqual([["create", "start"], false]);
  });

  it("of a lead is not submitted yet; a record that holds next to nothing still makes a deal", () => {
    const {
      deal,
      done: outcomes,
      isUnsubmitted,
    } = dealOf(
      record({
        Customer: { Account: { Address: { CountryCode: "Ohio" } } },
        LifeCycle: { ReviewStatus: "Pending Submission" },
      }),
    );
    expect(deal).toMatchObject({
      title: "Referral O7",
      stage: "prospect",
      account: { name: "Customer of O7", country: null },
      contacts: [],
    });
    expect([outcomes.map(({ key }) => key), isUnsubmitted]).toEqual([["create"], true]);
  });
});
