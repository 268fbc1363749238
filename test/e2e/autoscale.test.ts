/** The scaler and `up --autoscale`'s follower on real parts: load brings a second worker, its end takes it away, and nothing is lost. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Desired } from "../../libs/shared/scaling/desired.ts";
import { Autoscaler, type ScaleEvent } from "../../tools/stack/autoscale.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { until } from "../support/until.ts";

/** One worker can take some 13 calls a second. */
const IN_FLIGHT = 4;
const LATENCY_MS = 300;
/** Unanswered ones, while the second worker is waited for: 30 s of work for one. */
const OUTSTANDING = 400;
const QUICK = {
  every_ms: 1_000,
  window_ms: 4_000,
  cool_down_up_ms: 1_000,
  cool_down_down_ms: 4_000,
  step_up_max: 1,
  default_bounds: { min: 1, max: 2 },
};

describe("autoscaling", () => {
  let pipeline: Pipeline;
  before(async () => {
    pipeline = await startPipeline({
      name: "autoscale",
      scale: { gateway: 0, scaler: 2 },
      mock_args: ["--latency-ms", String(LATENCY_MS)],
      settings: { scaling: QUICK, tiers: { small: { in_flight_max: IN_FLIGHT } } },
    });
  });
  after(() => pipeline.stop());

  const desired = async (name = "scaler"): Promise<Desired> => {
    const response = await fetch(`${pipeline.processes.url(name)}/desired`);
    return (await response.json()) as Desired;
  };
  const workers = (): string[] => pipeline.processes.names().filter((name) => name.startsWith("inference"));

  test("starts a second worker under load, stops it afterwards, and loses nothing", async (t) => {
    const { processes } = pipeline;
    const changes: ScaleEvent[] = [];
    const said: string[] = [];
    const scaler = new Autoscaler({
      services: ["inference"],
      running: { inference: [1] },
      desired,
      start: (service, instance) => processes.start(`${service}-${instance}`),
      stop: (name) => processes.stop(name),
      changed: (change) => changes.push(change),
      say: (line) => said.push(line),
    });
    scaler.begin();
    t.after(() => scaler.stop());
    const ids: string[] = [];
    const keepBusy = async (): Promise<void> => {
      const length = OUTSTANDING - (ids.length - pipeline.results.records.length);
      if (length < OUTSTANDING / 4) return;
      const fresh = Array.from({ length }, (_, index) => pipeline.id(`scaled-${ids.length + index}`));
      ids.push(...fresh);
      await pipeline.produce(
        fresh.map((id) => ({
          key: id,
          value: { id, tenant: "demo", tier: "small", body: { messages: [{ role: "user", content: id }] } },
        })),
      );
    };
    await until("a second worker is there", async () => {
      await keepBusy();
      return workers().length === 2;
    });
    const results = await pipeline.resultsOf(ids);
    await until("the second worker is gone", async () => workers().length === 1);
    await pipeline.settled();
    for (const id of ids)
      assert.deepEqual(
        results.get(id)?.map(({ status }) => status),
        ["succeeded"],
        id,
      );
    assert.deepEqual((await pipeline.calls(2)).length, 0, "calls that were made twice");
    assert.deepEqual(workers(), ["inference"]);
    assert.deepEqual(changes.map(({ from, to }) => [from, to]).slice(0, 2), [
      [1, 2],
      [2, 1],
    ]);
    assert.match(pipeline.log("inference-2"), /"msg":"stopped"/);
    assert.deepEqual(processes.deaths, []);
    t.diagnostic([...changes.map(({ why }) => why), ...said].join("; "));
  });

  test("is told by each scaler alike, to people, Prometheus and KEDA", async () => {
    const targets = async (name: string): Promise<string[]> =>
      (await desired(name)).targets.map(({ service, desired: count }) => `${service} ${count}`);
    await until("both tell the same", async () => {
      const [one, other] = await Promise.all([targets("scaler"), targets("scaler-2")]);
      return JSON.stringify(one) === JSON.stringify(other);
    });
    assert.deepEqual(
      (await targets("scaler")).map((text) => text.split(" ")[0]),
      ["ingest", "router", "inference", "results"],
    );
    const url = pipeline.processes.url("scaler-2");
    const ask = async (): Promise<unknown> => (await fetch(`${url}/desired/ingest`)).json();
    // What is desired may change between two questions.
    await until("one service alone is told as in the list", async () => {
      const [asked, all] = [JSON.stringify(await ask()), await targets("scaler-2")];
      return all.some((text) => text.startsWith("ingest ") && asked === `{"desired":${text.slice(7)}}`);
    });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.match(metrics, /^sluice_desired_replicas\{service="inference"\} \d/m);
    assert.match(metrics, /^sluice_group_members\{group="[^"]*inference.small",service="scaler"\} \d+$/m);
  });
});
