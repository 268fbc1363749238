/**
 * Tells people of money: a budget that is half used, a tenant that was stopped. Each alert is a line of the log, a count, and a post
 * to a webhook. Telling holds nothing up and breaks nothing: the queue is bounded, and what cannot be posted stands in the log.
 */
import { backoff_ms } from "../../libs/shared/backoff.ts";
import type { Crossing } from "../../libs/shared/budgets/admission-store.ts";
import { type Clock, sleepUntil } from "../../libs/shared/clock.ts";
import type { Log } from "../../libs/shared/log.ts";
import { usdOf } from "../../libs/shared/money.ts";
import type { Post } from "./webhook.ts";

/** Alerts that wait for the webhook; beyond, the new one is in the log only. */
export const ALERTS_QUEUED_MAX = 1_000;
/** One alert is posted at most so often, over about two minutes. */
export const ALERT_POSTS_MAX = 6;
const BACKOFF = { base_ms: 2_000, cap_ms: 60_000 };
const NUSD_DIGITS = 9;

/** What is posted. `text` is for people: chat tools show it. Money is in US dollars. */
export type Alert = {
  readonly kind: "budget_threshold" | "tenant_stopped";
  readonly text: string;
  readonly tenant: string;
  /** A counter's scope, or `velocity`. */
  readonly scope: string;
  /** The session's or user's name; empty for the tenant itself. */
  readonly subject: string;
  /** UTC's day or month, empty for a session; of `velocity`, its length as `300s`. */
  readonly window: string;
  /** Part of the cap that was reached. */
  readonly threshold: number;
  readonly cap_usd: number;
  /** Reserved and settled together. Not known of `tenant_stopped`: more than the cap. */
  readonly used_usd?: number;
  readonly at: string;
};

export type AlertsOptions = {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Undefined: log and count only. */
  readonly post: Post | undefined;
  /** For `sluice_budget_alerts_total{scope,threshold}`: both have few values. */
  readonly count: (scope: string, threshold: string) => void;
  /** For `sluice_alerts_unposted_total`: alerts that no post was taken for. */
  readonly countUnposted: () => void;
};

export class Alerts {
  readonly #options: AlertsOptions;
  readonly #queue: Alert[] = [];
  readonly #stopping = new AbortController();
  #posting = false;

  constructor(options: AlertsOptions) {
    this.#options = options;
  }

  /** Never throws, and returns at once. */
  crossings(crossings: readonly Crossing[]): void {
    for (const crossing of crossings) this.#tell(crossingAlert(crossing, this.#options.clock.now_ms()));
  }

  /** Never throws, and returns at once. */
  tripped(tenant: string, velocity: { readonly window_s: number; readonly usd_nusd: number }): void {
    this.#tell(tripAlert(tenant, velocity, this.#options.clock.now_ms()));
  }

  /** What is still queued is in the log and is posted no more. */
  stop(): void {
    this.#stopping.abort();
  }

  #tell(alert: Alert): void {
    const { log, post, count } = this.#options;
    const { text, ...fields } = alert;
    log.warn({ alert: fields }, text);
    count(alert.scope, String(alert.threshold));
    if (post === undefined || this.#stopping.signal.aborted) return;
    if (this.#queue.length >= ALERTS_QUEUED_MAX) {
      this.#unposted(alert, "too many alerts wait");
      return;
    }
    this.#queue.push(alert);
    if (!this.#posting) void this.#postAll(post);
  }

  async #postAll(post: Post): Promise<void> {
    this.#posting = true;
    while (!this.#stopping.signal.aborted) {
      const alert = this.#queue.shift();
      if (alert === undefined) break;
      await this.#postOne(post, alert);
    }
    this.#posting = false;
  }

  async #postOne(post: Post, alert: Alert): Promise<void> {
    const { clock, random } = this.#options;
    let why = "";
    for (let tries = 0; tries < ALERT_POSTS_MAX; tries += 1) {
      // At least half of the ceiling: whoever is away needs time, and one alert waits for the one before.
      const wait_ms = tries === 0 ? 0 : backoff_ms(BACKOFF, tries - 1, 0.5 + 0.5 * random());
      if (wait_ms > 0) await sleepUntil(clock, wait_ms, [this.#stopping.signal]);
      why = this.#stopping.signal.aborted ? "the service stops" : "";
      if (why !== "") break;
      const posted = await post(alert).catch((error: unknown) => ({ kind: "refused", why: String(error) }) as const);
      if (posted.kind === "taken") return;
      why = posted.why;
      if (posted.kind === "refused") break;
    }
    this.#unposted(alert, why);
  }

  #unposted({ tenant, scope, window, threshold }: Alert, why: string): void {
    this.#options.log.error({ tenant, scope, window, threshold, why }, "an alert could not be posted to the webhook");
    this.#options.countUnposted();
  }
}

const NAMES: Readonly<Record<Crossing["scope"], string>> = {
  session: "budget of a session",
  user_day: "daily budget of a user",
  tenant_day: "daily budget",
  tenant_month: "monthly budget",
};

/** Of a threshold that was crossed. */
function crossingAlert(crossing: Crossing, now_ms: number): Alert {
  const { tenant, scope, subject, window, threshold, cap_nusd, used_nusd } = crossing;
  const cap_usd = usdOf(cap_nusd);
  const used_usd = usdOf(used_nusd);
  const whose = subject === "" ? "" : ` (${subject})`;
  const when = window === "" ? "" : ` for ${window}`;
  const part = Math.round(threshold * 1_000) / 10;
  const text = `${tenant}: ${part} % of the ${NAMES[scope]}${whose}${when} is used: ${dollars(used_usd)} of ${dollars(cap_usd)}`;
  const at = new Date(now_ms).toISOString();
  return { kind: "budget_threshold", text, tenant, scope, subject, window, threshold, cap_usd, used_usd, at };
}

/** Of a tenant that spent more than its velocity allows. */
function tripAlert(
  tenant: string,
  { window_s, usd_nusd }: { readonly window_s: number; readonly usd_nusd: number },
  now_ms: number,
): Alert {
  const cap_usd = usdOf(usd_nusd);
  const text = `${tenant}: more than ${dollars(cap_usd)} settled within ${window_s} s; it is stopped until an administrator resumes it`;
  const at = new Date(now_ms).toISOString();
  const window = `${window_s}s`;
  return { kind: "tenant_stopped", text, tenant, scope: "velocity", subject: "", window, threshold: 1, cap_usd, at };
}

/** At least cents, and as many digits as are needed. */
function dollars(amount_usd: number): string {
  return `$${amount_usd.toFixed(NUSD_DIGITS).replace(/(\.\d\d\d*?)0+$/, "$1")}`;
}
