/** Keeps the service instances of a run going: starts them, starts them again after a crash, stops and replaces them. */
import type { Clock } from "../../libs/shared/clock.ts";
import { KafkaConsumer } from "../../libs/shared/kafka/consumer.ts";
import { Consumption } from "../../libs/shared/kafka/consumption.ts";
import { partitionId } from "../../libs/shared/kafka/ports.ts";
import { BatchingProducer, type ProducerLimits } from "../../libs/shared/kafka/producer.ts";
import { KafkaTransactions } from "../../libs/shared/kafka/transactions.ts";
import { silentLog } from "../../libs/shared/log.ts";
import type { SimulatedCluster } from "./cluster.ts";
import type { Faults } from "./faults.ts";
import type { MemberEvent } from "./invariants.ts";
import { createClient } from "./kafka-client.ts";
import { onceProducers } from "./once-producer.ts";
import { SimulatedProcess } from "./process.ts";
import type { Random } from "./random.ts";
import type { ServiceSpec } from "./scenario.ts";
import type { Trace } from "./trace.ts";

export type RunSettings = {
  readonly session_timeout_ms: number;
  readonly watchdog_ms: number;
  readonly commit_interval_ms: number;
  readonly fetch_partition_bytes_max: number;
  readonly transaction_timeout_ms: number;
  readonly producer: ProducerLimits;
  readonly plant_early_commit: boolean;
};

export type SupervisorOptions = {
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: Faults;
  readonly trace: Trace;
  readonly cluster: SimulatedCluster;
  readonly settings: RunSettings;
  readonly onMember: (event: MemberEvent) => void;
};

type Instance = {
  readonly service: ServiceSpec;
  readonly name: string;
  starts: number;
  process: SimulatedProcess | undefined;
  consumption: Consumption | undefined;
};

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #instances: Instance[] = [];
  /** The highest offset delivered so far, by group and partition. */
  readonly #delivered = new Map<string, number>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Starts every instance within a short while. */
  start(services: readonly ServiceSpec[]): void {
    const { clock, random } = this.#options;
    for (const service of services) {
      for (let number = 1; number <= service.instances; number += 1) {
        const name = `${service.name}-${number}`;
        const instance: Instance = { service, name, starts: 0, process: undefined, consumption: undefined };
        this.#instances.push(instance);
        clock.after(random.int(0, 500), () => this.#boot(instance));
      }
    }
  }

  /** True when nothing is queued or in flight anywhere. */
  get idle(): boolean {
    return this.#instances.every(({ consumption }) => {
      const stats = consumption?.stats();
      return stats === undefined || stats.queued + stats.in_flight === 0;
    });
  }

  /** Does one random thing to one random instance. */
  disturb(): void {
    const { random, settings } = this.#options;
    const instance = random.pick(this.#instances);
    const { process } = instance;
    if (process === undefined || !process.alive) return;
    const draw = random.next();
    if (draw < 0.4) process.crash("at any moment");
    else if (draw < 0.7) process.stall(random.int(100, settings.session_timeout_ms * 3));
    else this.#replace(instance, process);
  }

  /** A graceful stop (SIGTERM) and, later, a new start: how members leave and join. */
  #replace(instance: Instance, process: SimulatedProcess): void {
    const { random, trace } = this.#options;
    const { consumption } = instance;
    if (consumption === undefined) return;
    trace.note(process.name, "is told to stop");
    instance.consumption = undefined;
    void consumption.drain(random.int(100, 5_000)).then(() => {
      process.exit();
      if (instance.process === process) this.#bootLater(instance);
    });
  }

  #bootLater(instance: Instance): void {
    const { clock, random } = this.#options;
    instance.process = undefined;
    instance.consumption = undefined;
    clock.after(random.int(50, 6_000), () => this.#boot(instance));
  }

  #boot(instance: Instance): void {
    const { clock, random, faults, trace, cluster, settings } = this.#options;
    const { service } = instance;
    instance.starts += 1;
    if (instance.starts > 1) trace.counts.restarts += 1;
    const process: SimulatedProcess = new SimulatedProcess({
      name: `${instance.name}.${instance.starts}`,
      clock,
      random: random.fork(),
      faults,
      trace,
      onCrash: () => {
        if (instance.process === process) this.#bootLater(instance);
      },
    });
    instance.process = process;
    trace.note(process.name, "starts");

    let fetched_records_max = 0;
    const kafka = createClient({
      process,
      cluster,
      onFetch: (records) => {
        fetched_records_max = Math.max(fetched_records_max, records.length);
        for (const record of records) this.#countDelivery(service.group, partitionId(record), record.offset);
      },
    });
    const uniform = (): number => process.random.next();
    const timeout_ms = settings.transaction_timeout_ms;
    const transactions = new KafkaTransactions(
      kafka,
      { group: service.group, transaction_timeout_ms: timeout_ms, request_bytes_max: 1_000_000 },
      onceProducers(kafka, timeout_ms),
    );
    const consumer = new KafkaConsumer(kafka, {
      group: service.group,
      topics: Object.keys(service.topics),
      log: silentLog,
      clock: process.clock,
      session_timeout_ms: settings.session_timeout_ms,
      fetch_wait_ms: 200,
      fetch_partition_bytes_max: settings.fetch_partition_bytes_max,
      fetch_pause_ms_max: 0,
    });
    const publisher = new BatchingProducer(kafka, settings.producer, process.clock);
    const built = service.build({ process, clock: process.clock, random: uniform, publisher, transactions });
    const consumption: Consumption = new Consumption({
      consumer: {
        start: (events) =>
          consumer.start({
            ...events,
            records: (records) => {
              events.records(records);
              this.#options.onMember({ service, stats: consumption.stats(), fetched_records_max });
            },
          }),
        restart: () => {
          trace.counts.watchdog_restarts += 1;
          trace.note(process.name, "starts its consumer again");
          return consumer.restart();
        },
        pause: (topics) => consumer.pause(topics),
        resume: (topics) => consumer.resume(topics),
        committed: (partitions) => consumer.committed(partitions),
        commit: (offsets) => consumer.commit(offsets),
        stop: () => consumer.stop(),
      },
      clock: process.clock,
      random: uniform,
      log: silentLog,
      topics: service.topics,
      lane_weights: { interactive: 4, batch: 1 },
      tenant_weight: (tenant) => (tenant === "acme" ? 3 : 1),
      order: service.order,
      limits: {
        max_in_flight: service.max_in_flight,
        batch_records_max: service.batch_records_max,
        batch_bytes_max: 100_000,
        in_flight_bytes_max: 1_000_000,
        queued_records_max: service.queued_records_max,
        queued_bytes_max: 1_000_000,
        commit_interval_ms: settings.commit_interval_ms,
        watchdog_ms: settings.watchdog_ms,
        retry: { base_ms: 20, cap_ms: 1_000 },
      },
      handler: built.handler,
      deadLetter: built.deadLetter,
      commit_by: service.commit_by,
      plant_early_commit: settings.plant_early_commit,
      onLost: (partitions) => transactions.forget(partitions),
    });
    instance.consumption = consumption;
    void consumption.start();
  }

  #countDelivery(group: string, partition: string, offset: number): void {
    const key = `${group} ${partition}`;
    const highest = this.#delivered.get(key) ?? -1;
    if (offset <= highest) this.#options.trace.counts.redelivered += 1;
    else this.#delivered.set(key, offset);
  }
}
