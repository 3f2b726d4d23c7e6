/** What a sharing will do, or did, as people read it: a deal a row, a cloud a column; then the gaps, and what cannot be undone. */
import type { z } from "zod";
import type { ListedDeal } from "./deals.ts";
import type { ListedConnection } from "./find-connection.ts";
import { type gapSchema, shortId } from "./share-table.ts";
import { counted, printable, renderTable } from "./table.ts";

const gapRowsShownMax = 200;
const dealRowsShownMax = 60;

export type Outcome = "shared" | "draft" | "refused" | "open_already" | "failed";
export interface PlannedShare {
  readonly connectionId: string;
  readonly outcome: Outcome;
  readonly shareId: string | null;
  readonly state: string | null;
  readonly gaps: readonly z.infer<typeof gapSchema>[];
  readonly notices: readonly string[];
  /** Why the connection sends nothing now. */
  readonly parked: string | null;
}
export interface SharedDeal {
  readonly deal: ListedDeal;
  readonly clouds: readonly PlannedShare[];
  /** Why nothing was made. */
  readonly message: string | null;
}

type Connections = readonly Pick<ListedConnection, "id" | "label">[];
const at = (result: SharedDeal, connectionId: string): PlannedShare | undefined =>
  result.clouds.find((cloud) => cloud.connectionId === connectionId);

/** How many deals came to what at one connection. */
export const countsOf = (results: readonly SharedDeal[], connectionId: string) => {
  const count = (outcome: Outcome): number =>
    results.filter((result) => at(result, connectionId)?.outcome === outcome).length;
  return {
    shared: count("shared"),
    drafts: count("draft"),
    refused: count("refused"),
    openAlready: count("open_already"),
    failed: count("failed"),
  };
};

/** The plan: what each cloud gets, what it lacks, what to know before. */
export const renderPlan = (results: readonly SharedDeal[], connections: Connections, columns: number): string =>
  [
    ...(connections.length > 1 ? [planTable(results, connections, columns), "\n"] : []),
    renderLines(results, connections, columns),
    renderNotices(results, connections),
  ].join("");

/** The gaps, cloud by cloud, and deals for which nothing could be made. */
export const renderLines = (results: readonly SharedDeal[], connections: Connections, columns: number): string => {
  const labels = new Map(connections.map(({ id, label }) => [id, label]));
  const rows = results.flatMap((result) =>
    result.clouds.flatMap((cloud) =>
      (cloud.outcome === "open_already" ? [] : cloud.gaps).map((gap) => ({
        deal: nameOf(result.deal),
        ...(connections.length > 1 ? { cloud: labels.get(cloud.connectionId) ?? "" } : {}),
        gap,
      })),
    ),
  );
  return [
    ...(rows.length > 0 ? [gapTable(rows.slice(0, gapRowsShownMax), columns), "\n"] : []),
    ...(rows.length > gapRowsShownMax
      ? [`… and ${rows.length - gapRowsShownMax} more gaps; --json tells them all\n`]
      : []),
    ...results
      .filter(({ message }) => message !== null)
      .map(({ deal, message }) => printable(`${nameOf(deal)}: ${message}`).concat("\n")),
  ].join("");
};

/** What to know before it is sent, each once with the number of deals it is about; empty when there is nothing. */
export const renderNotices = (results: readonly SharedDeal[], connections: Connections): string => {
  const lines = connections.flatMap(({ id, label }) => {
    const going = results.flatMap((result) => {
      const cloud = at(result, id);
      return cloud?.outcome === "shared" ? [cloud] : [];
    });
    const notices = new Map<string, number>();
    for (const notice of going.flatMap((cloud) => cloud.notices)) notices.set(notice, (notices.get(notice) ?? 0) + 1);
    return [...notices].map(([notice, count]) => `  ${label}, ${counted(count, "deal")}: ${printable(notice)}\n`);
  });
  return lines.length === 0 ? "" : `Before it is sent:\n${lines.join("")}`;
};

const planTable = (results: readonly SharedDeal[], connections: Connections, columns: number): string => {
  const shown = results.slice(0, dealRowsShownMax);
  const table = renderTable(
    shown,
    [
      { title: "deal", cell: ({ deal }) => `${nameOf(deal)} ${deal.title}`, shrink: true },
      ...connections.map(({ id, label }) => ({
        title: label,
        cell: (result: SharedDeal) => cellOf(at(result, id)),
        shrink: true,
      })),
    ],
    columns,
  );
  return results.length > shown.length
    ? `${table}… and ${results.length - shown.length} more deals; --json tells them all\n`
    : table;
};

const cellOf = (cloud: PlannedShare | undefined): string => {
  if (cloud === undefined) return "";
  const waits = cloud.parked === null ? "" : ", once the connection is resumed";
  switch (cloud.outcome) {
    case "shared":
      return `goes out${waits}`;
    case "draft":
    case "refused":
      return counted(cloud.gaps.length, "gap");
    case "open_already":
      return `shared: ${cloud.state}`;
    case "failed":
      return "cannot be shared";
  }
};

export const nameOf = (deal: ListedDeal): string => (deal.key === "" ? shortId(deal.id) : `${deal.source}:${deal.key}`);

/** Which deal lacks what, where, and what to do about it. */
export const gapTable = (
  rows: readonly {
    readonly deal: string;
    readonly cloud?: string;
    readonly gap: { readonly field: string; readonly message: string; readonly fix: string };
  }[],
  columns: number,
): string =>
  renderTable(
    rows,
    [
      { title: "deal", cell: (row) => row.deal },
      ...(rows.some(({ cloud }) => cloud !== undefined)
        ? [{ title: "cloud", cell: (row: (typeof rows)[number]) => row.cloud ?? "" }]
        : []),
      { title: "field", cell: (row) => row.gap.field },
      { title: "what is wrong", cell: (row) => row.gap.message, shrink: true, lines: 4 },
      { title: "how to mend it", cell: (row) => row.gap.fix, shrink: true, lines: 4 },
    ],
    columns,
  );
