/** Crashes at every write, failing shards, duplicates and a budget, drawn from a seed: nothing is lost, asked twice or paid beyond the budget. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random } from "../../../../tools/simulate/random.ts";
import { answered, Crash, failedWith, JOB, lines, type Model, marks, World } from "./map-reduce-world.ts";

const SEEDS = 80;
/** Every retry gives that much more. */
const STEP_USD = 4_000e-9;

function worldOf(seed: number) {
  const random = new Random(seed);
  const budgeted = random.chance(0.6);
  const skip = random.chance(0.4);
  const tokens = (text: string): number => 40 + text.length;
  const world = new World(
    {
      in_flight_max: random.int(1, 25),
      chunk: random.int(1, 9),
      map_reduce: { shard_tokens_max: random.int(60, 2_000) },
    },
    ({ body }) => tokens(JSON.stringify(body)),
  );
  const count = random.int(1, 60);
  const different = random.int(1, count);
  const texts = Array.from({ length: count }, () => `#${random.int(0, different)}`);
  // Some fail once, some always, some only until somebody has looked into it.
  const broken = new Set(texts.filter(() => random.chance(0.05)));
  const model: Model = (asked) => {
    const fails = asked.wave === 0 ? broken.has(marks(asked.text)) : false;
    if (fails || random.chance(0.08)) {
      const unknown = random.chance(0.5);
      const result = unknown ? failedWith("failed", "provider_timeout", 1) : failedWith("failed", "provider_error", 1);
      return { result, hidden_nusd: unknown && budgeted ? random.int(0, asked.max_cost_nusd) : 0 };
    }
    const cost_nusd = budgeted ? random.int(0, asked.max_cost_nusd) : random.int(0, 50);
    return { result: answered(marks(asked.text), cost_nusd) };
  };
  return { random, budgeted, skip, world, texts, broken, model };
}

async function runSeed(seed: number): Promise<void> {
  const { random, budgeted, skip, world, texts, broken, model } = worldOf(seed);
  let budget_usd = STEP_USD;
  await world.begin(lines(texts), "in.jsonl", {
    ...(budgeted ? { budget_usd } : {}),
    on_failed_shard: skip ? "skip" : "fail",
    fan_in: random.int(2, 6),
    tries: random.int(1, 3),
  });
  world.crash = () => {
    if (random.chance(0.08)) throw new Crash();
  };
  const within = (): void => {
    const used_usd = (world.billed_nusd + world.open_nusd()) / 1e9;
    if (budgeted) assert.ok(used_usd <= budget_usd + 1e-12, `${used_usd} of ${budget_usd}`);
  };
  let retries = 0;
  let steps = 0;
  for (;;) {
    while (!(await world.ended())) {
      steps += 1;
      assert.ok(steps < 3_000, `it does not end: ${JSON.stringify((await world.job()).state).slice(0, 600)}`);
      await world.step();
      within();
      world.answer(
        [...world.open].filter(() => random.chance(0.4)),
        model,
      );
      within();
    }
    const job = await world.job();
    if (job.status === "completed" && (job.state.waves[0]?.failed ?? 0) === 0) break;
    retries += 1;
    assert.ok(retries < 60, `still ${job.status} ${job.state.error?.code}`);
    assert.ok(job.status === "completed" || job.status === "failed");
    budget_usd += STEP_USD;
    if (retries > 2) broken.clear();
    await world.retry(budgeted ? { budget_usd } : {});
  }
  const { state } = await world.job();
  assert.equal(state.answer, texts.join(" "));
  // Of the map every different text was asked in tries that follow one another, and no try without the one before having failed.
  const asked = [...world.asked.keys()].filter((id) => id.startsWith(`${JOB}.0.`));
  const leaders = new Set(asked.map((id) => id.split(".")[2]));
  assert.equal(leaders.size, new Set(texts).size);
  for (const one of state.waves) assert.equal(one.succeeded, one.items);
}

describe("a map-reduce under faults", () => {
  for (let from = 0; from < SEEDS; from += 20) {
    test(`seeds ${from} to ${from + 19}`, async () => {
      for (let seed = from; seed < from + 20; seed += 1) {
        await runSeed(seed).catch((error: unknown) => {
          throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
        });
      }
    });
  }

  test("a result that succeeded is never asked again", async () => {
    for (let seed = 1_000; seed < 1_020; seed += 1) {
      const { random, world, texts } = worldOf(seed);
      await world.begin(lines(texts), "in.jsonl");
      world.crash = () => {
        if (random.chance(0.1)) throw new Crash();
      };
      await world.run((asked) => ({ result: answered(marks(asked.text), 1) }));
      assert.equal([...world.asked.keys()].filter((id) => /\.t\d+$/.test(id)).length, 0);
    }
  });
});
