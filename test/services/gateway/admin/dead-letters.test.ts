/** Dead letters for administrators: looked at before anything is done, one act at a time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DeadLetterFilter } from "../../../../libs/shared/dead-letters/filter.ts";
import type { RedriveSummary } from "../../../../libs/shared/dead-letters/redriving.ts";
import { LetterRuns } from "../../../../services/gateway/admin/dead-letter-runs.ts";
import { adminDeadLetterRoutes } from "../../../../services/gateway/admin/dead-letters.ts";
import { ADMIN_ID, adminFixture } from "./admin-fixture.ts";

const SUMMARY: RedriveSummary = {
  ...{ id: "rd_1", dry_run: false, selected: 2, sent_back: 2, run: 0, by_target: { "llm.requests": 2 }, looped: 0 },
  ...{ already_ended: 0, impossible: 0, handled_before: 0, left: [], stopped: false },
};

function setUp() {
  const { deps, acts, serve } = adminFixture();
  const asked: [string, DeadLetterFilter, object][] = [];
  const ends: (() => void)[] = [];
  const letters = {
    groups: async () => [],
    list: async () => [],
    find: async () => [],
    async redrive(filter: DeadLetterFilter, ask: { readonly dry_run?: boolean }, watch?: { stopping?: AbortSignal }) {
      asked.push(["redrive", filter, ask]);
      if (ask.dry_run) return { ...SUMMARY, dry_run: true };
      await new Promise<void>((resolve) => {
        ends.push(resolve);
        watch?.stopping?.addEventListener("abort", () => resolve());
      });
      return { ...SUMMARY, stopped: watch?.stopping?.aborted ?? false };
    },
    async drop(filter: DeadLetterFilter, ask: object) {
      asked.push(["drop", filter, ask]);
      return { selected: 1, dropped: 1, handled_before: 0, stopped: false };
    },
  };
  const runs = new LetterRuns({ letters, clock: deps.clock, log: deps.log });
  return { ...serve(adminDeadLetterRoutes({ ...deps, letters, runs })), acts, asked, ends, runs };
}

const filter = { code: "not_json", service: "ingest" };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("dead letters", () => {
  test("are only looked at unless it is said otherwise", async () => {
    const { ask, asked, acts, runs } = setUp();
    const reply = await ask("POST", "/admin/dead-letters/run", { act: "redrive", filter });
    assert.deepEqual([reply.statusCode, reply.json().summary.sent_back], [200, 2]);
    const by = `key ${ADMIN_ID}`;
    const fitting = { codes: ["not_json"], services: ["ingest"], state: "waiting" };
    assert.deepEqual(asked, [["redrive", fitting, { by, dry_run: true }]]);
    assert.deepEqual([acts, runs.run], [[], undefined]);
  });

  test("are redriven in the background, one run at a time, and told of after", async () => {
    const { ask, acts, ends } = setUp();
    const body = { act: "redrive", filter, dry_run: false, why: "fixed" };
    const begun = await ask("POST", "/admin/dead-letters/run", body);
    assert.deepEqual([begun.statusCode, begun.json().run.status], [202, "running"]);
    assert.equal((await ask("POST", "/admin/dead-letters/run", body)).statusCode, 409);
    ends[0]?.();
    await turn();
    const { run } = (await ask("GET", "/admin/dead-letters/run")).json();
    assert.deepEqual([run.status, run.by, run.summary.sent_back], ["done", `key ${ADMIN_ID}`, 2]);
    assert.deepEqual(
      acts.map(({ act }) => act),
      ["redrive_dead_letters"],
    );
  });

  test("stop when somebody says so", async () => {
    const { ask } = setUp();
    await ask("POST", "/admin/dead-letters/run", { act: "redrive", filter, dry_run: false });
    const { run } = (await ask("POST", "/admin/dead-letters/run/stop")).json();
    assert.equal(run.status, "stopped");
  });

  test("are dropped for a reason alone, and never all of them unnamed", async () => {
    const { ask, asked } = setUp();
    const bodies = [
      { act: "drop", filter, dry_run: false },
      { act: "drop", filter, dry_run: false, why: "  " },
      { act: "redrive", filter: {}, dry_run: false },
      { act: "redrive", filter: { places: ["x"] } },
    ];
    for (const body of bodies) assert.equal((await ask("POST", "/admin/dead-letters/run", body)).statusCode, 400);
    assert.deepEqual(asked, []);
    assert.equal((await ask("POST", "/admin/dead-letters/run", { ...bodies[0], why: "rubbish" })).statusCode, 202);
    assert.equal(asked[0]?.[0], "drop");
  });

  test("that are not there are not found, and nobody else may ask", async () => {
    const { ask, askAsReader } = setUp();
    assert.equal((await ask("GET", "/admin/dead-letters/0:7")).statusCode, 404);
    assert.equal((await ask("GET", "/admin/dead-letters/x")).statusCode, 404);
    assert.equal((await askAsReader("GET", "/admin/dead-letters")).statusCode, 403);
    assert.equal((await askAsReader("POST", "/admin/dead-letters/run/stop")).statusCode, 403);
  });
});
