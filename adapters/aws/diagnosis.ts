/**
 * What a connection to AWS needs, tried for real and without changing anything there. Reads are simply made. Whether a write is
 * allowed shows in how AWS refuses one that cannot succeed: permissions are asked before the record is looked up, and an
 * update of a record that does not exist, against a version of 1970, is refused twice over whatever is stored.
 * https://docs.aws.amazon.com/partner-central/latest/APIReference/API_UpdateOpportunity.html
 */
import * as z from "zod";
import type { JsonObject } from "../../src/domain/deal.ts";
import { type Check, type Found, found } from "../../src/domain/diagnosis.ts";
import type { Fault } from "../../src/domain/fault.ts";
import type { Known, SessionDeps } from "../contract.ts";
import { jsonOf } from "../text.ts";
import { type KeyFinder, keysOf, NotSent, type Operation, type Sent, type Wire } from "./client.ts";
import { type Answer, errorTypeOf } from "./faults.ts";
import { offerChecks } from "./offers/diagnosis.ts";
import type { MarketplaceDeps } from "./offers/reading.ts";
import { queueChecks } from "./queue-diagnosis.ts";
import type { Target } from "./settings.ts";

export interface DiagnosisDeps {
  readonly deps: SessionDeps;
  readonly target: Target;
  readonly wire: Wire;
  readonly finder: KeyFinder | null;
  readonly known: Known;
  /** Null: the connection makes no private offers. */
  readonly marketplace: MarketplaceDeps | null;
}

/** SigV4 refuses a request that is more than five minutes off. */
const skewSecondsMax = 120;
/** No record of AWS's has these: identifiers count up from a million. */
const nobody = { opportunity: "O0", solution: "S-0" } as const;
const epoch = "1970-01-01T00:00:00Z";
const solutionsMax = 20;

const solutionsSchema = z.looseObject({
  SolutionSummaries: z.array(z.looseObject({ Id: z.string(), Status: z.string().nullish() })),
});
const rowsSchema = z.looseObject({ OpportunitySummaries: z.array(z.looseObject({ Arn: z.string().nullish() })) });

/** The checks of a connection to AWS, in the order in which one explains the next. */
export const checksOf = (at: DiagnosisDeps): readonly Check[] => {
  const seen: { answer: Answer | null; atMs: number; list: string } = { answer: null, atMs: 0, list: "" };
  const ask = async (operation: Operation, kind: "read" | "write", body: JsonObject): Promise<Sent> => {
    const sent = await at.wire.send(operation, kind, { Catalog: at.target.catalog, ...body });
    const answer = sent.ok ? sent.value : (sent.answer ?? null);
    if (answer?.date != null) Object.assign(seen, { answer, atMs: at.deps.clock.now().getTime() });
    if (operation === "ListOpportunities" && sent.ok) seen.list = sent.value.text;
    return sent;
  };
  const reads = (id: string, operation: Operation, body: JsonObject): Check => ({
    id,
    what: `${operation} in catalog ${at.target.catalog}`,
    needs: ["credentials"],
    run: async () => outcome(at, operation, await ask(operation, "read", body)),
  });
  const refused = (id: string, operation: Operation, body: JsonObject): Check => ({
    id,
    what: `${operation} that AWS must refuse: it names nothing that exists`,
    needs: ["credentials", "list-opportunities"],
    run: async () => outcome(at, operation, await ask(operation, "write", body)),
  });
  const id = at.known.remoteId ?? nobody.opportunity;
  return [
    credentialsCheck(at),
    reads("list-opportunities", "ListOpportunities", { MaxResults: 1 }),
    clockCheck(at, seen),
    accountCheck(at, seen),
    reads("get-opportunity", "GetOpportunity", { Identifier: id }),
    reads("get-summary", "GetAwsOpportunitySummary", { RelatedOpportunityIdentifier: id }),
    solutionsCheck(at, ask),
    reads("list-invitations", "ListEngagementInvitations", { ParticipantType: "RECEIVER", MaxResults: 1 }),
    reads("list-engagements", "ListEngagements", { MaxResults: 1 }),
    refused("update", "UpdateOpportunity", { Identifier: nobody.opportunity, LastModifiedDate: epoch }),
    refused("associate", "AssociateOpportunity", {
      OpportunityIdentifier: nobody.opportunity,
      RelatedEntityType: "Solutions",
      RelatedEntityIdentifier: nobody.solution,
    }),
    confirmedCheck(at, "create", "CreateOpportunity"),
    confirmedCheck(at, "submit", "StartEngagementFromOpportunityTask"),
    ...offerChecks(at.marketplace),
    ...queueChecks(at),
  ];
};

