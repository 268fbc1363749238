/** On real parts: topics are created once and left as they are, and what is written can be followed, read again and filtered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ownSettings, sluiceWith } from "../support/own-settings.ts";

test("topics, send and tail", { timeout: 120_000 }, async () => {
  const settings = await ownSettings();
  const dry = JSON.parse((await sluiceWith(settings, "topics", "--dry-run", "--json")).out);
  assert.deepEqual(dry.created, []);
  assert.equal(dry.missing.length, dry.topics.length);
  const first = JSON.parse((await sluiceWith(settings, "topics", "--json")).out);
  assert.deepEqual(first.created.toSorted(), dry.missing.toSorted());
  const second = JSON.parse((await sluiceWith(settings, "topics", "--json")).out);
  assert.deepEqual([second.created, second.missing], [[], []]);
  assert.ok(second.topics.every(({ differences }: { differences: unknown[] }) => differences.length === 0));

  const sent = await sluiceWith(settings, "send", "--id", "one", "--session", "s", "Hello there");
  assert.deepEqual([sent.code, sent.out], [0, "one\n"]);
  const batch = await sluiceWith(settings, "send", "--lane", "batch", "--json", "first", "second");
  assert.equal(batch.out.trim().split("\n").length, 2);

  const read = await sluiceWith(settings, "tail", "requests", "--no-follow", "--json");
  assert.equal(read.code, 0, read.err);
  const record = JSON.parse(read.out);
  assert.equal(record.key, "s");
  assert.deepEqual(record.value, {
    tenant: "demo",
    session: "s",
    id: "one",
    body: { messages: [{ role: "user", content: "Hello there" }] },
  });
  const filtered = await sluiceWith(settings, "tail", "requests.batch", "--no-follow", "--grep", "SECOND", "--json");
  assert.equal(JSON.parse(filtered.out).value.body.messages[0].content, "second");
  assert.equal((await sluiceWith(settings, "tail", "requests", "--from", "latest", "--no-follow")).out, "");
  assert.equal((await sluiceWith(settings, "tail", "no-such-topic")).code, 2);

  // Nobody answers here.
  const waited = await sluiceWith(settings, "send", "--wait", "--timeout", "1s", "--json", "Hello?");
  assert.equal(waited.code, 1, waited.err);
  assert.equal(JSON.parse(waited.err.trim().split("\n").at(-1) ?? "").summary.unanswered, 1);
});
