/** Watches a pipeline for some seconds, and says what limits it. */
import { type Clock, sleepUntil } from "../clock.ts";
import type { Advice, FullLook, PipelineLooks } from "./looking.ts";
import type { Look } from "./observe.ts";

export type WatchOptions = {
  readonly seconds: number;
  readonly beat_ms: number;
  /** Whether hot keys are named. */
  readonly keys: boolean;
  /** Ends the watch early: what was seen until then counts. */
  readonly signal: AbortSignal;
  readonly progress: (seconds: number, note: string) => void;
};

/** @throws retryable while Redis or Kafka is away. */
export async function watchOnce(
  looks: PipelineLooks,
  clock: Clock,
  options: WatchOptions,
  first?: FullLook,
): Promise<{ readonly advice: Advice; readonly last: FullLook }> {
  const { seconds, beat_ms, keys, signal, progress } = options;
  progress(0, "looking at groups and processes");
  const began = first ?? (await looks.full());
  const between: Look[] = [];
  const end_ms = began.at_ms + seconds * 1_000;
  for (let now_ms = clock.now_ms(); now_ms < end_ms && !signal.aborted; now_ms = clock.now_ms()) {
    await sleepUntil(clock, Math.min(beat_ms, end_ms - now_ms), [signal]);
    if (clock.now_ms() < end_ms) between.push(await looks.beats());
    progress(
      Math.min(seconds, Math.round((clock.now_ms() - began.at_ms) / 1_000)),
      `${beatsOf(between, began)} processes`,
    );
  }
  const last = await looks.full();
  return { advice: await looks.advice(began, between, last, keys), last };
}

function beatsOf(between: readonly Look[], first: Look): number {
  return (between.at(-1) ?? first).beats.length;
}
