/** What results say of requests: how they ended, how long they took, what they cost, and whose they were. */
import { Counter, Histogram, type Registry } from "prom-client";
import type { Clock } from "../../libs/shared/clock.ts";
import type { OutcomeHead } from "../../libs/shared/events/flow.ts";
import { TRAIL_HEADER } from "../../libs/shared/events/headers.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import type { RecordHeaders } from "../../libs/shared/kafka/ports.ts";
import { forgetTenant, TenantLabels } from "../../libs/shared/metrics/tenant-labels.ts";
import { overhead_ms, whole_ms } from "./overhead.ts";
import { overReserved_nusd } from "./settlement.ts";

export type ResultsMetricsOptions = {
  readonly tenants_max: number;
  readonly clock: Pick<Clock, "now_ms">;
  readonly names: Pick<TopicNames, "deferred" | "retry">;
};

const REQUEST_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600, 86_400];
const OVERHEAD_S = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 5, 30, 300];
/** Of a tenant's weight among tenants, each request beside its money: who uses only what costs nothing is seen too. */
const REQUEST_WEIGHT_USD = 0.000_001;

export class ResultsMetrics {
  readonly #options: ResultsMetricsOptions;
  readonly #outcomes: Counter<"verdict" | "status">;
  readonly #spend: Counter<"tier">;
  readonly #over_reserved: Counter;
  readonly #attempts: Histogram<"tier">;
  readonly #whole: Histogram<"lane" | "status">;
  readonly #overhead: Histogram<"lane">;
  readonly #tenant_spend: Counter<"tenant">;
  readonly #tenant_requests: Counter<"tenant" | "status">;
  readonly #tenants: TenantLabels;

  constructor(registry: Registry, options: ResultsMetricsOptions) {
    const registers = [registry];
    this.#options = options;
    this.#outcomes = new Counter({
      name: "sluice_results_total",
      help: "Outcomes read, by verdict and, for results, by status",
      labelNames: ["verdict", "status"],
      registers,
    });
    this.#spend = new Counter({
      name: "sluice_spend_usd_total",
      help: "US dollars spent, by tier",
      labelNames: ["tier"],
      registers,
    });
    this.#over_reserved = new Counter({
      name: "sluice_settled_over_reserved_total",
      help: "Results that cost more than was reserved for them",
      registers,
    });
    this.#attempts = new Histogram({
      name: "sluice_attempts",
      help: "Calls that a request took, of those that took any",
      labelNames: ["tier"],
      buckets: [1, 2, 3, 4, 5, 8, 12],
      registers,
    });
    this.#whole = new Histogram({
      name: "sluice_request_seconds",
      help: "From when a request was received until its result is published",
      labelNames: ["lane", "status"],
      buckets: REQUEST_S,
      registers,
    });
    this.#overhead = new Histogram({
      name: "sluice_pipeline_overhead_seconds",
      help: "Of that, what was neither the provider's time nor a wait for a limit, for room or for another try",
      labelNames: ["lane"],
      buckets: OVERHEAD_S,
      registers,
    });
    const spend = new Counter({
      name: "sluice_tenant_spend_usd_total",
      help: "US dollars spent, by tenant",
      labelNames: ["tenant"],
      registers,
    });
    const requests = new Counter({
      name: "sluice_tenant_requests_total",
      help: "Results by tenant and by status",
      labelNames: ["tenant", "status"],
      registers,
    });
    this.#tenant_spend = spend;
    this.#tenant_requests = requests;
    this.#tenants = new TenantLabels(options.tenants_max, (tenant) => {
      void forgetTenant(spend, tenant);
      void forgetTenant(requests, tenant);
    });
  }

  /** Of every outcome that was read; once for each, whatever became of it. */
  read(verdict: string, outcome?: OutcomeHead, headers: RecordHeaders = {}): void {
    const won = verdict === "won" && outcome !== undefined;
    this.#outcomes.inc({ verdict, status: won ? outcome.status : "" });
    if (won) this.#won(outcome, headers[TRAIL_HEADER] ?? "");
  }

  settled(entry: UsageEntry): void {
    if (overReserved_nusd(entry) > 0) this.#over_reserved.inc();
  }

  #won(outcome: OutcomeHead, trail: string): void {
    const { tenant, status, route, usage } = outcome;
    const cost_usd = usage?.cost_usd ?? 0;
    if (usage !== undefined) this.#spend.inc({ tier: route?.tier ?? "" }, cost_usd);
    if (route !== undefined && route.attempts > 0) this.#attempts.observe({ tier: route.tier }, route.attempts);
    const label = this.#tenants.of(tenant, cost_usd + REQUEST_WEIGHT_USD);
    this.#tenant_requests.inc({ tenant: label, status });
    if (cost_usd > 0) this.#tenant_spend.inc({ tenant: label }, cost_usd);
    this.#took(outcome, trail);
  }

  /** The trail has the names of all topics that the request was on, each with a space behind it. */
  #took(outcome: OutcomeHead, trail: string): void {
    const { clock, names } = this.#options;
    const now_ms = clock.now_ms();
    const lane = trail.includes(".batch ") ? "batch" : "interactive";
    const all_ms = whole_ms(outcome, now_ms);
    if (all_ms !== undefined) this.#whole.observe({ lane, status: outcome.status }, all_ms / 1_000);
    const parked = trail.includes(`${names.deferred} `) || trail.includes(names.retry(""));
    const own_ms = overhead_ms(outcome, now_ms, parked);
    if (own_ms !== undefined) this.#overhead.observe({ lane }, own_ms / 1_000);
  }
}
