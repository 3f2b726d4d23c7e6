/** `cosell invitations`: the inbox of referrals and leads, one invitation's story, and how it is answered. */
import * as z from "zod";
import { invitationFactsSchema, invitationKinds } from "../domain/invitation.ts";
import { invitationStates } from "../domain/machine.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, problemFailure, withClient } from "./client.ts";
import { type Command, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { findDeal } from "./deals.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { jsonOf } from "./json.ts";
import { didYouMean } from "./nearest.ts";
import { whereabouts } from "./shares.ts";
import { counted, printable, renderTable } from "./table.ts";

const listedDefault = 50;
const listedMax = 100_000;
const historyMax = 5_000;
const settleMs = 60_000;

const listedInvitationSchema = z.looseObject({
  id: z.string(),
  remoteId: z.string().default(""),
  kind: z.enum(invitationKinds),
  state: z.enum(invitationStates),
  facts: invitationFactsSchema,
  daysLeft: z.number().nullable(),
  expiresAt: z.string().nullish(),
  next: z.string(),
  connectionLabel: z.string().default(""),
  candidates: z.union([z.number(), z.array(z.unknown())]).default(0),
});
type ListedInvitation = z.infer<typeof listedInvitationSchema>;

const one = { operands: "<inv_… | the partner's id>", operandsMin: 1, operandsMax: 1 } as const;

export const invitationsCommand: Command = {
  name: "invitations",
  summary: "List referrals and leads from partners, those that wait first",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about:
    "What a partner refers waits here until it is accepted or rejected, by a person or by an answer rule, or runs out.",
  flags: [
    textFlag("state", "a,b", `only these states: ${invitationStates.join(", ")}`),
    textFlag("kind", "kind", "only referrals, or only leads: referral, lead"),
    textFlag("connection", "label", "only invitations from there"),
    textFlag("limit", "count", `rows at most; default ${listedDefault}`),
    switchFlag("all", "all rows"),
  ],
  examples: ["cosell invitations", "cosell invitations --state received", "cosell invitations --kind lead --json"],
  run: (shell, typed) => withClient(shell, whereabouts(typed), (client) => runList(shell, client, typed)),
};

export const invitationShowCommand: Command = {
  ...one,
  name: "invitations show",
  summary: "Tell one invitation's story: what is known, what acceptance will tell, which deals it may be about",
  flags: [],
  examples: [
    "cosell invitations show engi-08hf35ai1y1kc",
    "cosell invitations show inv_0199c0de00007000800000000000a001",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const story = await readStory(client, typed.operands[0] ?? "");
      return { exitCode: exitCodes.ok, text: renderStory(story, shell.columns), json: jsonOf(story) };
    }),
};

export const invitationAcceptCommand: Command = {
  ...one,
  name: "invitations accept",
  summary: "Accept an invitation, as a known deal or as a new one",
  about:
    "When deals of the same company are known, say with --deal which one this is, or ask for a new one with --new: nothing is linked silently.",
  flags: [
    textFlag("deal", "source:key", "the known deal that this is; opp_… does as well"),
    switchFlag("new", "open a new deal although one of the same company is known"),
    switchFlag("dry-run", "only tell what would happen"),
  ],
  examples: [
    "cosell invitations accept engi-08hf35ai1y1kc",
    "cosell invitations accept engi-08hf35ai1y1kc --deal salesforce:006Hs00001ABCDE",
    "cosell invitations accept engi-08hf35ai1y1kc --new --dry-run",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const deal = typed.text("deal");
      if (deal !== undefined && typed.on("new"))
        throw usageFailure("--deal and --new exclude each other", "give one of them");
      const invitation = await findInvitation(client, typed.operands[0] ?? "");
      const opportunityId = deal === undefined ? null : (await findDeal(client, deal)).id;
      const body = { opportunityId, openNew: typed.on("new") };
      return answer(client, typed, { invitation, verb: "accept", body });
    }),
};

