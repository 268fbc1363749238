/** Following a request or a job, on streams in memory and in virtual time: what is said when, and what when something is away. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Fastify from "fastify";
import { SseReader } from "../../../../bench/streams/sse-reader.ts";
import { gatewaySchema } from "../../../../libs/shared/config/gateway.ts";
import { unavailable } from "../../../../libs/shared/errors.ts";
import { KEY_RANDOM_BYTES, makeKey } from "../../../../libs/shared/keys.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import type { JobView } from "../../../../libs/shared/redis/job-views.ts";
import type { FollowedState, JobProgress } from "../../../../libs/shared/redis/request-events.ts";
import type { TokenEvent } from "../../../../libs/shared/redis/token-events.ts";
import { KeyRing } from "../../../../services/gateway/keys.ts";
import { eventRoutes } from "../../../../services/gateway/routes/events.ts";
import type { StreamReader, Wakes } from "../../../../services/gateway/streams/contract.ts";
import { compareEntryIds } from "../../../../services/gateway/streams/event-ids.ts";
import { sendEvents } from "../../../../services/gateway/streams/events.ts";
import { EventStreams } from "../../../../services/gateway/streams/sse.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const { key, id: key_id, hash } = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 1));
const LOOK_MS = 5_000;
const RESULT = '{"id":"r1","status":"succeeded"}';
const ENDED_DATA = `{"state":"ended","status":"succeeded","result":${RESULT}}`;
const START = { kind: "start", attempt: 1, model: "m", endpoint: "e" } as const;
const END = { kind: "end", status: "succeeded" } as const;

/** Streams of one request, and words and looks for whoever follows it. */
class MemoryStreams implements Wakes, StreamReader {
  readonly #clock: VirtualClock;
  readonly #wakes = new Set<() => void>();
  readonly #states: { id: string; state: FollowedState }[] = [];
  readonly #tokens: { id: string; event: TokenEvent }[] = [];
  away = false;
  reads = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#wakes.size;
  }

  tell(...states: FollowedState[]): void {
    for (const state of states) this.#states.push({ id: `${100 + this.#states.length}-0`, state });
    for (const wake of this.#wakes) wake();
  }

  token(...events: (TokenEvent | string)[]): void {
    for (const one of events) {
      const event = typeof one === "string" ? ({ kind: "token", chunk: one } as const) : one;
      this.#tokens.push({ id: `200-${this.#tokens.length}`, event });
    }
    for (const wake of this.#wakes) wake();
  }

  async follow(_tenant: string, _id: string, wake: () => void) {
    this.#check();
    this.#wakes.add(wake);
    const look = (): void => {
      if (!this.#wakes.has(wake)) return;
      wake();
      this.#clock.after(LOOK_MS, look);
    };
    this.#clock.after(LOOK_MS, look);
    return { close: () => void this.#wakes.delete(wake) };
  }

  async states(_tenant: string, _id: string, after?: string) {
    this.#check();
    this.reads += 1;
    return this.#states.filter(({ id }) => after === undefined || compareEntryIds(id, after) > 0);
  }

  async tokens(_tenant: string, _id: string, after: string | undefined, limit: number) {
    this.#check();
    return this.#tokens.filter(({ id }) => after === undefined || compareEntryIds(id, after) > 0).slice(0, limit);
  }

  #check(): void {
    if (this.away) throw unavailable("redis", new Error("refused"));
  }
}

function setUp(open_max = 10) {
  const clock = new VirtualClock();
  const keys = new KeyRing();
  keys.apply({
    id: key_id,
    record: { kind: "key", id: key_id, tenant: "demo", hash, scopes: ["read"], created_ms: 0 },
  });
  const redis = new MemoryStreams(clock);
  const views = new Map<string, JobView>();
  const jobs = new Map<string, JobProgress>();
  const settings = gatewaySchema.parse({ streams: { open_max, look_ms: LOOK_MS } }).streams;
  const streams = new EventStreams({ settings, clock });
  const events = sendEvents({
    ...{ settings, clock, log: silentLog, wakes: redis, reader: redis, streams },
    view: async (tenant, id) => views.get(`${tenant} ${id}`),
    job: async (tenant, id) => jobs.get(`${tenant} ${id}`),
  });
  const app = Fastify();
  app.setErrorHandler((error, _http, reply) => reply.code(503).send(String(error)));
  eventRoutes({ keys, events })(app);
  app.get<{ Params: { id: string } }>("/jobs/:id/events", (http, reply) =>
    events(http, reply, { tenant: "demo", id: http.params.id, kind: "job" }),
  );
  const get = (id: string, last?: string, path = "/v1/requests") =>
    app.inject({
      method: "GET",
      url: `${path}/${id}/events`,
      headers: { authorization: `Bearer ${key}`, ...(last === undefined ? {} : { "last-event-id": last }) },
    });
  const pass = async (ms: number): Promise<void> => {
    clock.after(ms, () => undefined);
    await clock.run(() => false, clock.now_ms() + ms);
  };
  const end = (id = "r1"): void => void views.set(`demo ${id}`, { status: "succeeded", updated_ms: 1, result: RESULT });
  const running = (status: JobView["status"] = "running"): void => void views.set("demo r1", { status, updated_ms: 1 });
  return { redis, views, jobs, streams, get, pass, end, running, app };
}

const read = (body: string) => new SseReader().take(body);
const names = (body: string): string[] => read(body).map(({ event, data }) => (event === "token" ? data : event));

describe("following a request", () => {
  test("says what happens as it happens, the Result at the end, and closes", async () => {
    const { redis, get, pass, end, running } = setUp();
    running("queued");
    const reply = get("r1");
    await pass(10);
    redis.tell({ state: "admitted" }, { state: "admitted" });
    await pass(10);
    running();
    redis.tell({ state: "started", attempt: 1 });
    redis.token(START, "a");
    await pass(10);
    redis.token("b", END);
    end();
    redis.tell({ state: "ended", status: "succeeded" });
    await pass(10);
    const { statusCode, headers, body } = await reply;
    assert.deepEqual(
      [statusCode, headers["content-type"], headers["cache-control"], headers["x-accel-buffering"]],
      [200, "text/event-stream; charset=utf-8", "no-store", "no"],
    );
    assert.match(body, /^retry: \d+\n/);
    // Some readers take anything else that an empty line ends for an event without data.
    for (const block of body.split("\n\n").slice(0, -1)) assert.match(block, /^data: /m);
    assert.deepEqual(names(body), ["queued", "admitted", "started", "attempt", "a", "b", "ended"]);
    assert.deepEqual(read(body).at(-1), { id: "ended~200-3", event: "ended", data: ENDED_DATA });
    assert.equal(redis.count, 0);
  });

  test("goes on after the last event, by header or in the address; after `ended` there is nothing more", async () => {
    const { redis, get, pass, end, app } = setUp();
    redis.tell({ state: "admitted" }, { state: "started", attempt: 1 }, { state: "ended", status: "succeeded" });
    redis.token(START, "a", "b", END);
    end();
    const resumed = get("r1", "100-0~200-1");
    await pass(10);
    assert.deepEqual(names((await resumed).body), ["started", "b", "ended"]);
    const by_address = app.inject({
      url: "/v1/requests/r1/events?last_event_id=101-0~200-2",
      headers: { authorization: `Bearer ${key}` },
    });
    await pass(10);
    assert.deepEqual(names((await by_address).body), ["ended"]);
    const done = await get("r1", "ended~200-3");
    assert.deepEqual([done.statusCode, done.body], [204, ""]);
  });

  test("by Kafka has the states of its view, and its end within a look", async () => {
    const { get, pass, end, running } = setUp();
    running("queued");
    const reply = get("r1");
    await pass(LOOK_MS + 10);
    running();
    await pass(LOOK_MS);
    end();
    await pass(2 * LOOK_MS);
    assert.deepEqual(names((await reply).body), ["queued", "running", "ended"]);
  });

  test("waits a moment for the last tokens when the end was told first, and no longer", async () => {
    const { redis, get, pass, end, running } = setUp();
    running();
    redis.tell({ state: "admitted" });
    redis.token(START, "a");
    const [early, late] = [get("r1"), get("r1", "100-0~200-1")];
    await pass(10);
    end();
    redis.tell({ state: "ended", status: "succeeded" });
    await pass(100);
    redis.token("b", END);
    await pass(10);
    assert.deepEqual(names((await early).body), ["admitted", "attempt", "a", "b", "ended"]);
    assert.deepEqual(names((await late).body), ["b", "ended"]);
    const cut = setUp();
    cut.running();
    cut.redis.tell({ state: "ended", status: "succeeded" });
    cut.redis.token(START, "a");
    cut.end();
    const reply = cut.get("r1");
    await cut.pass(1_100);
    assert.deepEqual(names((await reply).body), ["attempt", "a", "ended"]);
  });

  test("whose streams are gone has its end at once; also without Redis", async () => {
    const { redis, get, pass, end } = setUp();
    end();
    const gone = get("r1");
    await pass(10);
    assert.deepEqual(names((await gone).body), ["ended"]);
    redis.away = true;
    const away = get("r1");
    await pass(10);
    assert.deepEqual(names((await away).body), ["ended"]);
  });

  test("outlives Redis going away, and is 503 for whoever comes meanwhile", async () => {
    const { redis, get, pass, end, running } = setUp();
    running();
    redis.tell({ state: "admitted" });
    const reply = get("r1");
    await pass(10);
    redis.away = true;
    redis.tell({ state: "started", attempt: 1 });
    await pass(2 * LOOK_MS);
    assert.equal((await get("r1")).statusCode, 503);
    assert.equal(redis.count, 1);
    redis.away = false;
    await pass(LOOK_MS);
    end();
    redis.tell({ state: "ended", status: "succeeded" });
    await pass(10);
    assert.deepEqual(names((await reply).body), ["admitted", "started", "ended"]);
  });

  test("its end reaches a reader also when nobody could tell of it", async () => {
    const { redis, get, pass, end, running } = setUp();
    running();
    redis.tell({ state: "admitted" });
    const reply = get("r1");
    await pass(10);
    end();
    await pass(7 * LOOK_MS);
    assert.deepEqual(names((await reply).body), ["admitted", "ended"]);
  });

  test("is 404 for an id that is unknown or another tenant's, 400 for an id of an event that is none, 503 when all places are taken", async () => {
    const { get, pass, views, running, redis, app } = setUp(1);
    views.set("another r2", { status: "succeeded", updated_ms: 1, result: RESULT });
    for (const id of ["r1", "r2"]) {
      const reply = await get(id);
      assert.deepEqual([reply.statusCode, reply.json().error.code], [404, "not_found"]);
    }
    running();
    const odd = await get("r1", "7");
    assert.deepEqual([odd.statusCode, odd.json().error.code], [400, "invalid_request"]);
    void get("r1");
    await pass(10);
    const full = await get("r1");
    assert.deepEqual([full.statusCode, full.headers["retry-after"], redis.count], [503, "2", 1]);
    assert.equal((await app.inject("/v1/requests/r1/events")).statusCode, 401);
  });

  test("ends when the process does", async () => {
    const { redis, streams, get, pass, running } = setUp();
    running();
    const reply = get("r1");
    await pass(10);
    await streams.close();
    assert.deepEqual(names((await reply).body), ["running"]);
    assert.equal(redis.count, 0);
  });

  test("with many tokens reads them all", async () => {
    const { redis, get, pass, end } = setUp();
    const chunks = Array.from({ length: 1_234 }, (_, at) => String(at));
    redis.token(START, ...chunks, END);
    end();
    const reply = get("r1");
    await pass(10);
    assert.deepEqual(names((await reply).body), ["attempt", ...chunks, "ended"]);
  });
});

describe("following a job", () => {
  test("says how far it is, and how it ended", async () => {
    const { redis, jobs, get, pass } = setUp();
    const progress = (done: number) => ({ state: "progress", done }) as const;
    jobs.set("demo b1", progress(0));
    const reply = get("b1", undefined, "/jobs");
    await pass(10);
    for (const done of [1, 2]) {
      redis.tell(progress(done));
      await pass(10);
    }
    const ended = { state: "ended", status: "completed", done: 2 } as const;
    jobs.set("demo b1", ended);
    redis.tell(ended);
    await pass(10);
    assert.deepEqual(
      read((await reply).body).map(({ event, data }) => [event, JSON.parse(data).done]),
      [
        ["progress", 0],
        ["progress", 1],
        ["progress", 2],
        ["ended", 2],
      ],
    );
    assert.equal((await get("b1", "ended~-", "/jobs")).statusCode, 204);
    assert.equal((await get("b2", undefined, "/jobs")).statusCode, 404);
  });

  test("that ended again while its reader was away tells of that end", async () => {
    const { redis, jobs, get, pass } = setUp();
    redis.tell({ state: "ended", done: 1 }, { state: "progress", done: 2 }, { state: "ended", done: 2 });
    jobs.set("demo b1", { state: "ended", done: 2, ended_ms: 2_000 });
    const reply = get("b1", "ended.1000~-", "/jobs");
    await pass(10);
    assert.equal(read((await reply).body).at(-1)?.id, "ended.2000~-");
    assert.equal((await get("b1", "ended.2000~-", "/jobs")).statusCode, 204);
  });

  test("that was opened again is followed again", async () => {
    const { redis, jobs, get, pass } = setUp();
    redis.tell({ state: "progress", done: 1 }, { state: "ended", done: 1 });
    jobs.set("demo b1", { state: "progress", done: 1 });
    const reply = get("b1", "ended~-", "/jobs");
    await pass(10);
    redis.tell({ state: "progress", done: 2 });
    await pass(10);
    jobs.set("demo b1", { state: "ended", done: 3 });
    redis.tell({ state: "ended", done: 3 });
    await pass(10);
    assert.deepEqual(
      read((await reply).body).map(({ event, data }) => [event, JSON.parse(data).done]),
      [
        ["progress", 2],
        ["ended", 3],
      ],
    );
  });
});
