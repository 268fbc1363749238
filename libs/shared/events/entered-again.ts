/**
 * A record of `llm.requests` that is to be entered once more. It goes by way of a retry topic, as one that waited there: written to
 * `llm.requests` it would be new, with another arrival, another id where it has none of its own, and a repeat to whoever has seen it. Pure.
 */
import type { OutRecord, RecordHeaders } from "../kafka/ports.ts";
import {
  ATTEMPTS_HEADER,
  DUE_HEADER,
  ORIGIN_HEADER,
  ROUND_HEADER,
  TENANT_HEADER,
  TRAIL_HEADER,
  UNKNOWN_CALLS_HEADER,
} from "./headers.ts";
import { type Origin, originText } from "./origin.ts";

/**
 * Anybody writes to `llm.requests`: what services trust on a retry topic is not taken from there. The tenant's name among it says that
 * the sender was allowed to name it; this record may have been given up before that was asked.
 */
const OF_THE_SERVICES: readonly string[] = [
  TENANT_HEADER,
  ROUND_HEADER,
  UNKNOWN_CALLS_HEADER,
  DUE_HEADER,
  ATTEMPTS_HEADER,
  TRAIL_HEADER,
];

/**
 * @param topic a retry topic; without a due time its records are entered at once.
 * @param first where it stands on `llm.requests`.
 */
export function enteredAgain(
  topic: string,
  first: Origin,
  { key, value, headers = {} }: Pick<OutRecord, "key" | "value"> & { readonly headers?: RecordHeaders },
): OutRecord {
  const own = Object.entries(headers).filter(([name]) => !OF_THE_SERVICES.includes(name));
  return { topic, key, value, headers: { ...Object.fromEntries(own), [ORIGIN_HEADER]: originText(first) } };
}
