/** Records of any topic: decoded, filtered, and as one line for people or scripts. */
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import { unframe } from "../../libs/shared/events/wire.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { oneLine } from "./format.ts";
import { resultLine } from "./result.ts";

export type ReadValue =
  | { readonly kind: "json"; readonly json: unknown }
  /** A deletion on a compacted topic. */
  | { readonly kind: "none" }
  | { readonly kind: "text"; readonly text: string; readonly problem: string };

/** Reads a value, framed or plain. What is JSON is read without the registry; for the rest it is asked. */
export async function readValue(codec: EventCodec, record: InRecord): Promise<ReadValue> {
  const { value } = record;
  if (value === null) return { kind: "none" };
  const framed = unframe(value);
  const own = framed.kind === "unreadable" ? undefined : parse(framed.payload);
  if (own !== undefined) return { kind: "json", json: own };
  const decoded = await codec.decode(record);
  const json = decoded.kind === "json" ? parse(decoded.payload) : undefined;
  if (json !== undefined) return { kind: "json", json };
  const problem = decoded.kind === "json" ? "the value is not JSON" : decoded.message;
  return { kind: "text", text: value.toString(), problem };
}

export type RecordFilter = {
  readonly tenant?: string | undefined;
  readonly id?: string | undefined;
  readonly status?: string | undefined;
  /** Text in the value, the key or a header, whatever its case. */
  readonly grep?: string | undefined;
};

/** Whether a record is wanted. All that is asked for must fit. Pure. */
export function matches(filter: RecordFilter, record: InRecord, value: ReadValue): boolean {
  const { tenant, id, status, grep } = filter;
  const fields = fieldsOf(value);
  if (tenant !== undefined && fields["tenant"] !== tenant) return false;
  if (id !== undefined && fields["id"] !== id && record.key?.toString() !== id) return false;
  if (status !== undefined && fields["status"] !== status) return false;
  if (grep === undefined) return true;
  const wanted = grep.toLowerCase();
  const texts = [textOf(value), record.key?.toString() ?? "", ...Object.values(record.headers)];
  return texts.some((text) => text.toLowerCase().includes(wanted));
}

/** One line of JSON: topic, partition, offset, timestamp_ms, key, headers and the value (text where it is not JSON). Pure. */
export function recordJson(record: InRecord, value: ReadValue): string {
  const { topic, partition, offset, timestamp_ms, key, headers } = record;
  const read = value.kind === "json" ? value.json : value.kind === "none" ? null : value.text;
  return JSON.stringify({ topic, partition, offset, timestamp_ms, key: key?.toString() ?? null, headers, value: read });
}

/** One line for people: when, where, and what the record says. Pure. */
export function recordLine(record: InRecord, value: ReadValue, width: number): string {
  const { timestamp_ms, partition, offset } = record;
  const place = `${new Date(timestamp_ms).toISOString().slice(11, 23)} ${`${partition}@${offset}`.padEnd(8)} `;
  return place + gist(record, value, Math.max(40, width - place.length));
}

function gist(record: InRecord, value: ReadValue, width: number): string {
  const code = record.headers["sluice-error-code"];
  if (code !== undefined) return deadLetterGist(record, value, code, width);
  const fields = fieldsOf(value);
  if (value.kind === "none") return `${record.key?.toString() ?? "-"} deleted`;
  if (typeof fields["status"] === "string" && "timing" in fields) return resultLine(fields as Result, width);
  const body = (fields["body"] ?? (fields["request"] as Fields | undefined)?.["body"]) as Fields | undefined;
  if (body === undefined) return oneLine(textOf(value), width);
  const lane = fields["lane"] === undefined ? "" : ` ${fields["lane"]}`;
  const route = fields["route"] as Fields | undefined;
  const tier = route === undefined ? "" : ` ${route["tier"]} (${route["reason"]})`;
  return oneLine(`${record.key ?? "-"} ${fields["tenant"]}${lane}${tier}: ${promptOf(body)}`, width);
}

function deadLetterGist({ headers }: InRecord, value: ReadValue, code: string, width: number): string {
  const origin = `${headers["kafka_dlt-original-topic"]} ${headers["kafka_dlt-original-partition"]}@${headers["kafka_dlt-original-offset"]}`;
  const why = headers["kafka_dlt-exception-message"] ?? "";
  return oneLine(`${code} (${headers["sluice-service"]}, from ${origin}): ${why} | ${textOf(value)}`, width);
}

function promptOf(body: Fields): string {
  const messages = body["messages"] as readonly { role?: string; content?: unknown }[] | undefined;
  const content = messages?.findLast?.(({ role }) => role === "user")?.content ?? body["input"] ?? body;
  return typeof content === "string" ? content : JSON.stringify(content);
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: ReadValue): Fields {
  return value.kind === "json" && typeof value.json === "object" && value.json !== null ? (value.json as Fields) : {};
}

function textOf(value: ReadValue): string {
  if (value.kind === "text") return value.text;
  return value.kind === "none" ? "" : JSON.stringify(value.json);
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString()) as unknown;
  } catch {
    return undefined;
  }
}
