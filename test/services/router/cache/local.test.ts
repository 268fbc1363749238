/** Answers in memory: within bounds, by tenant. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalAnswers } from "../../../../services/router/cache/local.ts";
import { START_MS } from "../../../../tools/simulate/virtual-clock.ts";
import { answerOf } from "./fixture.ts";

const ref = (entry_id: string, tenant = "demo") => ({ tenant, entry_id });
const put = (local: LocalAnswers, entry_id: string, bytes = 10, tenant = "demo"): void =>
  local.put(ref(entry_id, tenant), answerOf({ entry_id, response: Buffer.alloc(bytes) }), local.removals);

test("holds so many, those used last", () => {
  const local = new LocalAnswers({ local_entries_max: 2, local_bytes_max: 1_000_000 });
  for (const entry_id of ["a", "b"]) put(local, entry_id);
  assert.ok(local.get(ref("a"), START_MS));
  put(local, "c");
  assert.deepEqual([local.get(ref("b"), START_MS), local.size], [undefined, 2]);
});

test("holds so many bytes; what is larger alone is not held", () => {
  const local = new LocalAnswers({ local_entries_max: 100, local_bytes_max: 10_000 });
  for (const entry_id of ["a", "b", "c"]) put(local, entry_id, 4_000);
  put(local, "d", 20_000);
  assert.deepEqual([local.size, local.bytes <= 10_000], [1, true]);
});

test("knows an answer by its tenant and its entry", () => {
  const local = new LocalAnswers({ local_entries_max: 9, local_bytes_max: 1_000_000 });
  put(local, "a");
  assert.equal(local.get(ref("a", "other"), START_MS), undefined);
  local.remove([ref("a", "other")]);
  assert.ok(local.get(ref("a"), START_MS));
  local.remove([ref("a")]);
  assert.equal(local.get(ref("a"), START_MS), undefined);
});

test("keeps its own bytes, whatever becomes of those it was given", () => {
  const local = new LocalAnswers({ local_entries_max: 9, local_bytes_max: 1_000_000 });
  const response = Buffer.from("{}");
  local.put(ref("a"), answerOf({ response }), local.removals);
  response.fill(0);
  assert.equal(local.get(ref("a"), START_MS)?.response.toString(), "{}");
});
