/**
 * The memory that queued records may take, shared by all lanes of all groups of a process. Pure.
 *
 * A lane alone may fill the whole room. Beside others each has an equal share that is its own: a flood in one lane takes what the
 * others leave free, and never pauses one that is below its share. So the room holds less than twice its bound at worst, and what
 * one fetch brings beyond it.
 */
import type { InRecord } from "./ports.ts";

/**
 * What a queued record costs beside its bytes: its objects, its place in line, scheduler and tracker; and so each header.
 * Measured on Node 24 with 25,000 records of 1 KB and five headers: about 1,000 bytes of heap each.
 */
const RECORD_OVERHEAD_BYTES = 640;
const HEADER_OVERHEAD_BYTES = 24;

/** Bytes of memory that a record takes while it is queued. */
export function heldBytes({ key, value, headers }: InRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const name in headers) bytes += HEADER_OVERHEAD_BYTES + (headers[name]?.length ?? 0);
  return bytes;
}

export type RoomShare = {
  /** 1 or more: the lane should take nothing in. */
  fill(): number;
  leave(): void;
};

export class QueueRoom {
  readonly #bytes_max: number;
  readonly #lanes = new Set<() => number>();

  constructor(bytes_max: number) {
    this.#bytes_max = bytes_max;
  }

  /** @param held_bytes what the lane holds now. */
  enter(held_bytes: () => number): RoomShare {
    // Its own function, so that a lane is counted once for each time it enters.
    const held = (): number => held_bytes();
    this.#lanes.add(held);
    return {
      fill: () => Math.min(this.#held() / this.#bytes_max, (held() * this.#lanes.size) / this.#bytes_max),
      leave: () => void this.#lanes.delete(held),
    };
  }

  #held(): number {
    let bytes = 0;
    for (const held of this.#lanes) bytes += held();
    return bytes;
  }
}
