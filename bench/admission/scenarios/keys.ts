/** A million requests, reserved and settled: what stays of them in Redis. */
import type { Redis } from "ioredis";
import type { Ask } from "../../../libs/shared/budgets/admission-store.ts";
import type { Reservation } from "../../../libs/shared/events/usage.ts";
import type { RedisAdmissionStore } from "../../../libs/shared/redis/admission/redis-store.ts";
import { pipelineReplies } from "../../../libs/shared/redis/client.ts";
import { idempotencyKey } from "../../../libs/shared/redis/idempotency.ts";
import { seenKey } from "../../../libs/shared/redis/job-keys.ts";
import type { Figure } from "../../support/report.ts";
import { bareAsk, fullAsk, reservations, settledEntry } from "../asks.ts";
import { bytesByKind, mibAtRest, mibPerMillion } from "../key-memory.ts";
import { infoNumber, keyCounts } from "../redis-info.ts";
import { IDEMPOTENCY_TTL_HOURS, type Scenario, SEEN_TTL_HOURS, storeOn } from "../stack.ts";

const CHUNK = 250;
/** Chunks on their way at any time. */
const CALLERS = 4;
const HELD = 10_000;
const SAMPLE = 1_000;
const TOLD_EVERY = 100_000;
const STEADY_PER_S = 100;
/** Numbers of requests that are far from those of the million. */
const HELD_FROM = 1_000_000_000;

const MIB_PER_MILLION_MAX = 400;
const HELD_BYTES_MAX = 4_096;
/** A day that ends meanwhile begins some counters. */
const KEYS_PER_ID_MAX = 1.001;

export function keysScenario(ids: number): Scenario {
  return {
    name: "keys",
    summary: `${ids} ids with idempotency keys, reserved and settled: Redis's memory with the default TTLs`,
    seconds: 0,
    async run(bench) {
      const stack = await bench.start();
      const redis = await stack.connect("keys");
      const store = storeOn(redis);
      bench.say(`${HELD} requests in flight`);
      const held = await holdAndSettle(store, redis);
      const before = await sizeOf(redis);
      const began_ms = performance.now();
      await settleMany(store, ids, (done) => bench.say(`${done} ids have settled`));
      const elapsed_ms = performance.now() - began_ms;
      const after = await sizeOf(redis);
      return [
        ...held,
        { name: "ids reserved and settled a second", value: (ids * 1_000) / elapsed_ms, unit: "/s" },
        ...(await memoryFigures(redis, ids, before, after)),
        {
          name: "keys that a settled id leaves, beside its idempotency key",
          value: (after.keys - before.keys) / ids - 1,
          unit: "",
          target: { at_most: KEYS_PER_ID_MAX },
        },
        {
          name: "keys without a TTL that came with them",
          value: after.keys - after.with_ttl - (before.keys - before.with_ttl),
          unit: "",
          target: { at_most: 0 },
        },
      ];
    },
  };
}

type Size = {
  /** For keys: without buffers of clients and of the append-only file, which come and go. */
  readonly used_bytes: number;
  /** Of all memory since Redis began. */
  readonly peak_bytes: number;
  readonly keys: number;
  readonly with_ttl: number;
};

async function sizeOf(redis: Redis): Promise<Size> {
  const memory = await redis.info("memory");
  const buffers_bytes = infoNumber(memory, "mem_aof_buffer") + infoNumber(memory, "mem_clients_normal");
  return {
    used_bytes: infoNumber(memory, "used_memory") - buffers_bytes,
    peak_bytes: infoNumber(memory, "used_memory_peak"),
    ...keyCounts(await redis.info("keyspace")),
  };
}

/** Also begins the counters that those after it move. */
async function holdAndSettle(store: RedisAdmissionStore, redis: Redis): Promise<readonly Figure[]> {
  const warm = chunkOf(fullAsk, HELD_FROM, HELD);
  await settle(store, warm, await reserveAll(store, warm), 0, 0);
  const before = await sizeOf(redis);
  const asks = chunkOf(fullAsk, HELD_FROM + HELD, HELD);
  const open = await reserveAll(store, asks);
  const held = await sizeOf(redis);
  await settle(store, asks, open, 0, HELD);
  const settled = await sizeOf(redis);
  return [
    {
      name: "memory of a request in flight (admission.reservation_ttl_hours, in_flight_max)",
      value: (held.used_bytes - before.used_bytes) / HELD,
      unit: "bytes",
      target: { at_most: HELD_BYTES_MAX },
      beside: { name: "once settled", value: (settled.used_bytes - before.used_bytes) / HELD },
    },
  ];
}

