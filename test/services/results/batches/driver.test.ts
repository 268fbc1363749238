/** Batches through the runner, from their file to their files. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { batchObject } from "../../../../libs/shared/jobs/batch.ts";
import { NAMES } from "../../../support/memory-ports.ts";
import { BatchWorld, HOUR_MS, line, linesOf, TENANT } from "./batches-fixture.ts";

const names = (lines: readonly { readonly custom_id: string }[]): string[] => lines.map(({ custom_id }) => custom_id);

describe("a batch", () => {
  test("runs every line and writes what succeeded, in the order of the file", async () => {
    const world = new BatchWorld();
    world.answer = ({ body }) => ({
      after_ms: body.messages[0]?.content === "c3" ? 5_000 : 50,
      status: body.messages[0]?.content === "c5" ? "failed" : "succeeded",
    });
    const id = await world.batch(linesOf(10), { metadata: { team: "a" } });
    world.process();
    await world.untilEnded(id);
    const job = await world.find(id);
    assert.equal(job.status, "completed");
    assert.deepEqual(names(world.lines(job.state.output_file_id)), [
      "c0",
      "c1",
      "c2",
      "c3",
      "c4",
      "c6",
      "c7",
      "c8",
      "c9",
    ]);
    const [failed] = world.lines(job.state.error_file_id);
    assert.equal(failed?.custom_id, "c5");
    assert.equal(failed?.response?.status_code, 502);
    assert.deepEqual(failed?.response?.body, {
      error: { message: "messages: provider_error", type: "api_error", param: "messages", code: "provider_error" },
    });
    const object = batchObject(job) as Record<string, unknown>;
    assert.deepEqual(object["request_counts"], { total: 10, completed: 9, failed: 1 });
    assert.deepEqual(object["usage"], {
      input_tokens: 27,
      input_tokens_details: { cached_tokens: 9 },
      output_tokens: 18,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 45,
    });
    assert.equal(job.state.cost_nusd, 10_000);
    assert.deepEqual(world.events, [
      { tenant: TENANT, type: "batch.completed", subject: id, at_ms: job.ended_ms as number },
    ]);
    const [record] = world.published;
    assert.equal(record?.topic, NAMES.batch(NAMES.requests));
    const request = JSON.parse(record?.value?.toString() ?? "") as Record<string, unknown>;
    assert.equal(request["lane"], "batch");
    assert.deepEqual(request["metadata"], { team: "a" });
  });

  test("says every bad line by its number, and runs none", async () => {
    const world = new BatchWorld(1, { batch: { line_bytes_max: 400 } });
    const chat = (body: object): string => line("x", { custom_id: `x${JSON.stringify(body).length}`, body });
    const text = [
      line("a"),
      "",
      "{",
      "[1]",
      line("a"),
      line("", { custom_id: undefined }),
      line("", { custom_id: "" }),
      line("n", { custom_id: "a\0b" }),
      line("m", { method: "GET" }),
      line("u", { url: "/v1/embeddings" }),
      line("b", { body: "hi" }),
      chat({ messages: [] }),
      chat({ input: "hi" }),
      chat({ messages: [{ role: "user", content: "hi" }], stream: true }),
      line("long".repeat(100)),
      line("good"),
    ].join("\n");
    const id = await world.batch(text);
    world.process();
    await world.untilEnded(id);
    const job = await world.find(id);
    assert.equal(job.status, "failed");
    assert.deepEqual(
      job.state.errors.map((error) => [error.line, error.code]),
      [
        [3, "invalid_json_line"],
        [4, "invalid_json_line"],
        [5, "duplicate_custom_id"],
        [6, "missing_required_parameter"],
        [7, "invalid_custom_id"],
        [8, "invalid_custom_id"],
        [9, "invalid_method"],
        [10, "mismatched_url"],
        [11, "invalid_request"],
        [12, "invalid_request"],
        [13, "invalid_request"],
        [14, "stream_not_supported"],
        [15, "line_too_long"],
      ],
    );
    assert.deepEqual(world.published, []);
    assert.deepEqual(
      world.events.map(({ type }) => type),
      ["batch.failed"],
    );
    const object = batchObject(job) as { errors: { total: number }; failed_at: number };
    assert.equal(object.errors.total, 13);
    assert.equal(object.failed_at, Math.floor((job.ended_ms as number) / 1_000));
  });

  test("finds a repeated name over pieces of the file, and tells of the first hundred", async () => {
    const world = new BatchWorld();
    const id = await world.batch(linesOf(1_500) + linesOf(150));
    world.process();
    await world.untilEnded(id);
    const { status, state } = await world.find(id);
    assert.equal(status, "failed");
    assert.equal(state.errors.length, 100);
    assert.equal(state.errors_total, 150);
    assert.deepEqual(state.errors[0], {
      code: "duplicate_custom_id",
      message: "custom_id is another line's already; give each line its own",
      param: "custom_id",
      line: 1_501,
    });
  });

  test("of no lines, of too many, or without its file fails", async () => {
    const world = new BatchWorld(1, { batch: { lines_max: 3 } });
    const ids = [
      await world.batch("\n \n"),
      await world.batch(linesOf(4)),
      await world.start({ input_file_id: "file-none" }),
      await world.batch(linesOf(3)),
    ];
    world.process();
    await world.untilEnded(...ids);
    const jobs = await Promise.all(ids.map((id) => world.find(id)));
    assert.deepEqual(
      jobs.map(({ status, state }) => [status, state.errors[0]?.code]),
      [
        ["failed", "empty_file"],
        ["failed", "too_many_lines"],
        ["failed", "input_file_missing"],
        ["completed", undefined],
      ],
    );
  });

  test("is never more than so many requests ahead of its results", async () => {
    const world = new BatchWorld(1, { in_flight_max: 20, chunk: 8 });
    let open = 0;
    let open_max = 0;
    world.answer = () => {
      open += 1;
      open_max = Math.max(open_max, open);
      world.clock.after(700, () => {
        open -= 1;
      });
      return { after_ms: 700, status: "succeeded" };
    };
    const id = await world.batch(linesOf(100));
    world.process();
    await world.untilEnded(id);
    assert.ok(open_max <= 20 && open_max >= 16, String(open_max));
    assert.equal(world.asked.length, 100);
    assert.equal((await world.find(id)).state.completed, 100);
    const counts = world.told
      .filter((told) => told.id === id)
      .map(({ state }) => (state as { request_counts?: unknown }).request_counts as { completed: number });
    assert.ok(counts.length > 5);
    for (const [index, { completed }] of counts.entries()) assert.ok(completed >= (counts[index - 1]?.completed ?? 0));
  });

  test("that is cancelled ends those under way and writes what there is", async () => {
    const world = new BatchWorld(1, { in_flight_max: 10, chunk: 5 });
    world.answer = ({ body }) =>
      ["c0", "c1"].includes(body.messages[0]?.content ?? "") ? { after_ms: 10, status: "succeeded" } : undefined;
    const id = await world.batch(linesOf(30));
    world.process();
    await world.clock.run(() => world.asked.length >= 10, Number.POSITIVE_INFINITY);
    await world.clock.run(() => false, world.clock.now_ms() + 5_000);
    const cancelled = await world.jobs.cancel(TENANT, "batch", id, world.clock.now_ms());
    assert.equal((batchObject(cancelled as never) as { status: string }).status, "cancelling");
    await world.untilEnded(id);
    const job = await world.find(id);
    assert.equal(job.status, "cancelled");
    assert.ok(world.asked.length < 30);
    assert.deepEqual(names(world.lines(job.state.output_file_id)), ["c0", "c1"]);
    const errors = world.lines(job.state.error_file_id);
    assert.deepEqual(
      names(errors),
      Array.from({ length: 28 }, (_, index) => `c${index + 2}`),
    );
    assert.deepEqual(new Set(errors.map(({ error }) => error?.code)), new Set(["batch_cancelled"]));
    assert.equal(job.state.completed + job.state.failed, 30);
  });

  test("that is overdue gives up what has no result, and what comes later is nobody's", async () => {
    const world = new BatchWorld();
    world.answer = ({ body }) =>
      body.messages[0]?.content === "c1"
        ? { after_ms: 3 * HOUR_MS, status: "succeeded" }
        : { after_ms: 10, status: "succeeded" };
    const id = await world.batch(linesOf(3), { completion_window: "2h" }, 2 * HOUR_MS);
    world.process();
    await world.untilEnded(id);
    const job = await world.find(id);
    assert.equal(job.status, "expired");
    assert.deepEqual(names(world.lines(job.state.output_file_id)), ["c0", "c2"]);
    const [given_up] = world.lines(job.state.error_file_id);
    assert.deepEqual([given_up?.custom_id, given_up?.response, given_up?.error?.code], ["c1", null, "batch_expired"]);
    await world.clock.run(() => false, world.clock.now_ms() + 4 * HOUR_MS);
    assert.deepEqual((await world.jobs.counts(job, 0)).ended, { succeeded: 2 });
  });

  test("whose lines were all done in time is complete, however late somebody looks", async () => {
    const world = new BatchWorld(1, { poll_ms: 1_000 });
    const id = await world.batch(linesOf(3), {}, HOUR_MS);
    const first = world.process();
    await world.clock.run(() => world.asked.length === 3, Number.POSITIVE_INFINITY);
    void first.drain(1_000);
    let late = false;
    world.clock.after(2 * HOUR_MS, () => {
      late = true;
    });
    await world.clock.run(() => late, Number.POSITIVE_INFINITY);
    world.process();
    await world.untilEnded(id);
    const { status, state } = await world.find(id);
    assert.deepEqual([status, state.completed, state.error_file_id], ["completed", 3, undefined]);
  });

  test("that is cancelled or overdue while it is checked has run nothing", async () => {
    const world = new BatchWorld();
    const ids = [await world.batch(linesOf(3)), await world.batch(linesOf(3), {}, 0)];
    await world.jobs.cancel(TENANT, "batch", ids[0] as string, world.clock.now_ms());
    world.process();
    await world.untilEnded(...ids);
    assert.deepEqual(await Promise.all(ids.map(async (id) => (await world.find(id)).status)), ["cancelled", "expired"]);
    assert.deepEqual(world.published, []);
  });

  test("whose lines all failed has no output file, and can be asked again", async () => {
    const world = new BatchWorld();
    world.answer = () => ({ after_ms: 10, status: "failed" });
    const first = await world.batch(linesOf(4));
    const runner = world.process();
    await world.untilEnded(first);
    const job = await world.find(first);
    assert.equal(job.status, "completed");
    assert.equal(job.state.output_file_id, undefined);
    assert.equal(world.lines(job.state.error_file_id).length, 4);

    world.answer = ({ body }) => ({
      after_ms: 10,
      status: body.messages[0]?.content === "c2" ? "failed" : "succeeded",
    });
    const second = await world.start({ input_file_id: job.spec.input_file_id, retry_of: first });
    await world.untilEnded(second);
    const third = await world.start({ input_file_id: job.spec.input_file_id, retry_of: second });
    await world.untilEnded(third);
    assert.deepEqual(names(world.lines((await world.find(second)).state.output_file_id)), ["c0", "c1", "c3"]);
    assert.deepEqual(names(world.lines((await world.find(third)).state.error_file_id)), ["c2"]);
    assert.equal((await world.find(third)).state.lines, 1);
    await runner.drain(1_000);
  });

  test("whose file goes away ends with what there is", async () => {
    const world = new BatchWorld(1, { in_flight_max: 4, chunk: 4 });
    world.answer = () => ({ after_ms: 2_500, status: "succeeded" });
    const id = await world.batch(linesOf(10));
    world.process();
    await world.clock.run(() => world.asked.length === 4, Number.POSITIVE_INFINITY);
    world.files.remove((await world.find(id)).spec.input_file_id);
    await world.untilEnded(id);
    const job = await world.find(id);
    assert.equal(job.status, "failed");
    assert.equal(job.state.errors[0]?.code, "input_file_missing");
    assert.equal(world.lines(job.state.output_file_id).length, 4);
    assert.deepEqual(
      new Set(world.lines(job.state.error_file_id).map(({ error }) => error?.code)),
      new Set(["batch_failed"]),
    );
  });
});
