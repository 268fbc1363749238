/** What `INFO` says of a server process. Pure. */

/** From the reply of `INFO server`. */
export function runIdOf(info: string): string {
  const run_id = /^run_id:(\S+)/m.exec(info)?.[1];
  if (run_id === undefined) throw new Error("INFO server has no run_id");
  return run_id;
}

/**
 * A life that was begun on another server process ended before this one started. Of any other nobody knows, nor of one that a replica
 * took over: that process may have run long before.
 */
export function endedMsAgo(life: string, server: string, replication: string): number | undefined {
  const [, begun_on] = life.split(" ");
  if (begun_on === undefined || begun_on === runIdOf(server)) return undefined;
  const was_replica = !/^role:master\b/m.test(replication) || !/^master_replid2:0+\s*$/m.test(replication);
  const [, seconds] = /^uptime_in_seconds:(\d+)/m.exec(server) ?? [];
  // Both ends are cut to whole seconds: it may be up to one too many.
  return was_replica || seconds === undefined ? undefined : Math.max(0, Number(seconds) - 1) * 1_000;
}
