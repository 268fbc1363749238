/** `sluice replay --mode recompute` as a process, killed in the middle of its calls: its budget holds, and no answer is paid for twice. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { nusd } from "../../libs/shared/money.ts";
import { resultsById, TopicLog } from "../support/pipeline/topic-log.ts";
import { type Pipeline, ROOT, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";
import { until } from "../support/until.ts";

const RECORDS = process.env["SLUICE_TEST_SIZE"] === "full" ? 2_000 : 120;
const CALLS_IN_FLIGHT = 4;
const OUTPUT_TOKENS_MAX = 12;
const EXIT_BUDGET = 4;

type Shown = {
  readonly id: string;
  readonly status: string;
  readonly topic: string;
  readonly preview: { readonly selected: number; readonly most_usd: number; readonly recorded_usd: number };
  readonly totals: { readonly selected: number; readonly calls: number; readonly cost_usd: number };
};

describe("a recompute that is killed", () => {
  let pipeline: Pipeline;
  let ids: readonly string[];

  before(async () => {
    pipeline = await startPipeline({
      name: "replay-killed",
      settings: { replay: { chunk: 8, calls_in_flight_max: CALLS_IN_FLIGHT, lease_ms: 2_000 } },
      scale: { gateway: 0 },
    });
    ids = Array.from({ length: RECORDS }, (_, at) => pipeline.id(`r${at}`));
    const body = (at: number): object => chat(`question ${at}`, { max_tokens: OUTPUT_TOKENS_MAX });
    await pipeline.produce(ids.map((id, at) => ({ key: id, value: { id, tenant: "demo", body: body(at) } })));
    await pipeline.resultsOf(ids, 120_000);
    await pipeline.settled();
    await pipeline.setMock({ ttft_ms: 40 });
  });
  after(async () => {
    await pipeline?.stop();
  });

  function start(...args: string[]): ChildProcess {
    const env = { ...process.env, ...pipeline.env };
    return spawn(process.execPath, [join(ROOT, "cli", "sluice.ts"), "replay", ...args, "--json"], {
      env,
      stdio: "pipe",
    });
  }

  async function sluice(code: number, ...args: string[]): Promise<Shown> {
    const child = start(...args);
    let out = "";
    let errors = "";
    child.stdout?.on("data", (text) => {
      out += text;
    });
    child.stderr?.on("data", (text) => {
      errors += text;
    });
    const [ended] = await once(child, "close");
    assert.equal(ended, code, errors);
    return JSON.parse(out) as Shown;
  }

  const calls = async (): Promise<number> => (await pipeline.mockStats()).calls;

  test("keeps its budget, and pays once more at the most for what was on its way", async () => {
    const before_calls = await calls();
    const preview = await sluice(0, "--mode", "recompute", "--budget-usd", "0.000001");
    assert.equal(preview.preview.selected, RECORDS);
    const record_most_usd = (2 * preview.preview.most_usd) / RECORDS;
    const budget_usd = Number((preview.preview.recorded_usd / 2 + record_most_usd).toFixed(9));

    const child = start("resume", preview.id, "--budget-usd", String(budget_usd));
    const closed = once(child, "close");
    await until("some of it is called", async () => {
      assert.equal(child.exitCode, null, "it was killed before its end");
      return (await calls()) - before_calls >= RECORDS / 6;
    });
    child.kill("SIGKILL");
    await closed;

    const part = await sluice(EXIT_BUDGET, "resume", preview.id, "--budget-usd", String(budget_usd));
    assert.ok(part.totals.cost_usd <= budget_usd, `${part.totals.cost_usd} of ${budget_usd}`);
    assert.ok(part.totals.selected < RECORDS);
    const made_in_part = (await calls()) - before_calls;

    const whole = await sluice(0, "resume", preview.id, "--budget-usd", String(preview.preview.most_usd * 3));
    assert.deepEqual([whole.status, whole.totals.selected], ["completed", RECORDS]);
    const extra = (await calls()) - before_calls - RECORDS;
    assert.ok(extra >= 0 && extra <= CALLS_IN_FLIGHT, `${extra} calls were made twice`);

    const results = resultsById(await TopicLog.readAll(pipeline.kafka, whole.topic));
    const costs_nusd = ids.map((id) => {
      const { status, usage } = only(results, id);
      assert.equal(status, "succeeded");
      return nusd(usage?.cost_usd ?? 0);
    });
    // A call whose answer was lost counts with the most that it may have cost.
    const lost_nusd = nusd(whole.totals.cost_usd) - costs_nusd.reduce((sum, cost) => sum + cost, 0);
    assert.ok(lost_nusd >= 0 && lost_nusd <= CALLS_IN_FLIGHT * nusd(record_most_usd), `${lost_nusd} for what was lost`);
    assert.ok(made_in_part * Math.min(...costs_nusd) <= nusd(budget_usd), `${made_in_part} calls within ${budget_usd}`);
  });
});
