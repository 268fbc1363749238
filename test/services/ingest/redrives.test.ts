/** Who may say that a request is run for another one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { redriveOf } from "../../../services/ingest/redrives.ts";

const identity = { tenant: "demo", id: "a.redrive1", content_hash: "h", key: "k", has_own_id: true };
const header = (mark: object | string) => ({
  "sluice-replay": typeof mark === "string" ? mark : JSON.stringify(mark),
});

test("a mark of a redrive that names another request counts", () => {
  const mark = { id: "redrive-1", mode: "redrive", of: "a" } as const;
  assert.deepEqual(redriveOf(header(mark), identity), mark);
});

test("any other mark is none: a stage's, of itself, of nobody, of a request without an id, or no mark at all", () => {
  const marks = [
    { id: "rp", mode: "stage", place: "llm.outcomes 0 1" },
    { id: "rp", mode: "stage", of: "a" },
    { id: "rp", mode: "redrive", of: "a.redrive1" },
    { id: "rp", mode: "redrive" },
    { id: "../x", mode: "redrive", of: "a" },
    "junk",
  ];
  for (const mark of marks) assert.equal(redriveOf(header(mark), identity), undefined);
  const mark = header({ id: "redrive-1", mode: "redrive", of: "a" });
  assert.equal(redriveOf(mark, { ...identity, has_own_id: false }), undefined);
  assert.equal(redriveOf({}, identity), undefined);
});
