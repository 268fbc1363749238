/** A dead letter's headers, as `explain` needs them. Pure. */
import { originOf } from "../events/origin.ts";
import type { InRecord } from "../kafka/ports.ts";
import type { LetterView } from "./explanation.ts";

/** `<topic> <partition> <offset>` of its request on `llm.requests`; undefined where no service wrote it. */
export function originalOf({ headers }: Pick<InRecord, "headers">): string | undefined {
  const origin = originOf(headers);
  if (origin !== undefined) return `${origin.topic} ${origin.partition} ${origin.offset}`;
  const [topic, partition, offset] = ["topic", "partition", "offset"].map(
    (name) => headers[`kafka_dlt-original-${name}`],
  );
  return topic === undefined || partition === undefined || offset === undefined
    ? undefined
    : `${topic} ${partition} ${offset}`;
}

export function codeHeaderOf({ headers }: Pick<InRecord, "headers">): Pick<LetterView, "code" | "service" | "message"> {
  return {
    code: headers["sluice-error-code"] ?? "unknown",
    service: headers["sluice-service"] ?? "unknown",
    // It may quote the record.
    message: (headers["kafka_dlt-exception-message"] ?? "").slice(0, 500),
  };
}
