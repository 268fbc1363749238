/** The tables of docs/metrics.md. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export type MetricRow = {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  /** Services that export it. */
  readonly services: readonly string[];
  readonly meaning: string;
  /** When it is to wake somebody; empty where it is not. */
  readonly alarm: string;
};

const PAGE = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "docs", "metrics.md");
const CONSUMERS = ["ingest", "router", "inference", "results"];
const ALL = ["gateway", ...CONSUMERS, "replay", "scaler"];
const GROUPS: Readonly<Record<string, readonly string[]>> = { all: ALL, consumers: CONSUMERS };

export function documentedMetrics(text = readFileSync(PAGE, "utf8")): MetricRow[] {
  return text.split("\n").flatMap((line) => {
    const [, name, type, labels, services, meaning, alarm = ""] = line.split("|").map((cell) => cell.trim());
    if (!/^`(?:sluice|gen_ai)_/.test(name ?? "") || meaning === undefined) return [];
    const names = (services ?? "").split(", ").flatMap((service) => GROUPS[service] ?? [service]);
    return [
      {
        name: (name ?? "").slice(1, -1),
        type: type ?? "",
        labels: [...(labels ?? "").matchAll(/`([a-z_]+)`/g)].map(([, label]) => label ?? ""),
        services: names,
        meaning,
        alarm,
      },
    ];
  });
}
