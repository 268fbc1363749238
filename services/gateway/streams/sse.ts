/**
 * Streams of events to HTTP readers, all those of a process: never more in memory for a reader than the bound, whatever it does.
 *
 * - Whoever writes to a stream first waits for room in it, and reads what to write only then.
 * - A reader that takes nothing for `stalled_ms_max` is cut off. One that is silent because there is nothing for it gets a comment every
 *   `heartbeat_ms`. One timer looks after all of them.
 * - All that readers have not taken is `HELD_BYTES_MAX` at the most. Beyond, one that is slow, or gets something large, is cut off and comes
 *   back for it; one that takes small things at once is not.
 * - `close` ends all streams, so that their readers come back elsewhere.
 */
import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import { type Clock, sleep } from "../../../libs/shared/clock.ts";
import type { GatewaySettings } from "../../../libs/shared/config/gateway.ts";
import { LookWheel } from "./look-wheel.ts";
import { HEARTBEAT, SSE_HEADERS } from "./sse-format.ts";

/** Of an HTTP response, what is needed. */
export type Sink = Pick<ServerResponse, "write" | "end" | "destroy" | "destroyed" | "on" | "once">;

export interface EventStream {
  /** False once its reader is gone, or was cut off, or it was ended. */
  readonly is_open: boolean;
  /** Resolves once more may be written: true; or once it is no longer open: false. */
  room(): Promise<boolean>;
  /** Hands it over piece by piece, as there is room. One call at a time. @returns false when it is no longer open. */
  write(text: string): Promise<boolean>;
  /** After what was written. */
  end(): void;
  /** At once: for a reader that is to come back. */
  cut(): void;
  /** Called once, when it is no longer open. */
  onClosed(task: () => void): void;
}

export type EventStreamsOptions = {
  readonly settings: Pick<GatewaySettings["streams"], "heartbeat_ms" | "stalled_ms_max" | "unsent_bytes_max">;
  readonly clock: Clock;
  /** Told of each reader that is cut off, for a metric. */
  readonly stalled?: () => void;
};

/** What is handed to the socket at once: that it took this much is the smallest sign of a reader that reads. */
const PIECE_BYTES = 16 * 1024;
/** Looks at each stream in the shorter of the two times. */
const LOOKS = 4;
const HELD_BYTES_MAX = 64 * 1024 * 1024;
/** For readers to take the rest, at a shutdown. */
const CLOSE_MS_MAX = 1_000;

