/** What is the same for every consumer: what is in flight, done, queued and left behind, by group, and for how long. */
import { Counter, Gauge, type Registry } from "prom-client";
import type { Clock } from "../clock.ts";
import type { ConsumptionStats } from "../kafka/consumption.ts";

export type ObservedGroups = ReadonlyMap<string, { stats(): ConsumptionStats }>;

/** Gauges and counters that ask the groups when they are read, and cost nothing otherwise. */
export function observeGroups(registry: Registry, groups: ObservedGroups, clock: Pick<Clock, "now_ms">): void {
  const registers = [registry];
  const sum = (of: (stats: ConsumptionStats) => number): number =>
    [...groups.values()].reduce((total, group) => total + of(group.stats()), 0);
  new Gauge({
    ...{ name: "sluice_in_flight", help: "Records being worked on", registers },
    collect() {
      this.set(sum(({ in_flight }) => in_flight));
    },
  });
  new Gauge({
    ...{ name: "sluice_in_flight_limit", help: "Records that may be worked on at once", registers },
    collect() {
      this.set(sum(({ in_flight_limit }) => in_flight_limit));
    },
  });
  for (const [name, help, of] of GAUGES) {
    new Gauge({
      ...{ name, help, labelNames: ["group"], registers },
      collect() {
        for (const [group, consumption] of groups) this.set({ group }, of(consumption.stats()));
      },
    });
  }
  for (const [name, help, of] of COUNTERS) {
    new Counter({
      ...{ name, help, labelNames: ["group"], registers },
      collect() {
        this.reset();
        for (const [group, consumption] of groups) this.inc({ group }, of(consumption.stats()));
      },
    });
  }
  byTopic(registers, groups, clock);
}

type OfGroup = readonly [name: string, help: string, of: (stats: ConsumptionStats) => number];

const GAUGES: readonly OfGroup[] = [
  ["sluice_group_in_flight", "Records of the group being worked on", ({ in_flight }) => in_flight],
  ["sluice_group_in_flight_limit", "Records of the group that may be worked on", ({ in_flight_limit: max }) => max],
  ["sluice_records_queued", "Records read that wait for their turn", ({ queued }) => queued],
  ["sluice_partitions_assigned", "Partitions that this member has", ({ partitions }) => partitions],
];

const COUNTERS: readonly OfGroup[] = [
  ["sluice_group_busy_seconds_total", "Seconds of work, of all records together", ({ busy_ms }) => busy_ms / 1_000],
  ["sluice_records_done_total", "Records whose work ended", ({ done }) => done],
  ["sluice_consumer_restarts_total", "Consumers started again since they were silent", ({ restarts }) => restarts],
];

function byTopic(registers: Registry[], groups: ObservedGroups, clock: Pick<Clock, "now_ms">): void {
  const labelNames = ["group", "topic"] as const;
  new Gauge({
    ...{ name: "sluice_oldest_unfinished_age_seconds", labelNames, registers },
    help: "Age of the oldest record that was delivered and is not done",
    collect() {
      this.reset();
      for (const [group, consumption] of groups) {
        for (const [topic, oldest_ms] of consumption.stats().oldest_unfinished_ms) {
          this.set({ group, topic }, Math.max(0, clock.now_ms() - oldest_ms) / 1_000);
        }
      }
    },
  });
  new Gauge({
    ...{ name: "sluice_lag_records", labelNames, registers },
    help: "Offsets of the member's partitions that are not done, up to the end that the latest fetches saw",
    collect() {
      this.reset();
      for (const [group, consumption] of groups) {
        for (const [topic, lag] of consumption.stats().lag) this.set({ group, topic }, lag);
      }
    },
  });
}
