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

/** Nobody was asked, or nobody answered. */
const UNREACHABLE_NAMES = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSBrokerNotFound",
  "KafkaJSRequestTimeoutError",
  "KafkaJSNoBrokerAvailableError",
]);
const PASSING_NAMES = new Set([
  ...UNREACHABLE_NAMES,
  "KafkaJSLockTimeout",
  "KafkaJSMetadataNotLoaded",
  "KafkaJSTopicMetadataNotLoaded",
  "KafkaJSGroupCoordinatorNotFound",
]);
const DEPTH_MAX = 5;

type Link = Error & { readonly type?: unknown; readonly retriable?: unknown; readonly originalError?: unknown };

/** True where the same request may be sent again. Wrappers say that retries were used up, and are looked behind. */
export function mayPass(error: unknown): boolean {
  const chain = links(error);
  for (const { name, type, retriable } of chain) {
    if (typeof type === "string" && type !== "") return retriable === true || PASSING_TYPES.has(type);
    if (PASSING_NAMES.has(name)) return true;
  }
  return chain.at(-1)?.retriable === true;
}

/** True where a broker could not be reached or did not answer, whatever that is wrapped in. */
export function isUnreachable(error: unknown): boolean {
  return links(error).some(({ name }) => UNREACHABLE_NAMES.has(name));
}

/** The error and what it wraps. */
function links(error: unknown): Link[] {
  const found: Link[] = [];
  for (let at = error; at instanceof Error && found.length < DEPTH_MAX; ) {
    found.push(at);
    const { originalError, cause } = at as Link;
    at = originalError ?? cause;
  }
  return found;
}
