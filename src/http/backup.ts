/** A backup of the running service, as a file. Only for the embedded database: PostgreSQL has its own tools. */
import { type AppDeps, type Endpoint, endpoint } from "./endpoint.ts";
import { ProblemError } from "./problem.ts";

export const backupEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path: "/v1/backup",
    tag: "Service",
    scope: "admin",
    summary: "Take a backup",
    description:
      "The whole embedded database as of now, as one gzip file that `cosell restore` takes. What is sealed in it opens only with the installation's key, which is not in it. `cosell backup` writes it to a file safely; `cosell backup verify` tells what a file holds.",
    answers: { 200: { description: "the backup", mediaType: "application/gzip" } },
    problems: ["conflict"],
    handle: async () => {
      const { backup } = deps;
      if (backup === undefined)
        throw new ProblemError(
          "conflict",
          "This service keeps its data in PostgreSQL. Run `cosell backup` where DATABASE_URL is set: it uses pg_dump.",
        );
      const headers = {
        "content-type": "application/gzip",
        "content-disposition": 'attachment; filename="cosell.backup"',
      };
      return new Response(await backup(), { headers });
    },
  }),
];
