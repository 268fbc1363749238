/** What follows when the attempts in this process have failed. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JobHead } from "../../../libs/shared/events/flow.ts";
import { redeliveryPolicy } from "../../../libs/shared/events/redelivery.ts";
import { afterFailure } from "../../../services/inference/after-failure.ts";
import { failure, type ProviderOutcome } from "../../../services/inference/provider-outcomes.ts";
import { inRecord, NAMES } from "../../support/memory-ports.ts";
import { jobOf } from "./fixture.ts";

const NOW_MS = 10_000_000;
const REQUEST = Buffer.from("{}");
const redelivery = redeliveryPolicy({ rounds_max: 2, age_max_minutes: 10 }, ["5s", "1m"]);

function after(
  outcome: ProviderOutcome,
  headers: Record<string, string> = {},
  job: Partial<JobHead> = {},
  on_unknown: "retry" | "quarantine" = "retry",
): string {
  const head = jobOf({ timing: { received: NOW_MS }, ...job });
  const failed = { kind: "failed", ...failure(outcome, "x") } as const;
  const then = afterFailure(
    { names: NAMES, redelivery, on_unknown },
    inRecord({}, { headers }),
    head,
    REQUEST,
    failed,
    NOW_MS,
  );
  if (then.kind === "final") return then.dead_letter ? "dead letter" : "outcome";
  assert.equal(then.record.value, REQUEST);
  return then.record.topic;
}

const WAITING = { "sluice-reply-to": "gateway" };

describe("after its attempts a job", () => {
  const rows: readonly (readonly [what: string, found: () => string, expected: string])[] = [
    ["that may succeed goes a round", () => after("408, 409, 5xx"), NAMES.retry("5s")],
    ["that found no endpoint goes a round", () => after("no endpoint"), NAMES.retry("5s")],
    ["goes its second round with the next delay", () => after("429", { "sluice-round": "1" }), NAMES.retry("1m")],
    ["is a dead letter after its rounds", () => after("429", { "sluice-round": "2" }), "dead letter"],
    [
      "is a dead letter when it is old",
      () => after("429", {}, { timing: { received: NOW_MS - 600_000 } }),
      "dead letter",
    ],
    ["without a time of arrival has its record's", () => after("429", {}, { timing: {} }), "dead letter"],
    [
      "that a later round could only let expire ends",
      () => after("429", {}, { deadline_ms: NOW_MS + 5_000 }),
      "outcome",
    ],
    ["whose caller waits ends", () => after("429", WAITING), "outcome"],
    ["that was refused ends", () => after("other status"), "outcome"],
    ["that was cancelled ends", () => after("cancelled"), "outcome"],
    ["with an unknown answer goes a round", () => after("time-out"), NAMES.retry("5s")],
    ["with an unknown answer is for a person", () => after("time-out", {}, {}, "quarantine"), "dead letter"],
    [
      "with an unknown answer is for a person, though a caller waits",
      () => after("reset", WAITING, {}, "quarantine"),
      "dead letter",
    ],
    ["that was cancelled is for nobody", () => after("cancelled", {}, {}, "quarantine"), "outcome"],
    ["whose stream broke is for nobody", () => after("broken stream", {}, {}, "quarantine"), "outcome"],
    ["with a known failure is for nobody", () => after("not connected", {}, {}, "quarantine"), NAMES.retry("5s")],
  ];
  for (const [what, found, expected] of rows) test(what, () => assert.equal(found(), expected));
});
