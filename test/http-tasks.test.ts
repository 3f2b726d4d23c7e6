/** Tasks and reports over HTTP: lists, the printable form, numbers, and refusals that say what to do and change nothing. */
import { afterAll, describe, expect, it } from "vitest";
import { day, openHand } from "./assisted-world.ts";
import { dealInput } from "./store-fixture.ts";

const at = await openHand("http-tasks");
afterAll(at.close);
const { call, timeline, taskOf, done, tell, share, story, registered } = at;

describe("the list of tasks", () => {
  it("is paged and sorted by age, and filtered by state, connection and share", async () => {
    const other = await at.connect("partner-2");
    const shares = [await share(dealInput("L1")), await share(dealInput("L2")), await share(dealInput("L3"), other)];
    const [first, second, third] = await Promise.all(shares.map(taskOf));
    const ids = async (query: string) =>
      (await call("GET", `/v1/tasks?${query}`)).body.items.map((task: { id: string }) => task.id);
    expect(await ids("")).toEqual([first?.id, second?.id, third?.id]);
    expect(await ids("sort=newest")).toEqual([third?.id, second?.id, first?.id]);
    const page = (await call("GET", "/v1/tasks?limit=2")).body;
    expect(page.next).toBe(second?.id);
    expect(await ids(`limit=2&after=${page.next}`)).toEqual([third?.id]);
    expect(await ids(`sort=newest&limit=2&after=${third?.id}`)).toEqual([second?.id, first?.id]);
    expect(await ids(`connection=${other}`)).toEqual([third?.id]);
    expect(await ids(`share=${shares[1]}`)).toEqual([second?.id]);
    await call("POST", `/v1/tasks/${first?.id}/cancel`, { reason: "not now" });
    await done(second?.id ?? "", { number: "DR-1" });
    expect(await ids("state=open")).toEqual([third?.id]);
    expect(await ids("state=done,cancelled")).toEqual([first?.id, second?.id]);
    expect((await call("GET", `/v1/tasks?share=${shares[1]}`)).body.items[0]).toMatchObject({
      ...{ kind: "create", state: "done", number: "DR-1", title: "Deal L2", accountName: "Lumen Freight" },
      connectionLabel: "Hub partner-1",
    });
    expect((await call("GET", "/v1/tasks?state=late")).status).toBe(400);
  });
});

