/** Names of keys that several services know, by request. The tenant is the hash tag: its keys share a slot in a cluster. Pure. */

/** Set by ingest when it first sees an id: `<content hash> <topic> <partition> <offset>`. */
export function seenKey(tenant: string, id: string): string {
  return `seen:{${tenant}}:${id}`;
}

/** The Redis stream with a request's tokens as they came (`token-events.ts`). */
export function streamKey(tenant: string, id: string): string {
  return `stream:{${tenant}}:${id}`;
}

/** A tenant's requests that were taken by the gateway and have not ended, by when (epoch ms). */
export function openKey(tenant: string): string {
  return `open:{${tenant}}`;
}
