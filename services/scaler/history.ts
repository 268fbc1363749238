/**
 * What the leader remembers: arrivals in memory, read from the store once and written behind; decisions as they change. The store may be away:
 * then there is no forecast until it has been read, and what is to be written waits, up to a bound.
 */
import type { ScalingSettings } from "../../libs/shared/config/scaling.ts";
import type { ScaleDecision } from "../../libs/shared/scaling/contract.ts";
import { forecastRate, type RateForecast } from "../../libs/shared/scaling/forecast.ts";
import { ArrivalHistory, BUCKET_MS, bucketStart, DAY_MS, WEEK_MS } from "../../libs/shared/scaling/history.ts";
import { targetName } from "../../libs/shared/scaling/target.ts";
import type { HistoryStore, TargetBucket } from "./history-store.ts";
import type { Round } from "./standing.ts";

type Seen = { readonly target: string; readonly from_ms: number; readonly to_ms: number; readonly records: number };

/** What waits to be counted or written; the oldest goes first. */
const WAITING_MAX = 2_000;
/** Beside the weeks themselves: the hour that is compared with its own in them. */
const MARGIN_MS = DAY_MS;
const FORGET_EVERY_MS = 3_600_000;

export class ScalingHistory {
  readonly #store: HistoryStore;
  readonly #settings: ScalingSettings;
  readonly #keep_ms: number;
  /** By target; undefined until the store was read. */
  #arrivals: Map<string, ArrivalHistory> | undefined;
  /** Seen before the store was read. */
  #seen: Seen[] = [];
  /** Buckets to write: target and start. */
  readonly #changed = new Map<string, { readonly target: string; readonly start_ms: number }>();
  #decisions: ScaleDecision[] = [];
  readonly #told = new Map<string, Pick<ScaleDecision, "desired" | "reason">>();
  #forgotten_ms = Number.NEGATIVE_INFINITY;

  constructor(store: HistoryStore, settings: ScalingSettings) {
    this.#store = store;
    this.#settings = settings;
    const { forecast, history_days } = settings;
    this.#keep_ms = Math.min(history_days * DAY_MS, forecast.weeks * WEEK_MS + MARGIN_MS);
  }

  readonly forecast = (target: string, now_ms: number): RateForecast | undefined => {
    const history = this.#arrivals?.get(target);
    const { forecast } = this.#settings;
    return forecast.enabled && history !== undefined ? forecastRate(history, now_ms, forecast) : undefined;
  };

  decided({ loads, decisions }: Round, since_ms: number): void {
    for (const { target, at_ms, arrivals_per_s } of loads) {
      const records = (arrivals_per_s * (at_ms - since_ms)) / 1_000;
      this.#count({ target: targetName(target), from_ms: since_ms, to_ms: at_ms, records });
    }
    for (const decision of decisions) this.#note(decision);
  }

  /** Another one leads: what it writes is read when this one leads again. */
  left(): void {
    this.#arrivals = undefined;
    this.#seen = [];
    this.#changed.clear();
    this.#told.clear();
  }

  /** Reads what is not read yet, and writes what has changed. @throws retryable while the store is away. */
  async keep(now_ms: number): Promise<void> {
    if (this.#arrivals === undefined) await this.#load(now_ms);
    const buckets = this.#takeChanged();
    const decisions = this.#decisions;
    this.#decisions = [];
    try {
      await this.#store.save(buckets, decisions);
    } catch (error) {
      for (const bucket of buckets) this.#mark(bucket);
      this.#decisions = [...decisions, ...this.#decisions].slice(-WAITING_MAX);
      throw error;
    }
    if (now_ms - this.#forgotten_ms < FORGET_EVERY_MS) return;
    await this.#store.forget(now_ms - this.#settings.history_days * DAY_MS);
    this.#forgotten_ms = now_ms;
  }

  async #load(now_ms: number): Promise<void> {
    const by_target = new Map<string, TargetBucket[]>();
    for (const bucket of await this.#store.load(now_ms - this.#keep_ms)) {
      by_target.set(bucket.target, [...(by_target.get(bucket.target) ?? []), bucket]);
    }
    const loaded = [...by_target].map(
      ([target, buckets]) => [target, new ArrivalHistory(this.#keep_ms, buckets)] as const,
    );
    this.#arrivals = new Map(loaded);
    for (const seen of this.#seen) this.#count(seen);
    this.#seen = [];
  }

  #count(seen: Seen): void {
    const { target, from_ms, to_ms, records } = seen;
    if (this.#arrivals === undefined) {
      this.#seen = [...this.#seen, seen].slice(-WAITING_MAX);
      return;
    }
    const history = this.#arrivals.get(target) ?? new ArrivalHistory(this.#keep_ms);
    this.#arrivals.set(target, history);
    history.add(from_ms, to_ms, records);
    for (let start_ms = bucketStart(from_ms); start_ms < to_ms; start_ms += BUCKET_MS) this.#mark({ target, start_ms });
  }

  #mark({ target, start_ms }: { readonly target: string; readonly start_ms: number }): void {
    if (this.#changed.size >= WAITING_MAX) return;
    this.#changed.set(`${target} ${start_ms}`, { target, start_ms });
  }

  #takeChanged(): TargetBucket[] {
    const buckets = [...this.#changed.values()].flatMap(({ target, start_ms }) => {
      const bucket = this.#arrivals?.get(target)?.get(start_ms);
      return bucket === undefined ? [] : [{ target, ...bucket }];
    });
    this.#changed.clear();
    return buckets;
  }

  /** A change of what is desired; and of what keeps it from what the load asks for. */
  #note(decision: ScaleDecision): void {
    const name = targetName(decision.target);
    const told = this.#told.get(name);
    const { desired, wanted, reason } = decision;
    const is_held_back = wanted > desired && reason !== "cool_down";
    if (told !== undefined && told.desired === desired && (!is_held_back || told.reason === reason)) return;
    this.#told.set(name, { desired, reason });
    this.#decisions = [...this.#decisions, decision].slice(-WAITING_MAX);
  }
}
