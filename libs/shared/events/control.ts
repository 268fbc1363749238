/**
 * `llm.control`: what people tell the running services. Every instance reads every record of it, from some time back on. Keyed by
 * the subject, so that what concerns one thing stays in order.
 */
import { z } from "zod";
import type { InRecord, OutRecord } from "../kafka/ports.ts";
import type { EventCodec } from "./codec.ts";
import { idField, tenantField } from "./fields.ts";
import { parseJson } from "./json.ts";

/** Nobody wants the result of this request any more. The subject is `<tenant>/<id>`. */
const cancelEvent = z.object({
  kind: z.literal("cancel"),
  tenant: tenantField,
  id: idField,
  at_ms: z.number(),
  /** Who asked: the public part of an API key. */
  by: z.string().max(200).optional(),
});
export type CancelEvent = z.infer<typeof cancelEvent>;

/** What of the cache is to go; all that is given must hold. */
export const cacheSelector = z.strictObject({
  /** The answer of this entry. */
  entry_id: z.string().max(100).optional(),
  tenant: tenantField.optional(),
  /** A request's own `metadata.cache_namespace`. */
  namespace: z.string().max(256).optional(),
  /** A regular expression of RE2, looked for in the entry's question. */
  pattern: z.string().max(1_000).optional(),
  /** Made before this, epoch ms. */
  before_ms: z.number().optional(),
});
export type CacheSelector = z.infer<typeof cacheSelector>;

/** Cache entries made until now are not to be answered from any more. The subject is the tenant, or `cache`. */
const invalidateEvent = z.object({
  kind: z.literal("invalidate"),
  selector: cacheSelector,
  at_ms: z.number(),
  by: z.string().max(200).optional(),
  /** What a person may read; of a wrong hit, the request that was answered wrongly. */
  why: z.string().max(500).optional(),
});
export type InvalidateEvent = z.infer<typeof invalidateEvent>;

/** How far a rollout is. The whole state each time, so that the latest record of a name is all of it. The subject is `rollout/<name>`. */
const rolloutEvent = z.object({
  kind: z.literal("rollout"),
  name: z.string().max(41),
  /** What is rolled out: another first model or prompt of a tier, or another complexity policy. */
  change: z.discriminatedUnion("of", [
    z.object({ of: z.literal("model"), tier: z.string(), model: z.string() }),
    z.object({ of: z.literal("prompt"), tier: z.string(), prompt: z.string() }),
    z.object({ of: z.literal("policy"), policy_file: z.string() }),
  ]),
  status: z.enum(["running", "paused", "done", "rolled_back"]),
  percent: z.int().min(0).max(100),
  automatic: z.boolean(),
  /** When it was started, and when it came to this percentage, epoch ms. */
  started_ms: z.number(),
  stage_ms: z.number(),
  at_ms: z.number(),
  by: z.string().max(200).optional(),
  /** Of a move: what was seen. */
  why: z.string().max(500).optional(),
});
export type RolloutEvent = z.infer<typeof rolloutEvent>;

/** The kinds that this version knows. */
const controlEvent = z.discriminatedUnion("kind", [cancelEvent, invalidateEvent, rolloutEvent]);
export type ControlEvent = z.infer<typeof controlEvent>;

/**
 * What is registered for the topic: the frame that all kinds share. The kinds are not in it, so that a new one breaks no reader of
 * an older schema: who does not know a kind passes over it.
 */
export const controlSchema = z.looseObject({ kind: z.string().min(1), at_ms: z.number() });

/** @returns undefined for a kind that this version does not know, or a value that nobody can read. */
export async function readControl(codec: EventCodec, record: InRecord): Promise<ControlEvent | undefined> {
  const decoded = await codec.decode(record);
  if (decoded.kind !== "json") return undefined;
  const parsed = controlEvent.safeParse(parseJson(decoded.payload));
  return parsed.success ? parsed.data : undefined;
}

/** The record that tells everybody of it. */
export function controlRecord(codec: EventCodec, topic: string, event: ControlEvent): OutRecord {
  return { topic, key: subjectOf(event), value: codec.encode(topic, Buffer.from(JSON.stringify(event))) };
}

function subjectOf(event: ControlEvent): string {
  switch (event.kind) {
    case "cancel":
      return `${event.tenant}/${event.id}`;
    case "invalidate":
      return event.selector.tenant ?? "cache";
    case "rollout":
      return `rollout/${event.name}`;
  }
}
