/** What Redis tells of itself with INFO. Pure. */

export type CommandStat = { readonly calls: number; readonly us: number };

/** Of the commands that began with the caller or within a script alike; an unknown one was not called. */
export function commandStat(info: string, command: string): CommandStat {
  const [, calls, us] = new RegExp(`^cmdstat_${command}:calls=(\\d+),usec=(\\d+)`, "m").exec(info) ?? [];
  return { calls: Number(calls ?? 0), us: Number(us ?? 0) };
}

/** Of all commands, those within scripts and the scripts themselves alike. */
export function commandCalls(info: string): number {
  return [...info.matchAll(/^cmdstat_\S+?:calls=(\d+)/gm)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

/** A whole number by its name, such as `used_memory`. */
export function infoNumber(info: string, name: string): number {
  const text = new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1];
  if (text === undefined) throw new Error(`INFO has no ${name}`);
  return Number(text);
}

/** Of the first database. */
export function keyCounts(info: string): { readonly keys: number; readonly with_ttl: number } {
  const [, keys, with_ttl] = /^db0:keys=(\d+),expires=(\d+)/m.exec(info) ?? [];
  return { keys: Number(keys ?? 0), with_ttl: Number(with_ttl ?? 0) };
}
