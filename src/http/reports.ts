/** Files of reports over HTTP: received byte for byte, read by the workflow `ingest`, listed with what is wrong with them. */
import * as z from "zod";
import { ownFileNames, ownJson } from "../domain/finance/own-files.ts";
import { policyFileSchema } from "../domain/finance/policy.ts";
import { givenFileNames, internalPath, isOwnPath } from "../store/own-files.ts";
import { fileStatuses, type NewReportFile, type ReceivedFile, reportFileSchema } from "../store/report-files.ts";
import { reportFetchSchema } from "../store/report-listings.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf, listOf, seqPageQuery } from "./endpoint.ts";
import { notFound, ProblemError } from "./problem.ts";

const params = z.strictObject({ id: idOf("rpf", "file") });
/** As a folder holds it: no leading slash, no `..`, no control characters. */
const path = z
  .string()
  .min(1)
  .max(400)
  .regex(/^[^/\p{Cc}\\][^\p{Cc}\\]*[^/\p{Cc}\\]$|^[^/\p{Cc}\\]$/u, "a path such as aws/BillingEvent_2026-06.csv")
  .refine(
    (text) => !text.split("/").some((part) => part === "" || part.startsWith(".")),
    "no part is empty or begins with a dot",
  )
  .describe("where it would lie in the folder of a close; the name helps to recognise the format");
const receivedSchema = z.object({
  file: reportFileSchema,
  isNew: z.boolean().describe("false: the same bytes were received under this path before, and nothing was done"),
});

export const reportEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  receiveEndpoint(deps),
  listEndpoint(deps),
  fetchEndpoint(deps),
  fetchesEndpoint(deps),
  ownEndpoint(deps),
  policyEndpoint(deps),
  fileEndpoint(deps),
  contentEndpoint(deps),
  againEndpoint(deps),
];

const receiveEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/reports/files",
    tag: "Reports",
    scope: "write",
    summary: "Send a file: a marketplace's report, a bank statement, a document of your own",
    description: `The body is the file as it is, at most ${deps.reportBytesMax} bytes, kept byte for byte. The same bytes under the same path again are nothing. It is read soon after; \`GET /v1/reports/files/{id}\` tells what was read, or what is wrong with it and where. Files that this service writes itself (${ownFileNames.map(internalPath).join(", ")}) are not taken.`,
    query: z.strictObject({ path }),
    rawBody: "the file",
    answers: {
      200: { description: "it was received before", schema: receivedSchema },
      201: { description: "received, and to be read", schema: receivedSchema, headers: ["Location"] },
    },
    problems: ["too-large", "invalid", "conflict"],
    handle: async ({ query, request }) => {
      if (isOwnPath(query.path))
        throw new ProblemError(
          "conflict",
          `This service writes ${query.path} itself, from its deals and offers. Import the deals, or send the file under another path such as crm/${query.path.split("/").at(-1)}.`,
        );
      const { file, isNew } = await receive(deps, { connectionId: null, path: query.path }, request);
      const headers = { location: `/v1/reports/files/${file.id}` };
      return isNew ? { status: 201, body: { file, isNew }, headers } : { status: 200, body: { file, isNew } };
    },
  });

/** Receives a body piece by piece and asks for the file to be read. */
const receive = async (deps: AppDeps, given: NewReportFile, request: Request): Promise<ReceivedFile> => {
  const tooLarge = () =>
    new ProblemError(
      "too-large",
      `A file may have at most ${deps.reportBytesMax} bytes. Split it, or close it as a folder.`,
    );
  if (Number(request.headers.get("content-length") ?? 0) > deps.reportBytesMax) throw tooLarge();
  if (request.body === null) throw empty();
  const received = await deps.store.reportFiles.receive(
    deps.db.sql,
    given,
    bounded(request.body, deps.reportBytesMax, tooLarge),
  );
  // One that was received whole and never read is read now; one that is asked for twice is read once.
  if (received.file.status === "receiving") await askToRead(deps, received.file);
  return received;
};

const empty = (): ProblemError =>
  new ProblemError("invalid", "The file is empty. Download it again, and send it as the body.");

const askToRead = (deps: AppDeps, { id, connectionId }: ReceivedFile["file"]): Promise<void> =>
  commit(deps, (tx) => deps.store.journal.tell(tx, "report.received", id, { fileId: id, connectionId }));

