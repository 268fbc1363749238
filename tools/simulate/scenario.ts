/** What a run simulates, as data: topics, services with their handlers, what is produced, and what must hold. */
import type { Clock } from "../../libs/shared/clock.ts";
import type { Handler } from "../../libs/shared/kafka/handler.ts";
import type { InRecord, OutRecord, Publisher, TransactionalPublisher } from "../../libs/shared/kafka/ports.ts";
import type { LaneName } from "../../libs/shared/kafka/scheduler.ts";
import type { SimulatedCluster } from "./cluster.ts";
import type { Invariant } from "./invariants.ts";
import type { LogTransaction } from "./log.ts";
import type { SimulatedProcess } from "./process.ts";
import type { Random } from "./random.ts";

/** What one start of a service instance is built from. */
export type ServiceParts = {
  readonly process: SimulatedProcess;
  readonly clock: Clock;
  readonly random: () => number;
  readonly publisher: Publisher;
  readonly transactions: TransactionalPublisher;
};

export type BuiltService = {
  readonly handler: Handler;
  readonly deadLetter: (record: InRecord, error: unknown) => Promise<void>;
};

export type ServiceSpec = {
  readonly name: string;
  readonly group: string;
  readonly topics: Readonly<Record<string, LaneName>>;
  readonly order: "key" | "partition" | "fetch";
  readonly commit_by: "engine" | "handler";
  readonly instances: number;
  readonly max_in_flight: number;
  readonly batch_records_max: number;
  readonly queued_records_max: number;
  build(parts: ServiceParts): BuiltService;
};

export type Input = { readonly at_ms: number; readonly record: OutRecord };

export type Scenario = {
  readonly topics: Readonly<Record<string, number>>;
  readonly services: readonly ServiceSpec[];
  /** Times are ms from the start of the run. */
  readonly inputs: readonly Input[];
  readonly invariants: readonly Invariant[];
  /** What a record is about, for the trail: its tenant and id. */
  readonly subjectOf: (record: InRecord) => string | undefined;
  /** Told of every record as it is written. */
  readonly onAppend?: (record: InRecord, transaction: LogTransaction | undefined) => void;
  /** Whether the stores have come to rest too; left out: they have nothing to do by themselves. */
  readonly isAtRest?: () => boolean;
};

/**
 * Bugs on purpose, each of which an invariant must find: `early-commit`, offsets count as done when their work starts (I2);
 * `blind-ledger`, the attempt ledger writes without looking at what is there (I3); `check-then-increment`, counters are looked at in
 * one step and charged in another (I4); `forget-ledger`, requests are let through before `llm.usage` knows of their holds (I8);
 * `cache-across-tenants`, the names of kept answers leave out the tenant (I5); `cache-incomplete`, answers that were cut off are kept
 * (I5); `deaf-followers`, who waits for another request's answer never hears that there is none (I1).
 */
export const PLANTS = [
  "early-commit",
  "blind-ledger",
  "check-then-increment",
  "forget-ledger",
  "cache-across-tenants",
  "cache-incomplete",
  "deaf-followers",
] as const;
export type Plant = (typeof PLANTS)[number];

/** Builds a scenario from what a run draws. `cluster` is there to be read by invariants, and is still empty. */
export type ScenarioFactory = (context: {
  readonly random: Random;
  readonly clock: Clock;
  readonly cluster: SimulatedCluster;
  /** Faults end this long after the start. */
  readonly chaos_ms: number;
  readonly plant: Plant | undefined;
}) => Scenario;
