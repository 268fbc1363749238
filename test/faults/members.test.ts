/** Inference processes come and go under load: they share the partitions, and what one had in flight another finishes. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { FULL, startLoad, verify } from "../support/faults.ts";
import { groupMembers } from "../support/groups.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { until } from "../support/until.ts";

const REQUESTS = FULL ? 5_000 : 600;
/** Long enough that a process which leaves has work in flight. */
const LATENCY_MS = FULL ? "500" : "1500";
/** Both lanes of the tier. */
const PARTITIONS = 8;

describe("inference processes that come and go", () => {
  let pipeline: Pipeline;
  before(async () => {
    const scale = { inference: 2, gateway: 0 };
    pipeline = await startPipeline({ name: "members", scale, mock_args: ["--latency-ms", LATENCY_MS] });
  });
  after(() => pipeline.stop());

  test("share the partitions and lose nothing", async (t) => {
    const { processes } = pipeline;
    const group = `${pipeline.settings.consumption.group_prefix}inference.small`;
    const shared = (members: number) =>
      until(`${members} members share the partitions`, async () => {
        const held = await groupMembers(pipeline.kafka, group);
        const fair = held.length === members && held.every((partitions) => partitions.length > 0);
        return fair && new Set(held.flat()).size === PARTITIONS && held.map((partitions) => partitions.length);
      });
    const extra = async () => (await pipeline.calls(2)).reduce((sum, one) => sum + one.calls - 1, 0);
    let steps_left = true;
    const load = startLoad(pipeline, "member", REQUESTS, () => steps_left);
    t.after(() => {
      steps_left = false;
    });
    const of_two = await shared(2);

    await load.answered(REQUESTS * 0.2);
    await processes.start("inference-3");
    const of_three = await shared(3);

    await load.answered(REQUESTS * 0.4);
    const extra_joined = await extra();
    await inFlight(pipeline, "inference-2");
    await processes.stop("inference-2");
    await shared(2);

    await load.answered(REQUESTS * 0.6);
    const extra_drained = await extra();
    await inFlight(pipeline, "inference-3");
    steps_left = false;
    await processes.restart("inference-3", "SIGKILL");
    await load.done;
    await verify(t, pipeline, load.ids, { of_two, of_three, extra_joined, extra_drained });
    assert.match(pipeline.log("inference-2"), /"msg":"stopped"/);
  });
});

/** Resolves when the process has records in hand. */
async function inFlight(pipeline: Pipeline, name: string): Promise<void> {
  await until(`${name} has work in flight`, async () => {
    const response = await fetch(`${pipeline.processes.url(name)}/metrics`);
    return /^sluice_in_flight\{[^}]*\} [1-9]/m.test(await response.text());
  });
}
