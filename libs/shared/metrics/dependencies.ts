/**
 * How long the parts that a process depends on take to answer, and how full its pools are. The seams where calls go out have no
 * registry at hand, so this is kept for the process as a whole: whoever runs a service shows it among its metrics; a command never asks.
 */
import { performance } from "node:perf_hooks";
import { Gauge, Histogram, type Registry } from "prom-client";

export type Dependency = "redis" | "postgres" | "kafka" | "embedding" | "registry";

export type PoolUse = { readonly in_use: number; readonly limit: number; readonly waiting: number };

const BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Undefined until a service shows it: nothing is measured then. */
let took: Histogram<"dependency" | "operation"> | undefined;
/** One object for each pair, not one for each call. */
const labels = new Map<string, { dependency: string; operation: string }>();
const pools = new Map<string, Set<() => PoolUse>>();

/** Measures one call to a part, also one that fails. For calls that many records share, or that take a network's time. */
export async function timed<T>(dependency: Dependency, operation: string, call: () => Promise<T>): Promise<T> {
  if (took === undefined) return call();
  const began_ms = performance.now();
  try {
    return await call();
  } finally {
    took.observe(labelsOf(dependency, operation), (performance.now() - began_ms) / 1_000);
  }
}

/** Shows a pool's use for as long as it is open; those of one name are added up. @returns what ends that. */
export function showPool(name: string, read: () => PoolUse): () => void {
  const of_name = pools.get(name) ?? new Set();
  const own = (): PoolUse => read();
  of_name.add(own);
  pools.set(name, of_name);
  return () => {
    of_name.delete(own);
    if (of_name.size === 0) pools.delete(name);
  };
}

/** Shows all of it among a service's metrics. */
export function observeDependencies(registry: Registry): void {
  const registers = [registry];
  took = new Histogram({
    name: "sluice_dependency_seconds",
    help: "How long calls to the parts took",
    labelNames: ["dependency", "operation"],
    buckets: BUCKETS_S,
    registers,
  });
  const gauge = (name: string, help: string, of: (use: PoolUse) => number): void => {
    new Gauge({
      ...{ name, help, registers },
      labelNames: ["pool"],
      collect() {
        this.reset();
        for (const [pool, reads] of pools) {
          for (const read of reads) this.inc({ pool }, of(read()));
        }
      },
    });
  };
  gauge("sluice_pool_in_use", "Connections or workers of the pool that are at work", ({ in_use }) => in_use);
  gauge("sluice_pool_limit", "Connections or workers that the pool may have", ({ limit }) => limit);
  gauge("sluice_pool_waiting", "Calls that wait for one of the pool", ({ waiting }) => waiting);
}

function labelsOf(dependency: Dependency, operation: string): { dependency: string; operation: string } {
  const name = `${dependency} ${operation}`;
  let pair = labels.get(name);
  if (pair === undefined) {
    pair = { dependency, operation };
    labels.set(name, pair);
  }
  return pair;
}
