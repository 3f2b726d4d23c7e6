/** Rules about the project, the stage of the deal and the marketing it came from. */
import { finding, none } from "../findings.ts";
import { hasLength, isListed, matches, needs, type Rule, sources, textAt, textsAt } from "./checks.ts";
import { ourFields, type Path } from "./document.ts";
import {
  apnPrograms,
  channels,
  closedLostReasons,
  competitors,
  deliveryModels,
  marketingSources,
  marketingUseCases,
  primaryNeeds,
  salesActivities,
  useCases,
} from "./picklists.generated.ts";

const picklist = (path: Path, name: string, list: readonly string[]): Pick<Rule, "about" | "when" | "check"> => ({
  about: path,
  when: "always",
  check: isListed({ path, name, list }),
});
const requiredList = (path: Path, name: string, list: readonly string[]): Pick<Rule, "about" | "when" | "check"> => ({
  about: path,
  when: "always",
  check: (given) => [...needs(path, name, JSON.stringify(list[0]))(given), ...isListed({ path, name, list })(given)],
});

export const projectRules: readonly Rule[] = [
  {
    id: "aws.title.required",
    about: "Project.Title",
    when: "always",
    says: "The title is required, at most 255 characters.",
    source: sources.project,
    check: (given) => [
      ...needs("Project.Title", "the deal's title", '"Data lake for Example Industries"')(given),
      ...hasLength("Project.Title", "the title", [1, 255])(given),
    ],
  },
  {
    id: "aws.problem.length",
    about: "Project.CustomerBusinessProblem",
    when: "always",
    says: "The customer's business problem is required, 20 to 2000 characters.",
    source: sources.project,
    check: (given) => [
      ...needs(
        "Project.CustomerBusinessProblem",
        "the customer's business problem",
        '"Reports take three days and cannot be trusted; we replace them with …"',
      )(given),
      ...hasLength("Project.CustomerBusinessProblem", "the business problem", [20, 2000])(given),
    ],
  },
  {
    id: "aws.use-case.listed",
    says: "The use case is required and one of 39.",
    source: sources.project,
    ...requiredList("Project.CustomerUseCase", "a use case", useCases),
  },
  {
    id: "aws.delivery-models.listed",
    says: "At least one delivery model, each of AWS's six.",
    source: sources.project,
    ...requiredList("Project.DeliveryModels", "a delivery model", deliveryModels),
  },
  {
    id: "aws.sales-activities.listed",
    says: "At least one sales activity, each of AWS's eight.",
    source: sources.project,
    ...requiredList("Project.SalesActivities", "a sales activity", salesActivities),
  },
  {
    id: "aws.primary-needs.listed",
    says: "At least one need from AWS, each of AWS's eight.",
    source: sources.create,
    ...requiredList("PrimaryNeedsFromAws", "a need from AWS", primaryNeeds),
  },
  {
    id: "aws.apn-programs.listed",
    says: "APN programs are of AWS's sixteen.",
    source: sources.project,
    ...picklist("Project.ApnPrograms", "an APN program", apnPrograms),
  },
  {
    id: "aws.competitor.listed",
    says: "The competitor is one of eleven.",
    source: sources.project,
    ...picklist("Project.CompetitorName", "a competitor", competitors),
  },
  {
    id: "aws.other-competitor.only-with-other",
    about: "Project.OtherCompetitorNames",
    when: "always",
    triggers: ["Project.CompetitorName"],
    says: "Another competitor's name is given exactly when the competitor is *Other; at most 255 characters.",
    source: sources.project,
    check: (given) => {
      const other = textAt(given.document, "Project.CompetitorName") === "*Other";
      const named = textAt(given.document, "Project.OtherCompetitorNames") !== "";
      if (other && !named)
        return finding("required", "With competitor *Other, AWS needs the name.", "Name it in aws.otherCompetitor.");
      if (!other && named)
        return finding(
          "conflicting",
          "AWS takes another competitor's name only with competitor *Other.",
          'Remove aws.otherCompetitor, or set aws.competitor to "*Other".',
        );
      return hasLength("Project.OtherCompetitorNames", "the competitor's name", [1, 255])(given);
    },
  },
  {
    id: "aws.comments.length",
    about: "Project.AdditionalComments",
    when: "always",
    says: "Comments have at most 255 characters.",
    source: sources.project,
    check: hasLength("Project.AdditionalComments", "the comments", [1, 255]),
  },
  {
    id: "aws.related-opportunity.renewal",
    about: "Project.RelatedOpportunityIdentifier",
    when: "always",
    triggers: ["OpportunityType"],
    says: "A renewal names the AWS opportunity it renews, O and digits.",
    source: sources.fields,
    check: (given) => [
      ...(textAt(given.document, "OpportunityType") === "Flat Renewal"
        ? needs("Project.RelatedOpportunityIdentifier", "the AWS opportunity that is renewed", '"O1234567"')(given)
        : none),
      ...matches("Project.RelatedOpportunityIdentifier", /^O\d{1,19}$/, [
        "AWS takes the id of a related opportunity as the letter O and digits.",
        'Type it as in Partner Central, for example "O1234567".',
      ])(given),
    ],
  },
];

