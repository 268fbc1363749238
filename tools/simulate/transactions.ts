/**
 * The transaction coordinator: transactional ids, epochs and fencing. Whoever initialises an id ends what the holder before left
 * open and makes the epoch of that holder worthless; a transaction left open past its time-out is aborted the same way.
 */
import type { Clock, Timer } from "../../libs/shared/clock.ts";
import type { OutRecord, PartitionOffset } from "../../libs/shared/kafka/ports.ts";
import type { SimulatedGroup } from "./group.ts";
import type { LogPartition, LogTransaction, SimulatedLog } from "./log.ts";
import { ProtocolError } from "./protocol.ts";

/** What a producer holds after InitProducerId. */
export type ProducerEpoch = { readonly id: string; readonly epoch: number };

type Ongoing = {
  readonly transaction: LogTransaction;
  readonly partitions: Set<LogPartition>;
  readonly offsets: { readonly group: SimulatedGroup; readonly offsets: readonly PartitionOffset[] }[];
  readonly timer: Timer;
};

type State = { epoch: number; ongoing: Ongoing | undefined };

export type TransactionCoordinatorOptions = {
  readonly clock: Clock;
  readonly log: SimulatedLog;
  readonly onEnd?: (committed: boolean) => void;
  readonly onFenced?: () => void;
};

export class TransactionCoordinator {
  readonly #options: TransactionCoordinatorOptions;
  readonly #states = new Map<string, State>();

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options;
  }

  /** InitProducerId: fences the holder before. */
  init(id: string): ProducerEpoch {
    const state = this.#states.get(id) ?? { epoch: -1, ongoing: undefined };
    this.#states.set(id, state);
    this.#end(state, false);
    state.epoch += 1;
    return { id, epoch: state.epoch };
  }

  produce(holder: ProducerEpoch, records: readonly OutRecord[], timeout_ms: number): void {
    const ongoing = this.#ongoing(holder, timeout_ms);
    for (const record of records) {
      const { topic, partition } = this.#options.log.append(record, ongoing.transaction);
      ongoing.partitions.add(this.#options.log.partition(topic, partition));
    }
  }

  /** TxnOffsetCommit: the offsets count once the transaction is committed. The group's generation is not checked. */
  addOffsets(
    holder: ProducerEpoch,
    group: SimulatedGroup,
    offsets: readonly PartitionOffset[],
    timeout_ms: number,
  ): void {
    this.#ongoing(holder, timeout_ms).offsets.push({ group, offsets });
  }

  /** EndTxn. Throws INVALID_TXN_STATE when there is nothing to end. */
  end(holder: ProducerEpoch, commit: boolean): void {
    const state = this.#held(holder);
    if (state.ongoing === undefined) throw new ProtocolError("INVALID_TXN_STATE");
    this.#end(state, commit);
  }

  #held(holder: ProducerEpoch): State {
    const state = this.#states.get(holder.id);
    if (state === undefined || state.epoch !== holder.epoch) {
      this.#options.onFenced?.();
      throw new ProtocolError("INVALID_PRODUCER_EPOCH");
    }
    return state;
  }

  #ongoing(holder: ProducerEpoch, timeout_ms: number): Ongoing {
    const state = this.#held(holder);
    state.ongoing ??= {
      transaction: { state: "open" },
      partitions: new Set(),
      offsets: [],
      timer: this.#options.clock.after(timeout_ms, () => {
        this.#end(state, false);
        state.epoch += 1;
      }),
    };
    return state.ongoing;
  }

  #end(state: State, commit: boolean): void {
    const { ongoing } = state;
    if (ongoing === undefined) return;
    state.ongoing = undefined;
    ongoing.timer.cancel();
    ongoing.transaction.state = commit ? "committed" : "aborted";
    this.#options.log.end(ongoing.transaction, ongoing.partitions);
    if (commit) for (const { group, offsets } of ongoing.offsets) group.store(offsets, "transaction");
    this.#options.onEnd?.(commit);
  }
}
