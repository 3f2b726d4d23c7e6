/** One share's story: what it is, what the partner said, what waits, and everything that happened, oldest first. */
import * as z from "zod";
import { nextStep } from "../domain/advice.ts";
import type { Json } from "../domain/deal.ts";
import { shareStates } from "../domain/machine.ts";
import type { Client } from "./client.ts";
import { gapTable } from "./share-plan.ts";
import { gapSchema, partnerName, saidBy } from "./share-table.ts";
import { printable, renderTable } from "./table.ts";

const historyMax = 5_000;

const storySchema = z.looseObject({
  id: z.string(),
  state: z.enum(shareStates),
  reason: z.string().nullish(),
  generation: z.number().default(1),
  rule: z.looseObject({ name: z.string(), version: z.number() }).nullish(),
  synthetic: z.array(z.looseObject({ field: z.string(), value: z.json(), consented: z.boolean() })).default([]),
  gaps: z.array(gapSchema).default([]),
  opportunity: z.looseObject({
    id: z.string(),
    source: z.string(),
    key: z.string(),
    title: z.string(),
    stage: z.string().default(""),
    tag: z.string().nullish(),
    partner: z.string().nullish(),
    account: z.looseObject({ name: z.string() }),
  }),
  connection: z.looseObject({
    marketplace: z.string(),
    label: z.string(),
    environment: z.string().default(""),
    state: z.string().default("active"),
    parkedReason: z.string().nullish(),
  }),
  engagement: z
    .looseObject({
      remoteId: z.string(),
      facts: z.record(z.string(), z.json()).default({}),
      lookedAt: z.string().nullish(),
    })
    .nullish(),
  people: z
    .array(z.looseObject({ name: z.string().nullish(), email: z.string().nullish(), title: z.string().nullish() }))
    .default([]),
  edits: z
    .array(
      z.looseObject({
        field: z.string(),
        state: z.string(),
        reason: z.string().nullish(),
        updatedAt: z.string().default(""),
      }),
    )
    .default([]),
  task: z.looseObject({ id: z.string(), kind: z.string() }).nullish(),
  effects: z
    .array(
      z.looseObject({
        operation: z.string().default(""),
        state: z.string(),
        attempts: z.number().optional(),
        updatedAt: z.string().default(""),
      }),
    )
    .default([]),
});
const historyRowSchema = z.looseObject({
  at: z.string(),
  actorName: z.string().default(""),
  what: z.string(),
  fromState: z.string().nullish(),
  toState: z.string().nullish(),
  note: z.string().nullish(),
});

export interface Story {
  readonly share: z.infer<typeof storySchema>;
  readonly history: readonly z.infer<typeof historyRowSchema>[];
  readonly json: Json;
}

export const readStory = async (client: Client, id: string): Promise<Story> => {
  const share = await client.get(`/v1/shares/${encodeURIComponent(id)}`, storySchema);
  const history: z.infer<typeof historyRowSchema>[] = [];
  for await (const row of client.each(`/v1/shares/${id}/history`, historyRowSchema, {}, historyMax)) history.push(row);
  return { share, history, json: z.json().parse(JSON.parse(JSON.stringify({ ...share, history }))) };
};

