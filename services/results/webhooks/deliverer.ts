/**
 * Tells receivers what is due, as many at once as the settings allow: in all, to one host, and for one tenant half of all, so that receivers that do
 * not answer keep nobody else's waiting. A delivery is held while somebody is at it; after a crash it is due again, under the same event id.
 */
import { type Clock, sleepUntil } from "../../../libs/shared/clock.ts";
import type { WebhooksSettings } from "../../../libs/shared/config/gateway.ts";
import type { Log } from "../../../libs/shared/log.ts";
import { type Rounds, startRounds } from "../../../libs/shared/rounds.ts";
import { traceFields } from "../../../libs/shared/tracing/trace-context.ts";
import { eventBody } from "../../../libs/shared/webhooks/event-body.ts";
import type { Called, PostOnce } from "../../../libs/shared/webhooks/guarded-client.ts";
import { secretsOf, signedHeaders } from "../../../libs/shared/webhooks/signing.ts";
import { type DeliveryTraces, deliverySpan } from "./delivery-span.ts";
import type { DeliveryStore, Due } from "./store.ts";
import { deliveryMsMax, verdictOn } from "./verdict.ts";

export type DelivererDeps = {
  readonly store: DeliveryStore;
  readonly post: PostOnce;
  /** The Result as JSON text. */
  readonly findResult: (tenant: string, id: string) => Promise<string | undefined>;
  readonly settings: WebhooksSettings;
  /** SLUICE_SECRET_KEY. */
  readonly secret_key: string;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** A name that no other lease has. */
  readonly leaseName: () => string;
  readonly log: Log;
  /** Left out: there are no traces. */
  readonly traces?: DeliveryTraces;
  /** Told how each attempt ended, for metrics. */
  readonly count?: (outcome: "delivered" | "again" | "failed" | "gone" | "dropped", duration_ms: number) => void;
};

/** How long something that is due may wait for an idle deliverer. */
const POLL_MS = 500;
/** What a delivery takes beside its call, at the most: the database. */
const LEASE_SPARE_MS = 45_000;
const SWEEP_MS = 3_600_000;
const SWEEPS_MAX = 20;
const DAY_MS = 86_400_000;

export class WebhookDeliverer {
  readonly #deps: DelivererDeps;
  readonly #stopping = new AbortController();
  readonly #under_way = new Map<Promise<void>, Due>();
  /** Ends the wait for the next look. */
  #woken = new AbortController();
  #running: Promise<void> | undefined;
  #sweeping: Rounds | undefined;

  constructor(deps: DelivererDeps) {
    this.#deps = deps;
  }

  /** Deliveries under way. */
  get in_flight(): number {
    return this.#under_way.size;
  }

  start(): void {
    this.#running ??= this.#run();
    this.#sweeping ??= this.#sweep();
  }

  /** Takes nothing new; resolves when what is under way has ended, at the latest after the time-out of a call. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#running, this.#sweeping?.stop()]);
    await Promise.all(this.#under_way.keys());
  }

  async #run(): Promise<void> {
    const { clock, settings, log } = this.#deps;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#woken = new AbortController();
      const free = settings.in_flight_max - this.#under_way.size;
      try {
        const due = free === 0 ? [] : await this.#lease(free);
        for (const one of due) this.#begin(one);
        if (due.length > 0) continue;
      } catch (error) {
        log.warn({ error }, "webhooks that are due could not be looked up; the next look does");
        // What ends meanwhile does not make it look sooner.
        this.#woken = new AbortController();
        await sleepUntil(clock, POLL_MS, [signal]);
        continue;
      }
      await sleepUntil(clock, POLL_MS, [signal, this.#woken.signal]);
    }
  }

  #lease(count: number): Promise<Due[]> {
    const { store, clock, settings, leaseName } = this.#deps;
    const { in_flight_max, host_in_flight_max, timeout_ms } = settings;
    const under_way = [...this.#under_way.values()];
    return store.lease({
      ...{ now_ms: clock.now_ms(), lease_ms: timeout_ms + LEASE_SPARE_MS, lease: leaseName(), count },
      host_max: host_in_flight_max,
      tenant_max: Math.ceil(in_flight_max / 2),
      hosts: countBy(under_way.map(({ host }) => host)),
      tenants: countBy(under_way.map(({ tenant }) => tenant)),
    });
  }

  #begin(due: Due): void {
    const ended = this.#deliver(due)
      .catch((error: unknown) => {
        this.#deps.log.warn(
          { error, delivery: due.id },
          "a webhook could not be seen through; it is due again when its lease ends",
        );
      })
      .finally(() => {
        this.#under_way.delete(ended);
        this.#woken.abort();
      });
    this.#under_way.set(ended, due);
  }

  async #deliver(due: Due): Promise<void> {
    const { store, clock, settings, random, count, log } = this.#deps;
    if (due.signer === undefined) {
      await store.drop(due, clock.now_ms());
      count?.("dropped", 0);
      return;
    }
    const { headers, body } = await this.#message(due, due.signer);
    const at_ms = clock.now_ms();
    const span = await deliverySpan(this.#deps.traces, due);
    const called = await this.#deps.post(due.url, span === undefined ? headers : { ...headers, ...span.headers }, body);
    span?.end(called);
    const verdict = verdictOn(called, due.tries + 1, settings, clock.now_ms(), random());
    const { duration_ms } = called;
    await store.save(due, { at_ms, duration_ms, ...noteOf(called) }, verdict);
    if (verdict.status !== "failed") {
      count?.(verdict.status === "pending" ? "again" : "delivered", duration_ms);
      return;
    }
    count?.(verdict.gone ? "gone" : "failed", duration_ms);
    const { id, webhook, tenant } = due;
    if (!verdict.gone)
      log.info({ delivery: id, webhook, tenant, ...traceFields(span?.headers ?? {}) }, "a webhook is given up");
    else {
      await store.disable(due, clock.now_ms());
      log.info({ webhook, tenant }, "a webhook's receiver is gone (410): it is told nothing more");
    }
  }

  async #message(due: Due, signer: NonNullable<Due["signer"]>) {
    const { findResult, settings, secret_key, clock } = this.#deps;
    const result = due.type.startsWith("request.") ? await findResult(due.tenant, due.subject) : undefined;
    const body = eventBody(due, result, settings.result_bytes_max);
    const now_ms = clock.now_ms();
    return { body, headers: signedHeaders(due.event_id, now_ms, body, secretsOf(secret_key, signer, now_ms)) };
  }

  #sweep(): Rounds {
    const { clock, settings, store, log } = this.#deps;
    return startRounds({
      clock,
      async round(stopping) {
        for (let page = 0; page < SWEEPS_MAX && !stopping.aborted; page += 1) {
          const now_ms = clock.now_ms();
          const began_before_ms = now_ms - deliveryMsMax(settings);
          if ((await store.sweep(now_ms, now_ms - settings.keep_days * DAY_MS, began_before_ms)) === 0) break;
        }
        return SWEEP_MS;
      },
      failed(error) {
        log.warn({ error }, "old deliveries could not be removed; the next round does");
        return SWEEP_MS;
      },
    });
  }
}

/** What is kept of a call. */
function noteOf(called: Called): { status: number | null; error: string | null } {
  if (called.kind === "answered") return { status: called.status, error: null };
  return { status: null, error: called.why };
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
