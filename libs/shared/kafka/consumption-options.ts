/** What a consumption is made from: what each option does and guarantees. */
import type { BackoffPolicy } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Handler } from "./handler.ts";
import type { ConsumerPort, InRecord, TopicPartition } from "./ports.ts";
import type { QueueRoom } from "./queue-room.ts";
import type { LaneName, SchedulerOptions } from "./scheduler.ts";

export type ConsumptionLimits = {
  /** Handler calls running at once. */
  readonly max_in_flight: number;
  /**
   * Instead: those of each lane by itself, and its bytes too, for a lane whose work holds its places for long. With one record to
   * a call only.
   */
  readonly max_in_flight_by_lane?: Readonly<Record<LaneName, number>>;
  /** Bytes being worked on before nothing more is started; one call may go past it. */
  readonly in_flight_bytes_max: number;
  /** Records given to one handler call. */
  readonly batch_records_max: number;
  readonly batch_bytes_max: number;
  /** Records of one lane held in memory, and what they take of it, before its topics are paused. */
  readonly queued_records_max: number;
  readonly queued_bytes_max: number;
  readonly commit_interval_ms: number;
  /** A consumer that neither fetched nor heard of its group for so long is started again. */
  readonly watchdog_ms: number;
  readonly retry: BackoffPolicy;
};

export type ConsumptionOptions = SchedulerOptions & {
  readonly consumer: ConsumerPort;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Every topic consumed, with its lane. */
  readonly topics: Readonly<Record<string, LaneName>>;
  /** What all lanes of all consumptions of a process may hold; without it, those of this one may hold `queued_bytes_max`. */
  readonly room?: QueueRoom;
  readonly limits: ConsumptionLimits;
  readonly handler: Handler;
  /** Writes one dead letter for a record that no retry can help. */
  readonly deadLetter: (record: InRecord, error: unknown) => Promise<void>;
  /** `handler`: offsets are committed by the handler itself, in its transaction. */
  readonly commit_by: "engine" | "handler";
  /** A fault planted for the simulation to find: offsets count as done when their work starts. */
  readonly plant_early_commit?: boolean;
  /** Told of partitions that are held no more. */
  readonly onLost?: (partitions: readonly TopicPartition[]) => void;
  /** Told of every new assignment, whole, after `onLost`. */
  readonly onAssigned?: (partitions: readonly TopicPartition[]) => void;
  /** With `order: "key"`: told how long a record waited that came while another one of its key was in hand, until its own work began. */
  readonly onOrderWait?: (waited_ms: number) => void;
  /** Told of every offset that the engine committed: all below it is done. The same one may be told again. */
  readonly onCommitted?: (tp: TopicPartition, offset: number) => void;
};
