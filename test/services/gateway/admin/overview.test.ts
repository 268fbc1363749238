/** The overview: read once for all who look. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BacklogReport } from "../../../../libs/shared/kafka/backlog.ts";
import { overviewOf, overviewRoutes } from "../../../../services/gateway/admin/overview.ts";
import type { Overview } from "../../../../services/gateway/admin/overview-shape.ts";
import { adminFixture, NOW_MS } from "./admin-fixture.ts";

const BACKLOG = { group: "sluice.ingest", topic: "llm.requests", lag: 7, oldest_age_ms: 1_500 };

function fixture(backlog: (written: number) => Promise<BacklogReport>) {
  const { deps, serve } = adminFixture();
  let at_ms = NOW_MS;
  const clock = { now_ms: () => at_ms, after: () => ({ cancel() {} }) };
  const reads: number[] = [];
  let written = 1_000;
  const overview = {
    ...deps,
    clock,
    async slotRows() {
      reads.push(clock.now_ms());
      return [];
    },
    backlog: () => backlog(written),
    request_topics: ["llm.requests", "llm.requests.batch"],
  };
  const pass = (wait_ms: number): void => {
    at_ms += wait_ms;
  };
  return {
    pass,
    reads,
    overview,
    serve,
    write: (count: number) => {
      written += count;
    },
  };
}

const there = async (written: number): Promise<BacklogReport> => ({
  backlogs: [BACKLOG],
  ends: new Map([
    ["llm.requests", written],
    ["llm.requests.batch", 5],
    ["llm.results", 99],
  ]),
});

describe("the overview", () => {
  test("is read once in two seconds, however many look", async () => {
    const { pass, reads, overview } = fixture(there);
    const look = overviewOf(overview);
    await Promise.all([look(), look(), look()]);
    assert.equal(reads.length, 1);
    pass(1_999);
    await look();
    assert.equal(reads.length, 1);
    pass(1);
    await look();
    assert.ok(reads.length > 1);
  });

  test("tells the rate of requests once it has looked twice", async () => {
    const { pass, overview, write } = fixture(there);
    const look = overviewOf(overview);
    assert.equal((await look()).now.requests_per_s, null);
    pass(5_000);
    write(50);
    await look();
    pass(2_000);
    assert.equal((await look()).now.requests_per_s, 10);
    pass(60_000);
    await look();
    pass(2_000);
    assert.equal((await look()).now.requests_per_s, null);
  });

  test("goes on without Kafka", async () => {
    const { overview } = fixture(async () => {
      throw new Error("away");
    });
    assert.equal((await overviewOf(overview)()).groups, null);
  });

  test("is for administrators", async () => {
    const { overview, serve } = fixture(there);
    const { ask, askAsReader } = serve(overviewRoutes(overview));
    assert.equal((await askAsReader("GET", "/admin/overview")).statusCode, 403);
    assert.deepEqual(((await ask("GET", "/admin/overview")).json() as Overview).groups, [BACKLOG]);
  });
});