describe("the page to print", () => {
  it("holds the whole form escaped, without scripts, under a policy that lets nothing in", async () => {
    const title = `Deal <script>alert("x")</script> & 'more'`;
    const { id } = await taskOf(await share(dealInput("P1", { title, nextSteps: null })));
    const page = await call("GET", `/v1/tasks/${id}/print`);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'/);
    expect(page.text).not.toMatch(/<script|<link|\sstyle=|\son\w+=|src=/i);
    expect(page.text).toContain("Deal &lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;more&#39;");
    expect(page.text).toContain('<span class="copy">carl@lumenfreight.example</span>');
    expect(page.text).toContain("leave empty");
    expect(page.text).toContain("Nothing of this is sent by itself");
    expect(page.text).toContain(`cosell tasks done ${id} --number DR-1234567 --form 1`);
    expect([...page.text.matchAll(/href="([^"]*)"/g)].map((match) => match[1])).toEqual(["https://hub.example/deals"]);
    await done(id, { number: "DR-10" });
    const after = (await call("GET", `/v1/tasks/${id}/print`)).text;
    expect(after).toContain("This task is done");
    expect(after).not.toContain("carl@lumenfreight.example");
  });

  it("shows for a change what stands there now and what it is to be", async () => {
    const shareId = await registered(dealInput("P2"), "DR-11");
    await tell(shareId, { status: "ACCEPTED" });
    await call("POST", "/v1/opportunities", dealInput("P2", { closeDate: "2027-05-31", nextSteps: "Call" }));
    await timeline.settle();
    const page = (await call("GET", `/v1/tasks/${(await taskOf(shareId)).id}/print`)).text;
    expect(page).toContain('<span class="was">2027-03-31</span>');
    expect(page).toContain('<span class="copy">2027-05-31</span>');
    expect(page).toContain('<span class="copy">DR-11</span>');
  });
});

describe("a number", () => {
  it("pasted again changes nothing; another one is refused, unless it replaces the one that was wrong", async () => {
    const shareId = await share(dealInput("N1"));
    const { id } = await taskOf(shareId);
    const first = await done(id, { number: "DR-21" });
    const again = await done(id, { number: "dr-21" });
    expect([again.status, again.body.share.version]).toEqual([200, first.body.share.version]);
    expect((await at.told(id)).filter((name) => name === "task.done")).toHaveLength(1);
    const wrong = await done(id, { number: "DR-22" });
    expect([wrong.status, wrong.body.detail]).toEqual([
      409,
      "The task is done already, as DR-21. If that number was wrong, name it in replaces.",
    ]);
    expect((await done(id, { number: "DR-22", replaces: "DR-99" })).status).toBe(409);
    expect((await done(id, { number: "DR-22", replaces: "DR-21" })).status).toBe(200);
    const told = await story(shareId);
    expect([told.engagement.remoteId, told.effects[0].outcome.ref.id]).toEqual(["deals/22", "deals/22"]);
  });

  it("of another share is refused by name, and at a connection of its own it is another number", async () => {
    const taken = await registered(dealInput("N2"), "DR-31");
    const shareId = await share(dealInput("N3"));
    const { id } = await taskOf(shareId);
    const refused = await done(id, { number: "DR-31" });
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      `DR-31 is the number of another share: Deal N2 (${taken}), which is submitted. Look in Small Hub which number this deal has.`,
    ]);
    expect(await story(shareId)).toMatchObject({ state: "submitting", effects: [{ state: "intended" }] });
    const elsewhere = await share(dealInput("N4"), await at.connect("partner-3"));
    expect((await done((await taskOf(elsewhere)).id, { number: "DR-31" })).status).toBe(200);
  });

  it.each([
    ["missing", {}, "number", "the deal number is missing; it must be DR- and digits"],
    ["of another form", { number: "4711" }, "number", "this is no deal number; it must be DR- and digits"],
    [
      "with a status nobody knows",
      { number: "DR-41", status: "ACEPTED" },
      "status",
      "ACCEPTED is; use one of SUBMITTED,",
    ],
    ["with an unknown form", { number: "DR-41", form: 7 }, "form", "there is no form 7"],
    ["with a day to come", { number: "DR-41", date: "2031-01-01" }, "date", "has not come yet"],
    ["with a day that is none", { number: "DR-41", date: "2026-02-30" }, "date", "does not exist"],
    ["with an owner that is none", { number: "DR-41", owner: "a@b@c" }, "owner", "neither a name nor an e-mail"],
  ])("%s is refused by field with what would do, and nothing is changed", async (name, body, field, says) => {
    const shareId = await share(dealInput(`M ${name}`));
    const { id } = await taskOf(shareId);
    const answer = await done(id, body);
    expect([answer.status, answer.body.detail]).toEqual([422, expect.stringContaining(says)]);
    expect(answer.body.errors).toEqual([expect.objectContaining({ pointer: `/${field}`, field })]);
    expect(answer.body.errors[0].fix).not.toBe("");
    expect(await story(shareId)).toMatchObject({ state: "submitting", task: { id, state: "open" } });
  });

  it("of a change must be the record's own", async () => {
    const shareId = await registered(dealInput("N5"), "DR-51");
    await tell(shareId, { status: "ACCEPTED" });
    await call("POST", "/v1/opportunities", dealInput("N5", { nextSteps: "Call" }));
    await timeline.settle();
    const { id } = await taskOf(shareId);
    expect((await done(id, { number: "DR-52" })).body.detail).toBe("This task is about DR-51, not DR-52.");
    expect((await done(id, { number: "DR-51" })).status).toBe(200);
  });
});

