/** Metrics of a running pipeline: each service exports what docs/metrics.md says of it, and says how it is in beats. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Beat } from "../../libs/shared/beats/beat.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { RedisBeatStore } from "../../libs/shared/redis/beat-store.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { documentedMetrics } from "../support/metrics/documented.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat } from "../support/requests.ts";
import { until } from "../support/until.ts";

const SERVICES = ["gateway", "ingest", "router", "inference", "results", "replay"] as const;
const BEAT_TTL_MS = 10_000;
const REQUESTS = 20;

/** Values by name and labels, and the names that are exported at all. */
type Exported = { readonly names: ReadonlySet<string>; readonly text: string };

describe("metrics and beats", () => {
  let pipeline: Pipeline;
  let exported: ReadonlyMap<string, Exported>;
  const read = async (service: string): Promise<Exported> => {
    const text = await (await fetch(`${pipeline.processes.url(service)}/metrics`)).text();
    return { text, names: new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name ?? "")) };
  };
  before(async () => {
    const settings = { plans: { default: { weight: 1, budgets: { tenant_day_usd: 1_000 } } } };
    pipeline = await startPipeline({ name: "metrics", settings, scale: { replay: 1 } });
    const ids = Array.from({ length: REQUESTS }, (_, at) => pipeline.id(`m${at}`));
    await pipeline.produce(
      ids.map((id, at) => ({ value: { id, tenant: "demo", body: chat(`metrics ${at}`, { model: "small" }) } })),
    );
    await pipeline.resultsOf(ids);
    await pipeline.settled();
    const all = await Promise.all(SERVICES.map(async (service) => [service, await read(service)] as const));
    exported = new Map(all);
  });
  after(() => pipeline?.stop());

  test("each service exports what the page says of it, and nothing else", () => {
    const rows = documentedMetrics();
    for (const service of SERVICES) {
      const own = [...(exported.get(service)?.names ?? [])].filter((name) => /^(?:sluice|gen_ai)_/.test(name));
      const listed = rows.filter(({ services }) => services.includes(service)).map(({ name }) => name);
      assert.deepEqual(own.toSorted(), listed.toSorted(), service);
    }
  });

  test("a group's work is in them: done, busy, nothing left behind", async () => {
    const total = (service: string, name: string, labels: string): number => {
      const lines = (exported.get(service)?.text ?? "").split("\n");
      const found = lines.filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
      assert.ok(found.length > 0, `${service} has no ${name} of ${labels}`);
      return found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
    };
    for (const service of ["ingest", "router", "results"]) {
      const group = `group="${pipeline.settings.consumption.group_prefix}${service}"`;
      assert.ok(total(service, "sluice_records_done_total", group) >= REQUESTS);
      assert.ok(total(service, "sluice_group_busy_seconds_total", group) > 0);
      assert.ok(total(service, "sluice_partitions_assigned", group) > 0);
      assert.equal(total(service, "sluice_records_queued", group), 0);
      assert.ok(total(service, "sluice_group_in_flight_limit", group) > 0);
      assert.equal(total(service, "sluice_lag_records", group), 0);
    }
    assert.ok(total("inference", "sluice_records_done_total", ".small") >= REQUESTS);
    assert.ok(total("inference", "sluice_endpoint_calls_total", 'outcome="ok"') >= REQUESTS);
    assert.ok(total("inference", "gen_ai_client_token_usage_count", 'gen_ai_token_type="input"') >= REQUESTS);
    assert.ok(total("results", "sluice_pipeline_overhead_seconds_count", 'lane="interactive"') >= REQUESTS);
    assert.ok(total("results", "sluice_tenant_requests_total", 'tenant="demo"') >= REQUESTS);
    assert.ok(total("ingest", "sluice_budget_left_usd", 'tenant="demo"') > 0);
    for (const dependency of ["redis", "postgres", "kafka", "registry"]) {
      assert.ok(total("results", "sluice_dependency_seconds_count", `dependency="${dependency}"`) > 0);
    }
  });

  test("beats of all services are read, and one that is told to stop takes its own back", async () => {
    const log = silentLog;
    const redis = connectRedis(pipeline.env["REDIS_URL"] ?? "", "test", log, pipeline.settings.redis.key_prefix);
    try {
      await redisReady(redis, 5_000);
      const store = new RedisBeatStore(redis, BEAT_TTL_MS);
      const beats = async (): Promise<readonly Beat[]> => store.all(Date.now());
      const names = (of: readonly Beat[]): string[] => [...new Set(of.map(({ service }) => service))].toSorted();
      const all = await until("beats of all", async () => {
        const there = await beats();
        return names(there).length === SERVICES.length && there;
      });
      assert.deepEqual(names(all), [...SERVICES].toSorted());
      for (const { service, draining, samples, tiers } of all) {
        const own = new Set(samples.map(({ name }) => name));
        assert.ok(!draining && own.has("process_cpu_seconds_total") && own.has("sluice_in_flight_limit"), service);
        assert.equal(tiers.length > 0, service === "inference", service);
      }
      await pipeline.processes.stop("router");
      await until("the router's beat is gone", async () => !names(await beats()).includes("router"));
    } finally {
      redis.disconnect();
    }
  });
});
