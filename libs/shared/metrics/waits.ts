/** What requests wait for, in one histogram of the process, whoever it is that sees them wait. */
import { Histogram, type Registry } from "prom-client";

const NAME = "sluice_wait_seconds";

type WaitHistogram = Histogram<"reason" | "tier">;

/** The registry's histogram of waits; made at the first call. */
export function waitHistogram(registry: Registry): WaitHistogram {
  const known = registry.getSingleMetric(NAME);
  if (known !== undefined) return known as WaitHistogram;
  return new Histogram({
    name: NAME,
    help: "What a request waited, by what it waited for; of those that waited",
    labelNames: ["reason", "tier"],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300],
    registers: [registry],
  });
}

/** Told of records that waited behind another one of their key. */
export function orderWaits(registry: Registry): (waited_ms: number) => void {
  const waits = waitHistogram(registry);
  const labels = { reason: "order" };
  return (waited_ms) => waits.observe(labels, waited_ms / 1_000);
}
