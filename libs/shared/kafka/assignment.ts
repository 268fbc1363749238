/** The partitions that a member holds now, and what is known of each. Pure: the engine asks, commits and delivers. */
import { decodeDone } from "./offset-map.ts";
import { type InRecord, type PartitionOffset, partitionId, type TopicPartition } from "./ports.ts";
import { type Commit, OffsetTracker } from "./tracker.ts";

/** One partition under one assignment. Work stamped with another state, older or gone, ends without a trace. */
export type PartitionState = {
  readonly tp: TopicPartition;
  readonly tracker: OffsetTracker;
  /** Records that came before it was known which of them are done; undefined once it is. */
  early: InRecord[] | undefined;
  early_bytes: number;
  /** Offsets without records that came meanwhile: the last run of them. */
  early_passed: { readonly first: number; readonly next: number } | undefined;
  /** The commit's metadata has little room left: nothing more is taken in until there is more. */
  crowded: boolean;
  /** The partition's end, as the latest fetch that brought something saw it. */
  end: number | undefined;
};

/** Shares of the metadata's room at which a partition's intake stops and goes on. */
const CROWDED_FROM = 0.75;
const CROWDED_UNTIL = 0.5;

export type PendingCommit = Commit & { readonly state: PartitionState };

export class Assignment {
  readonly #states = new Map<string, PartitionState>();

  stateOf(tp: TopicPartition): PartitionState | undefined {
    return this.#states.get(partitionId(tp));
  }

  isCurrent(state: PartitionState): boolean {
    return this.stateOf(state.tp) === state;
  }

  /**
   * Takes a new assignment: what is not retained is forgotten, what is new starts afresh.
   * @param restores whether commits say what is done beyond them, which must be known before records are taken in.
   */
  change(
    partitions: readonly TopicPartition[],
    retained: readonly TopicPartition[],
    restores: boolean,
  ): { readonly gained: readonly PartitionState[]; readonly lost: readonly TopicPartition[] } {
    const kept = new Set(retained.map(partitionId));
    const lost = [...this.#states.values()].map(({ tp }) => tp).filter((tp) => !kept.has(partitionId(tp)));
    for (const tp of lost) this.#states.delete(partitionId(tp));
    const gained = partitions
      .filter((tp) => this.stateOf(tp) === undefined)
      .map((tp) => ({
        tp,
        tracker: new OffsetTracker(),
        early: restores ? [] : undefined,
        early_bytes: 0,
        early_passed: undefined,
        crowded: false,
        end: undefined,
      }));
    for (const state of gained) this.#states.set(partitionId(state.tp), state);
    return { gained, lost };
  }

  /** Learns from the group's commits what an earlier member has done beyond them. @returns what came meanwhile. */
  restore(states: readonly PartitionState[], committed: readonly PartitionOffset[]): InRecord[] {
    const known = new Map(committed.map((one) => [partitionId(one), one]));
    return states.flatMap((state) => {
      const commit = known.get(partitionId(state.tp));
      if (commit !== undefined) {
        state.tracker.restore(decodeDone(commit.offset, commit.metadata), commit.offset);
      }
      const early = state.early ?? [];
      state.early = undefined;
      state.early_bytes = 0;
      return this.isCurrent(state) ? early : [];
    });
  }

  /** What is to be committed. @param again says what was committed before once more. */
  commits(again: boolean): PendingCommit[] {
    return [...this.#states.values()].flatMap((state) => {
      if (state.early !== undefined) return [];
      const commit = state.tracker.commit(again);
      if (commit === undefined) return [];
      state.crowded = commit.fill > (state.crowded ? CROWDED_UNTIL : CROWDED_FROM);
      return [{ state, ...commit }];
    });
  }

  /** Of the topics that pass: what is held early, and whether a partition can take in nothing more. */
  intake(passes: (topic: string) => boolean): {
    readonly records: number;
    readonly bytes: number;
    readonly crowded: boolean;
  } {
    let [records, bytes, crowded] = [0, 0, false];
    for (const state of this.#states.values()) {
      if (!passes(state.tp.topic)) continue;
      records += state.early?.length ?? 0;
      bytes += state.early_bytes;
      crowded ||= state.crowded;
    }
    return { records, bytes, crowded };
  }

  /** Epoch ms of the oldest record not yet done, by topic. */
  oldestUnfinished_ms(): Map<string, number> {
    const oldest = new Map<string, number>();
    for (const { tp, tracker } of this.#states.values()) {
      const { oldest_unfinished_ms: own_ms } = tracker;
      if (own_ms !== undefined) oldest.set(tp.topic, Math.min(own_ms, oldest.get(tp.topic) ?? own_ms));
    }
    return oldest;
  }

  get size(): number {
    return this.#states.size;
  }

  /** Offsets between what is done and the end last seen, by topic; partitions of which either is not known are left out. */
  lag(): Map<string, number> {
    const lag = new Map<string, number>();
    for (const { tp, tracker, end } of this.#states.values()) {
      const { position } = tracker;
      if (position === undefined || end === undefined) continue;
      lag.set(tp.topic, (lag.get(tp.topic) ?? 0) + Math.max(0, end - position));
    }
    return lag;
  }

  clear(): void {
    this.#states.clear();
  }
}
