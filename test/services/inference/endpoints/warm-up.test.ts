import assert from "node:assert/strict";
import { test } from "node:test";
import { type WarmUp, type WarmUpDeps, warmUp } from "../../../../services/inference/endpoints/warm-up.ts";
import { notReady, warmUpRequest } from "../../../../services/inference/endpoints/warm-up-body.ts";
import type { ModelAnswer, ModelCall, ModelClient } from "../../../../services/inference/model-client.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const SETTINGS = { enabled: true, connections: 2, wait_ms_max: 20_000 };
const CHAT = { kind: "chat", models: ["small", "other"], timeout_ms: 5_000 } as const;

const http = (status: number): ModelAnswer => ({ kind: "answered", status, body: Buffer.from("{}") });
const AWAY: ModelAnswer = { kind: "unreachable", message: "refused" };

type Respond = (call: ModelCall, number: number) => ModelAnswer | Promise<ModelAnswer>;

function fake(respond: Respond): ModelClient & { readonly calls: ModelCall[] } {
  const calls: ModelCall[] = [];
  return {
    calls,
    call: async (call) => {
      calls.push(call);
      return respond(call, calls.length);
    },
  };
}

/** Never answers; ends when it is given up. */
const hang: Respond = ({ signal }) =>
  new Promise((resolve) => signal?.addEventListener("abort", () => resolve({ kind: "aborted" })));

/** An endpoint with several clients has a key for each. */
async function run(
  clients: Readonly<Record<string, ModelClient | readonly ModelClient[]>>,
  more: Partial<WarmUpDeps> = {},
) {
  const clock = new VirtualClock();
  let done: WarmUp | undefined;
  const endpoints = Object.entries(clients).map(([name, given]) => ({ name, clients: [given].flat() }));
  void warmUp({ clock, random: () => 0.5, settings: SETTINGS, tier: CHAT, endpoints, ...more }).then((result) => {
    done = result;
  });
  await clock.run(() => done !== undefined, START_MS + 60_000);
  assert.ok(done !== undefined);
  return { ...done, took_ms: clock.now_ms() - START_MS };
}

test("bodies: one token of chat by either name, one word to embed", () => {
  const parsed = (...args: Parameters<typeof warmUpRequest>) => {
    const { path, body } = warmUpRequest(...args);
    return { path, ...(JSON.parse(body.toString()) as object) };
  };
  const chat = { path: "/chat/completions", model: "small", messages: [{ role: "user", content: "ping" }] };
  assert.deepEqual(parsed(CHAT, "max_completion_tokens"), { ...chat, max_completion_tokens: 1 });
  assert.deepEqual(parsed(CHAT, "max_tokens"), { ...chat, max_tokens: 1 });
  const embeddings = { kind: "embeddings", models: ["e"] } as const;
  assert.deepEqual(parsed(embeddings, "max_tokens"), { path: "/embeddings", model: "e", input: "ping" });
});

test("what an answer means", () => {
  const rows: readonly (readonly [ModelAnswer, string | undefined])[] = [
    [http(200), undefined],
    [http(400), undefined],
    [http(429), undefined],
    [{ kind: "too_large", bytes_max: 1 }, undefined],
    [http(401), "HTTP 401"],
    [http(404), "HTTP 404"],
    [http(503), "HTTP 503"],
    [{ kind: "timeout" }, "timeout"],
    [AWAY, "refused"],
  ];
  for (const [answer, why] of rows) assert.equal(notReady(answer), why);
});

test("every endpoint gets its connections, at the same time, marked as warm-up", async () => {
  const [a, b] = [fake(() => http(200)), fake(() => http(200))];
  assert.deepEqual(await run({ a, b }), { ready: ["a", "b"], failed: [], took_ms: 0 });
  for (const { calls } of [a, b]) {
    assert.deepEqual(
      calls.map(({ warm_up, timeout_ms }) => [warm_up, timeout_ms]),
      [
        [true, 5_000],
        [true, 5_000],
      ],
    );
  }
});

test("a server that refuses the first name of the limit gets the second", async () => {
  const client = fake(({ body }) => http(body.includes("max_completion_tokens") ? 400 : 200));
  assert.deepEqual((await run({ a: client })).ready, ["a"]);
  assert.equal(client.calls.length, 4);
});

test("it tries again with back-off until one endpoint answers; the other is told with why", async () => {
  const late = fake((_, number) => (number <= 6 ? AWAY : http(200)));
  const { ready, failed, took_ms } = await run({ late, away: fake(() => http(503)) });
  assert.deepEqual(ready, ["late"]);
  assert.deepEqual(failed, [["away", "HTTP 503"]]);
  assert.ok(took_ms > 0 && took_ms < 5_000);
});

test("one that hangs does not keep another from its work for long", async () => {
  const result = await run({ a: fake(() => http(200)), hung: fake(hang) });
  assert.deepEqual(result, { ready: ["a"], failed: [["hung", "aborted"]], took_ms: 2_000 });
});

test("it ends after wait_ms_max, and calls nothing without time", async () => {
  const { ready, failed, took_ms } = await run({ a: fake(() => AWAY), hung: fake(hang) });
  assert.deepEqual(ready, []);
  assert.deepEqual(
    failed.map(([name]) => name),
    ["a", "hung"],
  );
  assert.equal(took_ms, 20_000);
  const client = fake(() => http(200));
  const none = await run({ a: client }, { settings: { ...SETTINGS, wait_ms_max: 0 } });
  assert.deepEqual([none.failed, client.calls.length], [[["a", "timeout"]], 0]);
});

test("it ends with the signal, and does nothing when it is off", async () => {
  const stop = new AbortController();
  const client = fake(hang);
  const before = await run({ a: fake(() => AWAY), b: client }, { signal: AbortSignal.abort() });
  assert.deepEqual([before.took_ms, client.calls.length], [0, 0]);
  const stopping = fake((call, number) => {
    queueMicrotask(() => stop.abort());
    return hang(call, number);
  });
  const stopped = await run({ b: stopping }, { signal: stop.signal });
  assert.deepEqual([stopped.took_ms, stopped.failed], [0, [["b", "aborted"]]]);
  const off = await run({ a: client }, { settings: { ...SETTINGS, enabled: false } });
  assert.deepEqual(off, { ready: [], failed: [], took_ms: 0 });
});

test("a key that is refused gives way to the next one, so that a worker need not wait", async () => {
  const [revoked, good] = [fake(() => http(401)), fake(() => http(200))];
  const { ready, took_ms } = await run({ a: [revoked, good] });
  assert.deepEqual(ready, ["a"]);
  assert.ok(took_ms < SETTINGS.wait_ms_max);
});
