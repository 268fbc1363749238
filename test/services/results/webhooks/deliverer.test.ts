/** The deliverer on a store in memory and virtual time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { webhooksSchema } from "../../../../libs/shared/config/gateway.ts";
import { unavailable } from "../../../../libs/shared/errors.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import type { Called, PostOnce } from "../../../../libs/shared/webhooks/guarded-client.ts";
import { type DelivererDeps, WebhookDeliverer } from "../../../../services/results/webhooks/deliverer.ts";
import type {
  AfterAttempt,
  Attempt,
  DeliveryStore,
  Due,
  LeaseAsk,
} from "../../../../services/results/webhooks/store.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

type Row = Due & { next_ms: number; status: string };
const SECOND_MS = 1_000;

/** As the real one, with one host or tenant full at its maximum. */
class MemoryDeliveries implements DeliveryStore {
  readonly rows: Row[] = [];
  readonly saved: (Omit<Attempt, "status"> & AfterAttempt & { readonly id: string })[] = [];
  readonly events: string[] = [];
  readonly sweeps: number[] = [];
  away = 0;

  add(id: string, more: Partial<Row> = {}): void {
    const signer = { tenant: "demo", id: "wh_1", secret_version: 1, old_secret_until_ms: null };
    this.rows.push({
      ...{ id, event_id: `evt_${id}`, tenant: "demo", webhook: "wh_1", url: "https://a.example/x", host: "a.example" },
      ...{ type: "request.completed", subject: id, at_ms: START_MS, tries: 0, lease: "", signer },
      ...{ next_ms: START_MS, status: "pending", ...more },
    });
  }

  async lease({ now_ms, lease_ms, lease, count, host_max, tenant_max, hosts, tenants }: LeaseAsk): Promise<Due[]> {
    this.#fail();
    const [by_host, by_tenant] = [new Map(hosts), new Map(tenants)];
    const taken: Row[] = [];
    for (const row of this.rows.filter(({ status, next_ms }) => status === "pending" && next_ms <= now_ms)) {
      const [host, tenant] = [by_host.get(row.host) ?? 0, by_tenant.get(row.tenant) ?? 0];
      if (taken.length >= count || host >= host_max || tenant >= tenant_max) continue;
      by_host.set(row.host, host + 1);
      by_tenant.set(row.tenant, tenant + 1);
      Object.assign(row, { lease, next_ms: now_ms + lease_ms });
      taken.push(row);
    }
    return taken.map((row) => ({ ...row }));
  }

  async save({ id, lease }: Due, attempt: Attempt, after: AfterAttempt): Promise<void> {
    this.#fail();
    const row = this.rows.find((one) => one.id === id && one.lease === lease);
    if (row === undefined) return;
    this.saved.push({ id, ...attempt, ...after });
    Object.assign(row, { tries: row.tries + 1, status: after.status, next_ms: after.next_ms ?? row.next_ms });
  }

  async drop({ id }: Due): Promise<void> {
    this.events.push(`drop ${id}`);
    for (const row of this.rows.filter((one) => one.id === id)) row.status = "dropped";
  }

  async disable({ webhook }: Due): Promise<void> {
    this.events.push(`disable ${webhook}`);
    for (const row of this.rows.filter((one) => one.webhook === webhook && one.status === "pending"))
      row.status = "dropped";
  }

  async sweep(now_ms: number): Promise<number> {
    this.sweeps.push(now_ms);
    return 0;
  }

  #fail(): void {
    if (this.away <= 0) return;
    this.away -= 1;
    throw unavailable("postgres", new Error("gone"));
  }
}

type Sent = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly at_ms: number;
};

function setUp(
  answer: (sent: Sent) => Called | Promise<Called>,
  more: Partial<DelivererDeps> = {},
  settings: object = {},
) {
  const clock = new VirtualClock();
  const store = new MemoryDeliveries();
  const sent: Sent[] = [];
  const outcomes: string[] = [];
  const post: PostOnce = async (url, headers, body) => {
    const one = { url, headers, body, at_ms: clock.now_ms() };
    sent.push(one);
    return answer(one);
  };
  let leases = 0;
  const deliverer = new WebhookDeliverer({
    ...{ store, post, clock, log: silentLog, secret_key: "k", random: () => 0.5 },
    findResult: async (_tenant, id) => JSON.stringify({ id, status: "succeeded" }),
    settings: webhooksSchema.parse(settings),
    leaseName: () => `lease-${++leases}`,
    count: (outcome) => outcomes.push(outcome),
    ...more,
  });
  const run = (until_s: number, done: () => boolean = () => false) => clock.run(done, START_MS + until_s * SECOND_MS);
  return { clock, store, sent, outcomes, deliverer, run };
}

const ok = (): Called => ({ kind: "answered", status: 200, duration_ms: 3 });
const broken = (): Called => ({ kind: "failed", why: "the connection broke", duration_ms: 3 });

