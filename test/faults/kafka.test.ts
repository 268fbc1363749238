/** The broker goes and comes back in the middle of load, with and without a goodbye. */
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Parts, startParts } from "../../tools/stack/parts.ts";
import { FULL, OUTSTANDING_MAX, startLoad, verify } from "../support/faults.ts";
import { type Pipeline, ROOT, startPipeline } from "../support/pipeline.ts";
import { until } from "../support/until.ts";

const REQUESTS = FULL ? 5_000 : 600;

describe("a broker that goes and comes back", () => {
  let parts: Parts | undefined;
  let pipeline: Pipeline;
  before(async () => {
    // A broker of its own; the other parts are the run's.
    const env = { ...process.env, KAFKA_BROKERS: undefined };
    parts = await startParts({
      root: ROOT,
      dir: join(ROOT, ".sluice", "test", "broker"),
      env,
      ephemeral_ports: true,
      fresh: true,
    });
    pipeline = await startPipeline({ name: "broker", parts: parts.env, mock_args: ["--latency-ms", "100"] });
  });
  after(async () => {
    await pipeline?.stop();
    await parts?.stop();
  });

  test("loses no request and gives none two results", async (t) => {
    const load = startLoad(pipeline, "broker", REQUESTS);
    const signals: readonly NodeJS.Signals[] = FULL ? ["SIGTERM", "SIGKILL", "SIGKILL"] : ["SIGTERM", "SIGKILL"];
    // As this test's reader sees it: its own session lasts 10 s, the services' 6 s.
    const away_ms: number[] = [];
    for (const [index, signal] of signals.entries()) {
      const wanted = Math.floor((REQUESTS * (index + 0.5)) / signals.length);
      await load.answered(wanted);
      await load.atWork();
      const answered = pipeline.results.records.length;
      const start_ms = performance.now();
      await endBroker(parts as Parts, signal);
      // More than what was already on its way to this reader.
      await load.answered(Math.min(REQUESTS, answered + OUTSTANDING_MAX));
      away_ms.push(Math.round(performance.now() - start_ms));
    }
    await load.done;
    await verify(t, pipeline, load.ids, { signals, away_ms });
  });
});

/** Ends the broker; its supervisor starts it again. When it is ready is left to the services to find out. */
async function endBroker(parts: Parts, signal: NodeJS.Signals): Promise<void> {
  const pidOf = () => parts.processes.find(({ name }) => name === "kafka")?.pid;
  const before_pid = pidOf();
  if (before_pid === undefined) throw new Error("the broker does not run here");
  process.kill(before_pid, signal);
  await until("the broker runs again", () => ![undefined, before_pid].includes(pidOf()));
}
