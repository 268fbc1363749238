/**
 * The counters behind admission: who was seen, what is reserved and settled, what limits have room. The port; Redis keeps it in
 * production (`../redis/admission/`), memory in the simulation (`memory-store.ts`). Both are one atomic step for each request: all
 * scopes of limits and budgets are checked together, and either all are charged or none (I4), on the store's own clock.
 *
 * The store is a view (I8). It has an *epoch*, the life of its counters. Without one (a fresh or flushed Redis) every ask is
 * answered `lost` and nothing is admitted, until a rebuild from `llm.usage` gives it a new one.
 */
import type { Reservation, UsageEntry } from "../events/usage.ts";
import type { BudgetScope, CounterRef, CounterScope } from "./scopes.ts";

/** Limits of one subject, as they stand in its plan. */
export type RateAsk = {
  readonly scope: "global" | "tenant" | "user" | "key";
  /** The user's name or the key's id; empty otherwise. */
  readonly subject: string;
  readonly requests_per_minute?: number | undefined;
  readonly tokens_per_minute?: number | undefined;
  readonly requests_per_day?: number | undefined;
  readonly algorithm: "sliding_window" | "token_bucket";
  /** Of `token_bucket`. */
  readonly burst_s: number;
};

/** What a request needs to be admitted. */
export type Needs = {
  /** Upper bound of its cost. */
  readonly reserved_nusd: number;
  /** Less than that: reserved instead where no budget has room for the whole, since the request can be served for it. */
  readonly lower_nusd?: number | undefined;
  /** Upper bound of its tokens, prompt and answer. */
  readonly tokens: number;
  readonly session?: string | undefined;
  readonly user?: string | undefined;
  /** By scope; a scope without a cap is counted all the same. */
  readonly caps_nusd: Readonly<Partial<Record<CounterScope, number>>>;
  readonly rates: readonly RateAsk[];
  readonly in_flight_max?: number | undefined;
  /** Epoch ms after which the hold belongs to dead work. */
  readonly expires_ms: number;
};

export type Ask = {
  readonly tenant: string;
  /** The request's own id, else the one made from its place. */
  readonly id: string;
  readonly has_own_id: boolean;
  readonly content_hash: string;
  /** Hash of tenant's `idempotency_key`. */
  readonly idempotency?: string | undefined;
  /** `<topic> <partition> <offset>` on `llm.requests`, also when it comes back by a retry or deferral. */
  readonly place: string;
  /**
   * It comes back by `llm.retry.<delay>` or `llm.deferred`: an earlier refusal does not bind, and it is nobody's repeat. Where it was
   * forgotten and the same request came again, that one may count on this very record (the attempt ledger knows it as gone back).
   */
  readonly reentry: boolean;
  /**
   * Of a re-entry after a deferral: which one, without white space. A refusal binds what comes again of the same turn, so that a
   * redelivery of what was refused for good is not admitted behind its own result.
   */
  readonly turn?: string | undefined;
  /** A refusal by a limit will be tried again by itself: its idempotency key stays its own. Otherwise a refusal takes no key. */
  readonly defers?: boolean | undefined;
  /** Missing where the request is refused whatever the counters say: then only its identity is judged and remembered. */
  readonly needs?: Needs | undefined;
};

/** Why the counters refuse. */
export type Refusal = {
  /** `velocity`: the tenant is stopped until it is resumed. */
  readonly reason: "budget" | "rate_requests" | "rate_tokens" | "quota" | "in_flight" | "velocity";
  readonly scope: BudgetScope | "global" | "tenant" | "user" | "key";
  /** Nano-dollars, requests or tokens. */
  readonly limit: number;
  /** Of the limit, before this request. Never negative. */
  readonly left: number;
  /** What it needed. */
  readonly needed: number;
  /** Until it may fit, by the store's clock; undefined where waiting does not help (it is larger than the limit, or a session's cap). */
  readonly retry_after_ms?: number | undefined;
};

/** Of the tightest requests and tokens limit, after the charge: for `x-ratelimit-*`. */
export type RateRoom = {
  readonly requests?: { readonly limit: number; readonly left: number; readonly reset_ms: number };
  readonly tokens?: { readonly limit: number; readonly left: number; readonly reset_ms: number };
};

/** A threshold that the sum of a counter has crossed for the first time in its window. */
export type Crossing = {
  readonly tenant: string;
  readonly scope: CounterScope;
  readonly subject: string;
  readonly window: string;
  /** Part of the cap, as in `admission.alert_at`. */
  readonly threshold: number;
  readonly cap_nusd: number;
  readonly used_nusd: number;
};

