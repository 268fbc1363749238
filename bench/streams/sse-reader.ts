/** A reader of server-sent events, as the standard has it (WHATWG HTML, section 9.2.6): independent of the code that writes them. */

export type ReadEvent = { readonly id: string; readonly event: string; readonly data: string };

export class SseReader {
  #rest = "";
  #id = "";
  #event = "";
  #data: string[] = [];
  /** The last `retry`, in ms. */
  retry_ms: number | undefined;
  comments = 0;

  /** @param text in pieces of any size, but not cut between CR and LF. @returns the events that are whole now. */
  take(text: string): readonly ReadEvent[] {
    const lines = (this.#rest + text).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#line(line) ?? []);
  }

  #line(line: string): ReadEvent | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "") this.comments += 1;
    if (name === "id" && !value.includes("\0")) this.#id = value;
    if (name === "event") this.#event = value;
    if (name === "data") this.#data.push(value);
    if (name === "retry") this.retry_ms = Number(value);
    return undefined;
  }

  #dispatch(): ReadEvent | undefined {
    const data = this.#data;
    const event = this.#event === "" ? "message" : this.#event;
    this.#data = [];
    this.#event = "";
    return data.length === 0 ? undefined : { id: this.#id, event, data: data.join("\n") };
  }
}
