/**
 * Server-sent events out of chunks of bytes, wherever they are cut. The rules are those of the HTML Standard, section 9.2.6
 * "Interpreting an event stream": lines end in CRLF, LF or CR; `data` lines are joined by LF; an empty line ends the event; what the
 * stream's end leaves unfinished is dropped. `id` and `retry` are for clients that connect again, which nobody here does. Pure.
 */

export type ServerSentEvent = {
  /** `message` unless the stream names another. */
  readonly type: string;
  readonly data: string;
};

const LF = 0x0a;
const CR = 0x0d;
const MARK = Buffer.from([0xef, 0xbb, 0xbf]);

export class SseParser {
  readonly #event_bytes_max: number;
  /** The line under way. Line ends never fall inside a UTF-8 sequence, so whole lines are decoded. */
  #line: Buffer[] = [];
  #first_line = true;
  #after_cr = false;
  #data: string[] = [];
  #type = "";
  /** Bytes of the event under way, its unfinished line included. */
  #bytes = 0;
  #overflowed = false;

  /** @param event_bytes_max an event may hold so many bytes, comments and line by line included. */
  constructor(event_bytes_max: number) {
    this.#event_bytes_max = event_bytes_max;
  }

  /** An event was larger than it may be: nothing of it, or of what follows, is told. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** @returns the events that this chunk completes. The chunk's bytes may be reused afterwards. */
  push(chunk: Uint8Array): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    for (let at = 0; at < bytes.length && !this.#overflowed; at += 1) {
      const byte = bytes[at];
      if (byte !== LF && byte !== CR) {
        this.#after_cr = false;
        continue;
      }
      // The second half of a CRLF, which may begin the next chunk.
      const rest_of_crlf = byte === LF && this.#after_cr;
      this.#after_cr = byte === CR;
      if (!rest_of_crlf && this.#hold(bytes.subarray(from, at))) this.#endLine(events);
      from = at + 1;
    }
    if (!this.#overflowed) this.#hold(bytes.subarray(from));
    return events;
  }

  /** @returns false when the event grows too large. */
  #hold(part: Buffer): boolean {
    this.#bytes += part.length;
    if (this.#bytes > this.#event_bytes_max) {
      this.#overflowed = true;
      this.#line = [];
      this.#data = [];
      return false;
    }
    // A copy: the chunk is not ours.
    if (part.length > 0) this.#line.push(Buffer.from(part));
    return true;
  }

  #endLine(events: ServerSentEvent[]): void {
    let line = this.#line.length === 1 ? (this.#line[0] as Buffer) : Buffer.concat(this.#line);
    this.#line = [];
    if (this.#first_line && line.subarray(0, MARK.length).equals(MARK)) line = line.subarray(MARK.length);
    this.#first_line = false;
    if (line.length > 0) this.#field(line.toString());
    else this.#dispatch(events);
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#type = value;
  }

  #dispatch(events: ServerSentEvent[]): void {
    if (this.#data.length > 0) events.push({ type: this.#type || "message", data: this.#data.join("\n") });
    this.#data = [];
    this.#type = "";
    this.#bytes = 0;
  }
}
