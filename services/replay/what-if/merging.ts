/**
 * Records of several partitions in the order of their arrival. Within a partition their own order stays, whatever their times say. What the
 * selection leaves out has no time: it comes with what stands before it. Pure.
 */
import { Heap } from "../../../libs/shared/kafka/heap.ts";
import type { TopicPartition } from "../../../libs/shared/kafka/ports.ts";
import type { RecordedChunk, RecordedItem } from "../contract.ts";

/** One partition's. */
export type Stretch = { readonly source: TopicPartition; readonly chunks: AsyncIterable<RecordedChunk> };

export type Arrived = { readonly source: TopicPartition; readonly item: RecordedItem };

class Lane {
  readonly source: TopicPartition;
  /** Among the lanes: which of two that came at the same moment goes first. */
  readonly order: number;
  readonly #chunks: AsyncIterator<RecordedChunk>;
  #items: readonly RecordedItem[] = [];
  #at = 0;

  constructor({ source, chunks }: Stretch, order: number) {
    this.source = source;
    this.order = order;
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next one; undefined at the end. */
  get next(): RecordedItem | undefined {
    return this.#items[this.#at];
  }

  get at_ms(): number {
    return this.next?.recorded?.received_ms ?? Number.NEGATIVE_INFINITY;
  }

  take(): void {
    this.#at += 1;
  }

  /** Reads on where all is taken. */
  async fill(): Promise<void> {
    while (this.#at >= this.#items.length) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return;
      this.#items = value.items;
      this.#at = 0;
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

export async function* inOrderOfArrival(stretches: readonly Stretch[]): AsyncGenerator<Arrived, void, undefined> {
  const lanes = stretches.map((stretch, order) => new Lane(stretch, order));
  const heap = new Heap<Lane>((one, other) =>
    one.at_ms === other.at_ms ? one.order < other.order : one.at_ms < other.at_ms,
  );
  try {
    await Promise.all(lanes.map((lane) => lane.fill()));
    for (const lane of lanes) heap.push(lane);
    for (let lane = heap.shift(); lane !== undefined; lane = heap.shift()) {
      const item = lane.next;
      if (item === undefined) continue;
      yield { source: lane.source, item };
      lane.take();
      await lane.fill();
      heap.push(lane);
    }
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()));
  }
}