describe("a task that will not be done", () => {
  it("leaves a share that needs action; the mended deal is a task again, and a withdrawal ends it", async () => {
    const shareId = await share(dealInput("X1"));
    const { id } = await taskOf(shareId);
    const cancelled = await call("POST", `/v1/tasks/${id}/cancel`, { reason: "The customer asked us to wait." });
    expect(cancelled.body).toMatchObject({ task: { state: "cancelled" }, share: { state: "needs_action" } });
    expect((await call("POST", `/v1/tasks/${id}/cancel`, { reason: "again" })).body.task.reason).toBe(
      "The customer asked us to wait.",
    );
    await call("POST", "/v1/opportunities", dealInput("X1", { nextSteps: "Now" }));
    await timeline.settle();
    const again = await taskOf(shareId);
    expect(again).toMatchObject({ kind: "create", state: "open" });
    await done(again.id, { number: "DR-61" });
    expect((await call("POST", `/v1/tasks/${again.id}/cancel`, { reason: "late" })).status).toBe(409);
  });

  it("can be withdrawn also where the programme has no withdrawal: nothing has left yet", async () => {
    const shareId = await share(dealInput("X2"), await at.connect("partner-4", { withdraws: false }));
    const { id } = await taskOf(shareId);
    await call("POST", `/v1/tasks/${id}/cancel`, { reason: "no" });
    await call("POST", `/v1/shares/${shareId}/withdraw`, { reason: "no" });
    await timeline.settle();
    expect((await story(shareId)).state).toBe("withdrawn");
  });

  it("drops a change with the reason", async () => {
    const shareId = await registered(dealInput("X3"), "DR-63");
    await tell(shareId, { status: "ACCEPTED" });
    await call("POST", "/v1/opportunities", dealInput("X3", { nextSteps: "Call" }));
    await timeline.settle();
    await call("POST", `/v1/tasks/${(await taskOf(shareId)).id}/cancel`, { reason: "of no use to them" });
    expect((await story(shareId)).edits).toMatchObject([
      { field: "nextSteps", state: "dropped", reason: "not typed by hand: of no use to them" },
    ]);
  });
});

describe("a status told", () => {
  it("before there is a number, or where the partner's API tells it, is refused and says what to do", async () => {
    const shareId = await share(dealInput("S1"));
    expect((await tell(shareId, { status: "ACCEPTED" })).body.detail).toBe(
      "The share is submitting and has no deal number yet: end its task with the number first.",
    );
    const api = await at.connect("partner-5", { api: true });
    const made = await call("POST", `/v1/opportunities/${await at.save(dealInput("S2"))}/shares`, {
      connectionId: api,
    });
    expect((await tell(made.body.share.id, { status: "ACCEPTED" })).body.detail).toContain(
      "works by the partner's API",
    );
  });

  it("takes the words whatever case and hyphens they have", async () => {
    const shareId = await registered(dealInput("S3"), "DR-73");
    expect((await tell(shareId, { status: "not-accepted" })).body.share.state).toBe("needs_action");
  });
});

