/** The scrape where no runner of ours drives the workflows: on Workers, and beside an Inngest server. */
import { afterAll, describe, expect, it } from "vitest";
import { openHttp } from "./http-fixture.ts";

const http = await openHttp();
afterAll(http.close);

describe("GET /metrics where a server drives the workflows", () => {
  it("tells nothing of the runner, whose tables mean nothing there, and no time of a partner that never called", async () => {
    const id = await http.connect("quiet");
    const { status, text, headers } = await http.ask("GET", "/metrics", { as: ["read"] });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(text).not.toContain("cosell_runner");
    expect(text).toContain(`cosell_quota_left{connection="${id}",kind="write"} 10000\n`);
    expect(text).toContain(`cosell_shares{connection="${id}",marketplace="aws",state="submitted"} 0\n`);
    expect(text).toContain(`cosell_connection_parked{connection="${id}"} 0\n`);
    expect(text).not.toMatch(/^cosell_(delivery|sweep)_last/m);
  });
});
