/** What a tenant's requests came to, summed in Postgres. */
import { usdOf } from "../../libs/shared/money.ts";
import { type Pool, withPostgres } from "../../libs/shared/postgres/client.ts";

/** What sums are told apart by. `day`: the UTC day on which the result was written down. */
export const USAGE_GROUPS = ["day", "user", "model", "tier", "status", "cache", "kind", "error_code", "job"] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];

export type UsageSums = {
  readonly requests: number;
  readonly succeeded: number;
  /** Answered without a model: equal, alike, or asked at the same time. */
  readonly cache_hits: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_usd: number;
};

export type UsageRow = UsageSums & { readonly [Group in UsageGroup]?: string | null };

export type UsageAsk = {
  /** `YYYY-MM-DD`, both included. */
  readonly from: string;
  readonly to: string;
  readonly group_by: readonly UsageGroup[];
  /** Groups, at most. */
  readonly limit: number;
};

export type Usage = {
  /** By day, then the costliest first. */
  readonly rows: readonly UsageRow[];
  readonly total: UsageSums;
  /** Groups that did not fit. */
  readonly more: boolean;
};

export type ReadUsage = (tenant: string, ask: UsageAsk) => Promise<Usage>;

const COLUMNS: Readonly<Record<UsageGroup, string>> = {
  day: "day",
  user: "user_id",
  model: "model",
  tier: "tier",
  status: "status",
  cache: "cache",
  kind: "kind",
  error_code: "error_code",
  job: "job",
};

type Row = Omit<UsageSums, "cost_usd"> & { readonly cost_nusd: string; readonly all: boolean } & {
  readonly [Group in UsageGroup]?: string | null;
};

/** @throws retryable while Postgres is away, or does not come to an end. */
export async function readUsage(pool: Pool, tenant: string, ask: UsageAsk): Promise<Usage> {
  const text = statement(ask.group_by);
  const values = [tenant, ask.from, ask.to, ask.limit + 2];
  const { rows } = await withPostgres(() => pool.query<Row>({ text, values }));
  const [all, ...groups] = rows;
  return {
    rows: groups.slice(0, ask.limit).map((row) => ({ ...named(row, ask.group_by), ...sumsOf(row) })),
    total: sumsOf(all),
    more: groups.length > ask.limit,
  };
}

function named(row: Row, group_by: readonly UsageGroup[]): Pick<UsageRow, UsageGroup> {
  return Object.fromEntries(group_by.map((group) => [group, row[group] ?? null]));
}

function sumsOf(row: Row | undefined): UsageSums {
  return {
    requests: row?.requests ?? 0,
    succeeded: row?.succeeded ?? 0,
    cache_hits: row?.cache_hits ?? 0,
    prompt_tokens: row?.prompt_tokens ?? 0,
    completion_tokens: row?.completion_tokens ?? 0,
    cost_usd: usdOf(Number(row?.cost_nusd ?? 0)),
  };
}

/** The sum of all comes first. Names of columns are ours; what the caller said is in the parameters. */
function statement(group_by: readonly UsageGroup[]): string {
  const columns = group_by.map((group) => COLUMNS[group]);
  const named = group_by.map((group) => `${COLUMNS[group]}${group === "day" ? "::text" : ""} AS "${group}", `).join("");
  return `
SELECT ${named} count(*)::float8 AS requests, (count(*) FILTER (WHERE status = 'succeeded'))::float8 AS succeeded,
  (count(*) FILTER (WHERE cache IN ('exact', 'semantic', 'coalesced')))::float8 AS cache_hits,
  coalesce(sum(prompt_tokens), 0)::float8 AS prompt_tokens, coalesce(sum(completion_tokens), 0)::float8 AS completion_tokens,
  coalesce(sum(cost_nusd), 0)::text AS cost_nusd, grouping(${columns.join(", ")}) > 0 AS "all"
FROM sluice_results
WHERE tenant = $1 AND day BETWEEN $2::date AND $3::date
GROUP BY GROUPING SETS ((${columns.join(", ")}), ())
ORDER BY "all" DESC, ${group_by.includes("day") ? "sluice_results.day, " : ""}sum(cost_nusd) DESC NULLS LAST, ${columns.map((_, at) => at + 1).join(", ")}
LIMIT $4`;
}
