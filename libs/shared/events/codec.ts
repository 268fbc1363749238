/** From a record's value to JSON bytes and back, as a contract: the registry implements it, the simulation too. */
import type { InRecord } from "../kafka/ports.ts";

export type Decoded =
  /** `trusted`: written under a schema that we registered for this topic, so its shape was checked where it entered. */
  | { readonly kind: "json"; readonly payload: Buffer; readonly trusted: boolean }
  /** No one can read it: a dead letter. `code` is one of docs/errors.md. */
  | { readonly kind: "unreadable"; readonly code: UnreadableCode; readonly message: string };

export type UnreadableCode =
  | "value_missing"
  | "not_json"
  | "schema_unknown"
  | "value_undecodable"
  | "record_too_large"
  | "id_conflict";

export interface EventCodec {
  /** Frames JSON parts as one value under the schema registered for the topic. */
  encode(topic: string, ...json: readonly Buffer[]): Buffer;
  /** Reads the framing. Rejects (retryable) only when the registry is needed and away. */
  decode(record: InRecord): Promise<Decoded>;
}
