/** What the settings would have changed, in sums: kept while records pass, so that it is as large as there are tenants. Pure. */
import type { Refusal } from "../../../libs/shared/budgets/admission-store.ts";
import { BUDGET_SCOPES, type CounterScope, windowOf } from "../../../libs/shared/budgets/scopes.ts";
import type { ResultError, ResultStatus, Route, Usage } from "../../../libs/shared/events/fields.ts";
import { nusd } from "../../../libs/shared/money.ts";
import { QuantileSketch } from "../../../libs/shared/rollout/sketch.ts";
import { isHit } from "./known.ts";

/** Money in whole nano-dollars, times in ms. */
export type WhatIfSide = {
  /** With a Result. */
  readonly requests: number;
  readonly by_status: Readonly<Record<string, number>>;
  /** By error code, of those that were rejected or had expired. */
  readonly refused: Readonly<Record<string, number>>;
  readonly hits: { readonly exact: number; readonly semantic: number; readonly coalesced: number };
  /** Of those that a model was called for. */
  readonly by_tier: Readonly<Record<string, { readonly requests: number; readonly cost_nusd: number }>>;
  readonly cost_nusd: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  /** From arrival to the end, of those that succeeded; within 1 %. */
  readonly latency_ms: { readonly p50?: number; readonly p95?: number };
};

export type WhatIfTenant = {
  readonly tenant: string;
  readonly requests: number;
  readonly before_nusd: number;
  readonly after_nusd: number;
  readonly refused_before: number;
  readonly refused_after: number;
};

/** A budget that would have been met: by requests that it refuses or lets wait. */
export type MetBudget = {
  readonly tenant: string;
  readonly scope: string;
  /** As `2026-11-21`; empty of a session and of a request. */
  readonly window: string;
  readonly cap_nusd: number;
  readonly times: number;
  /** Virtual time of the first one, epoch ms. */
  readonly first_ms: number;
};

export type WhatIfReport = {
  /** Of the settings that were tried. */
  readonly settings: string;
  /** Whether answers were found by meaning: `unavailable` where the settings want it and no embeddings were there. */
  readonly by_meaning: "on" | "off" | "unavailable";
  /** Taken by the selection. */
  readonly records: number;
  /** Of those, with nothing that could be run: no request, or one that is no JSON. */
  readonly unreadable: number;
  /** The same request again, or runs for comparisons: they cause nothing. */
  readonly repeated: number;
  readonly before: WhatIfSide;
  readonly after: WhatIfSide;
  /** The dearest first; those beyond a bound are summed as `_others`. */
  readonly tenants: readonly WhatIfTenant[];
  readonly budgets: readonly MetBudget[];
  /** Requests that would have waited for room, and those whose wait was cut short since too much stood behind it. */
  readonly deferred: number;
  readonly given_up: number;
  /** `before → after` by count: tier, cache and status, of what changed. */
  readonly moves: {
    readonly tier: Readonly<Record<string, number>>;
    readonly cache: Readonly<Record<string, number>>;
    readonly status: Readonly<Record<string, number>>;
  };
  /** Results of which something was guessed. */
  readonly estimated: { readonly requests: number; readonly share: number };
  /** Arrival of the first and the last one. */
  readonly first_ms?: number;
  readonly last_ms?: number;
};

/** One Result, on either side. */
export type Outcome = {
  readonly status: ResultStatus;
  readonly error?: Pick<ResultError, "code"> | undefined;
  readonly route?: Pick<Route, "tier" | "cache"> | undefined;
  readonly usage?: Usage | undefined;
  readonly latency_ms?: number | undefined;
};

const TENANTS_MAX = 10_000;
const OTHERS = "_others";
const BUDGETS_MAX = 1_000;
const MOVES_MAX = 200;

class Side {
  requests = 0;
  readonly by_status = new Map<string, number>();
  readonly refused = new Map<string, number>();
  readonly hits = { exact: 0, semantic: 0, coalesced: 0 };
  readonly by_tier = new Map<string, { requests: number; cost_nusd: number }>();
  cost_nusd = 0;
  prompt_tokens = 0;
  completion_tokens = 0;
  readonly #latency = new QuantileSketch();

  add({ status, error, route, usage, latency_ms }: Outcome): void {
    this.requests += 1;
    count(this.by_status, status);
    if (isRefused(status)) count(this.refused, error?.code ?? "unknown");
    const cost_nusd = usage === undefined ? 0 : nusd(usage.cost_usd);
    this.cost_nusd += cost_nusd;
    this.prompt_tokens += usage?.prompt_tokens ?? 0;
    this.completion_tokens += usage?.completion_tokens ?? 0;
    if (route !== undefined && isHit(route)) this.hits[route.cache as keyof Side["hits"]] += 1;
    else if (route !== undefined) {
      const tier = this.by_tier.get(route.tier) ?? { requests: 0, cost_nusd: 0 };
      this.by_tier.set(route.tier, { requests: tier.requests + 1, cost_nusd: tier.cost_nusd + cost_nusd });
    }
    if (status === "succeeded" && latency_ms !== undefined) this.#latency.add(Math.max(0, latency_ms));
  }

