/** A Redis Cluster of a test's own on loopback, from the binary that the stack uses; it ends with the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { openHome } from "../../tools/stack/home.ts";
import { cachedRedis } from "../../tools/stack/parts-cache.ts";
import { isFree } from "../../tools/stack/ports.ts";
import { findTools } from "../../tools/stack/tools.ts";
import { ROOT } from "./pipeline.ts";
import { until } from "./until.ts";

const SLOTS = 16_384;
/** The bus of a node is at its port plus this. */
const BUS = 10_000;
const NODE_TIMEOUT_MS = 2_000;
const WAIT_MS = 30_000;

export type ClusterNode = {
  readonly port: number;
  /** Speaks to this node alone, without a prefix. */
  readonly redis: Redis;
  /** Ends it without a word, as a crash does. */
  kill(): Promise<void>;
  /** With the data that its file has. */
  start(): Promise<void>;
  /** Stops for a while and goes on: what is asked meanwhile waits. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
};

export type TestCluster = {
  /** As `REDIS_URL`, with `REDIS_CLUSTER=true`. */
  readonly url: string;
  readonly env: Readonly<Record<"REDIS_URL" | "REDIS_CLUSTER", string>>;
  /** Masters, then replicas (of the first masters). */
  readonly nodes: readonly ClusterNode[];
  stop(): Promise<void>;
};

/** The program that runs Redis: one on PATH, else the one that the stack fetched. */
export async function redisBinary(): Promise<string> {
  return (await findTools(process.env)).redis_server ?? cachedRedis(openHome(ROOT, join(ROOT, ".sluice")));
}

export async function startRedisCluster({ masters = 3, replicas = 0 } = {}): Promise<TestCluster> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-redis-cluster-"));
  const binary = await redisBinary();
  const nodes: ClusterNode[] = [];
  try {
    for (let at = 0; at < masters + replicas; at += 1) nodes.push(await startNode(binary, join(dir, String(at))));
    await form(nodes.slice(0, masters), nodes.slice(masters));
  } catch (error) {
    await stopAll(nodes, dir);
    throw error;
  }
  const url = nodes.map(({ port }) => `redis://127.0.0.1:${port}`).join(",");
  return { url, env: { REDIS_URL: url, REDIS_CLUSTER: "true" }, nodes, stop: () => stopAll(nodes, dir) };
}

async function stopAll(nodes: readonly ClusterNode[], dir: string): Promise<void> {
  for (const { redis } of nodes) redis.disconnect();
  await Promise.all(nodes.map((node) => node.kill()));
  rmSync(dir, { recursive: true, force: true });
}

async function startNode(binary: string, dir: string): Promise<ClusterNode> {
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const args = [
    ...[
      "--bind",
      "127.0.0.1",
      "--port",
      String(port),
      "--save",
      "",
      "--appendonly",
      "yes",
      "--appendfsync",
      "everysec",
    ],
    ...["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"],
    ...["--cluster-node-timeout", String(NODE_TIMEOUT_MS), "--maxmemory-policy", "noeviction"],
    ...["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"],
  ];
  let child: ChildProcess | undefined;
  const redis = new Redis(port, "127.0.0.1", {
    lazyConnect: true,
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
  });
  redis.on("error", () => undefined);
  const node: ClusterNode = {
    port,
    redis,
    async start() {
      child = spawn(binary, args, { cwd: dir, stdio: "ignore" });
      await once(child, "spawn");
      if (redis.status === "wait") await redis.connect().catch(() => undefined);
      await until(`node ${port} answers`, async () => (await redis.ping().catch(() => "")) === "PONG", WAIT_MS);
    },
    async kill() {
      const running = child;
      child = undefined;
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
      const exited = once(running, "exit");
      running.kill("SIGKILL");
      await exited;
    },
    signal: (signal) => void child?.kill(signal),
  };
  await node.start();
  return node;
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if ((await isFree(port)) && (await isFree(port + BUS))) return port;
  }
}

/** As `redis-cli --cluster create` does, which the stack does not have. */
async function form(masters: readonly ClusterNode[], replicas: readonly ClusterNode[]): Promise<void> {
  const all = [...masters, ...replicas];
  const [first] = masters;
  for (const [at, { redis }] of all.entries()) await redis.cluster("SET-CONFIG-EPOCH", at + 1);
  for (const [at, { redis }] of masters.entries()) {
    const [from, to] = [at, at + 1].map((share) => Math.round((share * SLOTS) / masters.length)) as [number, number];
    await redis.cluster("ADDSLOTS", ...Array.from({ length: to - from }, (_, slot) => from + slot));
  }
  for (const { port } of all.slice(1)) await first?.redis.cluster("MEET", "127.0.0.1", port);
  await until(
    "every node knows all the others",
    () => agree(all, (info) => info["cluster_known_nodes"] === String(all.length)),
    WAIT_MS,
  );
  for (const [at, { redis }] of replicas.entries()) {
    await redis.cluster("REPLICATE", String(await masters[at]?.redis.cluster("MYID")));
  }
  await until("the cluster serves", () => agree(all, (info) => info["cluster_state"] === "ok"), WAIT_MS);
  const isFollowing = async ({ redis }: ClusterNode) => /master_link_status:up/.test(await redis.info("replication"));
  await until("replicas follow", async () => (await Promise.all(replicas.map(isFollowing))).every(Boolean), WAIT_MS);
}

async function agree(
  nodes: readonly ClusterNode[],
  fits: (info: Readonly<Record<string, string>>) => boolean,
): Promise<boolean> {
  const infos = await Promise.all(
    nodes.map(async ({ redis }) => {
      const lines = String(await redis.cluster("INFO")).split("\r\n");
      return Object.fromEntries(lines.map((line) => line.split(":")));
    }),
  );
  return infos.every(fits);
}