async function reserveAll(store: RedisAdmissionStore, asks: readonly Ask[]): Promise<Reservation[]> {
  const open: Reservation[] = [];
  for (let first = 0; first < asks.length; first += CHUNK) {
    open.push(...reservations(await store.reserve(asks.slice(first, first + CHUNK))));
  }
  return open;
}

function chunkOf(ask: (at: number, now_ms: number) => Ask, first: number, count: number): Ask[] {
  const now_ms = Date.now();
  return Array.from({ length: count }, (_, at) => ask(first + at, now_ms));
}

/** @param offset of the first entry on the partition. */
async function settle(
  store: RedisAdmissionStore,
  asks: readonly Ask[],
  open: readonly Reservation[],
  partition: number,
  offset: number,
): Promise<void> {
  const entries = open.map((reservation, at) => ({
    partition,
    offset: String(offset + at),
    entry: settledEntry(asks[at] as Ask, reservation, 0),
    caps_nusd: {},
  }));
  for (let first = 0; first < entries.length; first += CHUNK) {
    const results = await store.apply(entries.slice(first, first + CHUNK));
    if (results.some(({ kind }) => kind !== "applied")) throw new Error("an entry was not applied");
  }
}

async function settleMany(store: RedisAdmissionStore, ids: number, told: (done: number) => void): Promise<void> {
  let next = 0;
  let done = 0;
  const caller = async (_: unknown, index: number): Promise<void> => {
    while (next < ids) {
      const first = next;
      const count = Math.min(CHUNK, ids - first);
      next += count;
      const asks = chunkOf(bareAsk, first, count);
      // Chunks of one caller come in order; partition 0 belongs to those before.
      await settle(store, asks, reservations(await store.reserve(asks)), index + 1, first);
      if (Math.floor((done + count) / TOLD_EVERY) > Math.floor(done / TOLD_EVERY)) told(done + count);
      done += count;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

async function memoryFigures(redis: Redis, ids: number, before: Size, after: Size): Promise<readonly Figure[]> {
  const { seen_bytes, idempotency_bytes } = bytesByKind({
    both_bytes: (after.used_bytes - before.used_bytes) / ids,
    seen_usage_bytes: await usage_bytes(redis, ids, ({ tenant, id }) => seenKey(tenant, id)),
    idempotency_usage_bytes: await usage_bytes(redis, ids, ({ tenant, idempotency }) =>
      idempotencyKey(tenant, idempotency ?? ""),
    ),
  });
  const perMillion = (name: string, bytes: number): Figure => ({
    name,
    value: mibPerMillion(bytes),
    unit: "MiB",
    target: { at_most: MIB_PER_MILLION_MAX },
  });
  const at_rest_mib =
    mibAtRest(seen_bytes, STEADY_PER_S, SEEN_TTL_HOURS) +
    mibAtRest(idempotency_bytes, STEADY_PER_S, IDEMPOTENCY_TTL_HOURS);
  return [
    perMillion(`a million ids, each kept ${SEEN_TTL_HOURS} h (ingest.seen_ttl_hours)`, seen_bytes),
    perMillion(
      `a million idempotency keys, each kept ${IDEMPOTENCY_TTL_HOURS} h (admission.idempotency_ttl_hours)`,
      idempotency_bytes,
    ),
    {
      name: "memory at its peak",
      value: after.peak_bytes / 2 ** 20,
      unit: "MiB",
      beside: { name: "at the end", value: after.used_bytes / 2 ** 20 },
    },
    {
      name: `where it comes to rest at ${STEADY_PER_S} requests a second, all with idempotency keys`,
      value: at_rest_mib,
      unit: "MiB",
    },
  ];
}

/** The mean over ids that are spread evenly. */
async function usage_bytes(redis: Redis, ids: number, key: (ask: Ask) => string): Promise<number> {
  const sample = Math.min(SAMPLE, ids);
  const pipeline = redis.pipeline();
  for (let at = 0; at < sample; at += 1) pipeline.memory("USAGE", key(bareAsk(Math.floor((at * ids) / sample), 0)));
  const replies = pipelineReplies(await pipeline.exec());
  return replies.reduce<number>((sum, bytes) => sum + Number(bytes), 0) / sample;
}
