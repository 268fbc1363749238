/** Cuts a text into shards at the best border there is: between paragraphs, else sentences, else lines, else words. Pure. */

/** What one token has in bytes, as sizes of shards are told. */
export const BYTES_PER_TOKEN = 4;

/** The best kind of border first: each matches what stays before the cut. */
const BORDERS: readonly RegExp[] = [/\n[ \t\r]*\n\s*/g, /[.!?…]["'”’)\]]*\s+|[。！？]/gu, /\n\s*/g, /\s+/g];

/** A text in pieces goes in, shards come out. Holds one shard and what was put in last. */
export class Cutter {
  readonly #bytes_max: number;
  readonly #room: Uint8Array;
  readonly #encoder = new TextEncoder();
  #text = "";

  constructor(shard_tokens: number) {
    this.#bytes_max = shard_tokens * BYTES_PER_TOKEN;
    this.#room = new Uint8Array(this.#bytes_max);
  }

  /** @returns the shards that are complete: none has more bytes than a shard may have, and none is blank. */
  *push(piece: string): Generator<string> {
    this.#text += piece;
    let at = 0;
    for (;;) {
      // More than a shard's units are never more than fit: a unit has a byte at least.
      const head = this.#text.slice(at, at + this.#bytes_max + 1);
      const { read } = this.#encoder.encodeInto(head, this.#room);
      if (read === head.length) break;
      const end = at + borderIn(head.slice(0, read));
      yield* worded(this.#text.slice(at, end));
      at = end;
    }
    this.#text = this.#text.slice(at);
  }

  /** The text is over. */
  *end(): Generator<string> {
    const rest = this.#text;
    this.#text = "";
    yield* worded(rest);
  }
}

/** Where to cut a text that goes on: in its second half, so that shards do not become many. */
function borderIn(text: string): number {
  const half = Math.floor(text.length / 2);
  for (const border of BORDERS) {
    let last: number | undefined;
    for (const match of text.slice(half).matchAll(border)) last = half + match.index + match[0].length;
    if (last !== undefined) return last;
  }
  return text.length;
}

function* worded(text: string): Generator<string> {
  const trimmed = text.trim();
  if (trimmed !== "") yield trimmed;
}
