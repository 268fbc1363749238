/** Several embeddings requests in one call: each has its own answer, its own failure, and its own line in the ledger. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JobHead } from "../../../libs/shared/events/flow.ts";
import { readCall } from "../../../services/inference/batching/embeddings.ts";
import { callBody } from "../../../services/inference/call.ts";
import type { ModelAnswer, ModelCall } from "../../../services/inference/model-client.ts";
import type { Sending } from "../../../services/inference/sending.ts";
import { type Member, sendTogether } from "../../../services/inference/sending-together.ts";
import { JobTokens } from "../../../services/inference/streaming/job-tokens.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { MemoryAttempts } from "../../support/memory-attempts.ts";
import { answered, jobOf, LATENCY_MS, ledgerOn, OpenBackend, PRICES, ScriptedModel, TIMEOUT_MS } from "./fixture.ts";

const NEVER = new AbortController().signal;

const inputsOf = ({ body }: ModelCall): string[] =>
  [(JSON.parse(body.toString()) as { input: string | string[] }).input].flat();

/** A vector for each input, and as many tokens as inputs. */
function vectors(call: ModelCall): ModelAnswer {
  const inputs = inputsOf(call);
  const data = inputs.map((input, index) => ({ object: "embedding", index, embedding: [input.length] }));
  return answered(200, { data, usage: { prompt_tokens: inputs.length, total_tokens: inputs.length } });
}

/** Members with an input each, sent together. */
async function together(
  inputs: readonly string[],
  reply: (call: ModelCall) => ModelAnswer,
  options: { readonly jobs?: readonly Partial<JobHead>[]; readonly fence?: readonly number[] } = {},
) {
  const clock = new VirtualClock();
  const store = new MemoryAttempts();
  const ledger = ledgerOn(store, clock);
  const jobs = inputs.map((_, index) => jobOf({ id: `r${index}`, kind: "embeddings", ...options.jobs?.[index] }));
  const members: Member[] = [];
  for (const [index, job] of jobs.entries()) {
    const opened = await ledger.open(job, 0, NEVER);
    assert.ok(opened?.kind === "mine");
    const body = callBody(job, "m1", Buffer.from(JSON.stringify({ body: { input: inputs[index] } })));
    const call = readCall(body.bytes);
    assert.ok(call !== undefined);
    const outgoing = {
      ...{ job, body, attempt: opened.attempt, model: "m1", source: { topic: "t", partition: 0 } },
      ...{ until_ms: START_MS + 60_000, timeout_ms: TIMEOUT_MS, waiting: NEVER, cancelled: NEVER },
      ...{ avoid: new Set<string>(), tokens: new JobTokens(() => assert.fail()) },
    };
    members.push({ outgoing, call });
  }
  for (const index of options.fence ?? []) store.set(jobs[index] as JobHead, "R b.1 0 0 9");
  const model = new ScriptedModel(clock, [reply]);
  const backend = new OpenBackend(model);
  const took: number[] = [];
  let done = false;
  const deps = { backend, clock, prices: PRICES, response_bytes_max: 10_000, idle_ms: 1, called: () => undefined };
  const at_ms: number[] = [];
  const own = sendTogether(deps, members, (ms) => took.push(ms)).map(async (sending, index) => {
    const end = await sending;
    at_ms[index] = clock.now_ms() - START_MS;
    return end;
  });
  const sending = Promise.all(own).finally(() => {
    done = true;
  });
  assert.ok(await clock.run(() => done, START_MS + 3_600_000));
  const ends = await sending;
  const entries = jobs.map((job) => store.entry(job).split(" ").slice(0, 4).join(" "));
  return { ends, at_ms, backend, model, store, took, entries, sent: model.calls.map(inputsOf) };
}

