import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseControls, withoutDirective } from "../../../tools/mock-llm/controls.ts";
import { errorOfStatus, retryHeaders } from "../../../tools/mock-llm/errors.ts";
import { chooseFault, parseFaultSpec } from "../../../tools/mock-llm/faults.ts";
import { canonicalJson, requestKey, seededRandom } from "../../../tools/mock-llm/hash.ts";
import { logprobsOf } from "../../../tools/mock-llm/logprobs.ts";
import { initialBehaviour, patchBehaviour } from "../../../tools/mock-llm/options.ts";
import { parseRecordings, recordedAnswer } from "../../../tools/mock-llm/recorded.ts";
import { createRouter, type Route } from "../../../tools/mock-llm/router.ts";
import { planTiming, stepsDue, totalMs } from "../../../tools/mock-llm/timing.ts";
import { countTokens, firstTokens, tokenPieces } from "../../../tools/mock-llm/tokens.ts";

describe("tokens", () => {
  test("pieces join to the text, and there are as many as are counted", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), fc.nat(60), (text, count_max) => {
        const pieces = tokenPieces(text);
        assert.equal(pieces.join(""), text);
        assert.equal(pieces.length, countTokens(text));
        assert.ok(pieces.every((piece) => piece !== "" && piece.isWellFormed()));
        assert.equal(firstTokens(text, count_max), pieces.slice(0, count_max).join(""));
      }),
    );
  });
});

describe("request hashes", () => {
  test("the order of keys and the way of delivery do not count, everything else does", () => {
    const base = requestKey("/p", { model: "m", messages: [{ role: "user", content: "a" }] });
    assert.equal(requestKey("/p", { messages: [{ content: "a", role: "user" }], model: "m", stream: true }), base);
    assert.equal(
      requestKey("/p", { model: "m", messages: [{ role: "user", content: "a" }], metadata: { x: 1 } }),
      base,
    );
    assert.notEqual(requestKey("/p", { model: "n", messages: [{ role: "user", content: "a" }] }), base);
    assert.notEqual(requestKey("/p", { model: "m", seed: 2, messages: [{ role: "user", content: "a" }] }), base);
    assert.notEqual(requestKey("/q", { model: "m", messages: [{ role: "user", content: "a" }] }), base);
  });

  test("the canonical form means the same as the value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value));
        assert.deepEqual(JSON.parse(canonicalJson(plain)), plain);
      }),
    );
  });

  test("nesting without end is cut, not a stack overflow", () => {
    assert.ok(canonicalJson(JSON.parse(`${"[".repeat(3_000)}${"]".repeat(3_000)}`)).length < 500);
  });
});

describe("controls", () => {
  const none = { headers: {}, metadata: undefined, text: "", model: "m1" };

  test("headers win over metadata, metadata over the directive", () => {
    const text = "hi [[mock latency_ms=1 ttft_ms=2 itl_ms=3 fault=429:2]]";
    const metadata = { mock_latency_ms: 10, mock_ttft_ms: "20", other: "x" };
    const read = parseControls({ headers: { "x-mock-latency-ms": "100" }, metadata, text, model: "m1" });
    assert.deepEqual(read, {
      ok: true,
      controls: { latency_ms: 100, ttft_ms: 20, itl_ms: 3, fault: { fault: 429, attempts: 2 } },
    });
    assert.equal(withoutDirective(text), "hi");
  });

  for (const [name, sources] of [
    ["an unknown directive", { ...none, text: "[[mock speed=9]]" }],
    ["a number that is none", { ...none, headers: { "x-mock-ttft-ms": "fast" } }],
    ["an empty number", { ...none, headers: { "x-mock-ttft-ms": " " } }],
    ["a number beyond its limit", { ...none, metadata: { mock_tokens: 1e9 } }],
    ["an unknown fault", { ...none, metadata: { mock_fault: "explode" } }],
  ] as const) {
    test(`${name} is a bad request`, () => {
      const read = parseControls(sources);
      assert.equal(read.ok, false);
      if (!read.ok) assert.equal(read.error.status, 400);
    });
  }

  test("may be for one model alone", () => {
    const text = "hi [[mock model=m1 answer=It+is+so. logprob=-2]]";
    const read = (model: string) => parseControls({ ...none, text, model });
    assert.deepEqual(read("m1"), { ok: true, controls: { answer: "It is so.", logprob: -2 } });
    assert.deepEqual(read("m2"), { ok: true, controls: {} });
  });

  test("no text makes it throw", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseControls({ ...none, text: `[[mock ${text}]]` })));
  });
});

