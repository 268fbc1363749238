/** How much of 64 calls in flight one partition keeps busy, with the order of sessions kept, beside two usual ways to do the work. */
import { setTimeout as sleep } from "node:timers/promises";
import { Queue } from "bullmq";
import { systemClock } from "../../../libs/shared/clock.ts";
import { BatchingProducer } from "../../../libs/shared/kafka/producer.ts";
import { chatBody, type JobSpec } from "../jobs.ts";
import { runPeer } from "../peers/run.ts";
import type { Bench, Scenario } from "../scenario.ts";
import type { InferenceStack, Outcome } from "../stack.ts";
import { orderBreaks, type SessionCall, steadyRate } from "../windows.ts";

const IN_FLIGHT = 64;
const CALL_MS = 500;
const IDEAL_PER_S = (IN_FLIGHT * 1_000) / CALL_MS;
const SESSIONS = 16;
/** Until the services are compiled and the calls in flight are at their number. */
const WARM_UP_MS = 5_000;
/** One call at a time needs no longer to show its rate. */
const EACH_MESSAGE_MS_MAX = 15_000;
const TIER = "small";

export const concurrency: Scenario = {
  name: "concurrency",
  summary: `one partition, ${IN_FLIGHT} calls of ${CALL_MS} ms in flight, half of them of ${SESSIONS} sessions; beside kafkajs and BullMQ`,
  seconds: 30,
  async run(bench) {
    const stack = await bench.start({
      partitions: 1,
      tiers: { [TIER]: { in_flight_max: IN_FLIGHT } },
      mock: { latency_ms: CALL_MS },
    });
    const ours = await sluice(bench, stack);
    await stack.supervisor.stop(["inference"]);
    bench.say("the same calls by a kafkajs consumer, one after the other");
    const each_message = await eachMessage(bench, stack);
    bench.say("the same calls by a BullMQ worker");
    const bullmq = await bullMq(bench, stack);
    const name = "calls a second";
    return [
      {
        name,
        value: ours.per_s,
        unit: "/s",
        target: { at_least: 0.95 * IDEAL_PER_S },
        beside: { name: "ideal", value: IDEAL_PER_S },
      },
      { name, value: ours.per_s, unit: "/s", beside: { name: "kafkajs eachMessage", value: each_message } },
      { name, value: ours.per_s, unit: "/s", beside: { name: "BullMQ worker", value: bullmq } },
      { name: "outcomes that are not succeeded, or a repeat", value: ours.wrong, unit: "", target: { at_most: 0 } },
      {
        name: `breaks of order among ${ours.session_calls} calls of sessions`,
        value: ours.breaks,
        unit: "",
        target: { at_most: 0 },
      },
    ];
  },
};

/** More than can be done in the time, so that there is always something to do. */
function backlog({ seconds }: Bench): number {
  return Math.ceil(IDEAL_PER_S * (seconds + (2 * WARM_UP_MS) / 1_000));
}

/** Every other job belongs to a session. A session gets on by two calls a second: what waits for it waits behind no other. */
function jobAt(at: number): JobSpec {
  const id = `concurrency-${at}`;
  const body = chatBody(id);
  if (at % 2 === 0) return { id, tier: TIER, kind: "chat", body };
  const number = (at - 1) / 2;
  const session = `session-${number % SESSIONS}`;
  return { id: `${session}.${Math.floor(number / SESSIONS)}`, tier: TIER, kind: "chat", body, session };
}

async function sluice(bench: Bench, stack: InferenceStack) {
  const outcomes: Outcome[] = [];
  await stack.onOutcome((outcome) => outcomes.push(outcome));
  await stack.produce(2 * backlog(bench), jobAt);
  const from_ms = systemClock.now_ms() + WARM_UP_MS;
  bench.say(`${IN_FLIGHT} calls in flight for ${bench.seconds} s`);
  await sleep(WARM_UP_MS + bench.seconds * 1_000);
  const heads = outcomes.map(({ head }) => head);
  const times = heads.map(({ timing }) => timing.completed ?? 0);
  const unique = new Set(heads.map(({ id }) => id)).size;
  const calls = heads.flatMap(({ id, timing }): SessionCall[] => {
    const [session = "", index] = id.split(".");
    if (index === undefined) return [];
    const { dispatched = 0, completed = 0 } = timing;
    return [{ session, index: Number(index), dispatched_ms: dispatched, completed_ms: completed }];
  });
  return {
    per_s: steadyRate(times, from_ms, from_ms + bench.seconds * 1_000, IN_FLIGHT),
    wrong: heads.filter(({ status }) => status !== "succeeded").length + heads.length - unique,
    breaks: orderBreaks(calls),
    session_calls: calls.length,
  };
}

async function eachMessage(bench: Bench, stack: InferenceStack): Promise<number> {
  const { kafka } = stack.context;
  const [from, to] = ["peer.jobs", "peer.outcomes"];
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [from, to].map((topic) => ({ topic, numPartitions: 1 })), waitForLeaders: true });
  await admin.disconnect();
  const producer = new BatchingProducer(kafka, stack.context.settings.producer);
  await producer.connect();
  const bodies = Array.from({ length: backlog(bench) }, (_, at) => peerBody(`each-${at}`));
  await producer.publish(bodies.map((body, at) => ({ topic: from, key: `each-${at}`, value: Buffer.from(body) })));
  await producer.close();
  const run_ms = Math.min(EACH_MESSAGE_MS_MAX, bench.seconds * 1_000);
  const times = await runPeer("./each-message.ts", [stack.parts.urls.kafka, from, to, stack.mock.base_url], run_ms);
  return steadyRate(times, 0, Number.POSITIVE_INFINITY, 1);
}

async function bullMq(bench: Bench, stack: InferenceStack): Promise<number> {
  const name = "peer";
  const redis_url = stack.parts.urls.redis;
  const queue = new Queue(name, { connection: { url: redis_url } });
  const jobs = Array.from({ length: backlog(bench) }, (_, at) => ({ name, data: { body: peerBody(`bull-${at}`) } }));
  await queue.addBulk(jobs);
  await queue.close();
  const from_ms = systemClock.now_ms() + WARM_UP_MS;
  const args = [redis_url, name, String(IN_FLIGHT), stack.mock.base_url];
  const times = await runPeer("./bullmq.ts", args, WARM_UP_MS + bench.seconds * 1_000);
  return steadyRate(times, from_ms, Number.POSITIVE_INFINITY, IN_FLIGHT);
}

function peerBody(id: string): string {
  return JSON.stringify({ ...chatBody(id), model: TIER });
}