const codeOf = ({ sent }: Sending): string => {
  if (sent.kind !== "judged") return sent.kind;
  return sent.verdict.kind === "succeeded" ? "succeeded" : sent.verdict.error.code;
};
const vectorOf = ({ sent }: Sending): unknown => {
  assert.ok(sent.kind === "judged" && sent.verdict.kind === "succeeded");
  const { data } = JSON.parse(sent.verdict.response.toString()) as { data: { embedding: number[] }[] };
  return data.map(({ embedding }) => embedding[0]);
};

describe("requests sent together", () => {
  test("are one call, one permit, and an answer with its own cost for each", async () => {
    const { ends, sent, backend, took, entries } = await together(["a", "bb", "ccc"], vectors);
    assert.deepEqual(sent, [["a", "bb", "ccc"]]);
    assert.deepEqual(ends.map(vectorOf), [[1], [2], [3]]);
    assert.deepEqual(backend.ends, [[{ end: "answered", latency_ms: LATENCY_MS, tokens: 3 }]]);
    assert.deepEqual([took, entries], [[LATENCY_MS], ["D a.1 1 0", "D a.2 1 0", "D a.3 1 0"]]);
    const tokens = ends.map(({ sent: one }) => one.kind === "judged" && one.verdict.usage?.prompt_tokens);
    assert.deepEqual(
      tokens.reduce((sum: number, one) => sum + Number(one), 0),
      3,
    );
  });

  test("of which one spoils the call: it alone fails, and nobody's answer is unknown", async () => {
    const { ends, store, sent } = await together(["a", "bad", "c"], (call) =>
      inputsOf(call).includes("bad") ? answered(400, { error: { message: "no" } }) : vectors(call),
    );
    assert.deepEqual(ends.map(codeOf), ["succeeded", "provider_rejected", "succeeded"]);
    assert.deepEqual(sent, [["a", "bad", "c"], ["a"], ["bad"], ["c"]]);
    assert.equal(store.totals.unknown_calls, 0);
  });

  test("that fail for no one's fault fail together, and are not sent again here", async () => {
    const { ends, sent, backend } = await together(["a", "b"], () => answered(503, "{}", 900));
    assert.deepEqual(ends.map(codeOf), ["provider_error", "provider_error"]);
    assert.equal(sent.length, 1);
    assert.deepEqual(backend.ends, [[{ end: "failed", latency_ms: LATENCY_MS, retry_after_ms: 900 }]]);
  });

  test("whose answer cannot be told apart are sent singly; the call that was paid for nothing is counted", async () => {
    const { ends, sent, store, backend } = await together(["a", "b"], (call) =>
      inputsOf(call).length > 1 ? answered(200, { data: [] }) : vectors(call),
    );
    assert.deepEqual(
      [ends.map(vectorOf), sent],
      [
        [[1], [1]],
        [["a", "b"], ["a"], ["b"]],
      ],
    );
    assert.equal(store.totals.unknown_calls, 2);
    assert.deepEqual(
      backend.ends.map((reports) => reports.map((report) => report?.end)),
      [["failed"], ["answered"], ["answered"]],
    );
  });

  test("without a permit are not sent, and not dispatched", async () => {
    const clock = new VirtualClock();
    const backend = new OpenBackend(new ScriptedModel(clock, [answered(200, "")]));
    backend.refuse = () => ({ kind: "refused", reason: "limit", waited_ms: { limit: 7 } });
    const { outgoing, call } = await memberAlone(clock);
    const deps = { backend, clock, prices: PRICES, response_bytes_max: 1, idle_ms: 1, called: () => undefined };
    const [end] = await Promise.all(sendTogether(deps, [{ outgoing, call }], () => assert.fail()));
    assert.deepEqual([end?.sent.kind, end?.waited_ms, outgoing.attempt.calls], ["refused", { limit: 7 }, 0]);
  });

  test("have the time of the one that has the most: a short deadline does not end the others' call", async () => {
    const jobs = [{ deadline_ms: START_MS + 200 }, {}];
    const { model } = await together(["a", "b"], vectors, { jobs });
    assert.equal(model.calls[0]?.timeout_ms, TIMEOUT_MS);
    const short = await together(["a", "b"], vectors, { jobs: [jobs[0] ?? {}, { deadline_ms: START_MS + 300 }] });
    assert.equal(short.model.calls[0]?.timeout_ms, 300);
  });

  test("leave at their own deadline while the call goes on for the others", async () => {
    const jobs = [{ deadline_ms: START_MS + 20 }, {}, {}];
    const { ends, at_ms, entries, sent } = await together(["a", "b", "c"], vectors, { jobs });
    assert.deepEqual(ends.map(codeOf), ["provider_timeout", "succeeded", "succeeded"]);
    assert.deepEqual(at_ms, [20, LATENCY_MS, LATENCY_MS]);
    assert.deepEqual(sent, [["a", "b", "c"]]);
    assert.match(entries[0] ?? "", /^D /, "what follows is for its own run to write");
  });

  test("that have left are not sent again, and nothing more is written of them", async () => {
    const jobs = [{ deadline_ms: START_MS + 20 }, {}, {}];
    const spoiled = (call: ModelCall) => (inputsOf(call).includes("b") ? answered(400, "{}") : vectors(call));
    const { ends, entries, sent } = await together(["a", "b", "c"], spoiled, { jobs });
    assert.deepEqual(ends.map(codeOf), ["provider_timeout", "provider_rejected", "succeeded"]);
    assert.deepEqual(sent, [["a", "b", "c"], ["b"], ["c"]]);
    assert.match(entries[0] ?? "", /^D /);
  });
});

