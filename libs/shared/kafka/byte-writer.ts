/** A buffer that is written from its start and grows, with the numbers of Kafka's protocol: big-endian, or zigzag varints. */

export class ByteWriter {
  #buffer: Buffer;
  length = 0;

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size);
  }

  written(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  slice(from: number, to: number): Buffer {
    return this.#buffer.subarray(from, to);
  }

  /** Room for what is set later; @returns where. */
  hole(bytes: number): number {
    return this.#take(bytes);
  }

  setInt32(at: number, value: number): void {
    this.#buffer.writeInt32BE(value, at);
  }

  setUint32(at: number, value: number): void {
    this.#buffer.writeUInt32BE(value, at);
  }

  int8(value: number): void {
    const at = this.#take(1);
    this.#buffer.writeInt8(value, at);
  }

  int16(value: number): void {
    const at = this.#take(2);
    this.#buffer.writeInt16BE(value, at);
  }

  int32(value: number): void {
    const at = this.#take(4);
    this.#buffer.writeInt32BE(value, at);
  }

  int64(value: bigint): void {
    const at = this.#take(8);
    this.#buffer.writeBigInt64BE(value, at);
  }

  /** With a length of 16 bits; -1 for null. */
  string(value: string | null): void {
    const bytes = value === null ? -1 : Buffer.byteLength(value);
    this.int16(bytes);
    if (value !== null) this.#text(value, bytes);
  }

  varint(value: number): void {
    let rest = zigzag(value);
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#byte((rest % 128) + 128);
    this.#byte(rest);
  }

  /** With a varint's length; -1 for null. */
  field(value: Buffer | string | null): void {
    const bytes = value === null ? -1 : Buffer.byteLength(value);
    this.varint(bytes);
    if (typeof value === "string") this.#text(value, bytes);
    else if (value !== null) this.bytes(value);
  }

  bytes(value: Buffer): void {
    const at = this.#take(value.length);
    value.copy(this.#buffer, at);
  }

  #text(value: string, bytes: number): void {
    const at = this.#take(bytes);
    this.#buffer.write(value, at, bytes, "utf8");
  }

  #byte(value: number): void {
    const at = this.#take(1);
    this.#buffer[at] = value;
  }

  #take(bytes: number): number {
    const at = this.length;
    this.length += bytes;
    if (this.length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.length, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    return at;
  }
}

/** What `field` writes. */
export function fieldBytes(value: Buffer | string | null): number {
  if (value === null) return 1;
  const bytes = Buffer.byteLength(value);
  return varintBytes(bytes) + bytes;
}

/** What `varint` writes. */
export function varintBytes(value: number): number {
  let rest = zigzag(value);
  let bytes = 1;
  for (; rest >= 128; bytes += 1) rest = Math.floor(rest / 128);
  return bytes;
}

/** For any safe integer up to 2^52: without shifts, which cut at 32 bits. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}