export const invitationRejectCommand: Command = {
  ...one,
  name: "invitations reject",
  summary: "Reject an invitation with one of the programme's reasons",
  about:
    "A rejection cannot be taken back: the partner shows the invitation no more. cosell invitations reasons lists the reasons.",
  flags: [
    textFlag("reason", "code", "why; needed, and told to the partner in their own words"),
    switchFlag("dry-run", "only tell what would happen"),
  ],
  examples: [
    "cosell invitations reject engi-08hf35ai1y1kc --reason unable_to_support",
    "cosell invitations reject engi-08hf35ai1y1kc --reason duplicate --dry-run",
  ],
  run: (shell, typed) => {
    const reason = typed.text("reason");
    if (reason === undefined || reason.trim() === "")
      throw usageFailure(
        "cosell invitations reject needs a reason",
        "add --reason <code>; cosell invitations reasons lists them",
      );
    return withClient(shell, whereabouts(typed), async (client) => {
      const invitation = await findInvitation(client, typed.operands[0] ?? "");
      return answer(client, typed, { invitation, verb: "reject", body: { reason } });
    });
  },
};

const reasonSchema = z.looseObject({ code: z.string(), label: z.string(), description: z.string() });
export const invitationReasonsCommand: Command = {
  name: "invitations reasons",
  summary: "List the reasons that a rejection may give",
  operands: "[label]",
  operandsMin: 0,
  operandsMax: 1,
  flags: [],
  examples: ["cosell invitations reasons", 'cosell invitations reasons "AWS production"'],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const connection = await findConnection(client, typed.operands[0]);
      const page = z.object({ items: z.array(reasonSchema) });
      const { items } = await client.get(`/v1/connections/${connection.id}/rejection-reasons`, page);
      const text = renderTable(
        items,
        [
          { title: "reason", cell: (reason) => reason.code },
          { title: "told to the partner as", cell: (reason) => reason.label },
          { title: "when", cell: (reason) => reason.description, shrink: true, lines: 2 },
        ],
        shell.columns,
      );
      return { exitCode: exitCodes.ok, text, json: { connection: connection.id, reasons: jsonOf(items) } };
    }),
};

const runList = async (shell: Shell, client: Client, typed: Arguments): Promise<Report> => {
  const limit = readLimit(typed);
  const query = await readFilter(client, typed);
  const all: ListedInvitation[] = [];
  for await (const row of client.each("/v1/invitations", listedInvitationSchema, query, listedMax)) all.push(row);
  const sorted = all.toSorted((a, b) => rank(a) - rank(b));
  const shown = sorted.slice(0, limit);
  const waiting = all.filter((row) => row.state === "received").length;
  const text =
    all.length === 0
      ? "no invitations; what partners refer to you arrives here by itself\n"
      : [
          renderInvitations(shown, shell.columns),
          `\n${counted(all.length, "invitation")}, ${waiting} ${waiting === 1 ? "waits" : "wait"} for an answer\n`,
          ...(all.length > shown.length ? [`${shown.length} of ${all.length} shown; --all shows all\n`] : []),
        ].join("");
  return { exitCode: exitCodes.ok, text, json: { total: all.length, waiting, invitations: jsonOf(shown) } };
};

/** Those that wait come first, the one that runs out first on top; then the others, newest first. */
const rank = (row: ListedInvitation): number => (row.state === "received" ? (row.daysLeft ?? 10_000) : 100_000);

/** The table of invitations, at most `columns` wide. */
const renderInvitations = (rows: readonly ListedInvitation[], columns: number): string =>
  renderTable(
    rows,
    [
      { title: "invitation", cell: (row) => row.remoteId || row.id },
      { title: "from", cell: (row) => row.facts.sender ?? row.connectionLabel, shrink: true },
      { title: "what", cell: whatOf, shrink: true, lines: 2 },
      {
        title: "expires in",
        cell: (row) => (row.state === "received" && row.daysLeft !== null ? `${row.daysLeft} d` : ""),
        right: true,
      },
      { title: "state", cell: (row) => row.state },
      { title: "what to do next", cell: (row) => row.next, shrink: true, lines: 3 },
    ],
    columns,
  );