describe("members that another run has taken", () => {
  test("are left out, and the others have their answers", async () => {
    const { ends, sent } = await together(["a", "bb", "ccc"], vectors, { fence: [1] });
    assert.deepEqual(ends.map(codeOf), ["succeeded", "fenced", "succeeded"]);
    assert.deepEqual([vectorOf(ends[0] as Sending), vectorOf(ends[2] as Sending), sent], [[1], [3], [["a", "ccc"]]]);
  });

  test("do not share the failure of a call that they were no part of", async () => {
    for (const status of [400, 404, 503]) {
      const { ends, sent } = await together(["a", "b"], () => answered(status, "{}"), { fence: [0] });
      assert.equal(codeOf(ends[0] as Sending), "fenced", String(status));
      assert.notEqual(codeOf(ends[1] as Sending), "fenced");
      assert.deepEqual(sent, [["b"]]);
    }
  });

  test("stay out when the others are sent again, smaller", async () => {
    const { ends } = await together(
      ["a", "bad", "c"],
      (call) => (inputsOf(call).includes("bad") ? answered(400, "{}") : vectors(call)),
      { fence: [2] },
    );
    assert.deepEqual(ends.map(codeOf), ["succeeded", "provider_rejected", "fenced"]);
  });

  test("all of them: no call, and the permit was not used", async () => {
    const { ends, sent, backend, took } = await together(["a", "b"], vectors, { fence: [0, 1] });
    assert.deepEqual([ends.map(codeOf), sent, took], [["fenced", "fenced"], [], []]);
    assert.deepEqual(backend.ends, [[undefined]]);
  });
});

async function memberAlone(clock: VirtualClock): Promise<Member> {
  const job = jobOf({ kind: "embeddings" });
  const opened = await ledgerOn(new MemoryAttempts(), clock).open(job, 0, NEVER);
  assert.ok(opened?.kind === "mine");
  const body = callBody(job, "m1", Buffer.from('{"body":{"input":"a"}}'));
  const call = readCall(body.bytes);
  assert.ok(call !== undefined);
  const outgoing = {
    ...{ job, body, attempt: opened.attempt, model: "m1", source: { topic: "t", partition: 0 } },
    ...{ until_ms: START_MS + 60_000, timeout_ms: TIMEOUT_MS, waiting: NEVER, cancelled: NEVER },
    ...{ avoid: new Set<string>(), tokens: new JobTokens(() => assert.fail()) },
  };
  return { outgoing, call };
}
