/** Builds records for `llm.outcomes`. Pure. */
import type { InRecord, OutRecord } from "../kafka/ports.ts";
import { attemptsOf } from "./attempts.ts";
import type { EventCodec } from "./codec.ts";
import type { AdmittedHead, OutcomeHead } from "./flow.ts";
import { ATTEMPTS_HEADER, travellingHeaders, UNKNOWN_CALLS_HEADER } from "./headers.ts";
import { unknownCallsOf } from "./redelivery.ts";
import { CARRIED_AT_HEADER, splice } from "./splice.ts";
import type { TopicNames } from "./topics.ts";

/** The part of an outcome that is not known from the request. */
export type Ending = Pick<OutcomeHead, "status" | "timing"> &
  Partial<Pick<OutcomeHead, "error" | "route" | "usage" | "unknown_calls" | "complete" | "trace">>;

/** What of a request goes on with its outcome. */
export type Ended = Pick<
  AdmittedHead,
  "id" | "tenant" | "content_hash" | "metadata" | "reservation" | "shadow" | "replay" | "user" | "callback_url"
> &
  Pick<OutcomeHead, "fill">;

/** The terminal outcome of an admitted request; `response` is the provider's JSON, as bytes. */
export function outcomeRecord(
  deps: { readonly codec: EventCodec; readonly names: TopicNames },
  /** The record that led here (or, where ingest knows a better key, its headers with that key). */
  record: Pick<InRecord, "headers"> & Pick<OutRecord, "key">,
  request: Ended,
  ending: Ending,
  response?: Buffer,
): OutRecord {
  const { id, tenant, content_hash, metadata, reservation, fill, shadow, replay, user, callback_url } = request;
  const unknown_calls = Math.max(ending.unknown_calls ?? 0, unknownCallsOf(record.headers));
  const trace = ending.trace ?? attemptsOf(record.headers);
  const head: OutcomeHead = {
    id,
    tenant,
    content_hash,
    ...ending,
    ...(ending.usage !== undefined || unknown_calls === 0 ? {} : { unknown_calls }),
    ...(trace === undefined ? {} : { trace }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(reservation === undefined ? {} : { reservation }),
    ...(fill === undefined ? {} : { fill }),
    ...(shadow === undefined ? {} : { shadow }),
    ...(replay === undefined ? {} : { replay }),
    ...(user === undefined ? {} : { user }),
    ...(callback_url === undefined ? {} : { callback_url }),
  };
  const topic = deps.names.outcomes;
  const { [UNKNOWN_CALLS_HEADER]: _, [ATTEMPTS_HEADER]: _attempts, ...headers } = travellingHeaders(record.headers);
  if (response === undefined) {
    return { topic, key: record.key, value: deps.codec.encode(topic, Buffer.from(JSON.stringify(head))), headers };
  }
  const { json, carried_at } = splice(head, "response", response);
  return {
    topic,
    key: record.key,
    value: deps.codec.encode(topic, ...json),
    headers: { ...headers, [CARRIED_AT_HEADER]: String(carried_at) },
  };
}
