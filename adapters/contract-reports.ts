/** What a report format is: how its files are recognised, what they must contain, and how a row becomes facts. */
import type { Facts } from "../src/domain/finance/facts.ts";
import type { Sheet, Strings } from "../src/domain/finance/sheet.ts";

/** The file being read. */
export interface ReportFile {
  /** Stands for the file in the origin of its facts. */
  readonly index: number;
  /** Its path inside the folder, with `/`. */
  readonly path: string;
  /** When its source says that it was made, in seconds since 1970; absent: a file alone does not say it. */
  readonly madeSecond?: number | null;
  /** How many files of other content came under this path before it; absent: none, as in a folder. */
  readonly redelivery?: number;
  /** Facts of this file; dropped together when anything in it is refused. */
  readonly facts: Facts;
  readonly strings: Strings;
  /** Something to tell that refuses nothing. */
  readonly note: (text: string) => void;
}

export interface RowReader {
  /** Takes the sheet's current row. */
  readonly row: () => void;
  /** After the last row. */
  readonly end?: () => void;
}

interface Recognised {
  /** Stable, for example `aws.billing-event`. */
  readonly id: string;
  /** For people, for example “AWS billing event feed”. */
  readonly title: string;
  /** How such a file is usually named: decides between formats of the same columns, and which columns a file lacks. */
  readonly path: RegExp;
}

export interface CsvFormat extends Recognised {
  readonly shape: "csv";
  /** A file without one of these is refused by its name. */
  readonly required: readonly string[];
  /** Known columns that a file may lack. All others are tolerated and reported. */
  readonly optional: readonly string[];
  readonly open: (sheet: Sheet, file: ReportFile) => RowReader;
}

/** A file that is one document. `read` throws a `RefusedDocument`. */
export interface DocumentFormat extends Recognised {
  readonly shape: "json" | "xml";
  readonly read: (text: string, file: ReportFile) => void;
}

/** A file that describes how other files beside it are read. `define` throws a `RefusedDocument`. */
export interface DefiningFormat extends Recognised {
  readonly shape: "defining";
  /** What every format that it defines is called. */
  readonly defines: Pick<Recognised, "id" | "title">;
  readonly define: (text: string) => CsvFormat;
}

export type ReportFormat = CsvFormat | DocumentFormat | DefiningFormat;

export interface DocumentProblem {
  /** Where in the document, for example `rows[3].ppm`. */
  readonly place: string;
  readonly message: string;
  readonly fix: string;
}

/** A document cannot be read: where and what to do about it. */
export class RefusedDocument extends Error {
  readonly problems: readonly DocumentProblem[];
  constructor(problems: readonly DocumentProblem[]) {
    super(problems[0]?.message ?? "the document cannot be read");
    this.name = "RefusedDocument";
    this.problems = problems;
  }
}

/**
 * Which delivery of the same report a file is, from 0: by the number in a name such as `report (1).csv`, as browsers and storages
 * write it, and by how often other content came under that name before.
 */
export const deliveryOf = ({ path, redelivery }: Pick<ReportFile, "path" | "redelivery">): number =>
  Number(/ \((\d{1,4})\)\.[a-z]+$/i.exec(path)?.[1] ?? 0) + (redelivery ?? 0);