describe("faults", () => {
  for (const [text, spec] of [
    ["429", { fault: 429, attempts: Number.POSITIVE_INFINITY }],
    ["hang:3", { fault: "hang", attempts: 3 }],
    ["none", { fault: 500, attempts: 0 }],
    ["200", undefined],
    ["429:x", undefined],
    ["429:1:2", undefined],
    ["", undefined],
  ] as const) {
    test(`'${text}'`, () => assert.deepEqual(parseFaultSpec(text), spec));
  }

  test("the first attempts fail, later ones do not, whatever the rate", () => {
    const spec = { fault: 503, attempts: 2 } as const;
    const at = (attempt: number) => chooseFault({ spec, attempt, fault_rate: 1, faults: ["hang"] }, () => 0);
    assert.deepEqual([at(1), at(2), at(3)], [503, 503, undefined]);
  });

  test("the rate holds, and all kinds come up", () => {
    const random = seededRandom(7);
    const seen = new Map<unknown, number>();
    for (let i = 0; i < 10_000; i += 1) {
      const fault = chooseFault({ spec: undefined, attempt: 1, fault_rate: 0.3, faults: [429, "drip"] }, random);
      seen.set(fault, (seen.get(fault) ?? 0) + 1);
    }
    assert.ok(Math.abs((seen.get(undefined) ?? 0) - 7_000) < 300);
    assert.ok(Math.abs((seen.get(429) ?? 0) - 1_500) < 200);
    assert.ok(Math.abs((seen.get("drip") ?? 0) - 1_500) < 200);
  });

  test("retry-after is whole seconds, rounded up", () => {
    const headers = retryHeaders(errorOfStatus(429, { retry_after_ms: 1_200 }));
    assert.deepEqual(headers, { "retry-after": "2", "retry-after-ms": "1200" });
    assert.deepEqual(retryHeaders(errorOfStatus(500)), {});
  });
});

describe("timing", () => {
  const base = { server: { ttft_ms: 100, itl_ms: 10 }, request: {}, steps: 5, cached_share: 0, slow: false };
  for (const [name, input, first_ms, total_ms] of [
    ["the server's pace", base, 100, 140],
    ["half the prompt cached", { ...base, cached_share: 0.5 }, 50, 90],
    ["the request's ttft", { ...base, request: { ttft_ms: 1 } }, 1, 41],
    ["a whole latency", { ...base, request: { latency_ms: 300 } }, 100, 300],
    ["a latency below the ttft", { ...base, request: { latency_ms: 30 } }, 30, 30],
    ["a latency of one step", { ...base, steps: 1, request: { latency_ms: 300 } }, 300, 300],
    [
      "the request's ttft over the server's latency",
      { ...base, server: { latency_ms: 900 }, request: { ttft_ms: 7 } },
      7,
      7,
    ],
    ["slow", { ...base, slow: true }, 2_000, 2_400],
  ] as const) {
    test(name, () => {
      const timing = planTiming(input);
      assert.deepEqual([timing.first_ms, totalMs(timing)], [first_ms, total_ms]);
    });
  }

  test("steps fall due in order, the first at first_ms, all at the total", () => {
    const numbers = fc.record({
      first_ms: fc.nat(1_000),
      between_ms: fc.nat(50),
      steps: fc.integer({ min: 1, max: 300 }),
    });
    fc.assert(
      fc.property(numbers, fc.nat(20_000), (timing, elapsed_ms) => {
        assert.ok(stepsDue(timing, elapsed_ms) <= stepsDue(timing, elapsed_ms + 1));
        assert.equal(stepsDue(timing, timing.first_ms - 1), 0);
        assert.ok(stepsDue(timing, timing.first_ms) >= 1);
        assert.equal(stepsDue(timing, totalMs(timing)), timing.steps);
      }),
    );
  });
});

