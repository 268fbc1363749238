/**
 * Completed offsets beyond the committed one, as text for a commit's metadata, so that a restart does not redo them. Pure.
 *
 * Two spellings, the shorter wins: run lengths (varints, by turns not done and done, from the base on) and a bit set from the base
 * on; each is deflated when that helps. The idea is confluentinc/parallel-consumer's; the spelling is our own. A map that does not
 * fit is cut short: what is left out is only done again.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";

/** What a broker keeps at the most (`offset.metadata.max.bytes`). */
export const METADATA_BYTES_MAX = 4_096;
/** Base64 holds three bytes in four characters; the first character names the spelling. */
const PAYLOAD_BYTES_MAX = Math.floor((METADATA_BYTES_MAX - 4) / 4) * 3;
/** No map of ours inflates to more; a stranger's metadata must not exhaust memory. */
const INFLATED_BYTES_MAX = 4 * 1024 * 1024;

/** A half-open range of offsets, all of them done. */
export type DoneRange = { readonly from: number; readonly to: number };

export type EncodedMap = {
  /** Empty when nothing beyond the base is done. */
  readonly metadata: string;
  /** 0 to 1: how much of the room is taken; above 1 when ranges were left out. */
  readonly fill: number;
};

/** @param done ranges beyond `base`, ascending, apart from each other. */
export function encodeDone(base: number, done: readonly DoneRange[]): EncodedMap {
  if (done.length === 0) return { metadata: "", fill: 0 };
  const whole = shortest(base, done);
  const fill = whole.payload.length / PAYLOAD_BYTES_MAX;
  if (fill <= 1) return { metadata: textOf(whole), fill };
  // Halve until it fits, then grow again while it does: a handful of encodings, and only at the limit.
  let fits = 0;
  for (let step = done.length >> 1; step > 0; step >>= 1) {
    if (shortest(base, done.slice(0, fits + step)).payload.length <= PAYLOAD_BYTES_MAX) fits += step;
  }
  const cut = done.slice(0, fits);
  return { metadata: cut.length === 0 ? "" : textOf(shortest(base, cut)), fill };
}

/** Ranges that a commit's metadata says are done; none for metadata that is not ours. */
export function decodeDone(base: number, metadata: string | null | undefined): DoneRange[] {
  const spelling = metadata?.[0];
  if (metadata === null || metadata === undefined || spelling === undefined || !"rRbB".includes(spelling)) return [];
  try {
    const payload = Buffer.from(metadata.slice(1), "base64");
    const deflated = spelling === "R" || spelling === "B";
    const bytes = deflated ? inflateRawSync(payload, { maxOutputLength: INFLATED_BYTES_MAX }) : payload;
    return spelling === "r" || spelling === "R" ? fromRuns(base, bytes) : fromBits(base, bytes);
  } catch {
    return [];
  }
}

type Spelled = { readonly spelling: string; readonly payload: Buffer };

function shortest(base: number, done: readonly DoneRange[]): Spelled {
  const last = done.at(-1) as DoneRange;
  const candidates: Spelled[] = [{ spelling: "r", payload: toRuns(base, done) }];
  // A bit set of a wide, sparse map would only waste memory to lose the comparison.
  if (last.to - base <= PAYLOAD_BYTES_MAX * 8 * 4) candidates.push({ spelling: "b", payload: toBits(base, done) });
  for (const { spelling, payload } of [...candidates]) {
    candidates.push({ spelling: spelling.toUpperCase(), payload: deflateRawSync(payload) });
  }
  return candidates.reduce((best, one) => (one.payload.length < best.payload.length ? one : best));
}

function textOf({ spelling, payload }: Spelled): string {
  return spelling + payload.toString("base64");
}

function toRuns(base: number, done: readonly DoneRange[]): Buffer {
  const bytes: number[] = [];
  let at = base;
  for (const { from, to } of done) {
    pushVarint(bytes, from - at);
    pushVarint(bytes, to - from);
    at = to;
  }
  return Buffer.from(bytes);
}

function fromRuns(base: number, bytes: Buffer): DoneRange[] {
  const ranges: DoneRange[] = [];
  let at = base;
  let next = 0;
  const read = (): number => {
    let value = 0;
    for (let scale = 1; next < bytes.length; scale *= 128) {
      const byte = bytes[next] as number;
      next += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (next < bytes.length) {
    const from = at + read();
    at = from + read();
    ranges.push({ from, to: at });
  }
  return ranges;
}

/** LEB128, by multiplication: offsets pass 32 bits. */
function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}

function toBits(base: number, done: readonly DoneRange[]): Buffer {
  const last = done.at(-1) as DoneRange;
  const bits = Buffer.alloc(Math.ceil((last.to - base) / 8));
  for (const { from, to } of done) {
    for (let bit = from - base; bit < to - base; bit += 1)
      bits[bit >> 3] = (bits[bit >> 3] as number) | (1 << (bit & 7));
  }
  return bits;
}

function fromBits(base: number, bits: Buffer): DoneRange[] {
  const ranges: DoneRange[] = [];
  let from: number | undefined;
  for (let bit = 0; bit <= bits.length * 8; bit += 1) {
    const set = ((bits[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
    if (set && from === undefined) from = bit;
    if (!set && from !== undefined) {
      ranges.push({ from: base + from, to: base + bit });
      from = undefined;
    }
  }
  return ranges;
}
