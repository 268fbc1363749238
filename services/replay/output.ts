/**
 * Writes what a replay came to: Results on its own topic, what is beside them, and its position, which are never apart (I1, I7).
 *
 * - **O1** A transaction moves a partition's offset exactly past the records whose Results it holds. What stands before the offset is
 *   never written again, whoever runs the replay after a crash.
 * - **O2** Sums are the note of that offset: they count a record if, and only if, its Result is there.
 * - **O3** A partition is opened before it is written, which fences whoever ran the replay before.
 */
import { SluiceError } from "../../libs/shared/errors.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { traceHeaders } from "../../libs/shared/events/headers.ts";
import { CARRIED_AT_HEADER, splice } from "../../libs/shared/events/splice.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import {
  type NotedTransactions,
  type OutRecord,
  partitionId,
  type TopicPartition,
} from "../../libs/shared/kafka/ports.ts";
import type { Range, Replay, ReplayTotals } from "../../libs/shared/replay/replay.ts";
import type { Replayed } from "./contract.ts";
import type { WrittenItem } from "./modes.ts";
import { NO_SUMS, noteOf, type PartitionState, sumsOf, totalsOf, withItems } from "./totals.ts";

export type OutputDeps = {
  readonly transactions: NotedTransactions;
  readonly codec: EventCodec;
  readonly names: TopicNames;
};

export class ReplayOutput {
  readonly #deps: OutputDeps;
  readonly #replay: Pick<Replay, "id">;
  readonly #ranges: readonly Range[];
  readonly #states = new Map<string, PartitionState>();
  /** What the partition's group has committed; -1 for nothing. */
  readonly #committed = new Map<string, number>();

  constructor(deps: OutputDeps, replay: Pick<Replay, "id">, ranges: readonly Range[]) {
    this.#deps = deps;
    this.#replay = replay;
    this.#ranges = ranges;
  }

  /** Takes the partition from whoever had it, and reads where it stands. @returns the next offset; -1 where nothing is written yet. */
  async open(source: TopicPartition): Promise<number> {
    const at = await this.#deps.transactions.position(source);
    if (at === "fenced") throw takenOver(this.#replay.id);
    const id = partitionId(source);
    this.#committed.set(id, at.offset);
    if (at.offset >= 0) this.#states.set(id, { position: at.offset, sums: sumsOf(at.note) });
    return at.offset;
  }

  /** @param items by offset; those that stand before the partition's position are left out. @throws `replay_taken_over`. */
  async write(source: TopicPartition, items: readonly WrittenItem[]): Promise<void> {
    const id = partitionId(source);
    const committed = this.#committed.get(id);
    if (committed === undefined) throw new Error(`${id} is not open`);
    const fresh = items.filter(({ offset }) => offset >= committed);
    const last = fresh.at(-1);
    if (last === undefined) return;
    const sums = withItems(this.#states.get(id)?.sums ?? NO_SUMS, fresh);
    const note = noteOf(sums);
    const written = fresh.map((item) => ({ offset: item.offset, records: this.#records(item), note }));
    const ended = await this.#deps.transactions.publishOnce(source, written);
    if (ended === "fenced") throw takenOver(this.#replay.id);
    this.#committed.set(id, last.offset + 1);
    this.#states.set(id, { position: last.offset + 1, sums });
  }

  /** All of the range is written, though its last offsets may hold no record. */
  finished(range: Range): void {
    const id = partitionId(range);
    const { position, sums } = this.#states.get(id) ?? { position: 0, sums: NO_SUMS };
    this.#states.set(id, { position: Math.max(position, range.to), sums });
  }

  totals(): ReplayTotals {
    return totalsOf(this.#ranges, (range) => this.#states.get(partitionId(range)));
  }

  #records({ replayed }: WrittenItem): OutRecord[] {
    if (replayed === undefined) return [];
    const result = replayed.result === undefined ? [] : [this.#result(replayed, replayed.result)];
    return [...result, ...(replayed.beside ?? [])];
  }

  /** As results writes them, under the same schema, so that whoever reads `llm.results` can read this topic. */
  #result({ recorded }: Replayed, { head, response }: NonNullable<Replayed["result"]>): OutRecord {
    const { codec, names } = this.#deps;
    const topic = names.replay(this.#replay.id);
    const trace = traceHeaders(recorded.headers);
    if (response === undefined) {
      const value = codec.encode(names.results, Buffer.from(JSON.stringify(head)));
      return { topic, key: recorded.key, value, headers: trace };
    }
    const { json, carried_at } = splice(head, "response", response);
    const headers = { ...trace, [CARRIED_AT_HEADER]: String(carried_at) };
    return { topic, key: recorded.key, value: codec.encode(names.results, ...json), headers };
  }
}

function takenOver(id: string): SluiceError {
  return new SluiceError("replay_taken_over", `another process runs the replay ${id} now`);
}
