/** Wires what decides over admission: tenants' plans, the counters and their upkeep, the ledger's applier and the sweep. */

import { Counter, Gauge } from "prom-client";
import { ledgerIsEmpty, readLedger } from "../../libs/shared/budgets/ledger-reader.ts";
import { rebuildCounters } from "../../libs/shared/budgets/rebuild.ts";
import { storeOptions } from "../../libs/shared/budgets/store-options.ts";
import { TenantBook } from "../../libs/shared/budgets/tenant-book.ts";
import { tenantReader } from "../../libs/shared/budgets/tenant-reader.ts";
import { systemClock } from "../../libs/shared/clock.ts";
import { loadEncodings } from "../../libs/shared/estimate/encodings.ts";
import type { Consumption } from "../../libs/shared/kafka/consumption.ts";
import { RedisCountersLife } from "../../libs/shared/redis/admission/life.ts";
import { RedisAdmissionStore } from "../../libs/shared/redis/admission/redis-store.ts";
import type { RedisClient } from "../../libs/shared/redis/client.ts";
import { takeTurn } from "../../libs/shared/redis/leader.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import { deadLetterWriter, joinGroup, type ServiceContext } from "../../libs/shared/service.ts";
import { Alerts } from "./alerts.ts";
import { createApplier } from "./applier.ts";
import { AttemptPeek } from "./attempt-peek.ts";
import { CountersKeeper } from "./counters.ts";

import { Plans } from "./plans.ts";
import { Sweeper } from "./sweep.ts";
import { postTo, webhookUrl } from "./webhook.ts";

const LEDGER_PAUSE_MS = 50;
const REBUILD_LOCK_MS = 60_000;
const SWEEP_TURN_MS = 55_000;
const POST_WAIT_MS = 5_000;

type Env = Readonly<Record<string, string | undefined>>;

export type AdmissionParts = {
  readonly plans: Plans;
  readonly store: RedisAdmissionStore;
  readonly keeper: CountersKeeper;
  readonly alerts: Alerts;
  readonly encodings: Awaited<ReturnType<typeof loadEncodings>>;
  /** What keeps the service from being ready, in words. */
  problems(): string[];
  stop(): Promise<void>;
};

/** Starts following tenants and looking after the counters; the ledger's group is joined by `joinLedger`. */
export async function startAdmission(
  context: ServiceContext,
  redis: RedisClient,
  /** May hold the address that alerts are posted to. */
  env: Env,
): Promise<AdmissionParts> {
  const { settings, names, codec, kafka, retry } = context;
  const book = new TenantBook();
  const reader = tenantReader({ kafka, codec, topic: names.tenants }, book, false);
  await untilAvailable(retry, names.tenants, () => reader.start());
  const options = storeOptions(settings);
  const store = new RedisAdmissionStore(redis, options);
  const life = new RedisCountersLife(redis, { ...options, lock_ttl_ms: REBUILD_LOCK_MS });
  const keeper = startKeeper(context, life, options);
  const alerts = createAlerts(context, env);
  const sweeper = startSweeper(context, redis, store);
  return {
    plans: new Plans(settings, book),
    store,
    keeper,
    alerts,
    encodings: await loadEncodings(settings.prices.models),
    problems: () => [
      ...(reader.caught_up ? [] : ["the tenants are not read yet"]),
      ...(keeper.is_lost ? ["the counters of budgets and limits are lost: paid work waits"] : []),
    ],
    async stop() {
      alerts.stop();
      await Promise.all([keeper.stop(), sweeper.stop(), reader.stop()]);
    },
  };
}

function startKeeper(
  { settings, kafka, codec, names, log, metrics }: ServiceContext,
  life: RedisCountersLife,
  keep: Parameters<typeof rebuildCounters>[0]["keep"],
): CountersKeeper {
  const topic = names.usage;
  const source = { kafka, codec, topic, log, clock: systemClock };
  const { lease_ms, rebuild } = settings.admission;
  const keeper = new CountersKeeper({
    life,
    rebuild: (signal) =>
      rebuildCounters({
        life,
        readLedger: (add) => readLedger(source, add),
        isEmpty: () => ledgerIsEmpty(kafka, topic),
        lease_ms,
        if_lost: true,
        keep,
        clock: systemClock,
        signal,
      }),
    mode: rebuild,
    clock: systemClock,
    random: Math.random,
    log,
  });
  new Gauge({
    name: "sluice_counters_lost",
    help: "1 while the counters of budgets and limits are lost or being restored",
    registers: [metrics],
    collect() {
      this.set(keeper.is_lost ? 1 : 0);
    },
  });
  keeper.start();
  return keeper;
}

function createAlerts({ settings, log, metrics }: ServiceContext, env: Env): Alerts {
  const told = new Counter({
    name: "sluice_budget_alerts_total",
    help: "Thresholds of budgets crossed, and tenants stopped",
    labelNames: ["scope", "threshold"],
    registers: [metrics],
  });
  const unposted = new Counter({
    name: "sluice_alerts_unposted_total",
    help: "Alerts that the webhook did not take",
    registers: [metrics],
  });
  const url = webhookUrl(env, settings.admission.alert_webhook_env);
  return new Alerts({
    clock: systemClock,
    random: Math.random,
    log,
    post: url === undefined ? undefined : postTo(url, POST_WAIT_MS),
    count: (scope, threshold) => told.inc({ scope, threshold }),
    countUnposted: () => unposted.inc(),
  });
}

function startSweeper(context: ServiceContext, redis: RedisClient, store: RedisAdmissionStore): Sweeper {
  const { codec, producer, names, log, metrics, instance } = context;
  const peek = new AttemptPeek(redis, systemClock);
  const closed = new Counter({
    name: "sluice_expired_holds_total",
    help: "Reservations past their time, by how they were closed",
    labelNames: ["kind"],
    registers: [metrics],
  });
  const sweeper = new Sweeper({
    store,
    watch: () => peek.watch(),
    callsSent: (holds) => peek.callsSent(holds),
    claim: (holds) => peek.claim(holds),
    isLeader: () => takeTurn(redis, "sweep", instance, SWEEP_TURN_MS),
    codec,
    publisher: producer,
    topic: names.usage,
    clock: systemClock,
    log,
    count: (kind) => closed.inc({ kind }),
  });
  sweeper.start();
  return sweeper;
}

/** Joins the group that makes the ledger's entries part of the counters. */
export function joinLedger(context: ServiceContext, group: string, parts: AdmissionParts): Promise<Consumption> {
  const { codec, producer, names, settings, metrics } = context;
  const applied = new Counter({
    name: "sluice_ledger_entries_total",
    help: "Entries of the ledger, by what became of them",
    labelNames: ["result"],
    registers: [metrics],
  });
  return joinGroup(context, {
    group,
    topics: { [names.usage]: "interactive" },
    order: "partition",
    commit_by: "engine",
    max_in_flight: settings.topics.partitions,
    batch_records_max: settings.consumption.batch_records_max,
    // Counters hold what is reserved already: what settles may take a moment.
    fetch_pause_ms_max: LEDGER_PAUSE_MS,
    handler: createApplier({
      codec,
      publisher: producer,
      dead_letters: deadLetterWriter(context, group),
      store: parts.store,
      planOf: (tenant) => parts.plans.contextOf(tenant),
      onCrossings: (crossings) => parts.alerts.crossings(crossings),
      onTripped: (tenant, velocity) => parts.alerts.tripped(tenant, velocity),
      onLost: () => parts.keeper.lost(),
      count: (result) => applied.inc({ result }),
    }),
  });
}
