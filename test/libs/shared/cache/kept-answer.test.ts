/** An entry's answer as Redis keeps it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { keptAnswer } from "../../../../libs/shared/cache/kept-answer.ts";
import type { CacheEntryHead } from "../../../../libs/shared/events/cache.ts";

test("an answer is kept under its tenant, without question and embedding", () => {
  const answer = { entry_id: "e", created_ms: 1, expires_ms: 2, tier: "small", model: "m", cost_usd: 0.5 };
  const head: CacheEntryHead = {
    ...answer,
    namespace: "n",
    tenant: "demo",
    request_id: "r",
    text: "q",
    embedding: "AA==",
  };
  const response = Buffer.from("{}");
  assert.deepEqual(keptAnswer(head, response), { tenant: "demo", entry_id: "e", answer: { ...answer, response } });
});
