/** Three brokers with three replicas, one of them killed again and again under a steady load: nothing is lost, nothing comes twice. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Parts, startParts } from "../../tools/stack/parts.ts";
import { inSync, killBroker, steadyLoad } from "../support/brokers.ts";
import { countersEqualLedger, openCounters } from "../support/budgets.ts";
import { FULL, random, verify } from "../support/faults.ts";
import { type Pipeline, ROOT, startPipeline } from "../support/pipeline.ts";

const BROKERS = ["kafka", "kafka-2", "kafka-3"] as const;
/** Full size: ten kills in five minutes; else one. */
const KILLS = FULL ? 10 : 1;
const EVERY_MS = FULL ? 30_000 : 12_000;
const REQUESTS_PER_S = FULL ? 60 : 25;
/** The kills, and what is left after them; the runner's own limit is shorter than that. */
const LIMIT_MS = KILLS * EVERY_MS + 5 * 60_000;

describe("three brokers, of which one is killed every so often", () => {
  let parts: Parts | undefined;
  let pipeline: Pipeline;
  before(async () => {
    parts = await startParts({
      root: ROOT,
      dir: join(ROOT, ".sluice", "test", "brokers"),
      // Brokers of its own; the other parts are the run's.
      env: { ...process.env, KAFKA_BROKERS: undefined },
      ephemeral_ports: true,
      fresh: true,
      brokers: 3,
    });
    pipeline = await startPipeline({
      name: "brokers",
      parts: parts.env,
      scale: { gateway: 0, inference: 2 },
      mock_args: ["--latency-ms", "50"],
    });
    await inSync(pipeline);
  });
  after(async () => {
    await pipeline?.stop();
    await parts?.stop();
  });

  test("each request has one result and one charge", { timeout: LIMIT_MS }, async (t) => {
    const load = steadyLoad(pipeline, "brokers", REQUESTS_PER_S);
    const killed: string[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const next = sleep(EVERY_MS);
      // Somewhere in the first half of its turn, so that no kill always meets the same moment.
      await sleep(random.next() * (EVERY_MS / 2));
      const name = BROKERS[Math.floor(random.next() * BROKERS.length)] ?? "kafka";
      killed.push(name);
      await killBroker(parts as Parts, pipeline, name);
      await next;
    }
    load.stop();
    await load.sent;
    await pipeline.resultsOf(load.ids, 180_000);
    const counters = await openCounters(pipeline);
    try {
      await verify(t, pipeline, load.ids, { killed, longest_stall_ms: longestStall_ms(pipeline) });
      await countersEqualLedger(pipeline, counters, "demo");
    } finally {
      counters.close();
    }
    assert.deepEqual(pipeline.processes.deaths, [], "no service died of it");
  });
});

/** The longest time between two results, by when they were written. */
function longestStall_ms({ results }: Pipeline): number {
  const times = results.records.map(({ timestamp_ms }) => timestamp_ms).sort((one, other) => one - other);
  return times.reduce((longest, at, index) => Math.max(longest, at - (times[index - 1] ?? at)), 0);
}
