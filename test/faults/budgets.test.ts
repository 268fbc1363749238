/**
 * Budgets on real parts: far more requests than the caps let through, at once, by topic and by HTTP, through three ingest processes.
 * No cap is ever passed (I4), the counters are the ledger, and the ledger is what the Results cost, to the nano-dollar: also when
 * services are killed, streams are broken off by their clients, and Redis forgets everything (I8).
 */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { countersOf } from "../../libs/shared/budgets/scopes.ts";
import { controlRecord } from "../../libs/shared/events/control.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import { nusd, usdOf } from "../../libs/shared/money.ts";
import {
  assertWithin,
  type Caps,
  countersEqualLedger,
  foldEntries,
  type OpenCounters,
  openCounters,
  readEntries,
  type Sums,
  sluice,
} from "../support/budgets.ts";
import { FULL } from "../support/faults.ts";
import { jsonOf, TopicLog } from "../support/pipeline/topic-log.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";
import { until } from "../support/until.ts";

const REQUESTS = FULL ? 2_000 : 300;
/** So many fit the tenant's caps, of its users' and of its sessions': together these let more through than the tenant's own. */
const FIT = FULL ? 137 : 37;
const FIT_USER = FULL ? 40 : 12;
const FIT_SESSION = FULL ? 10 : 3;
const USERS = 4;
const SESSIONS = 20;
/** Of one answer, in a price that counts nothing else: what is held is what it costs. */
const TOKENS = 10;
const TOKEN_NUSD = 1_234_567;
const COST_NUSD = TOKENS * TOKEN_NUSD;
const CAPS = {
  session: FIT_SESSION * COST_NUSD,
  user_day: FIT_USER * COST_NUSD,
  tenant_day: FIT * COST_NUSD,
  tenant_month: FIT * COST_NUSD,
} satisfies Caps;
const TENANTS = ["plain", "killed", "flushed"] as const;
const POLL_MS = 20;

type One = { readonly id: string; readonly stream: boolean; readonly envelope: Record<string, unknown> };

