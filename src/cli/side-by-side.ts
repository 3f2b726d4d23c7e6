/** One deal at several clouds as people read it: a column for each cloud, and why they hold other values than the deal. */
import * as z from "zod";
import type { Json } from "../domain/deal.ts";
import { nextAcross } from "../domain/side-by-side.ts";
import type { Client } from "./client.ts";
import { shownValue } from "./field-value.ts";
import { jsonOf } from "./json.ts";
import { type ListedShare, listedShareSchema, partnerName, saidBy, shareRowOf, shortId } from "./share-table.ts";
import { counted, printable, renderTable, type TableColumn } from "./table.ts";

const sideSchema = listedShareSchema.extend({ next: z.string() });
const differenceSchema = z.looseObject({
  field: z.string(),
  value: z.json(),
  clouds: z.array(
    z.looseObject({
      connectionId: z.string(),
      value: z.json(),
      isTold: z.boolean(),
      at: z.string().nullable(),
      why: z.string().nullable(),
      reason: z.string().nullable(),
    }),
  ),
});
const sidesSchema = z.looseObject({
  next: z.string(),
  clouds: z.array(sideSchema),
  differences: z.array(differenceSchema),
});
export type Sides = z.infer<typeof sidesSchema>;

export const readSides = (client: Client, opportunityId: string): Promise<Sides> =>
  client.get(`/v1/opportunities/${opportunityId}/clouds`, sidesSchema);

/** The newest share with each connection; the list comes newest first or sorted by id. */
export const newestOfEach = (shares: readonly ListedShare[]): readonly ListedShare[] => {
  const newest = new Map<string, ListedShare>();
  for (const share of shares) {
    const known = newest.get(share.connectionId);
    if (known === undefined || known.id < share.id) newest.set(share.connectionId, share);
  }
  return [...newest.values()];
};

/** The name of a cloud where one connection leads there, else the connection's label. */
const namesOf = (shares: readonly ListedShare[]): ReadonlyMap<string, string> => {
  const connections = new Map(shares.map((share) => [share.connectionId, share]));
  const names = [...connections].map(([id, { marketplace, connectionLabel }]): [string, string] => {
    const isOnly = [...connections.values()].filter((other) => other.marketplace === marketplace).length === 1;
    return [id, isOnly ? partnerName(marketplace) : connectionLabel];
  });
  return new Map(names.toSorted(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0)));
};

/** One deal: each cloud a row, what to do next, then every field on which a cloud differs. */
export const renderSides = (sides: Sides, columns: number): string => {
  const names = namesOf(sides.clouds);
  const name = (connectionId: string): string => names.get(connectionId) ?? connectionId;
  const rows = sides.differences.flatMap(({ field, value, clouds }) =>
    clouds.map((cloud, index) => ({ field: index === 0 ? field : "", value: index === 0 ? value : null, cloud })),
  );
  return [
    renderTable(
      sides.clouds,
      [
        { title: "cloud", cell: (share) => name(share.connectionId) },
        { title: "share", cell: (share) => share.remoteId ?? shortId(share.id) },
        { title: "state", cell: (share) => share.state },
        { title: "what they said", cell: (share) => shareRowOf(share).said, shrink: true, lines: 3 },
        { title: "what to do there", cell: (share) => share.next, shrink: true, lines: 3 },
      ],
      columns,
    ),
    `\nnext  ${printable(sides.next)}\n`,
    ...(rows.length === 0
      ? []
      : [
          "\nwhere they differ\n",
          renderTable(
            rows,
            [
              { title: "field", cell: (row) => row.field },
              { title: "the deal", cell: (row) => (row.field === "" ? "" : shownValue(row.value)), shrink: true },
              { title: "cloud", cell: ({ cloud }) => name(cloud.connectionId) },
              { title: "there", cell: ({ cloud }) => (cloud.isTold ? shownValue(cloud.value) : "?"), shrink: true },
              { title: "since", cell: ({ cloud }) => (cloud.at ?? "").slice(0, 16).replace("T", " ") },
              {
                title: "why",
                cell: ({ cloud }) => (cloud.why === null ? "as the deal" : `${cloud.why}: ${cloud.reason ?? ""}`),
                shrink: true,
                lines: 3,
              },
            ],
            columns,
          ),
        ]),
  ].join("");
};

/** One deal of a list, with its newest share at each cloud. */
export interface DealRow {
  readonly opportunityId: string;
  readonly deal: string;
  readonly account: string;
  readonly clouds: readonly { readonly name: string; readonly share: ListedShare; readonly next: string }[];
  readonly next: string;
}

/** Shares grouped by deal, in the order in which the deals come. */
export const dealRowsOf = (shares: readonly ListedShare[]): readonly DealRow[] => {
  const names = namesOf(shares);
  const byDeal = Map.groupBy(shares, (share) => share.opportunityId);
  return [...byDeal].map(([opportunityId, own]): DealRow => {
    const clouds = newestOfEach(own).map((share) => ({
      name: names.get(share.connectionId) ?? share.connectionLabel,
      share,
      next: shareRowOf(share).next,
    }));
    const steps = clouds.map(({ name, share, next }) => ({
      cloud: name,
      state: share.state,
      parkedReason: share.parkedReason ?? null,
      next,
    }));
    const [first] = own;
    return {
      opportunityId,
      deal: `${first?.source}:${first?.key} ${first?.title}`,
      account: first?.accountName ?? "",
      clouds,
      next: nextAcross(steps),
    };
  });
};

/** A row for each deal, a column for each cloud. */
export const renderDealRows = (rows: readonly DealRow[], columns: number): string => {
  const names = [...namesOf(rows.flatMap(({ clouds }) => clouds.map(({ share }) => share))).values()];
  return renderTable(
    rows,
    [
      { title: "deal", cell: (row) => row.deal, shrink: true },
      { title: "account", cell: (row) => row.account, shrink: true },
      ...names.map((name): TableColumn<DealRow> => ({ title: name, cell: (row) => cellOf(row, name) })),
      { title: "what to do next", cell: (row) => row.next, shrink: true, lines: 3 },
    ],
    columns,
  );
};
const cellOf = (row: DealRow, name: string): string => {
  const share = row.clouds.find((cloud) => cloud.name === name)?.share;
  if (share === undefined) return "–";
  return share.state === "draft" && share.gaps.length > 0 ? `draft, ${counted(share.gaps.length, "gap")}` : share.state;
};

export const jsonOfDealRow = (row: DealRow): Json =>
  jsonOf({
    opportunity: row.opportunityId,
    deal: row.deal,
    account: row.account,
    next: row.next,
    clouds: row.clouds.map(({ name, share, next }) => ({
      cloud: name,
      marketplace: share.marketplace,
      connection: share.connectionId,
      share: share.id,
      remoteId: share.remoteId ?? null,
      state: share.state,
      gaps: share.gaps,
      said: saidBy(share.facts ?? {}),
      next,
    })),
  });
