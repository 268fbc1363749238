/** What becomes of a job when its attempts in this process have failed: another round by a retry topic, or its end. Pure. */
import type { JobHead } from "../../libs/shared/events/flow.ts";
import {
  decideRedelivery,
  type RedeliveryPolicy,
  redeliveryFacts,
  retryRecord,
} from "../../libs/shared/events/redelivery.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { InRecord, OutRecord } from "../../libs/shared/kafka/ports.ts";
import { PROVIDER_OUTCOMES } from "./provider-outcomes.ts";
import { isUnknown, type Verdict } from "./verdict.ts";

export type Failed = Extract<Verdict, { kind: "failed" }>;

export type AfterFailure =
  | { readonly kind: "retry"; readonly record: OutRecord; readonly due_ms: number }
  /**
   * `dead_letter`: time may heal it after all, and nobody was told who would send it again: kept for an operator. Not where the
   * deadline leaves no time for another round: sent again, it could only expire.
   */
  | { readonly kind: "final"; readonly dead_letter: boolean };

export type AfterFailureOptions = {
  readonly names: TopicNames;
  readonly redelivery: RedeliveryPolicy;
  readonly on_unknown: "retry" | "quarantine";
};

export function afterFailure(
  { names, redelivery, on_unknown }: AfterFailureOptions,
  record: InRecord,
  job: JobHead,
  request: Buffer,
  failed: Failed,
  now_ms: number,
): AfterFailure {
  const retryable = PROVIDER_OUTCOMES[failed.outcome].remedy === "again";
  // Whether the model was paid is not known, and the settings say not to pay twice: a person decides.
  if (retryable && isUnknown(failed) && on_unknown === "quarantine") return { kind: "final", dead_letter: true };
  const timing = { received: job.timing.received ?? record.timestamp_ms };
  const { deadline_ms } = job;
  const { retry_after_ms } = failed;
  const facts = redeliveryFacts(record.headers, { timing, deadline_ms }, { retryable, retry_after_ms }, now_ms);
  const decided = decideRedelivery(redelivery, facts);
  if (decided.kind === "final")
    return { kind: "final", dead_letter: decided.why === "rounds" || decided.why === "age" };
  const retry = retryRecord(names, record, request, decided, failed.error.code);
  return { kind: "retry", record: retry, due_ms: decided.due_ms };
}
