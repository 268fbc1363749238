/**
 * The answer to embeddings calls made as one, taken apart: a vector reaches the member whose input it belongs to, or nobody. Vectors
 * are copied as bytes, for printing them anew would cost several times as much. Pure.
 */
import { isUtf8 } from "node:buffer";
import { readArray, readObject, skipSpace, skipValue } from "./json-slices.ts";
import { divideUsage } from "./shares.ts";

/** What a member has in a call: how many inputs, and what its share of the usage follows (`EmbeddingsCall` has both). */
export type Share = { readonly inputs: readonly unknown[]; readonly size: number };

export type Split =
  /** A response body for each member, in their order. */
  | { readonly kind: "split"; readonly answers: readonly Buffer[] }
  /** The answer cannot be told apart. The call was made and may be paid for. */
  | { readonly kind: "mismatch"; readonly message: string };

/** Places in the answer's bytes; `end` is behind the value. */
type Field = { readonly name: string; readonly start: number; readonly end: number };
type Item = {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly index_start: number;
  readonly index_end: number;
};
type Answer = { readonly fields: readonly Field[]; readonly items: readonly Item[] };

const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;
const QUOTE = 0x22;

/**
 * Divides the provider's answer (status 200) to `mergeCalls` into one for each member: its own vectors, byte for byte and numbered
 * from 0, its share of the usage, and all else as it came. A single member is given the answer as it is.
 */
export function splitAnswer(answer: Buffer, shares: readonly Share[]): Split {
  if (shares.length === 1) return { kind: "split", answers: [answer] };
  const expected = shares.reduce((sum, { inputs }) => sum + inputs.length, 0);
  const read = readAnswer(answer, expected);
  if (typeof read === "string") return { kind: "mismatch", message: `the model's answer to a batch ${read}` };
  const sizes = shares.map(({ size }) => size);
  const usage = read.fields.findLast(({ name }) => name === "usage");
  const usages = usage && divideUsage(JSON.parse(answer.toString("utf8", usage.start, usage.end)), sizes);
  let from = 0;
  const answers = shares.map(({ inputs }, at) => {
    const items = read.items.slice(from, from + inputs.length);
    from += inputs.length;
    return printAnswer(answer, read.fields, items, usages?.[at]);
  });
  return { kind: "split", answers };
}

/** Where everything is, vectors in the order of the inputs; or in words what is wrong. */
function readAnswer(json: Buffer, expected: number): Answer | string {
  if (!isUtf8(json)) return "is not UTF-8";
  const fields: Field[] = [];
  const found: (Item | string)[] = [];
  try {
    const end = readObject(json, skipSpace(json, 0), (name, start) => {
      const isList = name === "data" && json[start] === OPEN_ARRAY;
      const after = isList ? readArray(json, start, (at) => readItem(json, at, found)) : skipValue(json, start);
      fields.push({ name, start, end: after });
      return after;
    });
    if (skipSpace(json, end) !== json.length) return "is not JSON: something follows it";
  } catch (error) {
    if (error instanceof SyntaxError) return `is not JSON: ${error.message}`;
    throw error;
  }
  if (fields.filter(({ name }) => name === "data").length !== 1) return 'has no "data", or more than one';
  return inOrder(found, expected, fields);
}

function inOrder(found: readonly (Item | string)[], expected: number, fields: readonly Field[]): Answer | string {
  if (found.length !== expected) return `has ${found.length} vectors for ${expected} inputs`;
  const items: Item[] = [];
  for (const item of found) {
    if (typeof item === "string") return item;
    if (item.index >= expected) return `has a vector of index ${item.index} for ${expected} inputs`;
    if (items[item.index] !== undefined) return `has two vectors of index ${item.index}`;
    items[item.index] = item;
  }
  return { fields, items };
}

/** Reads one element of `data` into `found`: its places, or in words what is wrong with it. */
function readItem(json: Buffer, at: number, found: (Item | string)[]): number {
  if (json[at] !== OPEN_OBJECT) {
    found.push("has a vector that is not an object");
    return skipValue(json, at);
  }
  const indexes: Field[] = [];
  const vectors: Field[] = [];
  const end = readObject(json, at, (name, start) => {
    const after = skipValue(json, start);
    if (name === "index") indexes.push({ name, start, end: after });
    if (name === "embedding") vectors.push({ name, start, end: after });
    return after;
  });
  found.push(itemOf(json, { start: at, end }, indexes, vectors));
  return end;
}

function itemOf(
  json: Buffer,
  place: Pick<Item, "start" | "end">,
  [index, ...more]: readonly Field[],
  [vector, ...others]: readonly Field[],
): Item | string {
  if (index === undefined || more.length > 0) return "has a vector without an index, or with two";
  if (vector === undefined || others.length > 0) return "has an entry without an embedding, or with two";
  const first = json[vector.start];
  // An array or a string of more than its two ends.
  if ((first !== OPEN_ARRAY && first !== QUOTE) || vector.end - vector.start <= 2)
    return "has an embedding that is empty";
  const number: unknown = JSON.parse(json.toString("latin1", index.start, index.end));
  if (!Number.isSafeInteger(number) || (number as number) < 0) return "has a vector whose index is not a whole number";
  return { ...place, index: number as number, index_start: index.start, index_end: index.end };
}

/** One member's response. */
function printAnswer(json: Buffer, fields: readonly Field[], items: readonly Item[], usage: unknown): Buffer {
  const parts: Buffer[] = [];
  for (const [at, { name, start, end }] of fields.entries()) {
    parts.push(Buffer.from(`${at === 0 ? "{" : ","}${JSON.stringify(name)}:`));
    if (name === "data") parts.push(...printItems(json, items));
    else if (name === "usage") parts.push(Buffer.from(JSON.stringify(usage)));
    else parts.push(json.subarray(start, end));
  }
  parts.push(Buffer.from("}"));
  return Buffer.concat(parts);
}

function printItems(json: Buffer, items: readonly Item[]): Buffer[] {
  const parts = items.flatMap(({ start, end, index_start, index_end }, index) => [
    Buffer.from(index === 0 ? "[" : ","),
    json.subarray(start, index_start),
    Buffer.from(String(index)),
    json.subarray(index_end, end),
  ]);
  return [...parts, Buffer.from("]")];
}
