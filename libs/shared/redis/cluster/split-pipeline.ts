/**
 * A pipeline over the servers of a cluster: commands are recorded, and at the end each server gets its own in one round trip, all at
 * once; replies come in the order of the commands. There is no redirection: a command whose slot has moved fails.
 */
import type { ChainableCommander, Redis } from "ioredis";
import { firstKey, groupByServer, type Recorded } from "./grouping.ts";

export type Script = { readonly lua: string; readonly numberOfKeys?: number | undefined };

export type SplitTarget = {
  readonly scripts: ReadonlyMap<string, Script>;
  /** The server of a key; undefined where it cannot be asked. */
  of(key: string): Redis | undefined;
  /** For what any server can take. */
  any(): Redis | undefined;
  /** Told of an error among the replies. */
  failed(error: Error): void;
};

type Reply = [error: Error | null, value: unknown];
type Commands = Record<string, (...args: readonly unknown[]) => unknown>;

/** Scripts that a connection knows by name. */
const defined = new WeakMap<Redis, Set<string>>();

export function splitPipeline(commands: readonly (readonly unknown[])[], target: SplitTarget): ChainableCommander {
  const recorded: Recorded[] = commands.map((command) => command as Recorded);
  const pipeline: unknown = new Proxy(
    {},
    {
      get(_, name) {
        if (name === "exec") return () => send(recorded, target);
        if (name === "length") return recorded.length;
        // It is no promise.
        if (typeof name !== "string" || name === "then") return undefined;
        return (...args: readonly unknown[]) => {
          recorded.push([name, ...args]);
          return pipeline;
        };
      },
    },
  );
  return pipeline as ChainableCommander;
}

async function send(recorded: readonly Recorded[], target: SplitTarget): Promise<Reply[]> {
  const keys = new Map([...target.scripts].map(([name, { numberOfKeys }]) => [name, numberOfKeys]));
  const any = target.any() ?? "none";
  const servers = recorded.map((command) => {
    const key = firstKey(command, keys);
    return key === undefined ? undefined : (target.of(key) ?? "none");
  });
  const replies: Reply[] = [];
  await Promise.all(
    [...groupByServer<Redis | "none">(servers, any)].map(async ([server, numbers]) => {
      const of_server = await sendTo(
        server,
        numbers.map((at) => recorded[at] as Recorded),
        target.scripts,
      );
      for (const [index, at] of numbers.entries()) replies[at] = of_server[index] ?? [new Error("no reply"), undefined];
    }),
  );
  const failure = replies.find(([error]) => error !== null)?.[0];
  if (failure) target.failed(failure);
  return replies;
}

async function sendTo(
  server: Redis | "none",
  commands: readonly Recorded[],
  scripts: SplitTarget["scripts"],
): Promise<Reply[]> {
  if (server === "none") {
    return commands.map((): Reply => [new Error("Connection is closed: no server is known for this key"), undefined]);
  }
  defineScripts(server, scripts);
  try {
    const pipeline = server.pipeline();
    for (const [name, ...args] of commands) (pipeline as unknown as Commands)[name]?.(...args);
    return ((await pipeline.exec()) ?? []) as Reply[];
  } catch (error) {
    return commands.map((): Reply => [error as Error, undefined]);
  }
}

function defineScripts(server: Redis, scripts: SplitTarget["scripts"]): void {
  const known = defined.get(server) ?? new Set();
  defined.set(server, known);
  if (known.size === scripts.size) return;
  for (const [name, { lua, numberOfKeys }] of scripts) {
    if (known.has(name)) continue;
    known.add(name);
    server.defineCommand(name, numberOfKeys === undefined ? { lua } : { lua, numberOfKeys });
  }
}