export const lifeCycleRules: readonly Rule[] = [
  {
    id: "aws.stage.submittable",
    about: "LifeCycle.Stage",
    when: "submission",
    says: "A deal is submitted from stage Qualified on, and not after it was lost.",
    source: sources.lifeCycle,
    check: ({ document }) => {
      const stage = textAt(document, "LifeCycle.Stage");
      if (stage === "Prospect")
        return finding(
          "not_allowed",
          "AWS takes deals only once they are qualified; this one is a prospect.",
          'Set stage to "qualified" once the customer has confirmed the need.',
        );
      return stage === "Closed Lost"
        ? finding("not_allowed", "AWS takes no deals that are already lost.", "Share it only if it is open again.")
        : none;
    },
  },
  {
    id: "aws.lost-reason.listed",
    about: "LifeCycle.ClosedLostReason",
    when: "always",
    triggers: ["LifeCycle.Stage"],
    says: "A lost deal has one of AWS's 19 reasons.",
    source: sources.lifeCycle,
    check: (given) => {
      if (textAt(given.document, "LifeCycle.Stage") !== "Closed Lost") return none;
      return [
        ...needs("LifeCycle.ClosedLostReason", "the reason of a lost deal", '"Price"')(given),
        ...isListed({ path: "LifeCycle.ClosedLostReason", name: "a reason", list: closedLostReasons })(given),
      ];
    },
  },
  {
    id: "aws.next-steps.length",
    about: "LifeCycle.NextSteps",
    when: "always",
    says: "Next steps have at most 255 characters.",
    source: sources.lifeCycle,
    check: hasLength("LifeCycle.NextSteps", "next steps", [1, 255]),
  },
  {
    id: "aws.close-date.future",
    about: "LifeCycle.TargetCloseDate",
    when: "always",
    triggers: "any",
    says: "The target close date is required and not in the past, until the deal is launched or lost.",
    source: sources.lifeCycle,
    check: (given) => {
      const stage = textAt(given.document, "LifeCycle.Stage");
      const date = textAt(given.document, "LifeCycle.TargetCloseDate");
      if (date === "")
        return needs("LifeCycle.TargetCloseDate", "the expected close date", `"${given.draft.today}"`)(given);
      return date < given.draft.today && stage !== "Launched" && stage !== "Closed Lost"
        ? finding(
            "in_the_past",
            `AWS takes no close date in the past; this one is ${date}.`,
            `Set closeDate to ${given.draft.today} or later.`,
          )
        : none;
    },
  },
];

export const marketingRules: readonly Rule[] = [
  {
    id: "aws.marketing-source.listed",
    says: "Every deal states its marketing source: None or Marketing Activity.",
    source: sources.marketing,
    ...requiredList("Marketing.Source", "a marketing source", marketingSources.toReversed()),
  },
  ...(
    [
      ["Marketing.CampaignName", "a campaign"],
      ["Marketing.Channels", "channels"],
      ["Marketing.UseCases", "marketing use cases"],
      ["Marketing.AwsFundingUsed", "funding"],
    ] as const
  ).map(
    ([path, name]): Rule => ({
      id: `aws.marketing-none.${path.slice(10)}`,
      about: path,
      when: "always",
      triggers: ["Marketing.Source"],
      says: `With marketing source None, ${name} must be absent.`,
      source: sources.marketing,
      check: ({ document }) =>
        textAt(document, "Marketing.Source") === "None" &&
        (textAt(document, path) !== "" || textsAt(document, path).length > 0)
          ? finding(
              "conflicting",
              `AWS takes ${name} only for a deal that came from an AWS marketing activity.`,
              `Remove ${ourFields[path]}, or set aws.marketing.source to "Marketing Activity".`,
            )
          : none,
    }),
  ),
  {
    id: "aws.marketing-funding.required",
    about: "Marketing.AwsFundingUsed",
    when: "always",
    triggers: ["Marketing.Source"],
    says: "A marketing activity states whether AWS funding was used: Yes or No.",
    source: sources.marketing,
    check: (given) =>
      textAt(given.document, "Marketing.Source") === "Marketing Activity"
        ? [
            ...needs("Marketing.AwsFundingUsed", "whether AWS funding was used", '"No"')(given),
            ...isListed({ path: "Marketing.AwsFundingUsed", name: "an answer", list: ["Yes", "No"] })(given),
          ]
        : none,
  },
  {
    id: "aws.marketing-use-cases.funded",
    about: "Marketing.UseCases",
    when: "always",
    triggers: ["Marketing.AwsFundingUsed"],
    says: "Marketing use cases are of AWS's 26, and empty when no AWS funding was used.",
    source: sources.marketing,
    check: (given) =>
      textAt(given.document, "Marketing.AwsFundingUsed") === "No" &&
      textsAt(given.document, "Marketing.UseCases").length > 0
        ? finding(
            "conflicting",
            "AWS takes marketing use cases only when AWS funding was used.",
            'Remove aws.marketing.useCases, or set aws.marketing.awsFundingUsed to "Yes".',
          )
        : isListed({ path: "Marketing.UseCases", name: "a marketing use case", list: marketingUseCases })(given),
  },
  {
    id: "aws.marketing-channels.listed",
    says: "Marketing channels are of AWS's 13.",
    source: sources.marketing,
    ...picklist("Marketing.Channels", "a marketing channel", channels),
  },
];
