/**
 * kafkajs asks a broker who coordinates a group or transaction before every single call to the coordinator: four of the nine round
 * trips of a transaction. The answer changes when a broker fails, so it is kept for a few seconds, and all answers are forgotten as soon
 * as a broker cannot be reached or says that it is not the one.
 */
import { createRequire } from "node:module";

type Lookup = { readonly groupId: string; readonly coordinatorType: number };
type ClusterPrototype = {
  findGroupCoordinatorMetadata(lookup: Lookup): Promise<unknown>;
  findBroker(of: { readonly nodeId: string }): Promise<unknown>;
};
type Known = { readonly metadata: Promise<unknown>; readonly until_ms: number; readonly forgets: number };
type ConnectionPrototype = { send(request: unknown): Promise<unknown> };

const KEEP_MS = 5_000;
const MOVED = new Set(["NOT_COORDINATOR_FOR_GROUP", "GROUP_COORDINATOR_NOT_AVAILABLE"]);

/** Counts: what was heard before the last time is not believed any more. */
let forgets = 0;

/** A coordinator may have moved. */
export function forgetCoordinators(): void {
  forgets += 1;
}

/** Patches the cluster and connection classes once. `now_ms` is a monotonic clock. */
export function cacheCoordinators(now_ms: () => number): void {
  const require = createRequire(import.meta.url);
  const { prototype } = require("kafkajs/src/cluster") as { readonly prototype: ClusterPrototype };
  const connection = (require("kafkajs/src/network/connection") as { readonly prototype: ConnectionPrototype })
    .prototype;
  const { findGroupCoordinatorMetadata: ask, findBroker } = prototype;
  const { send } = connection;
  const known = new WeakMap<object, Map<string, Known>>();
  prototype.findGroupCoordinatorMetadata = function cached(this: ClusterPrototype, lookup: Lookup): Promise<unknown> {
    const mine = known.get(this) ?? new Map<string, Known>();
    known.set(this, mine);
    const name = `${lookup.coordinatorType}/${lookup.groupId}`;
    const found = mine.get(name);
    if (found !== undefined && found.until_ms > now_ms() && found.forgets === forgets) return found.metadata;
    const metadata = ask.call(this, lookup);
    mine.set(name, { metadata, until_ms: now_ms() + KEEP_MS, forgets });
    metadata.catch(() => mine.delete(name));
    return metadata;
  };
  prototype.findBroker = function noting(this: ClusterPrototype, of: { readonly nodeId: string }): Promise<unknown> {
    return forgetting(findBroker.call(this, of), () => true);
  };
  connection.send = function noting(this: ConnectionPrototype, request: unknown): Promise<unknown> {
    return forgetting(send.call(this, request), (error) => {
      const { type, name } = error as { type?: string; name?: string };
      return MOVED.has(type ?? "") || (name?.startsWith("KafkaJSConnection") ?? false);
    });
  };
}

/** The same promise, noticed. */
function forgetting<T>(work: Promise<T>, isReason: (error: unknown) => boolean): Promise<T> {
  work.catch((error: unknown) => {
    if (isReason(error)) forgetCoordinators();
  });
  return work;
}
