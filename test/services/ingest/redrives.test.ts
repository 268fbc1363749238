/** Who may say that a request is run for another one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "../../../services/ingest/reading.ts";
import { redriveOf } from "../../../services/ingest/redrives.ts";
import { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { inRecord } from "../../support/memory-ports.ts";

const identity = { tenant: "demo", id: "a.redrive1", content_hash: "h", key: "k", has_own_id: true };
const header = (mark: object | string) => ({
  "sluice-replay": typeof mark === "string" ? mark : JSON.stringify(mark),
});

test("a mark of a redrive that names another request counts", () => {
  const mark = { id: "redrive-1", mode: "redrive", of: "a" } as const;
  assert.deepEqual(redriveOf(header(mark), identity), mark);
});

test("any other mark is none: a stage's, of itself, of nobody, of a request without an id, for a replay's topic, or no mark at all", () => {
  const marks = [
    { id: "rp", mode: "stage", place: "llm.outcomes 0 1" },
    { id: "rp", mode: "stage", of: "a" },
    { id: "rp", mode: "redrive", of: "a.redrive1" },
    { id: "rp", mode: "redrive" },
    { id: "../x", mode: "redrive", of: "a" },
    { id: "rp_0mg5k2a1b3f00ba45c1d2", mode: "redrive", of: "a" },
    "junk",
  ];
  for (const mark of marks) assert.equal(redriveOf(header(mark), identity), undefined);
  const mark = header({ id: "redrive-1", mode: "redrive", of: "a" });
  assert.equal(redriveOf(mark, { ...identity, has_own_id: false }), undefined);
  assert.equal(redriveOf({}, identity), undefined);
});

test("a run says what it is run for, and calls nobody back", () => {
  const mark = { id: "redrive-1", mode: "redrive", of: "a" } as const;
  const json = {
    ...{ tenant: "demo", id: "a.redrive1", body: { messages: [{ role: "user", content: "hi" }] } },
    callback: { url: "https://example.com/" },
  };
  const deps = {
    clock: new VirtualClock(),
    knowsTenant: () => true,
    terms: () => ({ kind: "granted", needs: {} }) as never,
    principalProblem: () => undefined,
    reentry: false,
  };
  const headOf = (headers: Record<string, string>) => {
    const { admission } = judge(deps, inRecord(json, { headers }), Buffer.from(JSON.stringify(json)), json);
    return admission.kind === "admit" ? admission.head : undefined;
  };
  const run = headOf(header(mark));
  assert.deepEqual([run?.replay, run?.callback_url], [mark, undefined]);
  const other = headOf({});
  assert.deepEqual([other?.replay, other?.callback_url], [undefined, "https://example.com/"]);
});