const credentialsCheck = ({ deps, target, finder }: DiagnosisDeps): Check => {
  const { credentials } = target.settings;
  const source =
    "accessKeyIdRef" in credentials
      ? "the stored access key"
      : "profile" in credentials
        ? `profile ${credentials.profile}`
        : `role ${credentials.roleArn}`;
  return {
    id: "credentials",
    what: `find ${source}`,
    run: async () => {
      try {
        const keys = await keysOf(deps, credentials, finder);
        return found.ok(`${source} is there, ending in ${keys.accessKeyId.slice(-4)}`);
      } catch (error) {
        const message = error instanceof NotSent ? error.fault.message : "the keys cannot be read";
        return found.failed(
          message,
          "accessKeyIdRef" in credentials
            ? `Store them anew: cosell connect aws --account ${target.account} --access-key-id …`
            : "Try the same on this machine: aws sts get-caller-identity, with that profile or role.",
        );
      }
    },
  };
};

/** AWS's clock stands in each answer, also in a refusal. */
const clockCheck = (at: DiagnosisDeps, seen: { readonly answer: Answer | null; readonly atMs: number }): Check => ({
  id: "clock",
  what: "compare this machine's clock with AWS's",
  needs: ["credentials"],
  run: async () => {
    const theirs = Date.parse(seen.answer?.date ?? "");
    if (Number.isNaN(theirs)) return found.skipped("AWS gave no answer with a time");
    const seconds = Math.round((theirs - seen.atMs) / 1_000);
    const far = Math.abs(seconds);
    if (far <= skewSecondsMax) return found.ok(`${far} s apart`);
    const advanced = at.target.host.endsWith(".api.aws") ? "" : " A simulator that was advanced is ahead on purpose.";
    return found.failed(
      `this machine's clock is ${far} s ${seconds > 0 ? "behind" : "ahead of"} AWS's, which refuses signatures from 300 s on`,
      `Set the clock by NTP (timedatectl set-ntp true).${advanced}`,
    );
  },
});

const accountCheck = ({ target }: DiagnosisDeps, seen: { readonly list: string }): Check => ({
  id: "account",
  what: `compare the account with ${target.account}`,
  needs: ["list-opportunities"],
  run: async () => {
    const rows = rowsSchema.safeParse(jsonOf(seen.list)).data?.OpportunitySummaries ?? [];
    const account = /^arn:[^:]*:partnercentral:[^:]*:(\d{12}):/.exec(rows[0]?.Arn ?? "")?.[1];
    if (account === undefined)
      return found.skipped("AWS shows no record that names its account; compare with: aws sts get-caller-identity");
    if (account === target.account) return found.ok("AWS's records name the same account");
    return found.failed(
      `the keys belong to account ${account}, the connection says ${target.account}`,
      `Connect with keys of ${target.account}, or connect account ${account} instead: events of ${account} are not taken here.`,
    );
  },
});

const solutionsCheck = (
  at: DiagnosisDeps,
  ask: (operation: Operation, kind: "read", body: JsonObject) => Promise<Sent>,
): Check => ({
  id: "solutions",
  what: `ListSolutions in catalog ${at.target.catalog}, and the solutions deals get by default`,
  needs: ["credentials"],
  run: async () => {
    const wanted = textsIn(at.target.settings.defaults?.solutions).filter((id) => /^S-\d{1,19}$/.test(id));
    const filter = wanted.length === 0 ? {} : { Identifier: wanted.slice(0, solutionsMax) };
    const sent = await ask("ListSolutions", "read", { ...filter, MaxResults: solutionsMax });
    if (!sent.ok) return outcome(at, "ListSolutions", sent);
    const parsed = solutionsSchema.safeParse(jsonOf(sent.value.text));
    if (!parsed.success) return found.failed("an answer that is not as AWS documents it", drifted);
    const listed = new Map(parsed.data.SolutionSummaries.map(({ Id, Status }) => [Id, Status ?? "Active"]));
    if (wanted.length === 0) return found.ok(`${listed.size} solutions; none is a default, each deal names its own`);
    const missing = wanted.filter((id) => !listed.has(id));
    const idle = wanted.filter((id) => listed.has(id) && listed.get(id) !== "Active");
    if (missing.length + idle.length === 0) return found.ok(`${wanted.join(", ")} active`);
    return found.failed(
      [
        ...missing.map((id) => `${id} is not among the account's solutions`),
        ...idle.map((id) => `${id} is ${listed.get(id)}`),
      ].join("; "),
      "Deals that name no other solution would be refused. Connect again with --solution and one that Partner Central shows as active.",
    );
  },
});

