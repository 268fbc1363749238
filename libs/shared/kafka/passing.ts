/** Which of kafkajs's errors pass by themselves: a broker that went, a leader or coordinator that moves. Pure. */

/** Refusals that kafkajs takes for final, or does not know, and that the protocol says to try again. */
const PASSING_TYPES = new Set([
  "CONCURRENT_TRANSACTIONS",
  "GROUP_LOAD_IN_PROGRESS",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR_FOR_GROUP",
  "BROKER_NOT_AVAILABLE",
  "REPLICA_NOT_AVAILABLE",
]);

const PASSING_NAMES = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSBrokerNotFound",
  "KafkaJSRequestTimeoutError",
  "KafkaJSLockTimeout",
  "KafkaJSMetadataNotLoaded",
  "KafkaJSTopicMetadataNotLoaded",
  "KafkaJSGroupCoordinatorNotFound",
  "KafkaJSNoBrokerAvailableError",
]);
const DEPTH_MAX = 5;

type Link = Error & { readonly type?: unknown; readonly retriable?: unknown; readonly originalError?: unknown };

/** True where the same request may be sent again. Wrappers say that retries were used up, and are looked behind. */
export function mayPass(error: unknown): boolean {
  let at: unknown = error;
  for (let depth = 0; at instanceof Error && depth < DEPTH_MAX; depth += 1) {
    const { name, type, retriable, originalError, cause } = at as Link;
    if (typeof type === "string" && type !== "") return retriable === true || PASSING_TYPES.has(type);
    if (PASSING_NAMES.has(name)) return true;
    const next = originalError ?? cause;
    if (next === undefined) return retriable === true;
    at = next;
  }
  return false;
}