describe("budgets under concurrency", () => {
  let pipeline: Pipeline;
  let ledger: TopicLog;
  let counters: OpenCounters;
  before(async () => {
    const { KAFKA_BROKERS = "", SCHEMA_REGISTRY_URL = "", DATABASE_URL = "", REDIS_URL = "" } = process.env;
    pipeline = await startPipeline({
      name: "budgets",
      // A Redis database of its own, since it is emptied below.
      parts: { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, DATABASE_URL, REDIS_URL: `${REDIS_URL}/10` },
      scale: { ingest: 3 },
      settings: {
        // Small batches, so that the three meet at the counters again and again.
        consumption: { batch_records_max: 10 },
        admission: { lease_ms: 3_000 },
        prices: {
          models: {
            "gpt-4.1-mini": {
              input_usd_per_mtok: 0,
              cached_input_usd_per_mtok: 0,
              output_usd_per_mtok: usdOf(TOKEN_NUSD * 1_000_000),
            },
          },
        },
        plans: {
          capped: {
            budgets: Object.fromEntries(Object.entries(CAPS).map(([scope, cap]) => [`${scope}_usd`, usdOf(cap)])),
          },
        },
        tenants: Object.fromEntries(TENANTS.map((tenant) => [tenant, { plan: "capped" }])),
      },
    });
    ledger = new TopicLog(pipeline.kafka, pipeline.names.usage);
    await ledger.start();
    counters = await openCounters(pipeline);
  });
  after(async () => {
    counters?.close();
    await Promise.allSettled([ledger?.stop(), pipeline?.stop()]);
  });

  test(`of ${REQUESTS} at once ${FIT} are let through`, async (t) => {
    const run = await start("plain", false);
    await run.answered;
    const { admitted, windows } = await verify(t, run);
    assert.ok(windows > 1 || admitted === FIT, `${admitted} were admitted`);
  });

  test("ingest and results are killed, and half of the streams are cancelled by their clients", async (t) => {
    const { processes } = pipeline;
    const run = await start("killed", true);
    await entriesOf("killed", "reserved", FIT * 0.2);
    await processes.restart("ingest", "SIGKILL");
    await entriesOf("killed", "settled", FIT * 0.1);
    await processes.restart("results", "SIGKILL");
    await entriesOf("killed", "reserved", FIT * 0.8);
    await processes.restart("ingest-2", "SIGKILL");
    await run.answered;
    await verify(t, run);
    assert.ok(run.cancels() > 0);
  });

  test("Redis forgets everything in the middle of it", async (t) => {
    const { redis } = counters;
    const run = await start("flushed", false, async () => {
      await entriesOf("flushed", "reserved", FIT / 3);
      await redis.flushdb();
    });
    await run.answered;
    const { epochs } = await verify(t, run);
    assert.ok(epochs >= 2, "some were let through before, some after");

    await redis.flushdb();
    const rebuilt = await sluice(pipeline, "rebuild", "budgets");
    assert.equal(rebuilt.code, 0, rebuilt.err);
    const checked = await sluice(pipeline, "rebuild", "budgets", "--check");
    assert.equal(checked.code, 0, `${checked.out}${checked.err}`);
    await countersEqualLedger(pipeline, counters, "flushed");
    const late = requestsOf("flushed", false, 1, "late");
    await submitAll("flushed", late);
    const id = late[0]?.id as string;
    assertRefused(only(await pipeline.resultsOf([id]), id));
  });

  type Run = {
    readonly tenant: string;
    readonly requests: readonly One[];
    readonly answered: Promise<void>;
    readonly cancels: () => number;
    /** Looks at the counters. */
    readonly looks: () => number;
  };

  /**
   * Submits everything at once, and watches the counters until all is answered.
   * @param middle happens after a part that fits, while its calls are under way, and before the rest.
   */
  async function start(tenant: string, cancelling: boolean, middle?: () => Promise<void>): Promise<Run> {
    const requests = requestsOf(tenant, cancelling, REQUESTS, "load");
    const first = middle === undefined ? 0 : Math.floor(FIT / 2);
    const submitted = (async () => {
      if (first > 0) await submitAll(tenant, requests.slice(0, first));
      await middle?.();
      await submitAll(tenant, requests.slice(first));
    })();
    // Awaited below; until then a failure must not end the process.
    submitted.catch(() => undefined);
    const over = new AbortController();
    const canceller = cancelling ? cancelHalf(tenant, requests) : undefined;
    let looks = 0;
    const watching = (async () => {
      while (!over.signal.aborted) {
        // While Redis is emptied or restored they are nought.
        assertWithin(await counters.store.read(tenant, refsOf()), CAPS, "counters in Redis");
        looks += 1;
        await canceller?.look();
        await sleep(POLL_MS);
      }
    })();
    const answered = (async () => {
      await submitted;
      await pipeline.resultsOf(
        requests.map(({ id }) => id),
        300_000,
      );
    })().finally(() => over.abort());
    const both = Promise.all([answered, watching]).then(() => undefined);
    // Awaited later; until then a failure must not end the process.
    both.catch(() => undefined);
    return { tenant, requests, answered: both, cancels: () => canceller?.count() ?? 0, looks: () => looks };
  }

  function requestsOf(tenant: string, streams: boolean, count: number, name: string): One[] {
    return Array.from({ length: count }, (_, index) => {
      const id = pipeline.id(`${tenant}-${name}-${index}`);
      const stream = streams && index % 4 < 2;
      const pace = stream ? "itl_ms=150" : "latency_ms=1000";
      const body = chat(`[[mock tokens=${TOKENS} ${pace}]] ${id}`, {
        max_tokens: TOKENS,
        ...(stream ? { stream } : {}),
      });
      const user = `user-${index % USERS}`;
      return { id, stream, envelope: { id, body, user, session: `session-${index % SESSIONS}` } };
    });
  }

  /** Every other one by the topic, the rest by HTTP: both have streams, users and sessions of all kinds. */
  async function submitAll(tenant: string, requests: readonly One[]): Promise<void> {
    const key = await pipeline.createKey(tenant);
    await until(`${tenant}'s key is known`, async () => {
      const response = await fetch(`${pipeline.gateway_url}/v1/requests/none`, { headers: bearer(key) });
      await response.body?.cancel();
      return response.status === 404;
    });
    const byTopic = requests.filter((_, index) => Math.floor(index / SESSIONS) % 2 === 0);
    const byHttp = requests.filter((_, index) => Math.floor(index / SESSIONS) % 2 === 1);
    await Promise.all([
      pipeline.produce(
        byTopic.map(({ envelope }) => ({ key: envelope["session"] as string, value: { ...envelope, tenant } })),
      ),
      ...byHttp.map(({ envelope }) => post(key, envelope)),
    ]);
  }

  /** As a careful caller does: the same request again until it is accepted. */
  async function post(key: string, envelope: object): Promise<void> {
    await until("the gateway takes it", async () => {
      const response = await fetch(`${pipeline.gateway_url}/v1/requests`, {
        method: "POST",
        headers: { ...bearer(key), "content-type": "application/json" },
        body: JSON.stringify(envelope),
      });
      await response.body?.cancel();
      return response.status === 202;
    });
  }

  /** Every other stream is given up by its client as soon as it is let through. */
  function cancelHalf(tenant: string, requests: readonly One[]) {
    const victims = new Set(requests.filter(({ stream }, index) => stream && index % 2 === 0).map(({ id }) => id));
    let read = 0;
    let count = 0;
    return {
      count: () => count,
      async look(): Promise<void> {
        const fresh = entries(ledger.records.slice(read));
        read += fresh.length;
        const ids = fresh.filter(({ kind, id }) => kind === "reserved" && victims.delete(id)).map(({ id }) => id);
        count += ids.length;
        const { codec, names } = pipeline;
        await pipeline.produce(
          ids.map((id) => {
            const cancel = { kind: "cancel", tenant, id, at_ms: Date.now() } as const;
            const { topic, key, value } = controlRecord(codec, names.control, cancel);
            return { topic, key: String(key), value };
          }),
        );
      },
    };
  }

  function entries(records: TopicLog["records"]): UsageEntry[] {
    return records.map((record) => jsonOf(record) as UsageEntry);
  }

  /** Resolves when the ledger has so many entries of the kind. */
  function entriesOf(tenant: string, kind: UsageEntry["kind"], count: number): Promise<void> {
    const found = () =>
      entries(ledger.records).filter((entry) => entry.tenant === tenant && entry.kind === kind).length;
    return ledger.until(
      () => found() >= count,
      () => `${count} entries ${kind} (there are ${found()})`,
    );
  }

  async function verify(t: TestContext, { tenant, requests, looks, cancels }: Run) {
    await pipeline.settled();
    const all = (await readEntries(pipeline)).filter((entry) => entry.tenant === tenant);
    const results = await pipeline.resultsOf(requests.map(({ id }) => id));
    const of = requests.map(({ id }) => only(results, id));
    foldEntries(all, (moved) => assertWithin(moved, CAPS, "the ledger, entry by entry"));
    const folded = await countersEqualLedger(pipeline, counters, tenant);

    const admitted = new Set(all.filter(({ kind }) => kind === "reserved").map(({ id }) => id));
    const statuses = Map.groupBy(of, ({ status }) => status);
    const figures = [...statuses].map(([status, found]) => `${found.length} ${status}`).join(", ");
    const windows = new Set(folded.flatMap(({ counter }) => (counter.scope === "tenant_day" ? [counter.window] : [])));
    t.diagnostic(
      `${requests.length} requests: ${admitted.size} admitted (${FIT} fit), ${figures}; ${all.length} entries, ` +
        `${looks()} looks at the counters, ${cancels()} cancels, ${pipeline.dlq.records.length} dead letters`,
    );
    assert.ok(admitted.size >= FIT - 1, `${admitted.size} were admitted`);
    for (const result of of) if (!admitted.has(result.id)) assertRefused(result);
    for (const { id, status } of of) if (admitted.has(id)) assert.match(status, /succeeded|cancelled|failed/, id);
    assert.equal(pipeline.dlq.records.length, 0);
    assertCosts(of, all, folded);
    const epochs = new Set(all.flatMap(({ epoch }) => epoch ?? []));
    return { admitted: admitted.size, windows: windows.size, epochs: epochs.size };
  }
});