const whatOf = ({ kind, facts }: Pick<ListedInvitation, "kind" | "facts">): string =>
  [kind === "lead" ? "lead" : null, facts.customer.name, facts.title].filter((part) => part !== null).join(": ");

const readLimit = (typed: Arguments): number => {
  const text = typed.text("limit") ?? String(typed.on("all") ? listedMax : listedDefault);
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit < 1) throw usageFailure(`--limit ${text} is no count`, "give a whole number from 1 on, or --all");
  return Math.min(limit, listedMax);
};

const readFilter = async (client: Client, typed: Arguments) => {
  const state = typed.text("state");
  for (const word of state?.split(",") ?? []) mustKnow("state", word, invitationStates);
  const kind = typed.text("kind");
  if (kind !== undefined) mustKnow("kind", kind, invitationKinds);
  const connection = typed.text("connection");
  return {
    state,
    kind,
    connection: connection === undefined ? undefined : (await findConnection(client, connection)).id,
  };
};
const mustKnow = (flag: string, word: string, known: readonly string[]): void => {
  if (!known.includes(word))
    throw usageFailure(`--${flag} ${word} is unknown${didYouMean(word, known)}`, `use ${known.join(", ")}`);
};

/** The invitation with this id of ours or of the partner's. Throws a `Failure` when there is none. */
const findInvitation = async (
  client: Client,
  name: string,
): Promise<{ readonly id: string; readonly remoteId: string }> => {
  const named = z.looseObject({ id: z.string(), remoteId: z.string() });
  if (/^inv_[0-9a-f]{32}$/.test(name)) return client.get(`/v1/invitations/${name}`, named);
  for await (const row of client.each("/v1/invitations", named, {}, listedMax)) if (row.remoteId === name) return row;
  throw new Failure(`there is no invitation ${name}`, { fix: "cosell invitations lists them" });
};

const answeredSchema = z.looseObject({
  invitation: z.looseObject({ id: z.string(), state: z.string(), shareId: z.string().nullish() }),
  dryRun: z.boolean(),
});
interface Answering {
  readonly invitation: { readonly id: string; readonly remoteId: string };
  readonly verb: "accept" | "reject";
  readonly body: Readonly<Record<string, unknown>>;
}
const answer = async (client: Client, typed: Arguments, given: Answering): Promise<Report> => {
  const { invitation, verb, body } = given;
  const dryRun = typed.on("dry-run");
  const path = `/v1/invitations/${invitation.id}/${verb}`;
  const got = await client.attempt("POST", path, { ...body, ...(dryRun ? { dryRun } : {}) });
  if (got.status === 409) throw withWayOut(problemFailure(got, client.where), invitation.remoteId);
  if (got.status >= 400) throw problemFailure(got, client.where);
  const answered = answeredSchema.parse(got.body);
  if (!dryRun && client.settle !== null) await client.settle(settleMs);
  const now = dryRun
    ? answered.invitation
    : await client.get(`/v1/invitations/${invitation.id}`, answeredSchema.shape.invitation);
  const text = dryRun
    ? `${invitation.remoteId} would be ${verb === "accept" ? "accepted" : "rejected"} (dry run: nothing was changed)\n`
    : `${invitation.remoteId} (${invitation.id}) is ${now.state}${now.shareId ? `, as ${now.shareId}` : ""}\n`;
  return {
    exitCode: exitCodes.ok,
    text,
    json: { invitation: invitation.id, state: now.state, share: now.shareId ?? null, dryRun },
  };
};
/** Where deals of the same company are known, the failure says what to type. */
const withWayOut = (failure: Failure, remoteId: string): Failure =>
  failure.rows.some((row) => row.path === "opportunityId")
    ? new Failure(failure.message, {
        rows: failure.rows.map(({ path, message }) => ({ path, message })),
        fix: `cosell invitations accept ${remoteId} --deal <opp_…>, or --new for a new deal`,
      })
    : failure;

