/** What every store of jobs does, whatever it stands on. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { type JobItem, type JobStore, jobRequestId, type NewJob } from "../../../../libs/shared/jobs/job.ts";
import type { JobLeases } from "../../../../libs/shared/jobs/leases.ts";
import { START_MS } from "../../../../tools/simulate/virtual-clock.ts";

export type StoreUnderTest = {
  readonly store: JobStore;
  readonly leases: JobLeases;
  /** A request of the job has its result. */
  answer(tenant: string, job: string, request_id: string, status: string, cost_nusd: number): Promise<void>;
  /** Nothing of earlier tests is due. */
  clear(): Promise<void>;
};

const NOW_MS = START_MS + 5_000;
const LEASE = { owner: "one", now_ms: NOW_MS, until_ms: NOW_MS + 10_000 };

export function describeJobStore(name: string, open: () => StoreUnderTest, skip: string | false = false): void {
  describe(name, { skip }, () => {
    let under: StoreUnderTest;
    let store: JobStore;
    let leases: JobLeases;
    let job: NewJob;
    beforeEach(async () => {
      under = open();
      ({ store, leases } = under);
      await under.clear();
      job = newJob();
    });
    const tenant = `t-${randomUUID()}`;
    const newJob = (more: Partial<NewJob> = {}): NewJob => ({
      ...{ id: `batch_${randomUUID()}`, tenant, kind: "batch", spec: { odd: "\0 \ud800 é" }, state: { n: 1 } },
      ...{ key_id: "k1", created_ms: START_MS, deadline_ms: START_MS + 60_000 },
      ...more,
    });
    const item = (at: number, more: Partial<JobItem> = {}): JobItem => ({
      ...{ wave: 0, item: at, custom_id: `c${at}`, request_id: jobRequestId(job.id, 0, at) },
      ...{ at: at * 5_000_000_000, bytes: 10, tries: 1 },
      ...more,
    });
    const result = (request_id: string, status = "succeeded", cost_nusd = 7) =>
      under.answer(tenant, job.id, request_id, status, cost_nusd);

    test("finds a job as it was made, once, and for its tenant and kind alone", async () => {
      assert.equal(await store.create(job), true);
      assert.equal(await store.create({ ...job, spec: {} }), false);
      const whole = { ...job, status: "validating", updated_ms: START_MS };
      assert.deepEqual(await store.find(tenant, "batch", job.id), whole);
      assert.equal(await store.find("other", "batch", job.id), undefined);
      assert.equal(await store.find(tenant, "map_reduce", job.id), undefined);
      assert.equal(await store.cancel("other", "batch", job.id, NOW_MS), undefined);
      assert.equal(await store.reopen("other", job.id, {}, "in_progress", NOW_MS), false);
    });

    test("lists jobs, the latest first, page by page", async () => {
      const own = `t-${randomUUID()}`;
      const jobs = [0, 1, 1, 2].map((at) => newJob({ tenant: own, created_ms: START_MS + at }));
      for (const one of jobs) await store.create(one);
      const all = (await store.list(own, "batch", { limit: 10 })).map(({ id }) => id);
      const [first, twin, other_twin, last] = jobs.map(({ id }) => id) as [string, string, string, string];
      const twins = [twin, other_twin].sort().reverse();
      assert.deepEqual(all, [last, ...twins, first]);
      const page = await store.list(own, "batch", { after: all[1] as string, limit: 1 });
      assert.deepEqual(
        page.map(({ id }) => id),
        [all[2]],
      );
      assert.deepEqual(await store.list(own, "batch", { after: first, limit: 5 }), []);
    });

    test("leases what is due to one at a time, until the lease ends", async () => {
      await store.create(job);
      const [leased] = await leases.lease(LEASE, 5);
      assert.deepEqual([leased?.job.id, leased?.tries], [job.id, 1]);
      assert.deepEqual(await leases.lease({ ...LEASE, owner: "two" }, 5), []);
      assert.equal(await leases.renew(job.id, "one", NOW_MS + 20_000), true);
      assert.equal(await leases.renew(job.id, "two", NOW_MS + 20_000), false);
      assert.deepEqual(await leases.lease({ ...LEASE, owner: "two", now_ms: NOW_MS + 15_000 }, 5), []);
      const later = { owner: "two", now_ms: NOW_MS + 20_000, until_ms: NOW_MS + 30_000 };
      const [taken] = await leases.lease(later, 5);
      assert.deepEqual([taken?.job.id, taken?.tries], [job.id, 2]);
      const end = { status: "in_progress", state: { n: 2 }, wake_ms: 0 } as const;
      assert.equal(await leases.save(leased?.job as never, "one", end, NOW_MS), undefined);
      assert.equal(await leases.renew(job.id, "one", NOW_MS + 90_000), false);
      await leases.giveBack(job.id, "one", NOW_MS, false);
      assert.deepEqual((await store.find(tenant, "batch", job.id))?.state, { n: 1 });
    });

    test("saves steps under the lease: kept for the next one, given back to wait", async () => {
      await store.create(job);
      const [leased] = await leases.lease(LEASE, 5);
      const on = { status: "in_progress", state: { n: 2 }, wake_ms: 0 } as const;
      const saved = await leases.save(leased?.job as never, "one", on, NOW_MS);
      assert.deepEqual([saved?.status, saved?.state, saved?.updated_ms], ["in_progress", { n: 2 }, NOW_MS]);
      const waits = { status: "in_progress", state: { n: 3 }, wake_ms: 4_000 } as const;
      assert.ok(await leases.save(saved as never, "one", waits, NOW_MS));
      assert.equal(await leases.save(saved as never, "one", waits, NOW_MS), undefined);
      const two = { owner: "two", now_ms: NOW_MS + 3_999, until_ms: NOW_MS + 9_000 };
      assert.deepEqual(await leases.lease(two, 5), []);
      const [woken] = await leases.lease(two, 5, [job.id]);
      assert.deepEqual([woken?.job.id, woken?.tries], [job.id, 1]);
      await leases.giveBack(job.id, "two", NOW_MS + 4_000, true);
      const [due] = await leases.lease({ ...two, owner: "three", now_ms: NOW_MS + 4_000 }, 5);
      assert.equal(due?.tries, 2);
      await leases.giveBack(job.id, "three", NOW_MS + 4_000, false);
      const [again] = await leases.lease({ ...two, owner: "four", now_ms: NOW_MS + 4_000 }, 5);
      assert.equal(again?.tries, 2);
    });

    test("wakes a job that is cancelled, also during a step", async () => {
      await store.create(job);
      const [leased] = await leases.lease(LEASE, 5);
      const cancelled = await store.cancel(tenant, "batch", job.id, NOW_MS + 10);
      assert.equal(cancelled?.cancel_ms, NOW_MS + 10);
      assert.equal((await store.cancel(tenant, "batch", job.id, NOW_MS + 20))?.cancel_ms, NOW_MS + 10);
      const waits = { status: "in_progress", state: {}, wake_ms: 60_000 } as const;
      const saved = await leases.save(leased?.job as never, "one", waits, NOW_MS + 30);
      assert.equal(saved?.cancel_ms, NOW_MS + 10);
      const [due] = await leases.lease({ owner: "two", now_ms: NOW_MS + 30, until_ms: NOW_MS + 99 }, 5);
      assert.equal(due?.job.cancel_ms, NOW_MS + 10);
      await leases.save(due?.job as never, "two", waits, NOW_MS + 40);
      assert.deepEqual(await leases.lease({ owner: "three", now_ms: NOW_MS + 5_000, until_ms: NOW_MS + 9_000 }, 5), []);
    });

    test("has an ended job due until it is settled, then removes it in time, or drives it again", async () => {
      await store.create(job);
      const [leased] = await leases.lease(LEASE, 5);
      const end = { status: "failed", state: {}, wake_ms: 0, error: { code: "x", message: "y" } } as const;
      const saved = await leases.save(leased?.job as never, "one", end, NOW_MS);
      assert.deepEqual([saved?.ended_ms, saved?.error], [NOW_MS, end.error]);
      assert.equal((await store.cancel(tenant, "batch", job.id, NOW_MS))?.cancel_ms, undefined);
      const [untold] = await leases.lease({ owner: "two", now_ms: LEASE.until_ms, until_ms: LEASE.until_ms + 1 }, 5);
      assert.equal(untold?.job.status, "failed");
      assert.equal(await leases.removeEnded(NOW_MS + 1, 5), 0);
      await leases.settle(job.id, "one");
      await leases.settle(job.id, "two");
      const later = { owner: "three", now_ms: NOW_MS + 90_000, until_ms: NOW_MS + 99_000 };
      assert.deepEqual(await leases.lease(later, 5), []);
      assert.equal(await store.reopen(tenant, job.id, { n: 9 }, "in_progress", NOW_MS), true);
      assert.equal(await store.reopen(tenant, job.id, { n: 9 }, "in_progress", NOW_MS), false);
      const [again] = await leases.lease(later, 5);
      assert.deepEqual([again?.job.state, again?.job.ended_ms, again?.job.error], [{ n: 9 }, undefined, undefined]);
      await store.addItems(job.id, [item(0)]);
      await leases.save(again?.job as never, "three", { ...end, status: "completed" }, NOW_MS);
      await leases.settle(job.id, "three");
      assert.equal(await leases.removeEnded(NOW_MS, 5), 0);
      assert.equal(await leases.removeEnded(NOW_MS + 1, 5), 1);
      assert.equal(await store.find(tenant, "batch", job.id), undefined);
    });

    test("adds items once, and tells of names that are another's", async () => {
      await store.create(job);
      assert.deepEqual(await store.addItems(job.id, [item(0), item(1), item(3)]), []);
      assert.deepEqual(await store.addItems(job.id, [item(1), item(2), item(4, { custom_id: "c0" })]), ["c0"]);
      assert.deepEqual(await store.addItems(job.id, [item(5), item(6, { custom_id: "c5" })]), ["c5"]);
      const items = await store.items(job.id, 0, 1, 3);
      assert.deepEqual(items, [item(1), item(2), item(3)]);
      const other = newJob();
      await store.create(other);
      assert.deepEqual(await store.addItems(other.id, [item(0)]), []);
    });

    test("gives items with what became of them, by their statuses", async () => {
      await store.create(job);
      await store.addItems(job.id, [item(0), item(1), item(2), item(3)]);
      await result(jobRequestId(job.id, 0, 0));
      await result(jobRequestId(job.id, 0, 2), "failed");
      await store.retryItems(job.id, [{ ...item(3), request_id: `${jobRequestId(job.id, 0, 3)}.closed` }]);
      await result(jobRequestId(job.id, 0, 3));
      const by = async (...statuses: string[]) =>
        (await store.results(job, 0, 0, 10, "status", statuses.length === 0 ? undefined : statuses)).map((one) => [
          one.item,
          one.status,
        ]);
      const whole = [
        [0, "succeeded"],
        [1, undefined],
        [2, "failed"],
        [3, undefined],
      ];
      assert.deepEqual(await by(), whole);
      assert.deepEqual(await by("succeeded", "failed"), [whole[0], whole[2]]);
      assert.deepEqual(await by("pending"), [whole[1]]);
      assert.deepEqual(await by("closed", "failed"), [whole[2], whole[3]]);
      const [first] = await store.results(job, 0, 0, 1, "result");
      assert.equal(JSON.parse(first?.result ?? "null").id, jobRequestId(job.id, 0, 0));
      assert.equal((await store.results(job, 0, 0, 1, "status"))[0]?.result, undefined);
      assert.equal((await store.results({ id: job.id, tenant: "other" }, 0, 0, 1, "status"))[0]?.status, undefined);
    });

    test("counts a shared request once, and the cost of all tries of the wave", async () => {
      await store.create(job);
      assert.deepEqual(await store.counts(job, 0), { items: 0, requests: 0, ended: {}, cost_nusd: 0 });
      const shared = jobRequestId(job.id, 0, 0);
      const items = [0, 1, 2].map((at) => item(at, { request_id: shared }));
      await store.addItems(job.id, [...items, item(3), item(4), { ...item(0), wave: 1, custom_id: "w" }]);
      await result(shared, "succeeded", 5);
      await result(jobRequestId(job.id, 0, 3), "failed", 3);
      await store.retryItems(job.id, [{ ...item(3), request_id: jobRequestId(job.id, 0, 3, 2), tries: 2 }]);
      await result(jobRequestId(job.id, 1, 0), "succeeded", 100);
      assert.deepEqual(await store.counts(job, 0), { items: 5, requests: 3, ended: { succeeded: 1 }, cost_nusd: 8 });
      await result(jobRequestId(job.id, 0, 3, 2), "succeeded", 2);
      const counts = await store.counts(job, 0);
      assert.deepEqual([counts.ended, counts.cost_nusd], [{ succeeded: 2 }, 10]);
      const [, , , again] = await store.items(job.id, 0, 0, 10);
      assert.deepEqual(again, item(3, { request_id: jobRequestId(job.id, 0, 3, 2), tries: 2 }));
    });
  });
}
