/** Each service in turn is killed without a warning and started again, in the middle of load. */
import { after, before, describe, test } from "node:test";
import { SERVICE_NAMES } from "../../tools/stack/services.ts";
import { FULL, random, shuffled, startLoad, verify } from "../support/faults.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";

const REQUESTS = FULL ? 5_000 : 600;
const ROUNDS = FULL ? 4 : 1;

describe("SIGKILL of every service", () => {
  let pipeline: Pipeline;
  before(async () => {
    pipeline = await startPipeline({ name: "kills", mock_args: ["--latency-ms", "100"] });
  });
  after(() => pipeline.stop());

  test("loses no request and gives none two results", async (t) => {
    const victims = Array.from({ length: ROUNDS }, () => shuffled(SERVICE_NAMES)).flat();
    const load = startLoad(pipeline, "kill", REQUESTS);
    const share = REQUESTS / (victims.length + 1);
    for (const [index, victim] of victims.entries()) {
      // Somewhere within its share of the requests, so that no kill always meets the same moment.
      await load.answered(Math.floor(share * (index + random.next())));
      await load.atWork();
      await pipeline.processes.restart(victim, "SIGKILL");
    }
    await load.done;
    await verify(t, pipeline, load.ids, { killed: victims });
  });
});
