/** The whole way of a map-reduce, step by step. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { progressOf } from "../../../../libs/shared/map-reduce/progress.ts";
import { answered, failedWith, JOB, lines, type Model, marks, World } from "./map-reduce-world.ts";

const repeat: Model = ({ text }) => ({ result: answered(marks(text), 10) });
const documents = (count: number): string =>
  lines(Array.from({ length: count }, (_, at) => ({ id: `d${at}`, text: `#${at}` })));

describe("a map-reduce", () => {
  test("asks for each shard, reduces in waves, and ends with one answer of all of them", async () => {
    const world = new World();
    await world.begin(documents(30), "in.jsonl");
    const job = await world.run(repeat);
    assert.equal(job.status, "completed");
    assert.equal(job.state.answer, Array.from({ length: 30 }, (_, at) => `#${at}`).join(" "));
    assert.deepEqual(
      job.state.waves.map(({ items }) => items),
      [30, 8, 2, 1],
    );
    assert.equal(world.asked.size, 41);
    assert.equal(progressOf(job, world.now_ms).text, "map 30/30, wave 3 1/1, 0 failed, completed");
    const { prompt_tokens, requests, cost_nusd } = job.state.waves[0] as (typeof job.state.waves)[0];
    assert.deepEqual([prompt_tokens, requests, cost_nusd], [300, 30, 300]);
  });

  test("says how far it is on the way", async () => {
    const world = new World({ in_flight_max: 5, chunk: 5 });
    await world.begin(documents(20), "in.jsonl");
    const texts = new Set<string>();
    while (!(await world.ended())) {
      for (let some = 0; some < 2; some += 1) await world.step();
      texts.add(progressOf(await world.job(), world.now_ms).text);
      world.answer([...world.open].slice(0, 3), repeat);
      world.now_ms += 10_000;
    }
    assert.ok(
      [...texts].some((text) => /^map \d+\/20, 0 failed, \d+ (s|min) left$/.test(text)),
      [...texts].join("\n"),
    );
    assert.ok(
      [...texts].some((text) => /^map 20\/20, wave 1 \d\/5, 0 failed, \d+ s left$/.test(text)),
      [...texts].join("\n"),
    );
  });

  test("reduces one shard too, so that the reduce's prompt has its say", async () => {
    const world = new World();
    await world.begin(lines(["#1"]), "in.jsonl");
    const job = await world.run(repeat);
    assert.deepEqual([job.state.answer, world.asked.size], ["#1", 2]);
  });

  test("asks once for shards with the same text, and counts each of them", async () => {
    const world = new World();
    await world.begin(lines(["#1", "#2", "#1", "#1"]), "in.jsonl");
    const job = await world.run(repeat);
    assert.deepEqual([job.state.answer, job.state.duplicates, world.asked.size], ["#1 #2 #1 #1", 2, 3]);
  });

  test("cuts a long text where its paragraphs end", async () => {
    const world = new World();
    await world.begin(`${"word ".repeat(20)}#1.\n\n${"word ".repeat(20)}#2.\n\n#3`, "book.txt");
    const job = await world.run(repeat);
    assert.deepEqual([job.state.documents, job.state.shards, job.state.answer], [1, 2, "#1 #2 #3"]);
  });

  test("names every bad line, and asks for nothing", async () => {
    const world = new World();
    await world.begin('"good"\n{"id": 1}\nnot json\n', "in.jsonl");
    const job = await world.run(repeat);
    assert.equal(job.status, "failed");
    assert.deepEqual(
      job.state.errors?.map(({ code, line }) => [code, line]),
      [
        ["invalid_document", 2],
        ["invalid_json_line", 3],
      ],
    );
    assert.equal(world.asked.size, 0);
    await assert.rejects(world.retry());
  });

  test("fails when a shard fails after all its tries, keeps the rest, and asks only that one again", async () => {
    const world = new World();
    await world.begin(documents(10), "in.jsonl");
    let broken = true;
    const model: Model = (asked) =>
      broken && asked.wave === 0 && marks(asked.text) === "#3"
        ? { result: failedWith("failed", "provider_error", 1) }
        : repeat(asked);
    const job = await world.run(model);
    assert.deepEqual([job.status, job.state.error?.code, world.asked.size], ["failed", "shard_failed", 12]);
    assert.deepEqual(
      [...world.asked.keys()].filter((id) => id.startsWith(`${JOB}.0.3`)),
      [`${JOB}.0.3`, `${JOB}.0.3.t2`, `${JOB}.0.3.t3`],
    );
    broken = false;
    await world.retry();
    const again = await world.run(model);
    assert.equal(again.status, "completed");
    assert.match(again.state.answer ?? "", /#2 #3 #4/);
    assert.equal(world.asked.size, 12 + 1 + 4);
  });

  test("goes on without failed shards where that was asked for, and takes them in with a retry", async () => {
    const world = new World();
    await world.begin(documents(10), "in.jsonl", { on_failed_shard: "skip" });
    let broken = true;
    const model: Model = (asked) =>
      broken && asked.wave === 0 && marks(asked.text) === "#3"
        ? { result: failedWith("rejected", "tier_not_allowed", 0) }
        : repeat(asked);
    const job = await world.run(model);
    assert.deepEqual(
      [job.status, job.state.waves[0]?.failed, job.state.answer],
      ["completed", 1, "#0 #1 #2 #4 #5 #6 #7 #8 #9"],
    );
    broken = false;
    await world.retry();
    const again = await world.run(model);
    assert.deepEqual([again.status, again.state.answer], ["completed", "#0 #1 #2 #3 #4 #5 #6 #7 #8 #9"]);
  });

  test("gives up early where nothing succeeds", async () => {
    const world = new World();
    await world.begin(documents(500), "in.jsonl");
    const job = await world.run(() => ({ result: failedWith("rejected", "tier_not_allowed", 0) }));
    assert.equal(job.state.error?.code, "shard_failed");
    assert.ok(world.asked.size < 60, `${world.asked.size} were asked`);
  });

  test("stops before the budget is passed, and goes on with a larger one", async () => {
    const world = new World({}, () => 100);
    await world.begin(documents(10), "in.jsonl", { budget_usd: 500e-9 });
    const model: Model = ({ text }) => ({ result: answered(marks(text), 60) });
    const within = (budget_nusd: number) => () => assert.ok(world.billed_nusd + world.open_nusd() <= budget_nusd);
    const job = await world.run(model, within(500));
    assert.deepEqual([job.status, job.state.error?.code], ["failed", "budget_exhausted"]);
    assert.equal(world.billed_nusd, 420);
    await world.retry({ budget_usd: 2_000e-9 });
    const again = await world.run(model, within(2_000));
    assert.equal(again.status, "completed");
    assert.equal(again.state.answer, "#0 #1 #2 #3 #4 #5 #6 #7 #8 #9");
    assert.equal(world.asked.size, 14);
  });

  test("makes smaller groups of answers that are too long to go together", async () => {
    const world = new World({ map_reduce: { shard_tokens_max: 100 } });
    await world.begin(documents(8), "in.jsonl", { fan_in: 8 });
    const job = await world.run((asked) => ({
      result: answered(`${marks(asked.text)} ${asked.wave === 0 ? "x".repeat(180) : ""}`, 1),
    }));
    assert.deepEqual(
      job.state.waves.map(({ items }) => items),
      [8, 4, 1],
    );
  });

  test("is cancelled: what is under way is told, and a retry goes on", async () => {
    const world = new World();
    await world.begin(documents(30), "in.jsonl");
    while (world.asked.size === 0) await world.step();
    await world.jobs.cancel("t", "map_reduce", JOB, world.now_ms);
    await world.step();
    assert.deepEqual(world.cancelled.toSorted(), [...world.open].toSorted());
    const job = await world.run(() => ({ result: failedWith("cancelled", "cancelled", 0) }));
    assert.equal(job.status, "cancelled");
    await world.retry();
    assert.equal((await world.run(repeat)).state.answer?.split(" ").length, 30);
  });

  test("ends when its time is over", async () => {
    const world = new World();
    await world.begin(documents(5), "in.jsonl", { window_ms: 60_000 });
    while (world.asked.size === 0) await world.step();
    world.now_ms += 60_000;
    const job = await world.run(() => ({ result: failedWith("expired", "deadline_exceeded", 0) }));
    assert.equal(job.status, "expired");
  });

  test("has an answer where nothing is said of anything", async () => {
    const world = new World();
    await world.begin(documents(5), "in.jsonl");
    const job = await world.run(() => ({ result: answered("", 1) }));
    assert.deepEqual([job.status, job.state.answer, job.state.waves[0]?.empty], ["completed", "", 5]);
  });

  test("fails, and says so, when its shards were removed", async () => {
    const world = new World();
    await world.begin(documents(5), "in.jsonl");
    while ((await world.job()).state.phase !== "asking") await world.step();
    world.files.remove(`file-${JOB}-shards`);
    assert.equal((await world.run(repeat)).state.error?.code, "shards_gone");
  });
});
