import assert from "node:assert/strict";
import { test } from "node:test";
import { KafkaConsumer } from "../../../../libs/shared/kafka/consumer.ts";
import type { InRecord } from "../../../../libs/shared/kafka/ports.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const EVENTS = Object.fromEntries(
  ["GROUP_JOIN", "REBALANCING", "CRASH", "STOP", "FETCH", "HEARTBEAT", "END_BATCH_PROCESS"].map((name) => [name, name]),
);

type Payload = { batch: object; resolveOffset: (offset: string) => void };
type Settings = { retry: { restartOnFailure: () => Promise<boolean> } };

/** kafkajs's consumer, as far as the adapter knows it: it does as the test says. */
class FakeClient {
  readonly events = EVENTS;
  readonly settings: Settings;
  readonly listeners = new Map<string, (event: { payload: object }) => void>();
  readonly paused = new Set<string>();
  disconnect: () => Promise<void> = async () => undefined;
  eachBatch: (payload: Payload) => Promise<void> = async () => undefined;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  on(event: string, listener: (event: { payload: object }) => void): void {
    this.listeners.set(event, listener);
  }

  emit(event: string, payload: object = {}): void {
    this.listeners.get(event)?.({ payload });
  }

  join(memberId: string): void {
    this.emit("GROUP_JOIN", { memberId, memberAssignment: { t: [0] } });
  }

  async connect(): Promise<void> {}
  async subscribe(): Promise<void> {}

  async run({ eachBatch }: { eachBatch: (payload: Payload) => Promise<void> }): Promise<void> {
    this.eachBatch = eachBatch;
  }

  pause(topics: readonly { readonly topic: string }[]): void {
    for (const { topic } of topics) this.paused.add(topic);
  }

  resume(topics: readonly { readonly topic: string }[]): void {
    for (const { topic } of topics) this.paused.delete(topic);
  }
}

async function rig() {
  const clients: FakeClient[] = [];
  const clock = new VirtualClock();
  const kafka = {
    consumer: (settings: Settings) => {
      const client = new FakeClient(settings);
      clients.push(client);
      return client;
    },
  } as unknown as ConstructorParameters<typeof KafkaConsumer>[0];
  const consumer = new KafkaConsumer(kafka, {
    group: "g",
    topics: ["t"],
    log: silentLog,
    clock,
    session_timeout_ms: 10_000,
    fetch_wait_ms: 250,
    fetch_partition_bytes_max: 1_000,
    fetch_pause_ms_max: 0,
  });
  const told: string[] = [];
  const records: InRecord[] = [];
  await consumer.start({
    alive: () => void told.push("alive"),
    assigned: (_, retained) => void told.push(`assigned, ${retained.length} retained`),
    crashed: () => void told.push("crashed"),
    rebalancing: () => void told.push("rebalancing"),
    records: (some) => void records.push(...some),
    passed: ({ topic, partition }, first, next) => void told.push(`passed ${topic}/${partition} ${first} to ${next}`),
  });
  return { clients, clock, consumer, told, records, client: (at: number) => clients[at] as FakeClient };
}

test("fetches, heartbeats and batches are signs of life", async () => {
  const { client, told } = await rig();
  for (const event of ["FETCH", "HEARTBEAT", "END_BATCH_PROCESS"]) client(0).emit(event);
  assert.deepEqual(told, ["alive", "alive", "alive"]);
});

test("marks of transactions are told of: behind records, and by themselves", async () => {
  const { client, told } = await rig();
  const messages = [{ offset: "3", key: null, value: null, timestamp: "0" }];
  const batch = { topic: "t", partition: 1, messages, lastOffset: () => "4" };
  let resolved = "";
  await client(0).eachBatch({
    batch,
    resolveOffset: (offset) => {
      resolved = offset;
    },
  });
  assert.equal(resolved, "3");
  const marks = { topic: "t", partition: 1, batchSize: 0, firstOffset: "5", lastOffset: "6" };
  client(0).emit("END_BATCH_PROCESS", marks);
  client(0).emit("END_BATCH_PROCESS", { ...marks, batchSize: 1 });
  client(0).emit("END_BATCH_PROCESS", { ...marks, firstOffset: null });
  const passed = told.filter((one) => one !== "alive");
  assert.deepEqual(passed, ["passed t/1 4 to 5", "passed t/1 5 to 7"]);
});

