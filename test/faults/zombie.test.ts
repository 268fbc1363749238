/** A results process that stands still past its session and then goes on knows nothing of its loss: a zombie. */
import { after, before, describe, test } from "node:test";
import { FULL, startLoad, verify } from "../support/faults.ts";
import { groupMembers } from "../support/groups.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { until } from "../support/until.ts";

const REQUESTS = FULL ? 5_000 : 600;
const ROUNDS = FULL ? 6 : 2;

describe("SIGSTOP and SIGCONT of a results process", () => {
  let pipeline: Pipeline;
  before(async () => {
    pipeline = await startPipeline({
      name: "zombie",
      scale: { results: 2, gateway: 0 },
      mock_args: ["--latency-ms", "50"],
    });
  });
  after(() => pipeline.stop());

  test("gives a read_committed reader no result twice", async (t) => {
    const group = `${pipeline.settings.consumption.group_prefix}results`;
    const load = startLoad(pipeline, "zombie", REQUESTS);
    for (let round = 0; round < ROUNDS; round += 1) {
      const zombie = round % 2 === 0 ? "results" : "results-2";
      await load.answered(Math.floor((REQUESTS * (round + 0.5)) / ROUNDS));
      await until("both are members", async () => (await groupMembers(pipeline.kafka, group)).length === 2);
      pipeline.processes.signal(zombie, "SIGSTOP");
      try {
        await until("the group gives the zombie up", async () => {
          const members = await groupMembers(pipeline.kafka, group);
          return members.length === 1 && members.every((partitions) => partitions.length === 4);
        });
      } finally {
        pipeline.processes.signal(zombie, "SIGCONT");
      }
    }
    await load.done;
    await verify(t, pipeline, load.ids, { stopped: ROUNDS });
  });
});