describe("the deliverer", () => {
  test("sends what is due, signed, with the Result of the moment", async () => {
    const { store, sent, outcomes, deliverer, run } = setUp(ok);
    store.add("r1");
    deliverer.start();
    await run(1);
    assert.equal(sent[0]?.headers["webhook-id"], "evt_r1");
    assert.match(sent[0]?.headers["webhook-signature"] ?? "", /^v1,[A-Za-z0-9+/]{43}=$/);
    assert.deepEqual(JSON.parse(sent[0]?.body ?? "").data.result, { id: "r1", status: "succeeded" });
    assert.deepEqual(store.saved, [{ id: "r1", at_ms: START_MS, duration_ms: 3, status: "delivered", error: null }]);
    assert.deepEqual([outcomes, sent.length, deliverer.in_flight], [["delivered"], 1, 0]);
  });

  test("tries again by the schedule under the same id, with a new timestamp, and then gives up", async () => {
    const { store, sent, outcomes, deliverer, run } = setUp(broken, {}, { retry_after_s: [10, 100] });
    store.add("r1");
    deliverer.start();
    await run(1_000);
    const seconds = sent.map(({ at_ms }) => Math.round((at_ms - START_MS) / SECOND_MS));
    assert.deepEqual(
      [seconds, outcomes],
      [
        [0, 10, 110],
        ["again", "again", "failed"],
      ],
    );
    assert.deepEqual(new Set(sent.map(({ headers }) => headers["webhook-id"])), new Set(["evt_r1"]));
    assert.equal(new Set(sent.map(({ headers }) => headers["webhook-timestamp"])).size, 3);
    assert.deepEqual(
      store.saved.map(({ error }) => error),
      Array(3).fill("the connection broke"),
    );
  });

  test("after 410 disables the endpoint: nothing that waits for it is sent", async () => {
    const { store, sent, deliverer, run } = setUp(() => ({ kind: "answered", status: 410, duration_ms: 1 }));
    store.add("r1");
    store.add("r2", { next_ms: START_MS + SECOND_MS });
    deliverer.start();
    await run(60);
    assert.deepEqual([sent.length, store.events], [1, ["disable wh_1"]]);
  });

  test("drops what no endpoint wants any more", async () => {
    const { store, sent, outcomes, deliverer, run } = setUp(ok);
    store.add("r1", { signer: undefined });
    deliverer.start();
    await run(1);
    assert.deepEqual([sent.length, store.events, outcomes], [0, ["drop r1"], ["dropped"]]);
  });

  test("keeps to its bounds in all, for a host and for a tenant, and goes on as places come free", async () => {
    const waiting: (() => void)[] = [];
    const hang = () => new Promise<Called>((resolve) => waiting.push(() => resolve(ok())));
    const { store, sent, deliverer, run } = setUp(hang, {}, { in_flight_max: 8, host_in_flight_max: 3 });
    const per_host = 6;
    for (let index = 0; index < per_host; index += 1) {
      for (const host of ["a", "b"]) store.add(`evil-${host}${index}`, { tenant: "evil", host: `${host}.example` });
    }
    for (let index = 0; index < per_host; index += 1) store.add(`demo-${index}`, { host: "c.example" });
    deliverer.start();
    await run(5);
    const tenants = () => sent.map(({ body }) => JSON.parse(body).data.id.split("-")[0]);
    assert.deepEqual(tenants(), ["evil", "evil", "evil", "evil", "demo", "demo", "demo"]);
    while (store.saved.length < 3 * per_host) {
      waiting.shift()?.();
      await run(100, () => deliverer.in_flight === waiting.length && waiting.length > 0);
      assert.ok(deliverer.in_flight <= 8);
    }
    assert.equal(new Set(store.saved.map(({ id }) => id)).size, 3 * per_host);
  });

  test("sends again, under the same id, what a crash left unsaved", async () => {
    const { store, sent, deliverer, run } = setUp(ok);
    // The one before died at it: its lease runs out.
    store.add("r1", { lease: "dead", next_ms: START_MS + 20 * SECOND_MS });
    deliverer.start();
    await run(60);
    assert.deepEqual([sent.length, sent[0]?.headers["webhook-id"]], [1, "evt_r1"]);
    assert.ok((sent[0]?.at_ms ?? 0) >= START_MS + 20 * SECOND_MS);
  });

  test("goes on when Postgres was away, before and after a call", async () => {
    const { store, sent, deliverer, run } = setUp((one) => {
      if (sent.length === 1) store.away = 1;
      return one && ok();
    });
    store.add("r1");
    store.away = 3;
    deliverer.start();
    await run(300);
    assert.deepEqual([sent.length, store.saved.length], [2, 1]);
    assert.equal(new Set(sent.map(({ headers }) => headers["webhook-id"])).size, 1);
  });

  test("asks for the Result of requests alone", async () => {
    const asked: string[] = [];
    const findResult = async (_tenant: string, id: string) => {
      asked.push(id);
      return undefined;
    };
    const { store, deliverer, run } = setUp(ok, { findResult });
    store.add("r1");
    store.add("b1", { type: "batch.completed" });
    deliverer.start();
    await run(1);
    assert.deepEqual(asked, ["r1"]);
  });

  test("stops when what is under way has ended, and takes nothing new", async () => {
    let answer: (() => void) | undefined;
    const { store, sent, deliverer, run } = setUp(() => new Promise((resolve) => (answer = () => resolve(ok()))));
    store.add("r1");
    deliverer.start();
    await run(1);
    let stopped = false;
    const stopping = deliverer.stop().then(() => {
      stopped = true;
    });
    store.add("r2");
    await run(60);
    assert.deepEqual([stopped, sent.length, store.saved.length], [false, 1, 0]);
    answer?.();
    await stopping;
    assert.deepEqual([sent.length, store.saved.length], [1, 1]);
  });

  test("sweeps at once and then each hour", async () => {
    const { store, deliverer, run } = setUp(ok);
    deliverer.start();
    await run(7_300);
    assert.deepEqual(
      store.sweeps.map((at_ms) => (at_ms - START_MS) / SECOND_MS),
      [0, 3_600, 7_200],
    );
  });
});