const textsIn = (value: unknown): readonly string[] =>
  typeof value === "string"
    ? value.split(";").map((text) => text.trim())
    : z
        .array(z.string())
        .catch([])
        .parse(value ?? []);

/**
 * A create takes nearly any body, and a start may leave a task behind: none can be sent that is sure to fail. What the journal
 * confirms is proof enough.
 */
const confirmedCheck = ({ known, target }: DiagnosisDeps, id: string, operation: string): Check => ({
  id,
  what: `look for a confirmed ${operation} in the journal`,
  run: async () => {
    const last = known.confirmed[operation];
    return last === undefined
      ? found.skipped(
          `not tried: any ${operation} might succeed, and none is confirmed yet. Allow partnercentral:${operation} with the others (${policyOf(target)})`,
        )
      : found.ok(`AWS confirmed one at ${last}`);
  },
});

const drifted = "Update cosell; if it stays, report it.";
const policyOf = ({ catalog }: Target): string =>
  catalog === "Sandbox" ? "AWSPartnerCentralSandboxFullAccess" : "AWSPartnerCentralOpportunityManagement";

/** What an answer says about the permission to ask. Not finding what does not exist is a good answer. */
const outcome = (at: DiagnosisDeps, operation: Operation, sent: Sent): Found => {
  if (sent.ok) return found.ok("AWS answers");
  const type = sent.answer === undefined ? null : errorTypeOf(sent.answer);
  if (type === "UnknownOperationException") return found.skipped(`this endpoint knows no ${operation}`);
  if (type === "ResourceNotFoundException" && !operation.startsWith("List"))
    return found.ok("AWS lets us ask, and knows no such record");
  if (isFormRefused(sent.answer))
    return found.skipped("AWS refused the request's form, perhaps before it asked for the permission");
  if (type === "ValidationException" || type === "ConflictException")
    return found.ok("AWS lets us ask, and refuses what was asked");
  return found.failed(sent.fault.message, remedyOf(at.target, { operation, type, fault: sent.fault }));
};

const isFormRefused = (answer: Answer | undefined): boolean =>
  z.looseObject({ Reason: z.literal("REQUEST_VALIDATION_FAILED") }).safeParse(jsonOf(answer?.text ?? "")).success;

interface Refusal {
  readonly operation: string;
  readonly type: string | null;
  readonly fault: Fault;
}
const remedyOf = (target: Target, { operation, type, fault }: Refusal): string => {
  const { account, catalog } = target;
  if (
    /^(UnrecognizedClient|InvalidSignature|InvalidClientTokenId|SignatureDoesNotMatch|InvalidAccessKeyId)/.test(
      type ?? "",
    )
  )
    return `The access key is wrong, revoked or of another account. Make one in IAM and store it: cosell connect aws --account ${account} --access-key-id …`;
  if (/^ExpiredToken/.test(type ?? ""))
    return "The session token has expired. Use keys of an IAM user, a profile or a role instead of a copied session.";
  if (fault.kind === "denied")
    return `Allow partnercentral:${operation} for catalog ${catalog} to the connection's user or role: attach ${policyOf(target)}. If it is attached, link account ${account} in Partner Central: Settings, Account linking.`;
  if (fault.kind === "throttled") return "AWS or our own quota asks to wait: run the diagnosis again later.";
  if (fault.kind === "unavailable" || fault.kind === "ambiguous")
    return `Check that this machine reaches ${target.host} on port 443, DNS and firewall included; then run the diagnosis again.`;
  return drifted;
};