/** The story as text, tables at most `columns` wide. */
export const renderStory = ({ share, history }: Story, columns: number): string => {
  const { opportunity, connection, engagement } = share;
  const facts = engagement?.facts ?? {};
  const waiting = share.edits.filter((edit) => edit.state === "waiting").map((edit) => edit.field);
  const text = (name: string): string | null => (typeof facts[name] === "string" ? String(facts[name]) : null);
  const next = nextStep({
    state: share.state,
    reason: share.reason ?? null,
    gaps: share.gaps,
    partner: partnerName(connection.marketplace),
    said: text("reviewComments") ?? text("reviewStatusReason"),
    advised: text("nextBestActions"),
    parked: connection.state === "parked" ? (connection.parkedReason ?? "no reason was kept") : null,
    waiting,
    isTask: share.task != null,
    isByHand: facts.toldByHand === true,
  });
  const heads: readonly (readonly [string, string])[] = [
    ["deal", `${opportunity.source}:${opportunity.key} ${opportunity.title}`],
    ["account", opportunity.account.name],
    ["tag", `${opportunity.tag ?? "untagged"}${opportunity.partner ? `, partner ${opportunity.partner}` : ""}`],
    ["share", `${share.id}${share.generation > 1 ? `, the ${share.generation}. of this deal` : ""}`],
    ...(share.rule ? ([["made by", `rule ${share.rule.name}, version ${share.rule.version}`]] as const) : []),
    [
      "where",
      `${partnerName(connection.marketplace)}, ${connection.label}${engagement ? `, as ${engagement.remoteId}` : ""}`,
    ],
    ["state", `${share.state}${share.reason ? `: ${share.reason}` : ""}`],
    ["they said", saidBy(facts).join("; ") || "nothing yet"],
    ["their people", share.people.map(personLine).join(", ") || "nobody yet"],
    ...(share.task ? ([["by hand", `${share.task.kind}, a person's task: ${share.task.id}`]] as const) : []),
    ...(facts.toldByHand === true ? ([["told by", "people here: nothing of it is read by itself"]] as const) : []),
    ["next", next],
  ];
  return [
    heads.map(([name, value]) => `${name.padEnd(13)} ${printable(value)}\n`).join(""),
    ...share.synthetic.map(
      (mark) =>
        `${mark.consented ? "only the rule says" : "kept back"} ${printable(`${mark.field}: ${JSON.stringify(mark.value)}`)}\n`,
    ),
    ...(share.gaps.length > 0
      ? [
          "\nwhat is missing\n",
          gapTable(
            share.gaps.map((gap) => ({ deal: opportunity.key, gap })),
            columns,
          ),
        ]
      : []),
    ...(Object.keys(facts).length > 0 ? ["\ntheir record\n", factTable(facts, columns)] : []),
    ...(share.edits.length > 0 ? ["\nour edits\n", editTable(share.edits, columns)] : []),
    ...(share.effects.length > 0 ? ["\nwrites to the partner\n", effectTable(share.effects, columns)] : []),
    "\nwhat happened\n",
    historyTable(history, columns),
  ].join("");
};

const personLine = (person: Story["share"]["people"][number]): string =>
  [
    person.name ?? person.email ?? "somebody",
    person.title === null || person.title === undefined ? "" : `(${person.title})`,
  ]
    .filter((part) => part !== "")
    .join(" ");

const factTable = (facts: Readonly<Record<string, Json>>, columns: number): string =>
  renderTable(
    Object.entries(facts).filter(([, value]) => value !== null && value !== "" && JSON.stringify(value) !== "[]"),
    [
      { title: "fact", cell: ([name]) => name },
      {
        title: "value",
        cell: ([, value]) => (typeof value === "string" ? value : JSON.stringify(value)),
        shrink: true,
      },
    ],
    columns,
  );
const editTable = (edits: Story["share"]["edits"], columns: number): string =>
  renderTable(
    edits,
    [
      { title: "field", cell: (edit) => edit.field },
      { title: "state", cell: (edit) => edit.state },
      { title: "when", cell: (edit) => time(edit.updatedAt) },
      { title: "why", cell: (edit) => edit.reason ?? "", shrink: true, lines: 3 },
    ],
    columns,
  );
const effectTable = (effects: Story["share"]["effects"], columns: number): string =>
  renderTable(
    effects,
    [
      { title: "write", cell: (effect) => effect.operation, shrink: true },
      { title: "state", cell: (effect) => effect.state },
      { title: "attempts", cell: (effect) => String(effect.attempts ?? ""), right: true },
      { title: "when", cell: (effect) => time(effect.updatedAt) },
    ],
    columns,
  );
const historyTable = (history: Story["history"], columns: number): string =>
  renderTable(
    history,
    [
      { title: "when", cell: (row) => time(row.at) },
      { title: "who", cell: (row) => row.actorName },
      { title: "what", cell: (row) => row.what },
      {
        title: "state",
        cell: (row) => (row.toState ? `${row.fromState ? `${row.fromState} → ` : ""}${row.toState}` : ""),
      },
      { title: "note", cell: (row) => row.note ?? "", shrink: true, lines: 4 },
    ],
    columns,
  );

/** `2026-11-22 09:30:00`, in UTC: histories of several people are compared. */
const time = (iso: string): string => iso.replace("T", " ").replace(/\.\d+Z$|Z$/, "");
