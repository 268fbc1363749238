/** Replays as the API gives them. */
export type Preview = {
  readonly read: number;
  readonly selected: number;
  readonly unreadable: number;
  readonly by_status: Readonly<Record<string, number>>;
  readonly by_tier: Readonly<Record<string, number>>;
  readonly by_tenant: Readonly<Record<string, number>>;
  readonly calls: number;
  readonly expected_usd: number;
  readonly most_usd: number;
  readonly without_record: number;
  readonly recorded_usd: number;
  readonly first_ms?: number;
  readonly last_ms?: number;
};

export type Totals = {
  readonly passed: number;
  readonly of: number;
  readonly selected: number;
  readonly by_fate: Readonly<Record<string, number>>;
  readonly calls: number;
  readonly cost_usd: number;
};

export type Replay = {
  readonly id: string;
  readonly status: string;
  readonly mode: string;
  readonly spec: {
    readonly selection: Readonly<Record<string, unknown>>;
    readonly webhooks?: boolean;
    readonly charge?: boolean;
    readonly fill_cache?: boolean;
  } & Readonly<Record<string, unknown>>;
  readonly runner: string;
  readonly by: string;
  readonly preview: Preview | null;
  readonly totals: Totals;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly budget_usd: number | null;
  readonly wanted: string | null;
  readonly created_ms: number;
  readonly updated_ms: number;
  readonly ended_ms: number | null;
};

type Side = {
  readonly by_status: Readonly<Record<string, number>>;
  readonly by_tier: Readonly<Record<string, number>>;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_nusd: number;
  readonly latency_ms: { readonly p50?: number; readonly p95?: number };
};

/** As `services/replay/compare` writes it. */
export type Comparison = {
  readonly summary: {
    readonly compared: number;
    readonly without_original: number;
    readonly answers: Readonly<Record<string, number>>;
    readonly same_ratio: number;
    readonly original: Side;
    readonly replayed: Side;
    readonly distance: { readonly known: number; readonly mean: number; readonly p95: number; readonly max: number };
    readonly distance_histogram: readonly number[];
    readonly tier_moves: readonly { readonly from: string; readonly to: string; readonly count: number }[];
  };
  readonly worst: readonly Worst[];
};

type WorstSide = {
  readonly status: string;
  readonly error_code?: string;
  readonly tier?: string;
  readonly cost_nusd: number;
  readonly latency_ms?: number;
};

export type Worst = {
  readonly tenant: string;
  readonly id: string;
  readonly answers: string;
  readonly original?: WorstSide;
  readonly replayed: WorstSide;
  readonly distance?: number;
  readonly texts?: { readonly original: string; readonly replayed: string };
};
