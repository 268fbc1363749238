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

/** The kinds that this version knows. */
const controlEvent = z.discriminatedUnion("kind", [cancelEvent]);
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

function subjectOf({ tenant, id }: ControlEvent): string {
  return `${tenant}/${id}`;
}
