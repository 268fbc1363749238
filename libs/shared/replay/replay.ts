/**
 * A replay: recorded requests, run again. What was asked for (`spec`) never changes; where it stands is in Kafka, as the offsets that
 * its own group has committed together with the Results that it has written, so that a crash loses and repeats nothing (I1, I7).
 */
import type { ResultStatus } from "../events/fields.ts";
import type { TopicPartition } from "../kafka/ports.ts";

/** As of `replayField`; a redrive is a record sent again, and has no row. */
export type RunMode = "reuse" | "recompute" | "shadow" | "what-if" | "stage";

/** Whose own input a stage sends again. */
export const STAGES = ["ingest", "router", "inference", "results"] as const;
export type Stage = (typeof STAGES)[number];

/** Which records. All that is given must hold. */
export type Selection = {
  /** By its full name. */
  readonly topic: string;
  /** Written at or after, and before; epoch ms. */
  readonly from_ms?: number;
  readonly to_ms?: number;
  /** Of single partitions: from this offset to before that one. Others are left out. */
  readonly offsets?: readonly { readonly partition: number; readonly from: number; readonly to: number }[];
  /** Requests by id; found by their rows, so that nothing else is read. */
  readonly ids?: readonly string[];
  readonly tenant?: string;
  /** Of the original Result: any of these. */
  readonly status?: readonly ResultStatus[];
  readonly tier?: readonly string[];
  readonly model?: readonly string[];
  readonly error_code?: readonly string[];
  /** Pairs that the request's metadata must have. */
  readonly label?: Readonly<Record<string, string>>;
  /** At most so many, the first ones of each partition in turn. */
  readonly limit?: number;
};

export type ReplaySpec = {
  readonly mode: RunMode;
  readonly selection: Selection;
  /** Of `stage`. */
  readonly stage?: Stage;
  /** Records a second at the most. */
  readonly rate_per_s?: number;
  /** Of `shadow`: all requests to this tier or model. */
  readonly tier?: string;
  readonly model?: string;
  /** Of `shadow` and `what-if`: the whole settings file, as text, with its name for people. */
  readonly settings?: { readonly name: string; readonly yaml: string };
  /** What it may do beside writing Results; nothing unless asked for (I7). */
  readonly webhooks?: boolean;
  readonly charge?: boolean;
  readonly fill_cache?: boolean;
};

/** A stretch of a partition, from an offset to before another one. */
export type Range = TopicPartition & { readonly from: number; readonly to: number };

/**
 * `previewing` → `previewed` (waits for a confirmation) → `asked` (waits for whoever runs it) → `running` → an end, or `paused`: by a
 * person, or since its budget is used up. What is paused or failed may be asked again and goes on where it stood.
 */
export const REPLAY_STATUSES = [
  "previewing",
  "previewed",
  "asked",
  "running",
  "paused",
  "completed",
  "failed",
  "cancelled",
] as const;
export type ReplayStatus = (typeof REPLAY_STATUSES)[number];

/** What a replay would do, seen before it does it. */
export type ReplayPreview = {
  /** Read, and of those: taken by the selection, without a readable request. */
  readonly read: number;
  readonly selected: number;
  readonly unreadable: number;
  /** Of the selected, by what is recorded of them; `none` has no Result yet. */
  readonly by_status: Readonly<Record<string, number>>;
  readonly by_tier: Readonly<Record<string, number>>;
  readonly by_tenant: Readonly<Record<string, number>>;
  /** Calls that it would make, and what they would cost: as recorded, and at the most. */
  readonly calls: number;
  readonly expected_nusd: number;
  readonly most_nusd: number;
  /** Selected, but with nothing recorded that the mode could use. */
  readonly without_record: number;
  /** Of the original Results. */
  readonly recorded_nusd: number;
  readonly first_ms?: number;
  readonly last_ms?: number;
};

/** How far it is. */
export type ReplayTotals = {
  /** Offsets passed of those in the ranges. */
  readonly passed: number;
  readonly of: number;
  readonly selected: number;
  /** Results written, by fate: `reused`, `called`, `cached`, `refused`, `failed`, `without_record`… */
  readonly by_fate: Readonly<Record<string, number>>;
  readonly calls: number;
  readonly cost_nusd: number;
};

export const NO_TOTALS: ReplayTotals = { passed: 0, of: 0, selected: 0, by_fate: {}, calls: 0, cost_nusd: 0 };

export type ReplayError = { readonly code: string; readonly message: string };

export type Replay = {
  readonly id: string;
  readonly status: ReplayStatus;
  readonly spec: ReplaySpec;
  readonly runner: "cli" | "service";
  readonly by: string;
  readonly ranges?: readonly Range[];
  readonly preview?: ReplayPreview;
  readonly totals: ReplayTotals;
  /** A summary, as `services/replay/compare` writes it. */
  readonly comparison?: unknown;
  /** Why it failed, or why it is paused: `replay_budget_used`. */
  readonly error?: ReplayError;
  readonly budget_nusd?: number;
  readonly wanted?: "pause" | "cancel";
  readonly created_ms: number;
  readonly updated_ms: number;
  readonly ended_ms?: number;
};

export type NewReplay = Pick<Replay, "id" | "spec" | "runner" | "by" | "budget_nusd" | "created_ms">;

/** What a run writes down. */
export type ReplaySave = Partial<
  Pick<Replay, "status" | "ranges" | "preview" | "totals" | "comparison" | "error" | "ended_ms">
>;

/** The rows of replays. All reject (retryable) while Postgres is away. */
export interface ReplayStore {
  /** As `previewing`. */
  create(replay: NewReplay): Promise<void>;
  find(id: string): Promise<Replay | undefined>;
  /** The latest first. @param after the id that the page before ended with. */
  list(page: { readonly after?: string; readonly limit: number }): Promise<readonly Replay[]>;
  /** From `previewed`, `paused` or `failed` to `asked`. @returns false where it is in none of them. */
  ask(id: string, runner: Replay["runner"], budget_nusd: number | undefined, now_ms: number): Promise<boolean>;
  /** Notes what a person wants; what nobody runs is paused or cancelled at once. @returns the replay as it is now. */
  want(id: string, wanted: "pause" | "cancel", now_ms: number): Promise<Replay | undefined>;
  /** Leases this replay, or with none named the oldest that waits for a service: `previewing`, `asked`, or left by one that died. */
  lease(owner: string, now_ms: number, until_ms: number, id?: string): Promise<Replay | undefined>;
  /** @returns what a person wants meanwhile; `lost` where the lease is another's. */
  renew(id: string, owner: string, until_ms: number): Promise<"held" | "lost" | "pause" | "cancel">;
  /** @returns false where the lease is another's: then nothing is changed. */
  save(id: string, owner: string, save: ReplaySave, now_ms: number): Promise<boolean>;
  release(id: string, owner: string): Promise<void>;
}
