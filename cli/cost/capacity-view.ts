/** How a capacity reads for people. Pure. */
import type { Capacity } from "../../libs/shared/cost/capacity.ts";
import type { Wall } from "../../libs/shared/cost/capacity-limits.ts";
import type { Traffic } from "../../libs/shared/cost/forecast.ts";
import { formatTable } from "../output/format.ts";
import type { CapacityReport } from "./capacity.ts";

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** Of a limit, what is worth a word. */
const NEAR = 0.7;

export function capacityText(traffic: Traffic, report: CapacityReport): string {
  const { cells, now, at_ten_times } = report;
  const of = cells === 1 ? "" : ` in each of ${whole(cells)} clusters (cells)`;
  const head = [
    `${whole(traffic.requests_per_day)} requests a day, ${whole(traffic.tokens_in)} tokens in and ${whole(traffic.tokens_out)} out;`,
    `${rate(now.requests_per_s_peak)} requests a second in the busiest minute${of}`,
  ].join(" ");
  return `${[
    head,
    servicesTable(now, at_ten_times),
    storesTable(now, at_ten_times),
    tiersTable(now, at_ten_times),
    wallsText(report),
    `Keys move when a topic gets more partitions: begin with ${at_ten_times.kafka.partitions} a topic, and ten times the load needs no more.`,
  ].join("\n\n")}\n`;
}

function servicesTable(now: Capacity, then: Capacity): string {
  const rows = now.services.map((one, index) => [
    one.tier === undefined ? one.service : `${one.service} ${one.tier}`,
    String(one.replicas),
    one.cores.toFixed(1),
    one.bound_by,
    String(then.services[index]?.replicas),
    then.services[index]?.bound_by ?? "",
  ]);
  return formatTable(["processes", "now", "cores", "by", "at 10 times", "by"], rows, [1, 2, 4]);
}

function storesTable(now: Capacity, then: Capacity): string {
  const row = (what: string, read: (of: Capacity) => string): string[] => [what, read(now), read(then)];
  return formatTable(
    ["stores", "now", "at 10 times"],
    [
      row("partitions of a work topic", ({ kafka }) => whole(kafka.partitions)),
      row("Kafka brokers", ({ kafka }) => `${whole(kafka.brokers)} (${kafka.bound_by})`),
      row("Kafka disk, replicas among it", ({ kafka }) => bytes(kafka.disk_bytes)),
      row("Kafka writes at the peak", ({ kafka }) => `${bytes(kafka.write_bytes_per_s_peak)}/s`),
      row("Redis masters", ({ redis }) => `${whole(redis.nodes)} (${redis.bound_by})`),
      row("Redis memory", ({ redis }) => bytes(redis.memory_bytes)),
      row("Postgres disk", ({ postgres }) => bytes(postgres.disk_bytes)),
      row("Postgres rows at the peak", ({ postgres }) => `${rate(postgres.rows_per_s_peak)}/s`),
      row("cache entries", ({ cache_entries }) => whole(cache_entries)),
    ],
    [1, 2],
  );
}

function tiersTable(now: Capacity, then: Capacity): string {
  const rows = now.tiers.map((tier, index) => [
    tier.tier,
    whole(tier.requests_per_minute),
    whole(tier.tokens_per_minute),
    whole(tier.calls_in_flight),
    tier.gpus === undefined ? "" : `${whole(tier.gpus)} (${tier.gpu_bound_by})`,
    then.tiers[index]?.gpus === undefined ? "" : whole(then.tiers[index]?.gpus ?? 0),
  ]);
  const head = ["tier at the peak", "requests/min", "tokens/min", "in flight", "GPUs", "at 10 times"];
  return formatTable(head, rows, [1, 2, 3, 4, 5]);
}

function wallsText({ walls, walls_at_ten_times }: CapacityReport): string {
  const now = walls.filter(({ value, limit }) => value > limit * NEAR);
  const soon = walls_at_ten_times.filter(
    ({ name, value, limit }) => value > limit && !now.some((one) => one.name === name),
  );
  const lines = [...now.map((wall) => wallLine(wall, "now")), ...soon.map((wall) => wallLine(wall, "at 10 times"))];
  if (lines.length === 0) return "Nothing that more of the same does not help is met, at ten times the load neither.";
  return ["More of the same does not help here:", ...lines].join("\n");
}

function wallLine({ what, value, limit, unit, change }: Wall, when: string): string {
  const shown = (amount: number): string => {
    if (unit === "bytes") return bytes(amount);
    const suffix = { "": "", cores: " cores", per_s: "/s", per_minute: "/min" }[unit];
    return `${amount < 10 ? amount.toFixed(1) : whole(amount)}${suffix}`;
  };
  return `  ${when}: ${what}: ${shown(value)} of ${shown(limit)}\n    ${change}`;
}

function bytes(amount: number): string {
  if (amount >= 1024 * GIB) return `${(amount / 1024 / GIB).toFixed(1)} TiB`;
  return amount >= GIB ? `${(amount / GIB).toFixed(1)} GiB` : `${(amount / MIB).toFixed(1)} MiB`;
}

function rate(per_s: number): string {
  return per_s < 100 ? per_s.toFixed(1) : whole(per_s);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