export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #open = new Set<Stream>();
  readonly #held: Held = { bytes: 0 };
  readonly #pulse: LookWheel;
  #closed = false;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
    const { heartbeat_ms, stalled_ms_max } = options.settings;
    const turn_ms = Math.max(1, Math.floor(Math.min(heartbeat_ms, stalled_ms_max) / LOOKS));
    this.#pulse = new LookWheel(options.clock, turn_ms);
  }

  /** Streams whose reader has not taken all, or may get more. */
  get count(): number {
    return this.#open.size;
  }

  /** Takes the reply over from Fastify, with the headers it has by now. */
  open(reply: FastifyReply): EventStream {
    reply.hijack();
    const { raw } = reply;
    // The reader may be gone already.
    if (!raw.destroyed) raw.writeHead(200, { ...(reply.getHeaders() as Record<string, string>), ...SSE_HEADERS });
    return this.over(raw);
  }

  /** Over a response whose head was written. */
  over(sink: Sink): EventStream {
    const stream = new Stream(sink, this.#options, this.#held);
    this.#open.add(stream);
    const endPulse = this.#pulse.add(() => stream.look());
    // Not before: a reader that does not take the end is cut off too.
    void stream.taken.then(() => {
      this.#open.delete(stream);
      endPulse();
    });
    if (sink.destroyed) stream.cut();
    else if (this.#closed) stream.end();
    return stream;
  }

  /** Ends all streams. Resolves once what was written to them is taken, or given up. */
  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#open];
    for (const stream of all) stream.end();
    const taken = Promise.all(all.map((stream) => stream.taken));
    if (all.length > 0) await Promise.race([taken, sleep(this.#options.clock, CLOSE_MS_MAX)]);
    // Those that are gone by now are not cut twice.
    for (const stream of this.#open) stream.cut();
    this.#pulse.stop();
  }
}

/** Of all streams: written, and not yet taken. */
type Held = { bytes: number };

class Stream implements EventStream {
  readonly #sink: Sink;
  readonly #options: EventStreamsOptions;
  readonly #held: Held;
  readonly #taken = Promise.withResolvers<void>();
  readonly #on_closed: (() => void)[] = [];
  #is_open = true;
  #unsent_bytes = 0;
  /** When something was last handed over, and when the socket last took something. */
  #written_ms: number;
  #took_ms: number;
  /** Of whoever waits for room. */
  #waiting: PromiseWithResolvers<boolean> | undefined;

  constructor(sink: Sink, options: EventStreamsOptions, held: Held) {
    this.#sink = sink;
    this.#held = held;
    this.#options = options;
    this.#written_ms = this.#took_ms = options.clock.now_ms();
    // Each of them: one without a listener would end the process.
    sink.on("error", () => this.#gone());
    sink.once("close", () => this.#gone());
    sink.once("finish", () => this.#taken.resolve());
  }

  get is_open(): boolean {
    return this.#is_open;
  }

  /** Resolves once the reader has all, or is gone. */
  get taken(): Promise<void> {
    return this.#taken.promise;
  }

  onClosed(task: () => void): void {
    if (this.#is_open) this.#on_closed.push(task);
    else task();
  }

  async room(): Promise<boolean> {
    if (!this.#is_open || this.#has_room) return this.#is_open;
    this.#waiting ??= Promise.withResolvers<boolean>();
    return this.#waiting.promise;
  }

  async write(text: string): Promise<boolean> {
    const bytes = Buffer.from(text);
    const is_slow = this.#unsent_bytes > 0 || bytes.length > PIECE_BYTES;
    if (is_slow && this.#held.bytes + bytes.length > HELD_BYTES_MAX) this.cut();
    let start = 0;
    this.#held.bytes += bytes.length;
    try {
      // Asked again: it may have been closed between the answer and now.
      while (start < bytes.length && (await this.room()) && this.#is_open) {
        const piece = bytes.subarray(start, start + PIECE_BYTES);
        start += piece.length;
        this.#hand(piece);
      }
    } finally {
      this.#held.bytes -= bytes.length - start;
    }
    return this.#is_open;
  }

  end(): void {
    if (!this.#is_open) return;
    this.#close();
    this.#sink.end();
  }

  cut(): void {
    this.#sink.destroy();
    this.#gone();
  }

  /** From time to time: a heartbeat where nothing was to say, the end where nothing was taken. */
  look(): void {
    const now_ms = this.#options.clock.now_ms();
    const { heartbeat_ms, stalled_ms_max } = this.#options.settings;
    if (this.#unsent_bytes === 0) {
      if (this.#is_open && now_ms - this.#written_ms >= heartbeat_ms) this.#beat();
    } else if (now_ms - this.#took_ms >= stalled_ms_max) {
      this.#options.stalled?.();
      this.cut();
    }
  }

  get #has_room(): boolean {
    return this.#unsent_bytes <= this.#options.settings.unsent_bytes_max;
  }

  #beat(): void {
    this.#held.bytes += HEARTBEAT.length;
    this.#hand(Buffer.from(HEARTBEAT));
  }

  #hand(piece: Buffer): void {
    const now_ms = this.#options.clock.now_ms();
    // It has had nothing to take until now.
    if (this.#unsent_bytes === 0) this.#took_ms = now_ms;
    this.#written_ms = now_ms;
    this.#unsent_bytes += piece.length;
    this.#sink.write(piece, () => {
      // Also where it is gone: Node calls back with the error.
      this.#unsent_bytes -= piece.length;
      this.#held.bytes -= piece.length;
      this.#took_ms = this.#options.clock.now_ms();
      if (this.#has_room) this.#resolveRoom(this.#is_open);
    });
  }

  #resolveRoom(is_open: boolean): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(is_open);
  }

  #close(): void {
    if (!this.#is_open) return;
    this.#is_open = false;
    this.#resolveRoom(false);
    for (const task of this.#on_closed.splice(0)) task();
  }

  #gone(): void {
    this.#close();
    this.#taken.resolve();
  }
}
