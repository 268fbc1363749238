/** What advice says. Kinds, fields and units are stable: scripts read them. Pure. */

export type FindingKind =
  | "stalled_consumer"
  | "no_consumer"
  | "cold_cache"
  | "dependency_slow"
  | "failing_endpoint"
  | "provider_limit"
  | "slow_endpoint"
  | "skewed_key"
  | "small_batches"
  | "too_few_partitions"
  | "cpu_bound"
  | "undersized_pool"
  | "too_few_replicas"
  | "catching_up"
  | "nothing_limits";

/** `bottleneck`: work waits because of it. `risk`: it will, or it costs something already. `note`: nothing is to be done. */
export type Severity = "bottleneck" | "risk" | "note";

export type Evidence = { readonly name: string; readonly value: number | string; readonly unit?: string };

/** What the change should bring, in one figure; `to` is what the arithmetic in `how` gives, not a promise. */
export type Gain = {
  readonly what: string;
  readonly unit: string;
  readonly from: number;
  readonly to: number;
  readonly how: string;
};

export type Finding = {
  readonly what: FindingKind;
  /** `ingest`, `router`, `inference.<tier>`, `results`; `pipeline` for all of it. */
  readonly stage: string;
  readonly severity: Severity;
  /** 0 to 100: how sure it is that this is what limits; the list is sorted by it. */
  readonly score: number;
  readonly summary: string;
  readonly evidence: readonly Evidence[];
  /** Settings and commands as they are to be written. */
  readonly change: string;
  readonly gain: Gain | null;
};

/** A finding of a rule, before it is ranked. `strength`: how clearly the figures say it, 0 to 1. */
export type RuleFinding = Omit<Finding, "score"> & { readonly strength: number };
