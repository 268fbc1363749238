/** Sends requests and, where asked to, waits for their results: bounded in what is under way, whatever the input's size. */
import { SluiceError } from "../../libs/shared/errors.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { OutRecord } from "../../libs/shared/kafka/ports.ts";
import type { IdentifiedRequest } from "./build.ts";
import { Pending } from "./pending.ts";
import { type Summary, Tally } from "./summary.ts";

/** One item of the input: a request to send, or what is wrong with it. `where` names its place (`line 7`). */
export type Item =
  | { readonly ok: true; readonly where: string; readonly request: IdentifiedRequest }
  | { readonly ok: false; readonly where: string; readonly reason: string };

export type DeliverOptions = {
  readonly publish: (records: readonly OutRecord[]) => Promise<void>;
  readonly recordOf: (request: IdentifiedRequest) => OutRecord;
  /** Called with a function that takes results: resolves once every result written from then on is seen. None: no wait. */
  readonly watch?: (deliver: (result: Result) => Promise<void>) => Promise<void>;
  readonly timeout_ms: number;
  /** Requests per second at the most. */
  readonly rate?: number;
  readonly now_ms: () => number;
  readonly sleep: (duration_ms: number) => Promise<void>;
  readonly signal: AbortSignal;
  readonly on: {
    bad(where: string, reason: string): void;
    sent(request: IdentifiedRequest): void;
    /** The reading of results waits for the promise. */
    result(result: Result, latency_ms: number): void | Promise<void>;
    /** No result came within the timeout. */
    late(id: string): void;
    progress(tally: Tally): void;
  };
};

/** What may be on its way to Kafka at one time. */
const FLYING_MAX = 2_000;
const FLYING_BYTES_MAX = 16 * 1024 * 1024;
/** Requests whose results are waited for at one time. */
const PENDING_MAX = 5_000;
const TICK_MS = 50;

/**
 * Sends every good item in its order. @returns what became of all; `signal` ends it early, after what is in hand is sent.
 * @throws `dependency_unavailable` when Kafka does not take the records.
 */
export async function deliver(items: AsyncIterable<Item>, options: DeliverOptions): Promise<Summary> {
  const { now_ms, signal, on, watch } = options;
  const tally = new Tally();
  const pending = new Pending(options.timeout_ms);
  await watch?.(async (result) => {
    const latency_ms = pending.answer(result.tenant, result.id, now_ms());
    if (latency_ms === undefined) return;
    tally.result(result, latency_ms);
    await on.result(result, latency_ms);
    on.progress(tally);
  });
  const begun_ms = now_ms();
  const sender = new Sender(options, tally, pending);
  for await (const item of items) {
    if (signal.aborted) break;
    tally.read += 1;
    if (item.ok) await sender.add(item, begun_ms);
    else {
      tally.bad += 1;
      on.bad(item.where, item.reason);
    }
    on.progress(tally);
  }
  await sender.flush();
  while (pending.size > 0 && !signal.aborted) await sender.tick();
  // Only a stop leaves some.
  tally.unanswered += pending.size;
  return tally.summary(now_ms() - begun_ms);
}

/** Requests that the producer has and has not acknowledged. */
class Sender {
  readonly #options: DeliverOptions;
  readonly #tally: Tally;
  readonly #pending: Pending;
  #flying = 0;
  #flying_bytes = 0;
  #count = 0;
  #landed = Promise.withResolvers<void>();
  #failure: unknown;

  constructor(options: DeliverOptions, tally: Tally, pending: Pending) {
    this.#options = options;
    this.#tally = tally;
    this.#pending = pending;
  }

  /** Hands one request to the producer, which makes the batches; waits while too much is under way. */
  async add({ request, where }: Extract<Item, { ok: true }>, begun_ms: number): Promise<void> {
    const { rate, watch, signal, now_ms, sleep } = this.#options;
    if (rate !== undefined) {
      const wait_ms = begun_ms + (this.#count / rate) * 1_000 - now_ms();
      if (wait_ms > 0) await sleep(wait_ms);
    }
    // Known before it is sent: its result may be here before the acknowledgement is.
    if (watch !== undefined && !this.#pending.expect(request.tenant, request.id, now_ms())) {
      this.#tally.repeated_ids += 1;
    }
    this.#count += 1;
    void this.#send(request, where);
    while (this.#flying >= FLYING_MAX || this.#flying_bytes >= FLYING_BYTES_MAX) await this.#landed.promise;
    this.#throwFailure();
    while (watch !== undefined && this.#pending.size >= PENDING_MAX && !signal.aborted) await this.tick();
  }

  /** Waits until all that was handed over is acknowledged. */
  async flush(): Promise<void> {
    while (this.#flying > 0) await this.#landed.promise;
    this.#throwFailure();
  }

  /** Lets results come in, and gives up on those that took too long. */
  async tick(): Promise<void> {
    const { sleep, now_ms, on } = this.#options;
    await sleep(TICK_MS);
    for (const id of this.#pending.expire(now_ms())) {
      this.#tally.unanswered += 1;
      on.late(id);
    }
  }

  async #send(request: IdentifiedRequest, where: string): Promise<void> {
    const { publish, recordOf, on } = this.#options;
    let bytes = 0;
    this.#flying += 1;
    try {
      const record = recordOf(request);
      bytes = record.value?.length ?? 0;
      this.#flying_bytes += bytes;
      await publish([record]);
      this.#tally.sent += 1;
      on.sent(request);
    } catch (error) {
      if (isTooLarge(error)) {
        this.#pending.forget(request.tenant, request.id);
        this.#tally.bad += 1;
        on.bad(where, (error as Error).message);
      } else this.#failure ??= error;
    }
    this.#flying -= 1;
    this.#flying_bytes -= bytes;
    on.progress(this.#tally);
    const landed = this.#landed;
    this.#landed = Promise.withResolvers();
    landed.resolve();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof SluiceError && error.code === "message_too_large";
}
