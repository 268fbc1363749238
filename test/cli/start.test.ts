import assert from "node:assert/strict";
import { test } from "node:test";
import { greetingLines } from "../../cli/greet.ts";
import { chooseShown, fitRequest, sampleId } from "../../cli/sample.ts";
import { notes, topicsTable } from "../../cli/topics.ts";
import { parseSettings } from "../../libs/shared/config/parse.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import { differences, lags, type TopicReport } from "../../libs/shared/kafka/inspect.ts";
import { startOffset } from "../../libs/shared/kafka/reader.ts";

const GREETING = {
  gateway: "http://127.0.0.1:8080",
  console: undefined,
  key: "slc_key",
  admin_key: "slc_admin",
  tenant: "demo",
  dir: undefined,
  brokers: "127.0.0.1:9092,127.0.0.1:9093",
  requests_topic: "llm.requests",
};

test("the greeting names only what is there", () => {
  const text = greetingLines(GREETING).join("\n");
  assert.match(text, /Bearer slc_key/);
  assert.match(text, /kcat -P -b 127\.0\.0\.1:9092 -t llm\.requests/);
  assert.match(text, /npx sluice send "[^"]+" --wait/);
  assert.doesNotMatch(text, /console|SLUICE_DIR/);
  const other = greetingLines({
    ...GREETING,
    console: "http://c",
    key: undefined,
    tenant: undefined,
    dir: "my dir",
  });
  assert.match(other.join("\n"), /console {3}http:\/\/c\nadmin key slc_admin /);
  assert.match(other.join("\n"), /SLUICE_DIR='my dir' npx sluice topics/);
  assert.doesNotMatch(other.join("\n"), /curl|kcat|send/);
});

test("sample requests fit the settings they meet", () => {
  const settings = parseSettings(
    `
tiers:
  tiny: { models: [m] }
  vectors: { kind: embeddings, models: [e] }
routing: { default_tier: tiny, embeddings_tier: vectors }
prices: { version: "1", models: { m: { input_usd_per_mtok: 1 }, e: { input_usd_per_mtok: 1 } } }
`,
    "test.yaml",
  );
  const body = { model: "gpt-4.1", messages: [{ role: "user" as const, content: "Hi" }] };
  const id = sampleId("run", 7);
  assert.equal(id, "sample-run-007");
  assert.deepEqual(fitRequest({ tenant: "demo", id, tier: "large", body }, "acme", settings.tiers), {
    tenant: "acme",
    id,
    body: { ...body, model: "auto" },
  });
  const known = { tenant: "demo", id, tier: "tiny", body: { ...body, model: "m" } };
  assert.deepEqual(fitRequest(known, "demo", settings.tiers), known);
});

test("of many results, failures and every kind are shown", () => {
  const route = { tier: "small", model: "m", reason: "r", cache: "miss", attempts: 1 } as const;
  const results: Result[] = Array.from({ length: 100 }, (_, index) => ({
    id: String(index).padStart(3, "0"),
    tenant: "t",
    status: index === 99 ? "failed" : "succeeded",
    timing: {},
    route: index === 98 ? { ...route, cache: "exact" } : route,
  }));
  const shown = chooseShown(results).map(({ id }) => id);
  assert.equal(shown.length, 12);
  assert.ok(shown.includes("099") && shown.includes("098"));
});

test("topics: lag by group, what is missing and what differs", () => {
  const offsets = new Map([
    [0, { low: 5, high: 10 }],
    [1, { low: 0, high: 4 }],
  ]);
  const groups = new Map([
    ["sluice.ingest", new Map([["t", new Map([[0, 8]])]])],
    ["sluice.other", new Map()],
  ]);
  assert.deepEqual(lags("t", offsets, groups), [{ group: "sluice.ingest", lag: 6 }]);
  const plan = { topic: "t", partitions: 4, replication_factor: 1, config: { "retention.ms": "1000" } };
  const actual = { partitions: 2, replication_factor: 1, config: { "retention.ms": "2000", "segment.ms": "9" } };
  const found = differences(plan, actual);
  assert.deepEqual(found, [
    { setting: "partitions", wanted: "4", actual: "2" },
    { setting: "retention.ms", wanted: "1000", actual: "2000" },
  ]);
  const report: TopicReport = {
    topic: "t",
    exists: true,
    planned: true,
    partitions: 2,
    config: { "retention.ms": "3600000" },
    records: 9,
    groups: [{ group: "sluice.ingest", lag: 6 }],
    differences: found,
  };
  assert.match(topicsTable([report]), /^t +2 +1 h +9 +sluice\.ingest 6$/m);
  assert.match(topicsTable([{ ...report, exists: false, groups: [] }]), /missing +-$/m);
  assert.equal(notes([report])[0], "t: partitions is 2, sluice.yaml asks for 4; not changed");
  assert.match(notes([{ ...report, planned: false, differences: [] }])[0] ?? "", /no setting asks/);
});

test("a reader begins where asked, or at the nearest offset that is there", () => {
  const range = { low: 5, high: 10 };
  assert.equal(startOffset({ kind: "beginning" }, range, undefined), 5);
  assert.equal(startOffset({ kind: "latest" }, range, undefined), 10);
  assert.deepEqual(
    [1, 7, 99].map((offset) => startOffset({ kind: "offset", offset }, range, undefined)),
    [5, 7, 10],
  );
  assert.deepEqual(
    [-1, 6].map((at) => startOffset({ kind: "time", timestamp_ms: 0 }, range, at)),
    [10, 6],
  );
});