test("the same member retains what it holds; a restarted one nothing, though the old one hangs and speaks again", async () => {
  const { clients, client, clock, consumer, told, records } = await rig();
  client(0).join("m");
  client(0).join("m");
  client(0).disconnect = () => new Promise(() => undefined);
  const restarted = consumer.restart();
  await clock.run(() => clients.length === 2, clock.now_ms() + 60_000);
  await restarted;
  client(0).join("m");
  client(0).emit("FETCH");
  client(0).emit("CRASH", { error: new Error("late") });
  await client(0).eachBatch({ batch: { topic: "t", partition: 0, messages: [{}] }, resolveOffset: assert.fail });
  assert.equal(await client(0).settings.retry.restartOnFailure(), false, "it must not join again");
  client(1).join("m");
  assert.deepEqual(told, ["assigned, 0 retained", "assigned, 1 retained", "assigned, 0 retained"]);
  assert.deepEqual(records, []);
  assert.equal(await client(1).settings.retry.restartOnFailure(), true);
});

test("of two restarts and a stop, the last counts and none leaves a member behind", async () => {
  const { clients, client, consumer } = await rig();
  const ended: number[] = [];
  const watch = (at: number): void => {
    client(at).disconnect = async () => void ended.push(at);
  };
  watch(0);
  await Promise.all([consumer.restart(), consumer.restart()]);
  assert.deepEqual([clients.length, ended], [2, [0]]);
  watch(1);
  await Promise.all([consumer.restart(), consumer.stop()]);
  assert.deepEqual([clients.length, ended], [2, [0, 1]]);
});

test("what is paused stays paused over a crash and a restart, and can be asked for while nobody is there", async () => {
  const { client, consumer } = await rig();
  consumer.pause(["t"]);
  assert.deepEqual([...client(0).paused], [], "kafkajs takes no pause before it joined");
  client(0).join("m");
  assert.deepEqual([...client(0).paused], ["t"]);
  client(0).emit("STOP");
  consumer.resume(["t"]);
  consumer.pause(["t", "u"]);
  await consumer.restart();
  client(1).join("n");
  assert.deepEqual([...client(1).paused], ["t", "u"]);
});

test("a record keeps nothing alive of the fetch that brought it, unless it is most of it", async () => {
  const { client, records } = await rig();
  client(0).join("m");
  const response = Buffer.alloc(100_000, "x");
  const message = (offset: number, from: number, to: number) => ({
    offset: String(offset),
    timestamp: "1000",
    key: response.subarray(from, from + 10),
    value: response.subarray(from, to),
    headers: { a: [Buffer.from("1"), Buffer.from("2")] },
  });
  const messages = [message(0, 10, 110), message(1, 1_000, 90_000), { ...message(2, 0, 1), key: null, value: null }];
  let resolved = "";
  await client(0).eachBatch({
    batch: { topic: "t", partition: 0, messages, lastOffset: () => "2" },
    resolveOffset: (offset) => {
      resolved = offset;
    },
  });
  const [small, large, empty] = records;
  assert.equal(small?.value?.toString(), "x".repeat(100));
  assert.notEqual(small?.value?.buffer, response.buffer);
  assert.notEqual(small?.key?.buffer, response.buffer);
  assert.equal(large?.value?.buffer, response.buffer);
  assert.deepEqual([empty?.key, empty?.value, empty?.headers, resolved], [null, null, { a: "2" }, "2"]);
});