  told(): WhatIfSide {
    const [p50, p95] = [this.#latency.quantile(0.5), this.#latency.quantile(0.95)];
    return {
      requests: this.requests,
      by_status: sorted(this.by_status),
      refused: sorted(this.refused),
      hits: { ...this.hits },
      by_tier: sorted(this.by_tier),
      cost_nusd: this.cost_nusd,
      prompt_tokens: this.prompt_tokens,
      completion_tokens: this.completion_tokens,
      latency_ms: { ...(p50 === undefined ? {} : { p50 }), ...(p95 === undefined ? {} : { p95 }) },
    };
  }
}

type MutableTenant = { -readonly [Field in keyof WhatIfTenant]: WhatIfTenant[Field] };

export class Report {
  readonly #about: Pick<WhatIfReport, "settings" | "by_meaning">;
  readonly #before = new Side();
  readonly #after = new Side();
  readonly #tenants = new Map<string, MutableTenant>();
  readonly #budgets = new Map<string, { -readonly [Field in keyof MetBudget]: MetBudget[Field] }>();
  readonly #moves = {
    tier: new Map<string, number>(),
    cache: new Map<string, number>(),
    status: new Map<string, number>(),
  };
  #records = 0;
  #unreadable = 0;
  #repeated = 0;
  #deferred = 0;
  #given_up = 0;
  #estimated = 0;
  #first_ms: number | undefined;
  #last_ms: number | undefined;

  constructor(about: Pick<WhatIfReport, "settings" | "by_meaning">) {
    this.#about = about;
  }

  arrived(at_ms: number): void {
    this.#records += 1;
    this.#first_ms = Math.min(this.#first_ms ?? at_ms, at_ms);
    this.#last_ms = Math.max(this.#last_ms ?? at_ms, at_ms);
  }

  unreadable(): void {
    this.#unreadable += 1;
  }

  repeated(): void {
    this.#repeated += 1;
  }

  deferred(): void {
    this.#deferred += 1;
  }

  givenUp(): void {
    this.#given_up += 1;
  }

  /** A limit refuses, for good or for now. */
  refusal(tenant: string, { reason, scope, limit }: Refusal, now_ms: number): void {
    if (reason !== "budget") return;
    const window = isWindowed(scope) ? windowOf(scope, now_ms) : "";
    const name = `${tenant} ${scope} ${window}`;
    const met = this.#budgets.get(name);
    if (met !== undefined) met.times += 1;
    else if (this.#budgets.size < BUDGETS_MAX) {
      this.#budgets.set(name, { tenant, scope, window, cap_nusd: limit, times: 1, first_ms: now_ms });
    }
  }

  /** @param before undefined where nothing is recorded of its end. */
  add(tenant: string, before: Outcome | undefined, after: Outcome, estimated: boolean): void {
    if (before !== undefined) this.#before.add(before);
    this.#after.add(after);
    if (estimated) this.#estimated += 1;
    const sums = this.#tenantOf(tenant);
    sums.requests += 1;
    sums.before_nusd += before?.usage === undefined ? 0 : nusd(before.usage.cost_usd);
    sums.after_nusd += after.usage === undefined ? 0 : nusd(after.usage.cost_usd);
    if (before !== undefined && isRefused(before.status)) sums.refused_before += 1;
    if (isRefused(after.status)) sums.refused_after += 1;
    this.#move("tier", before?.route?.tier, after.route?.tier);
    this.#move("cache", before?.route?.cache, after.route?.cache);
    this.#move("status", before?.status, after.status);
  }

  told(): WhatIfReport {
    const tenants = [...this.#tenants.values()].sort(
      (one, other) => other.after_nusd - one.after_nusd || (one.tenant < other.tenant ? -1 : 1),
    );
    const { requests } = this.#after;
    return {
      ...this.#about,
      records: this.#records,
      unreadable: this.#unreadable,
      repeated: this.#repeated,
      before: this.#before.told(),
      after: this.#after.told(),
      tenants: tenants.map((one) => ({ ...one })),
      budgets: [...this.#budgets.values()].map((one) => ({ ...one })),
      deferred: this.#deferred,
      given_up: this.#given_up,
      moves: {
        tier: sorted(this.#moves.tier),
        cache: sorted(this.#moves.cache),
        status: sorted(this.#moves.status),
      },
      estimated: { requests: this.#estimated, share: requests === 0 ? 0 : this.#estimated / requests },
      ...(this.#first_ms === undefined ? {} : { first_ms: this.#first_ms }),
      ...(this.#last_ms === undefined ? {} : { last_ms: this.#last_ms }),
    };
  }

  #tenantOf(tenant: string): MutableTenant {
    const name = this.#tenants.has(tenant) || this.#tenants.size < TENANTS_MAX ? tenant : OTHERS;
    const none = { requests: 0, before_nusd: 0, after_nusd: 0, refused_before: 0, refused_after: 0 };
    const sums = this.#tenants.get(name) ?? { tenant: name, ...none };
    this.#tenants.set(name, sums);
    return sums;
  }

  #move(of: "tier" | "cache" | "status", before = "none", after = "none"): void {
    const name = `${before} → ${after}`;
    const moves = this.#moves[of];
    if (before !== after && (moves.has(name) || moves.size < MOVES_MAX)) count(moves, name);
  }
}

function isRefused(status: ResultStatus): boolean {
  return status === "rejected" || status === "expired";
}

function isWindowed(scope: Refusal["scope"]): scope is CounterScope {
  return scope !== "request" && (BUDGET_SCOPES as readonly string[]).includes(scope);
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function sorted<T>(map: ReadonlyMap<string, T>): Record<string, T> {
  return Object.fromEntries([...map].sort(([one], [other]) => (one < other ? -1 : 1)));
}
