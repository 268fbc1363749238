/**
 * The way of a request: the header that grows by one place a hop. Each service notes the record that it has read; what it writes
 * onward has the note. Only text is joined, once a record. Pure.
 *
 * Places are parted by `;`, each `<topic> <partition> <offset> <read_ms> <waited_ms>[ <note>]`: `read_ms` is when a service took the
 * record up (epoch ms), `waited_ms` how long it had stood on its topic, `note` why it went back. `~<n>`: so many gave way there.
 */
import type { InRecord, RecordHeaders, TopicPartition } from "../kafka/ports.ts";
import { TRAIL_HEADER } from "./headers.ts";

/** Places that a trail has at most; beyond, the oldest of the middle ones give way. */
export const TRAIL_HOPS_MAX = 24;
/** Of its text; topics and notes are ASCII. */
export const TRAIL_BYTES_MAX = 1_024;
/** The first places always stay: how it came in, and the limits that it met. */
const FIRST_KEPT = 6;
/** No place is shorter: a text below has no more than `TRAIL_HOPS_MAX` of them. */
const PLACE_BYTES_MIN = 10;

export type TrailHop = TopicPartition & {
  readonly offset: number;
  /** Epoch ms. */
  readonly read_ms: number;
  /** From when it was written until it was read. */
  readonly waited_ms: number;
  /** Why it was sent back from there: `deferred:<limit>:<scope>`, `retry:<code>`. */
  readonly note?: string;
};

export type Trail = {
  readonly hops: readonly TrailHop[];
  /** Places that gave way, and after how many of `hops` they stood. */
  readonly left_out?: { readonly count: number; readonly after: number };
};

/**
 * The record as read, its own place added to its trail: whatever is made from its headers has it.
 * @param begins the trail that came with it is not ours: anybody may write to `llm.requests`.
 */
export function passed(record: InRecord, now_ms: number, begins = false): InRecord {
  const { headers } = record;
  const before = begins ? undefined : headers[TRAIL_HEADER];
  return { ...record, headers: { ...headers, [TRAIL_HEADER]: withPlace(before, placeText(record, now_ms)) } };
}

function placeText({ topic, partition, offset, timestamp_ms }: InRecord, now_ms: number): string {
  const read_ms = Math.round(now_ms);
  return `${topic} ${partition} ${offset} ${read_ms} ${Math.max(0, read_ms - timestamp_ms)}`;
}

/** @param place as `placeText` writes it. */
export function withPlace(trail: string | undefined, place: string): string {
  if (trail === undefined || trail === "") return place.length <= TRAIL_BYTES_MAX ? place : "";
  const text = `${trail};${place}`;
  return text.length < PLACE_BYTES_MIN * TRAIL_HOPS_MAX ? text : bounded(text);
}

/** Says of the place that was added last why the request goes back from there. `note`: letters, digits and `:_.-`. */
export function withNote(headers: RecordHeaders, note: string): Record<string, string> {
  const trail = headers[TRAIL_HEADER];
  if (trail === undefined || trail === "") return { ...headers };
  return { ...headers, [TRAIL_HEADER]: bounded(`${trail} ${note.replaceAll(/[^A-Za-z0-9:_.-]/g, "_").slice(0, 60)}`) };
}

function bounded(text: string): string {
  let places = text.split(";");
  if (places.length <= TRAIL_HOPS_MAX && text.length <= TRAIL_BYTES_MAX) return text;
  let left_out = 0;
  const shown = (): string[] => {
    const gap = left_out === 0 ? [] : [`~${left_out}`];
    const first = Math.min(FIRST_KEPT, places.length - 1);
    return [...places.slice(0, first), ...gap, ...places.slice(first)];
  };
  places = places.filter((place) => {
    const gap = /^~(\d{1,9})$/.exec(place);
    left_out += Number(gap?.[1] ?? 0);
    return gap === null;
  });
  const tooLong = (): boolean => places.length > TRAIL_HOPS_MAX || shown().join(";").length > TRAIL_BYTES_MAX;
  while (places.length > 0 && tooLong()) {
    // Of places with long names the first ones give way as well: the last one tells where it is now.
    places.splice(Math.min(FIRST_KEPT, Math.max(0, places.length - 2)), 1);
    left_out += 1;
  }
  return places.length === 0 ? "" : shown().join(";");
}

/** A topic's name as Kafka allows it, then numbers. */
const PLACE = /^([A-Za-z0-9._-]{1,249}) (\d{1,10}) (\d{1,16}) (\d{1,16}) (\d{1,16})(?: ([A-Za-z0-9:_.-]{1,60}))?$/;

/** Reads a header or what was kept of one; what nobody here wrote is passed over. */
export function trailOf(text: string | undefined): Trail {
  const hops: TrailHop[] = [];
  let left_out: Trail["left_out"];
  for (const part of (text ?? "").slice(0, TRAIL_BYTES_MAX).split(";")) {
    const gap = /^~(\d{1,9})$/.exec(part);
    if (gap !== null)
      left_out = { count: Number(gap[1]) + (left_out?.count ?? 0), after: left_out?.after ?? hops.length };
    const hop = hopOf(part);
    if (hop !== undefined && hops.length < TRAIL_HOPS_MAX) hops.push(hop);
  }
  return left_out === undefined ? { hops } : { hops, left_out };
}

function hopOf(text: string): TrailHop | undefined {
  const [, topic, partition, offset, read, waited, note] = PLACE.exec(text) ?? [];
  if (topic === undefined) return undefined;
  const numbers = {
    partition: Number(partition),
    offset: Number(offset),
    read_ms: Number(read),
    waited_ms: Number(waited),
  };
  if (!Object.values(numbers).every(Number.isSafeInteger)) return undefined;
  return { topic, ...numbers, ...(note === undefined ? {} : { note }) };
}
