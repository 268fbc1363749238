/**
 * kafkajs asks a broker who coordinates a group or transaction before every single call to the coordinator: four of the nine round
 * trips of a transaction. The answer changes when a broker fails, so it is kept for a few seconds. A stale one costs a failed call,
 * which closes the producer: the next one starts with nothing remembered.
 */
import { createRequire } from "node:module";

type Lookup = { readonly groupId: string; readonly coordinatorType: number };
type ClusterPrototype = { findGroupCoordinatorMetadata(lookup: Lookup): Promise<unknown> };
type Known = { readonly metadata: Promise<unknown>; readonly until_ms: number };

const KEEP_MS = 5_000;

/** Patches the cluster class once. `now_ms` is a monotonic clock. */
export function cacheCoordinators(now_ms: () => number): void {
  const Cluster = createRequire(import.meta.url)("kafkajs/src/cluster") as { readonly prototype: ClusterPrototype };
  const { prototype } = Cluster;
  const ask = prototype.findGroupCoordinatorMetadata;
  const known = new WeakMap<object, Map<string, Known>>();
  prototype.findGroupCoordinatorMetadata = function cached(this: ClusterPrototype, lookup: Lookup): Promise<unknown> {
    const mine = known.get(this) ?? new Map<string, Known>();
    known.set(this, mine);
    const name = `${lookup.coordinatorType}/${lookup.groupId}`;
    const found = mine.get(name);
    if (found !== undefined && found.until_ms > now_ms()) return found.metadata;
    const metadata = ask.call(this, lookup);
    mine.set(name, { metadata, until_ms: now_ms() + KEEP_MS });
    metadata.catch(() => mine.delete(name));
    return metadata;
  };
}
