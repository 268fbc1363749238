/**
 * Confluent's wire format: one zero byte, the schema id as four bytes big-endian, then the value (here JSON).
 * Source: "Wire format", Confluent Schema Registry documentation. Pure.
 */

export const WIRE_HEADER_BYTES = 5;
const MAGIC = 0;
const OPEN_BRACE = 0x7b;

export type Framed =
  | { readonly kind: "wire"; readonly schema_id: number; readonly payload: Buffer }
  /** No header: JSON text that starts with `{`, white space before it allowed. */
  | { readonly kind: "plain"; readonly payload: Buffer }
  | { readonly kind: "unreadable" };

/** Tells how a record's value is framed, by its first byte. */
export function unframe(value: Buffer): Framed {
  if (value.length > WIRE_HEADER_BYTES && value[0] === MAGIC) {
    return { kind: "wire", schema_id: value.readUInt32BE(1), payload: value.subarray(WIRE_HEADER_BYTES) };
  }
  let at = 0;
  while (at < value.length && isJsonSpace(value[at] as number)) at += 1;
  return value[at] === OPEN_BRACE ? { kind: "plain", payload: value.subarray(at) } : { kind: "unreadable" };
}

/** Puts the header before a value's parts. */
export function frame(schema_id: number, ...parts: readonly Buffer[]): Buffer {
  const header = Buffer.allocUnsafe(WIRE_HEADER_BYTES);
  header[0] = MAGIC;
  header.writeUInt32BE(schema_id, 1);
  return Buffer.concat([header, ...parts]);
}

function isJsonSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
