/**
 * What was worked on, back in the order of its source: a request that waits holds back those behind it in its partition. Bounded by
 * whoever asks what is held back. Pure.
 */
import { partitionId, type TopicPartition } from "../../../libs/shared/kafka/ports.ts";
import type { Replayed } from "../contract.ts";
import type { WrittenItem } from "../modes.ts";

/** A place in the order, until it is known what becomes of it. */
export type Slot = {
  readonly offset: number;
  replayed?: Replayed;
  settled: boolean;
  /** Ends a wait that would hold back too much; left out while it waits for nothing that can be ended. */
  giveUp?: () => void;
};

type Row = { readonly source: TopicPartition; slots: Slot[]; bytes: number };

/** Of a Result beside its response, about. */
const HEAD_BYTES = 1_024;

export class Outbox {
  readonly #rows = new Map<string, Row>();
  #bytes = 0;

  /** Of what is settled and not taken yet, about. */
  get bytes(): number {
    return this.#bytes;
  }

  add(source: TopicPartition, offset: number): Slot {
    const slot: Slot = { offset, settled: false };
    this.#rowOf(source).slots.push(slot);
    return slot;
  }

  /** An offset that has nothing to write. */
  pass(source: TopicPartition, offset: number): void {
    this.settle(source, this.add(source, offset), undefined);
  }

  settle(source: TopicPartition, slot: Slot, replayed: Replayed | undefined): void {
    slot.settled = true;
    delete slot.giveUp;
    if (replayed !== undefined) slot.replayed = replayed;
    const bytes = bytesOf(slot);
    this.#rowOf(source).bytes += bytes;
    this.#bytes += bytes;
  }

  /** What may be written now, of each partition where it is as many as that, or all of it. */
  take(at_least: number): { readonly source: TopicPartition; readonly items: readonly WrittenItem[] }[] {
    return [...this.#rows.values()].flatMap((row) => {
      const open = row.slots.findIndex(({ settled }) => !settled);
      const count = open < 0 ? row.slots.length : open;
      if (count === 0 || count < at_least) return [];
      const ready = row.slots.slice(0, count);
      row.slots = row.slots.slice(count);
      const bytes = ready.reduce((sum, slot) => sum + bytesOf(slot), 0);
      row.bytes -= bytes;
      this.#bytes -= bytes;
      return [{ source: row.source, items: ready.map(itemOf) }];
    });
  }

  /** Ends the wait that holds back most. @returns false where there is none that can be ended. */
  giveUp(): boolean {
    const rows = [...this.#rows.values()].filter(({ slots }) => slots[0]?.giveUp !== undefined);
    const [most] = rows.sort((one, other) => other.bytes - one.bytes);
    most?.slots[0]?.giveUp?.();
    return most !== undefined;
  }

  #rowOf(source: TopicPartition): Row {
    const name = partitionId(source);
    const row = this.#rows.get(name) ?? { source, slots: [], bytes: 0 };
    this.#rows.set(name, row);
    return row;
  }
}

function itemOf({ offset, replayed }: Slot): WrittenItem {
  return { offset, ...(replayed === undefined ? {} : { replayed }) };
}

function bytesOf({ replayed }: Slot): number {
  if (replayed === undefined) return 0;
  const { request, source } = replayed.recorded;
  return HEAD_BYTES + (replayed.result?.response?.length ?? 0) + (request ?? source.value ?? "").length;
}
