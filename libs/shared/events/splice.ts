/**
 * A JSON object whose last property is carried as the bytes it came in: large bodies are not parsed and printed again at every
 * hop. `{"id":"…","request":<bytes>}` is written from a small head and the bytes; a record header says where they start, and a
 * value without that header is simply parsed whole. Pure.
 */

/** The record header with the offset of the carried bytes in the JSON text. */
export const CARRIED_AT_HEADER = "sluice-carried-at";

export type Spliced = {
  /** The JSON text, in parts: whoever frames it copies it once. */
  readonly json: readonly Buffer[];
  /** For `CARRIED_AT_HEADER`. */
  readonly carried_at: number;
};

/** Writes `{...head, "<property>": <carried>}`. `carried` must be valid JSON. */
export function splice(head: object, property: string, carried: Buffer): Spliced {
  const text = JSON.stringify(head);
  const opened = text === "{}" ? "{" : `${text.slice(0, -1)},`;
  const prefix = Buffer.from(`${opened}${JSON.stringify(property)}:`);
  return { json: [prefix, carried, CLOSE], carried_at: prefix.length };
}

const CLOSE = Buffer.from("}");

export type Unspliced<Head> = {
  /** The object without the carried property. */
  readonly head: Head;
  /** The carried property's JSON bytes; undefined when the object has none. */
  readonly carried: Buffer | undefined;
};

/** Reads what `splice` wrote. Throws SyntaxError on what is not JSON. */
export function unsplice<Head extends object>(
  json: Buffer,
  property: string,
  carried_at: string | undefined,
): Unspliced<Head> {
  const at = Number(carried_at);
  const mark = `${JSON.stringify(property)}:`;
  if (Number.isSafeInteger(at) && at > mark.length && at < json.length - 1 && endsWith(json, at, mark)) {
    const before = json.toString("utf8", 0, at - mark.length);
    const head = JSON.parse(`${before.endsWith(",") ? before.slice(0, -1) : before}}`) as Head;
    return { head, carried: json.subarray(at, json.length - 1) };
  }
  const { [property]: value, ...head } = JSON.parse(json.toString()) as Record<string, unknown>;
  return { head: head as Head, carried: value === undefined ? undefined : Buffer.from(JSON.stringify(value)) };
}

function endsWith(json: Buffer, at: number, mark: string): boolean {
  return json.toString("utf8", at - mark.length, at) === mark;
}