const storySchema = listedInvitationSchema.extend({
  reason: z.string().nullish(),
  later: z.array(z.string()).default([]),
  opportunityId: z.string().nullish(),
  shareId: z.string().nullish(),
  candidates: z
    .array(z.looseObject({ id: z.string(), source: z.string(), key: z.string(), title: z.string(), stage: z.string() }))
    .default([]),
  connection: z.looseObject({ label: z.string() }),
  people: z
    .array(z.looseObject({ name: z.string().nullish(), email: z.string().nullish(), title: z.string().nullish() }))
    .default([]),
});
const historyRowSchema = z.looseObject({
  at: z.string(),
  actorName: z.string().default(""),
  what: z.string(),
  toState: z.string().nullish(),
  note: z.string().nullish(),
});
interface Story extends z.infer<typeof storySchema> {
  readonly history: readonly z.infer<typeof historyRowSchema>[];
}

const readStory = async (client: Client, name: string): Promise<Story> => {
  const { id } = await findInvitation(client, name);
  const story = await client.get(`/v1/invitations/${id}`, storySchema);
  const history: z.infer<typeof historyRowSchema>[] = [];
  for await (const row of client.each(`/v1/invitations/${id}/history`, historyRowSchema, {}, historyMax))
    history.push(row);
  return { ...story, history };
};

const renderStory = (story: Story, columns: number): string => {
  const { facts, candidates } = story;
  const { customer } = facts;
  const spend =
    facts.monthlySpend === null ? null : `${facts.monthlySpend.amount} ${facts.monthlySpend.currency} a month`;
  const heads: readonly (readonly [string, string | null])[] = [
    ["invitation", `${story.remoteId} (${story.id}), a ${story.kind} through ${story.connection.label}`],
    ["state", `${story.state}${story.reason ? `: ${story.reason}` : ""}`],
    [
      "expires",
      story.expiresAt ? `${story.expiresAt.slice(0, 16).replace("T", " ")} UTC, in ${story.daysLeft} d` : "never",
    ],
    [
      "from",
      [
        facts.sender,
        ...story.people.map((person) => [person.name ?? person.email, person.title].filter(Boolean).join(", ")),
      ]
        .filter(Boolean)
        .join("; "),
    ],
    ["message", facts.message],
    [
      "customer",
      [customer.name, customer.website, customer.country, customer.industry, customer.segment, customer.maturity]
        .filter(Boolean)
        .join(", "),
    ],
    ["title", facts.title],
    ["problem", facts.problem],
    ["use case", facts.useCase],
    ["close", facts.closeDate],
    ["spend", spend],
    ["lead from", facts.origin],
    ["their score", facts.score],
    ["roles", facts.roles.join(", ")],
    ["told later", story.later.join(", ")],
    ["became", story.shareId ? `${story.opportunityId}, as ${story.shareId}` : null],
    ["next", story.next],
  ];
  return [
    heads.map(([name, value]) => (value ? `${name.padEnd(13)} ${printable(value)}\n` : "")).join(""),
    ...(candidates.length === 0 ? [] : ["\ndeals of the same company\n", candidateTable(candidates, columns)]),
    "\nwhat happened\n",
    historyTable(story.history, columns),
  ].join("");
};
const candidateTable = (rows: Story["candidates"], columns: number): string =>
  renderTable(
    rows,
    [
      { title: "deal", cell: (row) => `${row.source}:${row.key}` },
      { title: "title", cell: (row) => row.title, shrink: true },
      { title: "stage", cell: (row) => row.stage },
      { title: "id", cell: (row) => row.id },
    ],
    columns,
  );
const historyTable = (rows: Story["history"], columns: number): string =>
  renderTable(
    rows,
    [
      { title: "when", cell: (row) => row.at.slice(0, 19).replace("T", " ") },
      { title: "who", cell: (row) => row.actorName },
      { title: "what", cell: (row) => row.what },
      { title: "state", cell: (row) => row.toState ?? "" },
      { title: "note", cell: (row) => row.note ?? "", shrink: true, lines: 4 },
    ],
    columns,
  );
