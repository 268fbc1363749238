/** Event streams over real HTTP and a real Redis: readers that break off, gateways that end, a reader that stalls; nobody misses or repeats. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { get } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import Fastify, { type FastifyInstance } from "fastify";
import type { Redis } from "ioredis";
import { announce, drive } from "../../../../bench/streams/driver.ts";
import { follow } from "../../../../bench/streams/reader.ts";
import { differences, scriptOf } from "../../../../bench/streams/script.ts";
import { systemClock } from "../../../../libs/shared/clock.ts";
import { gatewaySchema } from "../../../../libs/shared/config/gateway.ts";
import { KEY_RANDOM_BYTES, makeKey } from "../../../../libs/shared/keys.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { streamKey } from "../../../../libs/shared/redis/job-keys.ts";
import { RedisJobViews } from "../../../../libs/shared/redis/job-views.ts";
import { tokenEntry } from "../../../../libs/shared/redis/token-events.ts";
import { KeyRing } from "../../../../services/gateway/keys.ts";
import { eventRoutes } from "../../../../services/gateway/routes/events.ts";
import { sendEvents } from "../../../../services/gateway/streams/events.ts";
import { RedisStreamReader } from "../../../../services/gateway/streams/reader.ts";
import { EventStreams } from "../../../../services/gateway/streams/sse.ts";
import { RedisWakes } from "../../../../services/gateway/streams/wakes.ts";
import { seededRandom } from "../../../../tools/mock-llm/hash.ts";
import { connectGiven, without_redis } from "../../../support/redis.ts";
import { until } from "../../../support/until.ts";

const { key, id: key_id, hash } = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 1));
const headers = { authorization: `Bearer ${key}` };
const keys = new KeyRing();
keys.apply({ id: key_id, record: { kind: "key", id: key_id, tenant: "demo", hash, scopes: ["read"], created_ms: 0 } });
const TTL_MS = 600_000;
const READERS = 50;

type Gateway = {
  readonly url: string;
  readonly streams: EventStreams;
  readonly wakes: RedisWakes;
  readonly stalled: () => number;
  close(): Promise<void>;
};

describe("event streams", { skip: without_redis }, () => {
  const prefix = `test-${randomUUID()}:`;
  const gateways: Gateway[] = [];
  let redis: Redis;
  let views: RedisJobViews;
  before(async () => {
    redis = await connectGiven("events-test", prefix);
    views = new RedisJobViews(redis, TTL_MS);
  });
  after(async () => {
    for (const gateway of gateways) await gateway.close();
    redis.disconnect();
  });

  /** What a gateway process has for its streams, with a server of its own. */
  async function startGateway(more: object = {}): Promise<Gateway> {
    const settings = gatewaySchema.parse({ streams: { look_ms: 1_000, ...more } }).streams;
    const subscription = await connectGiven("events-test-words", prefix);
    let stalled = 0;
    const count = (): void => {
      stalled += 1;
    };
    const streams = new EventStreams({ settings, clock: systemClock, stalled: count });
    const wakes = new RedisWakes(subscription, { settings, key_prefix: prefix, clock: systemClock });
    const events = sendEvents({
      ...{ settings, clock: systemClock, log: silentLog, wakes, streams, reader: new RedisStreamReader(redis) },
      view: (tenant, id) => views.read(tenant, id),
      job: async () => undefined,
    });
    const app: FastifyInstance = Fastify({ forceCloseConnections: "idle" });
    eventRoutes({ keys, events })(app);
    await app.listen({ host: "127.0.0.1", port: 0 });
    const close = async (): Promise<void> => {
      await streams.close();
      await app.close();
      wakes.stop();
      subscription.disconnect();
    };
    const gateway = {
      ...{ streams, wakes, close, stalled: () => stalled },
      url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`,
    };
    gateways.push(gateway);
    return gateway;
  }

  test("readers that break off and go on elsewhere, while a gateway ends, get everything once", async (context) => {
    const [staying, leaving] = await Promise.all([startGateway(), startGateway()]);
    const random = seededRandom(1);
    const scripts = Array.from({ length: READERS }, (_, at) => scriptOf(at, randomUUID(), 10 + (at % 10)));
    const options = { redis, key_prefix: prefix, tenant: "demo", step_ms: 60, signal: context.signal };
    await announce(scripts, options);
    let open = 0;
    let is_leaving = false;
    const leave = async (): Promise<void> => {
      is_leaving = true;
      await leaving.close();
    };
    let left: Promise<void> | undefined;
    const readers = scripts.map(({ id }) =>
      follow({
        url: () => `${(is_leaving || random() < 0.5 ? staying : leaving).url}/v1/requests/${id}/events`,
        headers,
        retry_ms: 5,
        signal: context.signal,
        got: (_event, connection) => {
          open += 1;
          // In the midst of it all.
          if (open === READERS * 8) left = leave();
          return connection > 8 || random() > 0.1;
        },
      }),
    );
    const driven = drive(scripts, options);
    const followed = await Promise.all(readers);
    assert.deepEqual(await driven, { dropped: 0 });
    assert.notEqual(left, undefined);
    await left;
    for (const [at, { events, status_after_end }] of followed.entries()) {
      const script = scripts[at];
      assert.ok(script !== undefined);
      assert.deepEqual(differences(script, events), { missing: 0, repeated: 0, odd: 0 }, `script ${at}`);
      assert.equal(status_after_end, 204);
    }
    assert.ok(followed.reduce((sum, { connections }) => sum + connections, 0) > 3 * READERS);
    await until("nobody is followed any more", () => staying.wakes.count + leaving.wakes.count === 0);
    assert.deepEqual([staying.streams.count, leaving.streams.count], [0, 0]);
  });

  test("a reader that stalls is cut off, is not read for meanwhile, and goes on where it was", async (context) => {
    const gateway = await startGateway({ stalled_ms_max: 1_000, unsent_bytes_max: 4_096 });
    const id = randomUUID();
    await views.queued("demo", id, systemClock.now_ms());
    // More than the sockets of both sides take.
    const chunk = JSON.stringify({ text: "x".repeat(64 * 1024) });
    const count = 400;
    const key_of_stream = streamKey("demo", id);
    await redis.xadd(key_of_stream, "1-0", ...tokenEntry({ kind: "start", attempt: 1, model: "m", endpoint: "e" }));
    for (let at = 1; at <= count; at += 1) {
      await redis.xadd(key_of_stream, `1-${at}`, ...tokenEntry({ kind: "token", chunk }));
    }
    await redis.pexpire(key_of_stream, TTL_MS);
    const url = `${gateway.url}/v1/requests/${id}/events`;
    const stalling = get(url, { headers, agent: false });
    stalling.on("error", () => undefined);
    stalling.on("response", (response) => response.pause().on("error", () => undefined));
    await until("it is cut off", () => gateway.stalled() === 1);
    await until("its stream is gone", () => gateway.streams.count === 0);
    stalling.destroy();

    const result = Buffer.from(JSON.stringify({ id, text: "y".repeat(300_000) }));
    await views.finish([{ tenant: "demo", id, status: "succeeded", result, reply_to: undefined }], 1);
    let seen = 0;
    const { events, connections } = await follow({
      url: () => url,
      headers,
      retry_ms: 5,
      signal: context.signal,
      got: () => {
        seen += 1;
        return seen !== count / 2;
      },
    });
    assert.deepEqual(
      events.map(({ event }) => event).filter((event) => event !== "queued"),
      ["attempt", ...Array.from({ length: count }, () => "token"), "ended"],
    );
    assert.deepEqual([connections, new Set(events.map((one) => one.id)).size], [2, events.length]);
    assert.equal(events.at(-1)?.data, `{"state":"ended","status":"succeeded","result":${result}}`);
  });
});
