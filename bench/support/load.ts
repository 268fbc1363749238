/**
 * Load generation. Open loop: requests are due at fixed times and their latency counts from when they were due, not from when
 * they were sent, so that a stall is not left out (coordinated omission). Closed loop: a fixed number is kept in flight.
 */

/** Starts one request; resolves when its answer is there, with whether it is good. */
export type Shot = (index: number) => Promise<boolean>;

export type LoadResult = {
  readonly sent: number;
  readonly failed: number;
  readonly elapsed_ms: number;
  /** From due (open) or sent (closed) to answered, of good answers. */
  readonly latencies_ms: readonly number[];
};

const now_ms = (): number => performance.now();

/** `rate_per_s` requests each second for `duration_ms`, or until the signal says that it is enough. */
export async function openLoop(
  rate_per_s: number,
  duration_ms: number,
  shot: Shot,
  signal?: AbortSignal,
): Promise<LoadResult> {
  const total = Math.floor((rate_per_s * duration_ms) / 1_000);
  const start_ms = now_ms();
  const tally = new Tally();
  const pending: Promise<void>[] = [];
  for (let index = 0; index < total && !signal?.aborted; index += 1) {
    const due_ms = start_ms + (index * 1_000) / rate_per_s;
    while (now_ms() < due_ms) await new Promise((resolve) => setTimeout(resolve, Math.max(0, due_ms - now_ms())));
    pending.push(tally.count(due_ms, shot(index)));
  }
  await Promise.all(pending);
  return tally.result(now_ms() - start_ms);
}

/** `in_flight` requests at any time for `duration_ms`; those in flight at its end are awaited and count. */
export async function closedLoop(in_flight: number, duration_ms: number, shot: Shot): Promise<LoadResult> {
  const start_ms = now_ms();
  const tally = new Tally();
  let index = 0;
  const worker = async (): Promise<void> => {
    while (now_ms() - start_ms < duration_ms) {
      index += 1;
      await tally.count(now_ms(), shot(index));
    }
  };
  await Promise.all(Array.from({ length: in_flight }, worker));
  return tally.result(now_ms() - start_ms);
}

class Tally {
  readonly #latencies_ms: number[] = [];
  #sent = 0;
  #failed = 0;

  async count(from_ms: number, answer: Promise<boolean>): Promise<void> {
    this.#sent += 1;
    const good = await answer.catch(() => false);
    if (good) this.#latencies_ms.push(now_ms() - from_ms);
    else this.#failed += 1;
  }

  result(elapsed_ms: number): LoadResult {
    return { sent: this.#sent, failed: this.#failed, elapsed_ms, latencies_ms: this.#latencies_ms };
  }
}