function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}

function refsOf(): Sums["counter"][] {
  const users = Array.from({ length: USERS }, (_, user) => ({ user: `user-${user}` }));
  const sessions = Array.from({ length: SESSIONS }, (_, session) => ({ session: `session-${session}` }));
  const refs = [...users, ...sessions].flatMap((subjects) => countersOf(subjects, Date.now()));
  return refs.filter(({ scope, subject }, index) => {
    return index === refs.findIndex((other) => other.scope === scope && other.subject === subject);
  });
}

function assertRefused({ id, status, error }: Result): void {
  assert.deepEqual([status, error?.code], ["rejected", "budget_exceeded"], id);
  assert.match(error?.message ?? "", /^budget of scope (session|user_day|tenant_day|tenant_month), .+ left of /);
}

/** What has settled is what the Results cost, in every counter; a call that nobody knows the cost of took all that was held. */
function assertCosts(results: readonly Result[], entries: readonly UsageEntry[], folded: readonly Sums[]): void {
  const settled = entries.filter(({ kind }) => kind === "settled");
  const cost_nusd = new Map(
    results.map(({ id, usage }) => [id, usage === undefined ? undefined : nusd(usage.cost_usd)]),
  );
  for (const { id, cause, settled_nusd, reserved_nusd } of settled) {
    if (cause === "result") assert.equal(settled_nusd, cost_nusd.get(id), id);
    else assert.deepEqual([settled_nusd, cost_nusd.get(id)], [reserved_nusd, undefined], `${id}: ${cause}`);
  }
  const unknown = settled.filter(({ cause }) => cause !== "result").reduce((sum, entry) => sum + entry.settled_nusd, 0);
  const told = [...cost_nusd.values()].reduce<number>((sum, cost) => sum + (cost ?? 0), 0);
  for (const scope of ["session", "user_day", "tenant_day", "tenant_month"] as const) {
    const of = folded.filter(({ counter }) => counter.scope === scope);
    assert.equal(
      of.reduce((sum, { settled_nusd }) => sum + settled_nusd, 0),
      told + unknown,
      scope,
    );
  }
}