describe("statuses in rows", () => {
  const send = (rows: readonly unknown[], dryRun = false) =>
    call("POST", `/v1/connections/${at.connectionId}/statuses`, { rows, dryRun });

  it("move their shares, tell what became of each, and change nothing a second time; a dry run changes nothing at all", async () => {
    const one = await registered(dealInput("R1"), "DR-81");
    const two = await registered(dealInput("R2"), "DR-82");
    await tell(two, { status: "ACCEPTED" });
    at.clock.advanceTo(new Date(at.clock.now().getTime() + 2 * day));
    const today = at.clock.now().toISOString().slice(0, 10);
    const rows = [
      { line: 2, number: "DR-81", status: "ACCEPTED", stage: "QUALIFY", owner: "gail@hub.example", date: today },
      { line: 3, number: "dr-82", status: "CLOSED_WON", date: "2020-01-01" },
    ];
    const expected = {
      results: [
        {
          line: 2,
          number: "DR-81",
          shareId: one,
          title: "Deal R1",
          outcome: "moved",
          from: "submitted",
          to: "accepted",
        },
        {
          line: 3,
          number: "dr-82",
          shareId: two,
          title: "Deal R2",
          outcome: "older",
          from: "accepted",
          to: "accepted",
        },
      ],
      counts: { moved: 1, noted: 0, older: 1 },
    };
    expect((await send(rows, true)).body).toEqual(expected);
    expect((await story(one)).state).toBe("submitted");
    expect((await send(rows)).body).toEqual(expected);
    expect(await story(one)).toMatchObject({ state: "accepted", people: [{ email: "gail@hub.example" }] });
    expect((await send(rows)).body.counts).toEqual({ moved: 0, noted: 1, older: 1 });
  });

  it("are refused as a whole when one does not fit: each by line and field, with what would do", async () => {
    const shareId = await registered(dealInput("R3"), "DR-83");
    const before = await story(shareId);
    const answer = await send([
      { line: 2, number: "DR-83", status: "ACCEPTED" },
      { line: 3, number: "DR-83", status: "CLOSED_WON" },
      { line: 4, number: "DR-999", status: "SUBMITED", date: "yesterday" },
      { line: 5, number: "", status: "ACCEPTED" },
    ]);
    expect(answer.status).toBe(422);
    expect(answer.body.detail).toBe("line 3, number: the same number as line 2 (and 4 more). Nothing was changed.");
    const errors = answer.body.errors.map((error: { pointer: string; message: string }) => [
      error.pointer,
      error.message,
    ]);
    expect(errors).toEqual([
      ["/rows/1/number", "line 3: the same number as line 2"],
      ["/rows/2/number", "line 4: no share has this number"],
      ["/rows/2/status", 'line 4: "SUBMITED" is no status of this programme; SUBMITTED is'],
      ["/rows/2/date", 'line 4: "yesterday" is neither a day nor a time in UTC'],
      ["/rows/3/number", "line 5: the deal number is missing"],
    ]);
    expect(await story(shareId)).toEqual(before);
  });
});

describe("people", () => {
  it("stand nowhere but sealed: not in events, notes, steps or the log", async () => {
    const shareId = await registered(dealInput("Q1"), "DR-91");
    await tell(shareId, { status: "ACCEPTED", owner: "Gail Seller <gail@hub.example>" });
    const written = [
      ...(await at.db.sql`select data::text as text from outbox`),
      ...(await at.db.sql`select note as text from history`),
      ...(await at.db.sql`select row_to_json(t)::text as text from runner_step t`),
      ...(await at.db.sql`select row_to_json(t)::text as text from effect t`),
      ...(await at.db.sql`select (to_jsonb(t) - 'sealed_forms')::text as text from task t`),
      ...(await at.db.sql`select facts::text as text from engagement`),
      ...at.logged.map((text) => ({ text })),
    ];
    expect(written.length).toBeGreaterThan(100);
    for (const { text } of written) expect(text ?? "").not.toMatch(/gail|carl@/i);
  });

  it("are erased from open forms on demand, and the form is filled again without them", async () => {
    const deal = dealInput("Q2", {
      contacts: [{ role: "customer", email: "fred@forgotten.example" }],
      account: { name: "Forgotten", website: "https://forgotten.example", country: "DE" },
    });
    const shareId = await share(deal);
    const { id, fields } = await taskOf(shareId);
    expect(JSON.stringify(fields)).toContain("fred@forgotten.example");
    await call("POST", "/v1/forget", { email: "fred@forgotten.example" });
    expect((await call("GET", `/v1/tasks/${id}`)).body.fields).toEqual([]);
    expect((await done(id, { number: "DR-92" })).status).toBe(409);
    await timeline.settle();
    expect((await taskOf(shareId)).fields.find(({ field }) => field === "contacts.customer.email")?.value).toBe("");
    expect((await done(id, { number: "DR-92" })).status).toBe(200);
  });
});
