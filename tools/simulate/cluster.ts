/** The simulated broker: a log, its groups and its transaction coordinator, as the processes of one run share them. */
import type { Clock } from "../../libs/shared/clock.ts";
import type { InRecord, PartitionOffset } from "../../libs/shared/kafka/ports.ts";
import { SimulatedGroup } from "./group.ts";
import { type LogTransaction, SimulatedLog } from "./log.ts";
import type { Trace } from "./trace.ts";
import { TransactionCoordinator } from "./transactions.ts";

export type ClusterOptions = {
  readonly clock: Clock;
  readonly trace: Trace;
  readonly rebalance_timeout_ms: number;
  readonly record_bytes_max: number;
  readonly onAppend?: (record: InRecord, transaction: LogTransaction | undefined) => void;
  readonly onCommit?: (group: string, offset: PartitionOffset, before: number, by: string) => void;
  readonly onTransactionEnd?: (committed: boolean) => void;
};

export class SimulatedCluster {
  readonly log: SimulatedLog;
  readonly transactions: TransactionCoordinator;
  readonly #options: ClusterOptions;
  readonly #groups = new Map<string, SimulatedGroup>();

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { clock, trace } = options;
    this.log = new SimulatedLog({
      now_ms: () => clock.now_ms(),
      record_bytes_max: options.record_bytes_max,
      onAppend: (record, transaction) => {
        trace.counts.records += 1;
        options.onAppend?.(record, transaction);
      },
    });
    this.transactions = new TransactionCoordinator({
      clock,
      log: this.log,
      onEnd: (committed) => {
        trace.counts.transactions += 1;
        if (!committed) trace.counts.transactions_aborted += 1;
        options.onTransactionEnd?.(committed);
      },
      onFenced: () => {
        trace.counts.fenced += 1;
      },
    });
  }

  group(id: string): SimulatedGroup {
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = this.#createGroup(id);
      this.#groups.set(id, group);
    }
    return group;
  }

  /**
   * Records from the highest offset that a group committed on, over the topics it reads, open transactions as one more. Markers do
   * not count. (Not from the last one: a late commit may set it back, and what it makes the group read again is done.)
   */
  lag(group_id: string, topics: readonly string[]): number {
    const group = this.group(group_id);
    let lag = 0;
    for (const topic of topics) {
      for (const partition of this.log.partitions(topic)) {
        const reached = group.reached({ topic, partition: partition.number });
        if (reached < partition.end) lag += partition.read(reached, Number.POSITIVE_INFINITY).records.length;
        if (partition.stable < partition.end) lag += 1;
      }
    }
    return lag;
  }

  /** A member that says nothing from now on: its session times out. */
  expire(group_id: string, member: string, session_timeout_ms: number): void {
    this.#options.clock.after(session_timeout_ms, () => this.group(group_id).remove(member));
  }

  #createGroup(id: string): SimulatedGroup {
    const { clock, trace, onCommit, rebalance_timeout_ms } = this.#options;
    return new SimulatedGroup({
      id,
      clock,
      rebalance_timeout_ms,
      partitionsOf: (topic) => this.log.partitions(topic).length,
      onRebalance: () => {
        trace.counts.rebalances += 1;
        trace.note(id, "has a new generation");
      },
      onCommit: (offset, before, by) => {
        trace.counts.commits += 1;
        trace.note(by, `commits ${offset.offset} for ${id}`, `${offset.topic}/${offset.partition}`);
        onCommit?.(id, offset, before, by);
      },
    });
  }
}