async function* bounded(
  body: ReadableStream<Uint8Array>,
  bytesMax: number,
  tooLarge: () => ProblemError,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.byteLength;
      if (bytes > bytesMax) throw tooLarge();
      yield value;
    }
    if (bytes === 0) throw empty();
  } finally {
    await reader.cancel().catch(() => {});
  }
}

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/reports/files",
    tag: "Reports",
    scope: "read",
    summary: "List received files, newest first",
    query: seqPageQuery.extend({
      status: z
        .string()
        .transform((list) => list.split(","))
        .pipe(z.array(z.enum(fileStatuses)).min(1).max(fileStatuses.length))
        .optional()
        .describe(`only files in these states, separated by commas: ${fileStatuses.join(", ")}`),
      connection: idOf("con", "connection").optional(),
      format: z.string().min(1).max(80).optional().describe("only files of this format, such as aws.billing-event"),
      path: z.string().min(1).max(200).optional().describe("part of the path"),
    }),
    answers: { 200: { description: "one page", schema: listOf(reportFileSchema) } },
    handle: async ({ query }) => ({
      status: 200,
      body: await deps.store.reportFiles.list(deps.db.sql, {
        after: query.after ?? null,
        limit: query.limit,
        ...(query.status === undefined ? {} : { statuses: query.status }),
        ...(query.connection === undefined ? {} : { connectionId: query.connection }),
        ...(query.format === undefined ? {} : { format: query.format }),
        ...(query.path === undefined ? {} : { path: query.path }),
      }),
    }),
  });

const mustFind = async (deps: AppDeps, id: string) => {
  const file = await deps.store.reportFiles.get(deps.db.sql, id);
  if (file === null) throw notFound("file", id);
  return file;
};

const fileEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/reports/files/{id}",
    tag: "Reports",
    scope: "read",
    summary: "Read what became of a file: its format, rows, and each problem with line, column and remedy",
    params,
    answers: { 200: { description: "the file", schema: reportFileSchema } },
    problems: ["not-found"],
    handle: async ({ params: { id } }) => ({ status: 200, body: await mustFind(deps, id) }),
  });

const contentEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/reports/files/{id}/content",
    tag: "Reports",
    // As it came, it may name people whom nobody chose to keep; a key that only watches needs none of it.
    scope: "admin",
    summary: "Download a file byte for byte as it was received",
    description: "It may name buyers. The header Repr-Digest (RFC 9530) holds its SHA-256.",
    params,
    answers: { 200: { description: "the bytes", mediaType: "application/octet-stream" } },
    problems: ["not-found", "conflict"],
    handle: async ({ params: { id } }) => {
      const file = await mustFind(deps, id);
      if (file.sha256 === null) throw new ProblemError("conflict", `${file.path} is not whole: it is being received.`);
      const name =
        file.path
          .split("/")
          .at(-1)
          ?.replace(/[^\w.() -]/g, "_") ?? "report";
      const digest = btoa(
        String.fromCharCode(...Uint8Array.from(file.sha256.match(/../g) ?? [], (hex) => Number.parseInt(hex, 16))),
      );
      return new Response(streamOf(deps.store.reportFiles.bytes(deps.db.sql, id)), {
        headers: {
          "content-type": "application/octet-stream",
          "content-length": String(file.bytes),
          "content-disposition": `attachment; filename="${name}"`,
          "repr-digest": `sha-256=:${digest}:`,
        },
      });
    },
  });

const streamOf = (pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> =>
  new ReadableStream({
    pull: async (controller) => {
      const { done, value } = await pieces.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel: async () => void (await pieces.return(undefined)),
  });

const againEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/reports/files/{id}/read",
    tag: "Reports",
    scope: "write",
    summary: "Read a refused or unknown file once more, for example after an update of this service",
    params,
    answers: { 202: { description: "it is read soon", schema: reportFileSchema } },
    problems: ["not-found", "conflict"],
    handle: async ({ params: { id } }) => {
      const file = await mustFind(deps, id);
      if (file.status === "read") throw new ProblemError("conflict", `${file.path} was read already, and counts.`);
      await askToRead(deps, file);
      return { status: 202, body: file };
    },
  });

const fetchEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/reports/fetch",
    tag: "Reports",
    scope: "write",
    summary: "Fetch the reports of a connection now, or of every connection that has any",
    body: z.strictObject({ connectionId: idOf("con", "connection").optional() }),
    bodyOptional: true,
    bodyExample: {},
    answers: {
      202: { description: "they are fetched soon", schema: z.object({ connectionIds: z.array(z.string()) }) },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ body: { connectionId } }) => {
      const { connections, journal } = deps.store;
      const connectionIds = await commit(deps, async (tx) => {
        const all = await connections.list(tx);
        const named = connectionId === undefined ? all : all.filter(({ id }) => id === connectionId);
        if (connectionId !== undefined && named.length === 0) throw notFound("connection", connectionId);
        const able = named.filter((one) => one.state === "active" && fetches(deps, one));
        if (connectionId !== undefined && able.length === 0)
          throw new ProblemError(
            "conflict",
            "This connection names no place of reports, or is parked. Send the files instead.",
          );
        for (const { id } of able) await journal.tell(tx, "report.fetch.requested", id, { connectionId: id });
        return able.map(({ id }) => id);
      });
      return { status: 202, body: { connectionIds } };
    },
  });

const fetches = (deps: AppDeps, connection: Parameters<AppDeps["registry"]["open"]>[0]): boolean => {
  try {
    return deps.registry.open(connection).reports !== undefined;
  } catch {
    return false;
  }
};

const fetchStateSchema = reportFetchSchema
  .omit({ cursor: true })
  .extend({ label: z.string(), place: z.string().describe("where the marketplace leaves the reports") });

const fetchesEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/reports/fetch",
    tag: "Reports",
    scope: "read",
    summary: "How far the fetching of reports came, by connection",
    answers: {
      200: { description: "all connections that have reports", schema: z.object({ items: z.array(fetchStateSchema) }) },
    },
    handle: async () => {
      const items = [];
      for (const connection of await deps.store.connections.list(deps.db.sql)) {
        if (!fetches(deps, connection)) continue;
        const { cursor: _, ...state } = await deps.store.reportListings.find(deps.db.sql, connection.id);
        items.push({ ...state, label: connection.label, place: deps.registry.open(connection).reports?.place ?? "" });
      }
      return { status: 200, body: { items } };
    },
  });

const names = [...ownFileNames, ...givenFileNames] as const;

const ownEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/reports/own/{name}",
    tag: "Reports",
    scope: "read",
    summary: "Read an internal file of the close as it is now",
    description:
      "What this service knows of deals, touches, partners, offers, agreements and fees, as reconciliation reads it; and the documents that were given. `cosell close prepare` writes them into a folder.",
    params: z.strictObject({ name: z.enum(names) }),
    answers: { 200: { description: "the file", mediaType: "text/plain" } },
    problems: ["not-found"],
    handle: async ({ params: { name } }) => {
      const text = await deps.store.ownFiles.text(deps.db.sql, name);
      if (text === null) throw notFound("document", name);
      return new Response(text, { headers: { "content-type": "text/plain; charset=utf-8" } });
    },
  });

const policyEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/reports/policy",
    tag: "Reports",
    scope: "admin",
    summary: "Save tolerances and windows of the reconciliation",
    description:
      "Kept as internal/policy.json: what was concluded before as of an earlier day stays explained by the policy known then. A service counts verified signatures only.",
    // A misspelt tolerance would be the usual one, unnoticed.
    body: policyFileSchema.strict(),
    bodyExample: {
      tolerance: { minor_units_per_instalment: 1 },
      windows_days: {
        invoice_overdue: 50,
        accepted_no_revenue: { aws: 55, azure: 50, gcp: 50 },
        aws_disbursement_after_collection: 45,
        azure_disbursement_after_expected: 30,
        gcp_disbursement_after_expected: 10,
        bank_after_disbursement: 5,
      },
      signatures: "verified",
    },
    answers: { 200: { description: "the policy in force", schema: policyFileSchema } },
    problems: ["invalid"],
    handle: async ({ body }) => {
      if (body.signatures !== "verified")
        throw new ProblemError("invalid", 'signatures: a service counts verified signatures only. Write "verified".', {
          errors: [{ field: "signatures", message: "only verified", code: "not_allowed" }],
        });
      await giveDocument(deps, "policy.json", ownJson(body));
      return { status: 200, body };
    },
  });

/** Keeps a document and asks for it to be read. */
export const giveDocument = async (
  deps: AppDeps,
  name: (typeof givenFileNames)[number],
  text: string,
): Promise<void> => {
  const file = await deps.store.ownFiles.give(deps.db.sql, name, text);
  if (file !== null) await askToRead(deps, file);
};
