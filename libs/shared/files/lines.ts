/** JSONL read in order, from any line on. Holds one line at the most, and of one that is too long nothing. */

/** Where a line begins: both are of the whole file. */
export type LinePlace = {
  /** Its first byte. */
  readonly at: number;
  /** From 1; blank lines count too. */
  readonly number: number;
};

export type Line = LinePlace & {
  /** Without its end (LF or CRLF) and without the byte order mark of the file; empty where it is too long. */
  readonly bytes: Uint8Array;
  /** It has more than `line_bytes_max`. */
  readonly too_long: boolean;
  /** Where reading goes on after it. */
  readonly next: LinePlace;
};

export type LineOptions = {
  readonly line_bytes_max: number;
  /** Where `content` begins in the file; left out: at its first line. */
  readonly from?: LinePlace;
};

const FIRST: LinePlace = { at: 0, number: 1 };
const LF = 0x0a;
const CR = 0x0d;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * The lines of JSONL that are not blank. They are cut at LF alone, which is never a part of another character in UTF-8, so pieces of
 * `content` may end anywhere. To go on at a line, read the file from `next.at` and pass `next` as `from`.
 */
export async function* readLines(
  content: AsyncIterable<Uint8Array>,
  { line_bytes_max, from = FIRST }: LineOptions,
): AsyncGenerator<Line> {
  let place = from;
  const open = new OpenLine(line_bytes_max);
  const cut = (line_end: 0 | 1): Line | undefined => {
    const next = { at: place.at + open.length + line_end, number: place.number + 1 };
    const line = open.take(place, next);
    place = next;
    return line;
  };
  for await (const piece of content) {
    let start = 0;
    for (let end = piece.indexOf(LF); end !== -1; end = piece.indexOf(LF, start)) {
      open.add(piece.subarray(start, end));
      start = end + 1;
      const line = cut(1);
      if (line !== undefined) yield line;
    }
    open.add(piece.subarray(start));
  }
  const last = cut(0);
  if (last !== undefined) yield last;
}

/** The line whose end has not come yet. */
class OpenLine {
  readonly #kept_max: number;
  readonly #line_bytes_max: number;
  #pieces: Uint8Array[] = [];
  #length = 0;

  constructor(line_bytes_max: number) {
    this.#line_bytes_max = line_bytes_max;
    // What may yet turn out to be no part of the line: a byte order mark, and the CR of its end.
    this.#kept_max = line_bytes_max + BYTE_ORDER_MARK.length + 1;
  }

  /** Bytes so far, kept or not. */
  get length(): number {
    return this.#length;
  }

  add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#length += piece.length;
    if (this.#length > this.#kept_max) this.#pieces = [];
    else this.#pieces.push(piece);
  }

  /** The line, unless it is blank; then the next one begins. */
  take(place: LinePlace, next: LinePlace): Line | undefined {
    const dropped = this.#length > this.#kept_max;
    const whole = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
    if (dropped || whole === undefined) return { ...place, bytes: new Uint8Array(), too_long: true, next };
    const mark = place.at === 0 && BYTE_ORDER_MARK.every((byte, index) => whole[index] === byte) ? 3 : 0;
    const end = whole.at(-1) === CR ? whole.length - 1 : whole.length;
    const bytes = whole.subarray(mark, Math.max(mark, end));
    if (bytes.length > this.#line_bytes_max) return { ...place, bytes: new Uint8Array(), too_long: true, next };
    if (isBlank(bytes)) return undefined;
    return { at: place.at + mark, number: place.number, bytes, too_long: false, next };
  }
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === CR);
}