export type Answer =
  | {
      readonly kind: "admitted";
      readonly id: string;
      readonly reservation: Reservation;
      readonly epoch: string;
      readonly room: RateRoom;
      readonly crossings: readonly Crossing[];
    }
  /** It was admitted before and its hold is open; what it caused may be missing. */
  | { readonly kind: "redelivered"; readonly id: string; readonly reservation: Reservation; readonly epoch: string }
  /** Its identity is new or its own, and the ask had no needs. */
  | { readonly kind: "known"; readonly id: string }
  /** The same request came before, or it has its result: this record causes nothing. */
  | { readonly kind: "repeated"; readonly id: string }
  /** The id was used for other content. */
  | { readonly kind: "conflict"; readonly id: string }
  /** The idempotency key belongs to the request `first_id`: with other content (`same_content` false), or under another id. */
  | { readonly kind: "key_taken"; readonly id: string; readonly first_id: string; readonly same_content: boolean }
  | { readonly kind: "refused"; readonly id: string; readonly refusal: Refusal }
  /** The counters are gone, or being restored. */
  | { readonly kind: "lost" };

/** An entry of the ledger and its place: each is applied once, in order within a partition. */
export type Applied = { readonly partition: number; readonly offset: string; readonly entry: UsageEntry };

export type ApplyContext = {
  readonly caps_nusd: Readonly<Partial<Record<CounterScope, number>>>;
  /** Of the tenant; a trip sets it aside until it is resumed. */
  readonly velocity?: { readonly window_s: number; readonly usd_nusd: number } | undefined;
};

export type ApplyResult =
  | { readonly kind: "applied"; readonly crossings: readonly Crossing[]; readonly tripped: boolean }
  /** It is part of the counters already. */
  | { readonly kind: "skipped" }
  | { readonly kind: "lost" };

/** A hold that is past its time. */
export type ExpiredHold = {
  readonly tenant: string;
  readonly id: string;
  readonly reservation: Reservation;
  /** The request's, where it is kept: names its entry in the attempt ledger. */
  readonly content_hash?: string | undefined;
};

export interface AdmissionStore {
  /** Answers in the order of the asks, in one round trip; within a batch the earlier one comes first. */
  reserve(asks: readonly Ask[]): Promise<Answer[]>;
  /** Results in the order given, in one round trip. */
  apply(entries: readonly (Applied & ApplyContext)[]): Promise<ApplyResult[]>;
  /** Holds that are past their time, at most `count_max`; they stay until a ledger entry closes them. */
  expired(count_max: number): Promise<ExpiredHold[]>;
}

/** What a fold of the ledger says the counters are. */
export type Snapshot = {
  readonly counters: readonly {
    readonly tenant: string;
    readonly counter: CounterRef;
    readonly reserved_nusd: number;
    readonly settled_nusd: number;
  }[];
  /** Open ones. Requests in flight are counted from them. */
  readonly holds: readonly (ExpiredHold & {
    readonly expires_ms: number;
    readonly user?: string | undefined;
    readonly key_id?: string | undefined;
  })[];
  /** Requests that were admitted within the time that ids are remembered. */
  readonly seen: readonly {
    readonly tenant: string;
    readonly id: string;
    readonly content_hash: string;
    readonly place: string;
    readonly settled: boolean;
  }[];
  /** What was admitted today, for daily quotas, and within the last minute, for rates. */
  readonly rates: readonly {
    readonly tenant: string;
    readonly user?: string | undefined;
    readonly key_id?: string | undefined;
    readonly at_ms: number;
    readonly tokens: number;
  }[];
  /** By partition of `llm.usage`: the last offset that is part of this; entries behind it are applied as they come. */
  readonly applied: ReadonlyMap<number, string>;
};

/** How lost counters are given a new life. One restores at a time. */
export interface CountersLife {
  /** The present epoch; undefined while the counters are lost or being restored. */
  epoch(): Promise<string | undefined>;
  /**
   * Ends the present epoch: from now on every ask is answered `lost`. Undefined while another restores and, with `if_lost`, where
   * the counters live: one atomic step, so that who was told of lost counters never ends those that another has just restored.
   */
  begin(only?: { readonly if_lost?: boolean }): Promise<Restoring | undefined>;
}

export interface Restoring {
  /** There were counters until this began: what was reserved in them at last may not stand in the ledger yet. */
  readonly ended_life: boolean;
  /** So long ago at least the former life ended, if that is known (a store that was restarted): since then nobody reserved. */
  readonly ended_ms_ago?: number | undefined;
  /** Writes it all under a new epoch and begins that. @returns the epoch. */
  finish(snapshot: Snapshot): Promise<string>;
  /** Gives up; the counters stay lost. */
  abandon(): Promise<void>;
}
