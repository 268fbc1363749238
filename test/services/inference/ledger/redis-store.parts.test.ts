/** The attempt ledger's store on a real Redis. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Redis } from "ioredis";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import { RedisAttemptStore } from "../../../../services/inference/ledger/redis-store.ts";
import type { JobName, Swap } from "../../../../services/inference/ledger/store.ts";
import { connectGiven, is_cluster, keysOf, without_redis } from "../../../support/redis.ts";

describe("on Redis", { skip: without_redis }, () => {
  let redis: Redis;
  let store: RedisAttemptStore;
  /** Sees keys as they are. */
  let raw: Redis;
  before(async () => {
    raw = await connectGiven("ledger-test-raw");
    redis = await connectGiven("ledger-test", "test.");
    store = new RedisAttemptStore(redis);
  });
  after(() => {
    redis.disconnect();
    raw.disconnect();
  });

  const keyOf = async (kind: string, tenant: string): Promise<string> => {
    const [key, ...others] = await keysOf(raw, `*${kind}:{${tenant}}*`);
    assert.deepEqual([typeof key, others], ["string", []]);
    return key ?? "";
  };

  const newJob = (tenant = `test-${randomUUID()}`): JobName => ({ tenant, id: "r1", content_hash: "a".repeat(64) });
  const swap = (job: JobName, expected: string, next: string, counts?: Swap["counts"]) =>
    store.swap({ job, expected, next: Buffer.from(next), ttl_ms: 60_000, ...(counts === undefined ? {} : { counts }) });

  test("an entry is written where the line is the one expected, else it is told", async () => {
    const job = newJob();
    assert.equal(await store.read(job), "");
    assert.equal(await swap(job, "R a.1 0 0", "x"), "", "nothing is there");
    assert.equal(await swap(job, "", "R a.1 0 0"), undefined);
    assert.equal(await swap(job, "", "R b.1 0 0"), "R a.1 0 0");
    assert.equal(await swap(job, "R a.1 0", "x"), "R a.1 0 0", "the whole line counts");
    assert.equal(await swap(job, "R a.1 0 0", "D a.1 1 0 9"), undefined);
    assert.equal(await store.read(job), "D a.1 1 0 9");
  });

  test("only the first line is compared, and an entry of 1 MB with newlines is given back whole", async () => {
    const job = newJob();
    const answer = `A a.1 1 0\n${"{}"}\n${"täglich\r\n\n".repeat(100_000)}`;
    assert.equal(await swap(job, "", answer), undefined);
    assert.equal(await store.read(job), answer);
    assert.equal(await swap(job, "x", "P"), answer);
    assert.equal(await swap(job, "A a.1 1 0", "P"), undefined);
    assert.equal(await store.read(job), "P");
  });

  test("other content and other tenants are other jobs", async () => {
    const job = newJob();
    await swap(job, "", "one");
    assert.equal(await store.read({ ...job, content_hash: "b".repeat(64) }), "");
    assert.equal(await store.read({ ...newJob(), id: job.id }), "");
  });

  test("of many who expect the same one has it", async () => {
    const job = newJob();
    const seen = await Promise.all(Array.from({ length: 50 }, (_, run) => swap(job, "", `R a.${run} 0 0`)));
    const winners = seen.filter((one) => one === undefined);
    assert.equal(winners.length, 1);
    assert.equal(new Set(seen).size, 2, "all others see the winner's");
  });

  test("a tenant's totals grow with swaps that were made, and with no other", async () => {
    const job = newJob();
    await swap(job, "", "a", { unknown_calls: 1, duplicate_nusd: 0 });
    await swap(job, "not this", "b", { unknown_calls: 1, duplicate_nusd: 9 });
    await swap({ ...job, id: "r2" }, "", "a", { unknown_calls: 2, duplicate_nusd: 12_345_678_901 });
    const totals = await raw.hgetall(await keyOf("ledger", job.tenant));
    assert.deepEqual({ ...totals }, { unknown_calls: "3", duplicate_nusd: "12345678901" });
  });

  test("an entry lasts as long as was asked for", async () => {
    const job = newJob();
    await store.swap({ job, expected: "", next: Buffer.from("P"), ttl_ms: 30_000 });
    const left_ms = await raw.pttl(await keyOf("attempt", job.tenant));
    assert.ok(left_ms > 20_000 && left_ms <= 30_000);
  });

  // A cluster has one for each server.
  test("swaps of one turn go out as one pipeline", { skip: is_cluster }, async () => {
    const pipelines: number[] = [];
    const counting = Object.create(redis) as Redis;
    counting.pipeline = (...args: Parameters<Redis["pipeline"]>) => {
      const pipeline = redis.pipeline(...args);
      const exec = pipeline.exec.bind(pipeline);
      pipeline.exec = ((...more: []) => {
        pipelines.push(pipeline.length);
        return exec(...more);
      }) as typeof pipeline.exec;
      return pipeline;
    };
    const watched = new RedisAttemptStore(counting);
    const jobs = [newJob(), newJob(), newJob()];
    await Promise.all(jobs.map((job) => watched.swap({ job, expected: "", next: Buffer.from("P"), ttl_ms: 9_000 })));
    assert.deepEqual(pipelines, [3]);
  });

  test("of several swaps the one that the server refuses fails alone, and may be tried again", async () => {
    const [good, bad] = [newJob(), newJob()];
    const counts = { unknown_calls: 1, duplicate_nusd: 0 };
    await swap({ ...bad, id: "r0" }, "", "P", counts);
    const totals = await keyOf("ledger", bad.tenant);
    await raw.set(totals, "no hash");
    const [one, other] = await Promise.allSettled([swap(good, "", "P", counts), swap(bad, "", "P", counts)]);
    assert.equal(one?.status, "fulfilled");
    assert.ok(other?.status === "rejected" && isRetryable(other.reason));
    await raw.del(totals);
  });

  test("a worker lives while it says so, and until it leaves", async () => {
    const instance = `test-${randomUUID()}`;
    assert.equal(await store.isAlive(instance), false);
    await store.beat(instance, 30_000);
    assert.equal(await store.isAlive(instance), true);
    await store.leave(instance);
    assert.equal(await store.isAlive(instance), false);
  });

  test("a server that is away is a retryable error", async () => {
    const gone = await connectGiven("ledger-gone", "test.");
    const away = new RedisAttemptStore(gone);
    gone.disconnect();
    const job = newJob();
    await assert.rejects(away.swap({ job, expected: "", next: Buffer.from("P"), ttl_ms: 9_000 }), isRetryable);
    await assert.rejects(away.read(job), isRetryable);
    await assert.rejects(away.isAlive("x"), isRetryable);
  });
});
