/** Names of sinks' topics, and what may be wrong with them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseSettings } from "../../../../libs/shared/config/parse.ts";
import { mayBecome, NO_LABEL, OTHER, otherTopic, sinkTopic } from "../../../../libs/shared/config/sink-topics.ts";

const SHIPPED = readFileSync(new URL("../../../../sluice.yaml", import.meta.url), "utf8");

/** What is wrong with the shipped file with this sink in it. */
function problemsOf(sink: string): string {
  const text = `${SHIPPED}\nresults: { sinks: { mine: ${sink} } }\n`;
  try {
    parseSettings(text, "s.yaml");
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

const name = fc.string({ minLength: 1, maxLength: 100, unit: "binary" });

describe("a sink's topic", () => {
  test("has plain names as they are", () => {
    assert.equal(sinkTopic("out.{tenant}.{label}", { tenant: "acme_1", label: "team-Red" }), "out.acme_1.team-Red");
    assert.equal(sinkTopic("out.{tenant}.{label}", { tenant: "acme", label: undefined }), "out.acme._none");
    assert.equal(otherTopic("out.{tenant}.{label}"), "out._other._other");
    assert.equal(sinkTopic("all", { tenant: "acme", label: undefined }), "all");
  });

  test("is one that Kafka takes, that the pattern may become, and no two names share it", () => {
    const pattern = "out.{tenant}.{label}";
    fc.assert(
      fc.property(name, name, name, name, (tenant, label, other_tenant, other_label) => {
        const topic = sinkTopic(pattern, { tenant, label });
        assert.match(topic, /^out\.[A-Za-z0-9_-]{1,60}\.[A-Za-z0-9_-]{1,60}$/);
        assert.ok(mayBecome(pattern, topic));
        for (const reserved of [NO_LABEL, OTHER]) assert.notEqual(topic.split(".")[2], reserved);
        const other = sinkTopic(pattern, { tenant: other_tenant, label: other_label });
        assert.equal(topic === other, tenant === other_tenant && label === other_label);
      }),
    );
  });
});

describe("the settings of a sink", () => {
  test("may be these", () => {
    for (const sink of [
      "{ type: kafka, topic: results-archive }",
      "{ type: kafka, topic: 'out.{tenant}.{label}', label: team }",
      "{ type: kafka, topic: 'llm.results.of.{tenant}' }",
      "{ type: jsonl, url_env: ARCHIVE_URL }",
    ]) {
      assert.equal(problemsOf(sink), "", sink);
    }
  });

  for (const [sink, problem] of [
    ["{ type: kafka, topic: 'out.{label}' }", /topic: has \{label\}/],
    ["{ type: kafka, topic: out, label: team }", /label: is not in topic/],
    ["{ type: kafka, topic: 'out.{tenant}-{label}', label: team }", /needs a dot/],
    ["{ type: kafka, topic: 'llm.{tenant}' }", /may become llm\.requests/],
    ["{ type: kafka, topic: 'llm.jobs.{tenant}' }", /may become llm\.jobs\./],
    ["{ type: kafka, topic: '{tenant}' }", /may become __consumer_offsets/],
    ["{ type: kafka, topic: llm.dlq }", /may become llm\.dlq/],
    ["{ type: kafka, topic: 'out.{team}' }", /\{tenant\} or \{label\}/],
  ] as const) {
    test(`may not be ${sink}`, () => assert.match(problemsOf(sink), problem));
  }
});
