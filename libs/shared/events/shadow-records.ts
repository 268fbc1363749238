/** Records of `llm.shadow`: how they are written and read. */
import type { InRecord, OutRecord } from "../kafka/ports.ts";
import type { EventCodec } from "./codec.ts";
import { parseJson } from "./json.ts";
import { type ShadowEvent, shadowEvent } from "./shadow.ts";
import type { TopicNames } from "./topics.ts";

export type ReadShadowEvent =
  | { readonly kind: "event"; readonly event: ShadowEvent }
  /** Of a kind that this version does not know. */
  | { readonly kind: "passed_over" }
  | { readonly kind: "unreadable"; readonly code: string; readonly message: string };

/** Keyed by the original request. */
export function shadowEventRecord(
  { codec, names }: { readonly codec: EventCodec; readonly names: TopicNames },
  event: ShadowEvent,
  headers: Record<string, string> = {},
): OutRecord {
  const { tenant, id } = event.shadow;
  const value = codec.encode(names.shadow, Buffer.from(JSON.stringify(event)));
  return { topic: names.shadow, key: `${tenant}/${id}`, value, headers };
}

export async function readShadowEvent(codec: EventCodec, record: InRecord): Promise<ReadShadowEvent> {
  const decoded = await codec.decode(record);
  if (decoded.kind === "unreadable") return decoded;
  const json = parseJson(decoded.payload) as { readonly kind?: unknown } | null | undefined;
  if (typeof json !== "object" || json === null) {
    return { kind: "unreadable", code: "not_json", message: "the value is not a JSON object" };
  }
  const parsed = shadowEvent.safeParse(json);
  if (parsed.success) return { kind: "event", event: parsed.data };
  if (typeof json.kind === "string" && !KINDS.includes(json.kind)) return { kind: "passed_over" };
  const message = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  return { kind: "unreadable", code: "event_invalid", message: message.slice(0, 500) };
}

const KINDS: readonly string[] = shadowEvent.options.map(({ shape }) => shape.kind.value);
