/** The checker of what readers got: it passes what is right, and finds each way to be wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { differences, scriptOf } from "../../../bench/streams/script.ts";
import type { ReadEvent } from "../../../bench/streams/sse-reader.ts";

const script = scriptOf(7, "r1", 10);
const right: readonly ReadEvent[] = [
  { event: "queued", data: "{}" },
  ...script.states.map((data) => ({ event: (JSON.parse(data) as { state: string }).state, data })),
  ...script.tokens.map((text) =>
    text.startsWith("attempt ")
      ? { event: "attempt", data: JSON.stringify({ attempt: Number(text.slice(8)) }) }
      : { event: "token", data: text },
  ),
  { event: "ended", data: `{"state":"ended","status":"succeeded","result":${script.result}}` },
].map((event, at) => ({ ...event, id: String(at) }));
const NONE = { missing: 0, repeated: 0, odd: 0 };

test("a script is a function of its seed, and its checker passes what it says", () => {
  assert.deepEqual(scriptOf(7, "r1", 10), script);
  assert.notDeepEqual(scriptOf(8, "r1", 10).tokens, script.tokens);
  assert.deepEqual(differences(script, right), NONE);
});

test("what is missing, repeated, out of order or without an end is found", () => {
  const at = right.findIndex(({ event }) => event === "token");
  assert.deepEqual(differences(script, right.toSpliced(at, 1)), { ...NONE, missing: 1 });
  const again = { ...(right[at] as ReadEvent), id: "again" };
  assert.deepEqual(differences(script, right.toSpliced(at, 0, again)), { ...NONE, repeated: 1 });
  const swapped = right.with(at, right[at + 1] as ReadEvent).with(at + 1, right[at] as ReadEvent);
  assert.deepEqual(differences(script, swapped), { ...NONE, odd: 1 });
  assert.deepEqual(differences(script, right.slice(0, -1)), { missing: 1, repeated: 0, odd: 1 });
  const gap = { id: "gap", event: "gap", data: "{}" };
  assert.deepEqual(differences(script, right.toSpliced(at, 0, gap)), { ...NONE, repeated: 1 });
  assert.equal(differences(script, []).missing, script.states.length + script.tokens.length + 1);
});
