/** Which commands of a pipeline go to which server. Pure. */

/** A command as it was asked for: its name as the client has it, then its arguments. */
export type Recorded = readonly [name: string, ...args: readonly unknown[]];

/** By name: how many keys a script has; undefined where each call says so. */
export type ScriptKeys = ReadonlyMap<string, number | undefined>;

const KEYLESS = new Set(["publish", "info", "time", "ping"]);

/** The first key that a command names, on which its slot depends; undefined for one that any server can take. */
export function firstKey([name, ...args]: Recorded, scripts: ScriptKeys): string | undefined {
  const lower = name.toLowerCase();
  if (KEYLESS.has(lower)) return undefined;
  if (lower === "call") return firstKey(args as unknown as Recorded, scripts);
  if (lower === "eval" || lower === "evalsha") return Number(args[1]) > 0 ? String(args[2]) : undefined;
  if (!scripts.has(name)) return String(args[0]);
  const count = scripts.get(name);
  if (count !== undefined) return count > 0 ? String(args[0]) : undefined;
  return Number(args[0]) > 0 ? String(args[1]) : undefined;
}

/**
 * Numbers of the commands by server, each server's in their order. A command that any server can take goes with the one before it (the
 * first ones with the first that has a server): a word that something is written comes behind the write.
 * @param servers of each command; undefined for one that any server can take.
 */
export function groupByServer<Server>(servers: readonly (Server | undefined)[], any: Server): Map<Server, number[]> {
  const groups = new Map<Server, number[]>();
  let before = servers.find((server) => server !== undefined) ?? any;
  for (const [at, server] of servers.entries()) {
    before = server ?? before;
    const group = groups.get(before);
    if (group === undefined) groups.set(before, [at]);
    else group.push(at);
  }
  return groups;
}