describe("log-probabilities", () => {
  test("they keep their mean, stay at or below zero, and come most likely first", () => {
    const pieces = tokenPieces("word ".repeat(400));
    const entries = logprobsOf(pieces, -1.5, 5, seededRandom(3));
    const mean = entries.reduce((sum, entry) => sum + entry.logprob, 0) / entries.length;
    assert.ok(Math.abs(mean + 1.5) < 0.1);
    for (const entry of entries) {
      assert.ok(entry.logprob <= 0);
      assert.equal(entry.top_logprobs.length, 5);
      assert.ok(entry.top_logprobs.some((top) => top.token === entry.token));
      assert.ok(entry.top_logprobs.reduce((sum, top) => sum + Math.exp(top.logprob), 0) <= 1.0001);
      for (const [at, top] of entry.top_logprobs.entries()) {
        assert.ok(at === 0 || top.logprob <= (entry.top_logprobs[at - 1]?.logprob ?? 0));
      }
    }
  });

  test("certain tokens leave nothing to the others", () => {
    const [entry] = logprobsOf(["x"], 0, 2, () => 0.5);
    assert.deepEqual([entry?.logprob, entry?.top_logprobs[1]?.logprob], [0, -9_999]);
  });
});

describe("recorded answers", () => {
  const lines = [
    '{"prompt":"one","response":"1"}',
    "",
    '{"prompt":" two ","weak_response":"w","strong_response":"s"}',
    '{"prompt":"three","response":"r","responses":{"m":"own"}}',
  ];
  const read = parseRecordings(lines.join("\n"));
  const voices = { weak_models: ["small"], strong_models: ["large"] };
  for (const [prompt, model, text] of [
    ["one", "small", "1"],
    ["two", "small", "w"],
    ["two\n", "large", "s"],
    ["two", "other", "s"],
    ["three", "m", "own"],
    ["three", "large", "r"],
    ["four", "small", undefined],
  ] as const) {
    test(`${model} to '${prompt.trim()}'`, () => {
      assert.ok(read.ok);
      assert.equal(recordedAnswer(read.recordings, prompt, model, voices), text);
    });
  }

  for (const line of ["{", "[]", '{"prompt":1}', '{"prompt":"x"}']) {
    test(`'${line}' is named with its line`, () => {
      const bad = parseRecordings(`${lines[0]}\n${line}`);
      assert.ok(!bad.ok);
      assert.equal(bad.line, 2);
    });
  }
});

describe("router", () => {
  const route = (method: Route["method"], path: string): Route => ({ method, path, access: "open", handle: () => {} });
  const find = createRouter([
    route("GET", "/v1/batches/:id"),
    route("POST", "/v1/batches/:id/cancel"),
    route("GET", "/a"),
  ]);
  test("parameters, other methods and unknown paths are told apart", () => {
    const match = find("GET", "/v1/batches/b1");
    assert.ok(typeof match === "object");
    assert.deepEqual(match.params, { id: "b1" });
    assert.equal(find("POST", "/a"), "method");
    assert.equal(find("GET", "/v1/batches/"), undefined);
    assert.equal(find("GET", "/nowhere"), undefined);
  });
});

describe("behaviour", () => {
  const start = initialBehaviour({ latency_ms: 5 });
  test("a change touches what it names, null takes the latency away", () => {
    assert.deepEqual(patchBehaviour(start, { fault_rate: 0.5, faults: [503, "hang"], latency_ms: null }), {
      ...start,
      fault_rate: 0.5,
      faults: [503, "hang"],
      latency_ms: undefined,
    });
  });
  for (const patch of [{ fault_rate: 2 }, { faults: ["boom"] }, { speed: 1 }, { ttft_ms: -1 }]) {
    test(`${JSON.stringify(patch)} is refused`, () => assert.equal(typeof patchBehaviour(start, patch), "string"));
  }
});
