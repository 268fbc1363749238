/** A job's token stream: opened by its first streamed call, begun anew by each, ended with the job. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { JobTokens } from "../../../../services/inference/streaming/job-tokens.ts";

const USAGE = {
  prompt_tokens: 1,
  cached_prompt_tokens: 0,
  completion_tokens: 2,
  cost_usd: 0.1,
  price_version: "v1",
  estimated: false,
};

function setUp() {
  const told: unknown[] = [];
  let opened = 0;
  const tokens = new JobTokens(() => {
    opened += 1;
    return {
      start: (event) => told.push(["start", event]),
      token: (chunk) => told.push(["token", chunk]),
      end: (event) => told.push(["end", event]),
    };
  });
  return { tokens, told, opened: () => opened };
}

test("a job without streamed calls has no stream, and its end is told to nobody", () => {
  const { tokens, told, opened } = setUp();
  tokens.end("succeeded", USAGE);
  assert.deepEqual([opened(), told], [0, []]);
});

test("each call begins the one stream anew, the job's end ends it", () => {
  const { tokens, told, opened } = setUp();
  tokens.begin(1, "m1", "e1").token("a");
  tokens.begin(2, "m2", "e2").token("b");
  tokens.end("succeeded", USAGE);
  assert.equal(opened(), 1);
  assert.deepEqual(told, [
    ["start", { attempt: 1, model: "m1", endpoint: "e1" }],
    ["token", "a"],
    ["start", { attempt: 2, model: "m2", endpoint: "e2" }],
    ["token", "b"],
    ["end", { status: "succeeded", usage: USAGE }],
  ]);
});

test("an end that was not charged has no usage", () => {
  const { tokens, told } = setUp();
  tokens.begin(1, "m1", "e1");
  tokens.end("cancelled", undefined);
  assert.deepEqual(told.at(-1), ["end", { status: "cancelled" }]);
});
