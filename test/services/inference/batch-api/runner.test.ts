import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SluiceError } from "../../../../libs/shared/errors.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { type BatchAnswer, type BatchMember, mayBeCharged } from "../../../../services/inference/batch-api/member.ts";
import type {
  BatchInput,
  BatchProvider,
  BatchState,
  BatchView,
  Download,
  Failed,
  NotFound,
  Submission,
} from "../../../../services/inference/batch-api/provider.ts";
import { BatchApiRunner, type BatchRunnerOptions } from "../../../../services/inference/batch-api/runner.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const NO_COUNTS = { total: 0, completed: 0, failed: 0 };
const HOUR_MS = 3_600_000;
const AWAY: Failed = { kind: "failed", message: "away", retryable: true };

type Line = { readonly custom_id: string; readonly body: { readonly q: string } };

/** Batches in memory: each is under way until a test ends it. */
class FakeProvider implements BatchProvider {
  readonly clock: VirtualClock;
  readonly batches = new Map<string, { lines: Line[]; view: BatchView }>();
  readonly files = new Map<string, Buffer>();
  readonly polls: string[] = [];
  readonly cancelled: string[] = [];
  /** Taken before anything else is answered. */
  failures: Failed[] = [];
  submissions: Failed[] = [];
  downloads: Failed[] = [];
  submit_ms = 0;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  async submit({ lines }: BatchInput): Promise<Submission> {
    await new Promise<void>((resolve) => this.clock.after(this.submit_ms, resolve));
    const failed = this.submissions.shift();
    if (failed !== undefined) return failed;
    const batch_id = `batch_${this.batches.size}`;
    const read = lines
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
    this.batches.set(batch_id, { lines: read, view: this.#view("in_progress") });
    return { kind: "submitted", batch_id };
  }

  async status(batch_id: string): Promise<BatchView | NotFound | Failed> {
    this.polls.push(batch_id);
    return this.failures.shift() ?? this.batches.get(batch_id)?.view ?? { kind: "not_found" };
  }

  async download(file_id: string): Promise<Download> {
    const failed = this.downloads.shift();
    if (failed !== undefined) return failed;
    const content = this.files.get(file_id);
    return content === undefined ? { kind: "not_found" } : { kind: "downloaded", content };
  }

  async cancel(batch_id: string): Promise<{ kind: "cancelling" }> {
    this.cancelled.push(batch_id);
    return { kind: "cancelling" };
  }

  /** Ends a batch with answers to the first `done` of its lines; those whose question is `bad` go into the error file. */
  finish(batch_id: string, status: BatchState, done = Number.POSITIVE_INFINITY, errors: string[] = []): void {
    const batch = this.batches.get(batch_id);
    assert.ok(batch);
    const answered = batch.lines.slice(0, done).map(({ body, custom_id }) => {
      const status_code = body.q === "bad" ? 400 : 200;
      return { status_code, line: JSON.stringify({ custom_id, response: { status_code, body: { a: body.q } } }) };
    });
    const file = (name: string, ok: boolean): string => {
      const lines = answered.filter(({ status_code }) => (status_code === 200) === ok).map(({ line }) => line);
      this.files.set(name, Buffer.from(lines.join("\n")));
      return name;
    };
    const output_file_id = file(`out_${batch_id}`, true);
    const error_file_id = file(`err_${batch_id}`, false);
    batch.view = { ...this.#view(status), output_file_id, error_file_id, errors };
  }

  #view(status: BatchState): BatchView {
    return { kind: "found", status, request_counts: NO_COUNTS, errors: [] };
  }
}

type Told = { readonly sources: string[]; readonly batch_id: string; readonly custom_ids: readonly string[] };

function setUp(changes: Partial<BatchRunnerOptions> = {}, shared?: { clock: VirtualClock; provider: FakeProvider }) {
  const clock = shared?.clock ?? new VirtualClock();
  const provider = shared?.provider ?? new FakeProvider(clock);
  const told: Told[] = [];
  const runner = new BatchApiRunner({
    provider,
    settings: { size_max: 2, bytes_max: 2_000, wait_ms: 100, poll_ms: 1_000 },
    clock,
    random: () => 0.5,
    log: silentLog,
    batches_max: 10,
    members_max: 100,
    metadata: {},
    onSubmitted: async (members, batch_id, custom_ids) => {
      told.push({ sources: members.map(({ source }) => source), batch_id, custom_ids });
    },
    ...changes,
  });
  return { clock, provider, runner, told };
}

const member = (q: string, extra: Partial<BatchMember> = {}): BatchMember => ({
  source: q,
  path: "/chat/completions",
  model: "m",
  body: Buffer.from(JSON.stringify({ q })),
  until_ms: START_MS + 24 * HOUR_MS,
  ...extra,
});

/** The answer in one word, as soon as there is one. */
function wordOf(answer: BatchAnswer): string {
  if (answer.kind === "answered") return `${answer.status} ${answer.body}`;
  return answer.kind === "missing" ? answer.reason : `${answer.kind} ${answer.retryable}`;
}

function watch(promise: Promise<BatchAnswer>): { word: string | undefined } {
  const seen: { word: string | undefined } = { word: undefined };
  promise.then(
    (answer) => {
      seen.word = wordOf(answer);
    },
    (error: SluiceError) => {
      seen.word = `rejected ${error.code} ${error.retryable}`;
    },
  );
  return seen;
}

/** Runs for so long from now. */
const pass = (clock: VirtualClock, wait_ms: number) => {
  let over = false;
  clock.after(wait_ms, () => {
    over = true;
  });
  return clock.run(() => over, clock.now_ms() + wait_ms);
};

describe("a batch", () => {
  test("members share one, and each gets its own answer, an error too", async () => {
    const { clock, provider, runner, told } = setUp();
    const seen = [watch(runner.submit(member("one"))), watch(runner.submit(member("bad")))];
    await pass(clock, 10);
    assert.deepEqual([provider.batches.size, told[0]?.sources, provider.polls.length], [1, ["one", "bad"], 0]);
    provider.finish("batch_0", "completed");
    await pass(clock, 2_000);
    assert.deepEqual(
      seen.map(({ word }) => word),
      ['200 {"a":"one"}', '400 {"a":"bad"}'],
    );
    assert.deepEqual([runner.open, provider.cancelled], [{ batches: 0, members: 0 }, []]);
  });

  test("one alone goes when it has waited, and a late answer is waited for", async () => {
    const { clock, provider, runner } = setUp();
    const seen = watch(runner.submit(member("one")));
    await pass(clock, 90);
    assert.equal(provider.batches.size, 0);
    await pass(clock, 20);
    assert.equal(provider.batches.size, 1);
    await pass(clock, 5 * HOUR_MS);
    assert.equal(seen.word, undefined);
    provider.finish("batch_0", "completed");
    await pass(clock, 2_000);
    assert.equal(seen.word, '200 {"a":"one"}');
    const hours = (5 * HOUR_MS) / 1_000;
    assert.ok(
      provider.polls.length > 0.8 * hours && provider.polls.length < 1.3 * hours,
      String(provider.polls.length),
    );
  });

  test("models and paths never share one", async () => {
    const { clock, provider, runner } = setUp();
    for (const extra of [{}, { model: "n" }, { path: "/embeddings" }]) void watch(runner.submit(member("q", extra)));
    await pass(clock, 200);
    assert.equal(provider.batches.size, 3);
  });

  for (const [status, words] of [
    ["completed", ['200 {"a":"one"}', "no_answer"]],
    ["expired", ['200 {"a":"one"}', "expired"]],
    ["cancelled", ['200 {"a":"one"}', "cancelled"]],
  ] as const) {
    test(`${status} half-way: what was done counts`, async () => {
      const { clock, provider, runner } = setUp();
      const seen = [watch(runner.submit(member("one"))), watch(runner.submit(member("two")))];
      await pass(clock, 10);
      provider.finish("batch_0", status, 1);
      await pass(clock, 2_000);
      assert.deepEqual(
        seen.map(({ word }) => word),
        words,
      );
    });
  }

  test("refused as a whole: every member is missing, with the provider's words", async () => {
    const { clock, provider, runner } = setUp();
    const answer = runner.submit(member("one"));
    await pass(clock, 200);
    provider.finish("batch_0", "failed", 0, ["line 1: no"]);
    await pass(clock, 2_000);
    assert.deepEqual(await answer, { kind: "missing", reason: "failed", message: "line 1: no", batch_id: "batch_0" });
  });

  test("lines that say they were not run, or are no longer to be had", async () => {
    const { clock, provider, runner } = setUp();
    const seen = [watch(runner.submit(member("one"))), watch(runner.submit(member("two")))];
    await pass(clock, 10);
    provider.finish("batch_0", "expired", 0);
    const ids = provider.batches.get("batch_0")?.lines.map(({ custom_id }) => custom_id) ?? [];
    const unrun = (at: number, code: string) => JSON.stringify({ custom_id: ids[at], response: null, error: { code } });
    provider.files.set("err_batch_0", Buffer.from(`${unrun(0, "batch_expired")}\n${unrun(1, "request_timeout")}\n`));
    provider.files.delete("out_batch_0");
    await pass(clock, 2_000);
    assert.deepEqual(
      seen.map(({ word }) => word),
      ["expired", "not_run"],
    );
  });

  test("polls and downloads that fail are tried again, ever later", async () => {
    const { clock, provider, runner } = setUp();
    const seen = watch(runner.submit(member("one")));
    await pass(clock, 200);
    provider.finish("batch_0", "completed");
    provider.failures = Array.from({ length: 5 }, () => AWAY);
    provider.downloads = [AWAY];
    await pass(clock, 31_000);
    assert.deepEqual([seen.word, provider.polls.length], [undefined, 5]);
    await pass(clock, 95_000);
    assert.deepEqual([seen.word, provider.polls.length], ['200 {"a":"one"}', 7]);
  });
});

describe("what is not submitted", () => {
  test("a refusal reaches every member", async () => {
    const { clock, provider, runner, told } = setUp();
    provider.submissions = [{ ...AWAY, retry_after_ms: 7 }];
    const answers = [runner.submit(member("one")), runner.submit(member("two"))];
    await pass(clock, 10);
    const expected = { kind: "failed_to_submit", message: "away", retryable: true, retry_after_ms: 7 };
    assert.deepEqual([await Promise.all(answers), told], [[expected, expected], []]);
  });

  test("too many, too large, too late, given up", async () => {
    const { clock, provider, runner } = setUp({ members_max: 2 });
    const large = watch(runner.submit(member("x".repeat(3_000))));
    const late = watch(runner.submit(member("late", { until_ms: START_MS + 50, model: "a" })));
    const controller = new AbortController();
    const left = watch(runner.submit(member("left", { signal: controller.signal, model: "b" })));
    const many = watch(runner.submit(member("many")));
    controller.abort();
    await pass(clock, 200);
    assert.deepEqual(
      [large.word, late.word, left.word, many.word],
      ["failed_to_submit false", "deadline", "aborted", "failed_to_submit true"],
    );
    assert.equal(provider.batches.size, 0);
    const gone = watch(runner.submit(member("gone", { signal: controller.signal })));
    await pass(clock, 1);
    assert.equal(gone.word, "aborted");
  });

  test("groups beyond the batches there may be wait for one to end", async () => {
    const { clock, provider, runner } = setUp({ batches_max: 1 });
    const seen = ["a", "b", "c", "d"].map((q) => watch(runner.submit(member(q))));
    await pass(clock, 5_000);
    assert.deepEqual([provider.batches.size, runner.open], [1, { batches: 1, members: 4 }]);
    provider.finish("batch_0", "completed");
    await pass(clock, 2_000);
    assert.equal(provider.batches.size, 2);
    provider.finish("batch_1", "completed");
    await pass(clock, 2_000);
    assert.deepEqual(
      seen.map(({ word }) => word),
      ["a", "b", "c", "d"].map((q) => `200 {"a":"${q}"}`),
    );
  });
});

describe("an end of waiting", () => {
  test("a member's time is over; the other one's answer still comes", async () => {
    const { clock, provider, runner } = setUp();
    const short = watch(runner.submit(member("short", { until_ms: START_MS + 5_000 })));
    const long = watch(runner.submit(member("long")));
    await pass(clock, 5_001);
    assert.deepEqual([short.word, long.word, provider.cancelled], ["deadline", undefined, []]);
    provider.finish("batch_0", "completed");
    await pass(clock, 2_000);
    assert.equal(long.word, '200 {"a":"long"}');
  });

  test("a batch of one's own that nobody waits for is cancelled; one that was joined is left alone", async () => {
    const { clock, provider, runner } = setUp();
    const controller = new AbortController();
    const extra = { signal: controller.signal };
    const own = watch(runner.submit(member("own", extra)));
    await pass(clock, 200);
    provider.batches.set("batch_x", { lines: [], view: provider.batches.get("batch_0")?.view as BatchView });
    const joined = watch(
      runner.submit(member("joined", { ...extra, resume: { batch_id: "batch_x", custom_id: "0-x" } })),
    );
    await pass(clock, 3_000);
    controller.abort();
    await pass(clock, 3_000);
    assert.deepEqual([own.word, joined.word, provider.cancelled], ["aborted", "aborted", ["batch_0"]]);
    assert.deepEqual(runner.open, { batches: 0, members: 0 });
  });
});

describe("what may be charged for", () => {
  const gone = async (extra: Partial<BatchMember>, after_ms: number, submissions?: readonly Failed[]) => {
    const { clock, provider, runner } = setUp();
    if (submissions !== undefined) provider.submissions = [...submissions];
    const controller = new AbortController();
    const answer = runner.submit(member("one", { signal: controller.signal, ...extra }));
    await pass(clock, after_ms);
    controller.abort();
    await pass(clock, 5_000);
    return mayBeCharged(await answer);
  };

  test("is what was in a batch when nobody wanted it any more, or its time was over", async () => {
    assert.equal(await gone({}, 200), true);
    assert.equal(await gone({ until_ms: START_MS + 2_000 }, 4_000), true);
  });

  test("is nothing that was not submitted", async () => {
    assert.equal(await gone({}, 0), false);
    assert.equal(await gone({ until_ms: START_MS + 50 }, 200), false);
    assert.equal(await gone({}, 200, [AWAY]), false);
  });
});

describe("a crash", () => {
  test("members join their batch again with what was noted: one submission, one poll for all", async () => {
    const before = setUp();
    const lost = [watch(before.runner.submit(member("one"))), watch(before.runner.submit(member("two")))];
    await pass(before.clock, 10);
    const [noted] = before.told;
    assert.ok(noted);
    await before.runner.stop();
    await pass(before.clock, 10);
    assert.deepEqual(
      lost.map(({ word }) => word),
      Array(2).fill("rejected dependency_unavailable true"),
    );
    const after = setUp({}, before);
    const seen = noted.sources.map((source, at) => {
      const resume = { batch_id: noted.batch_id, custom_id: noted.custom_ids[at] as string };
      return watch(after.runner.submit(member(source, { resume })));
    });
    before.provider.finish("batch_0", "completed");
    await pass(before.clock, 10);
    assert.deepEqual(
      seen.map(({ word }) => word),
      ['200 {"a":"one"}', '200 {"a":"two"}'],
    );
    assert.deepEqual([before.provider.batches.size, before.provider.polls], [1, ["batch_0"]]);
  });

  test("a batch that the provider no longer knows is missing", async () => {
    const { clock, runner } = setUp();
    const seen = watch(runner.submit(member("one", { resume: { batch_id: "batch_gone", custom_id: "0-x" } })));
    await pass(clock, 10);
    assert.equal(seen.word, "not_found");
  });

  test("who joins while the files are read has its answer all the same", async () => {
    const { clock, provider, runner, told } = setUp();
    void watch(runner.submit(member("one")));
    void watch(runner.submit(member("two")));
    await pass(clock, 10);
    provider.finish("batch_0", "completed");
    const download = provider.download.bind(provider);
    const resume = { batch_id: "batch_0", custom_id: told[0]?.custom_ids[1] as string };
    const joined: { word: string | undefined }[] = [];
    provider.download = async (file_id) => {
      const file = await download(file_id);
      joined.push(watch(runner.submit(member("two", { resume }))));
      return file;
    };
    await pass(clock, 2_000);
    assert.deepEqual(
      joined.map(({ word }) => word),
      Array(2).fill('200 {"a":"two"}'),
    );
    assert.equal(provider.polls.length, 1);
  });
});

describe("the note of a batch", () => {
  test("is tried again while its store is away, and the batch is polled after it", async () => {
    let away = 3;
    const { clock, provider, runner } = setUp({
      onSubmitted: async () => {
        away -= 1;
        if (away >= 0) throw new SluiceError("dependency_unavailable", "redis is away", { retryable: true });
      },
    });
    const seen = watch(runner.submit(member("one")));
    await clock.run(() => away < 0, START_MS + 60_000);
    assert.equal(provider.polls.length, 0);
    provider.finish("batch_0", "completed");
    await pass(clock, 2_000);
    assert.equal(seen.word, '200 {"a":"one"}');
  });

  test("that cannot be written for another reason costs no answer", async () => {
    const { clock, provider, runner } = setUp({ onSubmitted: () => Promise.reject(new Error("bug")) });
    const seen = watch(runner.submit(member("one")));
    await pass(clock, 200);
    provider.finish("batch_0", "completed");
    await pass(clock, 2_000);
    assert.equal(seen.word, '200 {"a":"one"}');
  });
});

describe("stop", () => {
  test("lets a submission come to its end and be noted, submits nothing more, polls no more", async () => {
    const { clock, provider, runner, told } = setUp();
    provider.submit_ms = 500;
    const seen = ["a", "b", "c"].map((q) => watch(runner.submit(member(q))));
    await pass(clock, 10);
    let stopped = false;
    void runner.stop().then(() => {
      stopped = true;
    });
    await pass(clock, 400);
    assert.equal(stopped, false);
    await pass(clock, 10_000);
    assert.deepEqual([stopped, told.length, provider.batches.size, provider.polls], [true, 1, 1, []]);
    const rejected = "rejected dependency_unavailable true";
    assert.deepEqual(
      seen.map(({ word }) => word),
      [rejected, rejected, rejected],
    );
    await assert.rejects(runner.submit(member("d")), { retryable: true });
    assert.deepEqual(provider.cancelled, []);
  });
});
