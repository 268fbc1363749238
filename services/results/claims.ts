/**
 * Which outcome is a request's result: the first one to be written down (I1). A claim names the outcome by its place on the
 * topic, so that working on it again finds its own claim and any other outcome finds another's.
 */
import type { TopicPartition } from "../../libs/shared/kafka/ports.ts";
import { type Pool, withPostgres } from "../../libs/shared/postgres/client.ts";

/** An outcome that wants to be the result, with the row that is kept of it. */
export type Claim = {
  readonly tenant: string;
  readonly id: string;
  readonly content_hash: string;
  readonly place: TopicPartition & { readonly offset: number };
  /** It is the outcome that stands at this place, sent again. */
  readonly again?: Claim["place"];
  readonly row: ResultRow;
};

export type ResultRow = {
  readonly status: string;
  readonly tier: string | null;
  readonly model: string | null;
  readonly cache: string | null;
  readonly error_code: string | null;
  readonly prompt_tokens: number | null;
  readonly completion_tokens: number | null;
  readonly cost_nusd: number | null;
  readonly received_ms: number | null;
  readonly completed_ms: number;
  /** The Result as JSON text. */
  readonly result: string;
  /** Where the request stands on `llm.requests`, as the header `sluice-origin` says. */
  readonly origin: string | null;
  readonly user: string | null;
  readonly kind: "chat" | "embeddings" | null;
  /** The batch or map-reduce that it belongs to. */
  readonly job: string | null;
  /** For `explain`, as `libs/shared/explain/kept-trail.ts` writes it. */
  readonly trail: string | null;
};

/**
 * - `won`: this outcome is the result, now or since an earlier try.
 * - `late`: another outcome of the same request came first; this one is dropped.
 * - `corrects`: it was sent again, and is the result already.
 * - `conflict`: the id belongs to a request with other content.
 */
export type ClaimVerdict = "won" | "late" | "corrects" | "conflict";

export interface ClaimStore {
  /** Verdicts in the order of the claims. Safe to repeat. */
  claim(claims: readonly Claim[]): Promise<ClaimVerdict[]>;
}

export type Holder = { readonly content_hash: string; readonly place: Claim["place"] };

/** Pure: what the holder of an id says about a claim. */
export function claimVerdict(claim: Claim, holder: Holder): ClaimVerdict {
  if (holder.content_hash !== claim.content_hash) return "conflict";
  if (isSame(holder.place, claim.place)) return "won";
  return claim.again !== undefined && isSame(holder.place, claim.again) ? "corrects" : "late";
}

function isSame(one: Claim["place"], other: Claim["place"]): boolean {
  return one.topic === other.topic && one.partition === other.partition && one.offset === other.offset;
}

/**
 * Claims and, for those that won, rows: one statement. The day is the transaction's, so that both have the same. Of two outcomes of a
 * request in one batch the first wins, and its row is told from the other's by its place.
 */
const CLAIM = `
WITH given AS (
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::int[], $13::int[], $14::bigint[], $15::float8[], $16::float8[], $17::text[], $18::text[],
    $19::text[], $20::text[], $21::text[], $22::text[])
  AS claim (tenant, id, content_hash, topic, part, off, status, tier, model, cache, error_code, prompt, completion, cost,
    received, completed, result, origin, user_id, kind, job, trail)
), claimed AS (
  INSERT INTO sluice_claims (tenant, id, content_hash, outcome_topic, outcome_partition, outcome_offset, day)
  SELECT tenant, id, content_hash, topic, part, off, (now() AT TIME ZONE 'UTC')::date FROM given
  ON CONFLICT (tenant, id) DO NOTHING
  RETURNING tenant, id, outcome_topic AS topic, outcome_partition AS part, outcome_offset AS off, day
)
INSERT INTO sluice_results (tenant, id, day, status, tier, model, cache, error_code, prompt_tokens, completion_tokens, cost_nusd,
  received_at, completed_at, result, origin, user_id, kind, job, trail)
SELECT tenant, id, day, status, tier, model, cache, error_code, prompt, completion, cost,
  to_timestamp(coalesce(received, completed) / 1000.0), to_timestamp(completed / 1000.0), result, origin, user_id, kind, job, trail
FROM given JOIN claimed USING (tenant, id, topic, part, off)`;

const HOLDERS = `
SELECT tenant, id, content_hash, outcome_topic AS topic, outcome_partition AS partition, outcome_offset AS "offset"
FROM sluice_claims JOIN unnest($1::text[], $2::text[]) AS asked (tenant, id) USING (tenant, id)`;

export class PostgresClaimStore implements ClaimStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async claim(claims: readonly Claim[]): Promise<ClaimVerdict[]> {
    if (claims.length === 0) return [];
    const inserted = await withPostgres(() =>
      this.#pool.query({ name: "claim", text: CLAIM, values: columns(claims) }),
    );
    // The usual case: nobody was there before, so every outcome is the result.
    if (inserted.rowCount === claims.length) return claims.map(() => "won");
    const holders = await this.#holders(claims);
    return claims.map((claim) => claimVerdict(claim, holders.get(claimId(claim)) as Holder));
  }

  async #holders(claims: readonly Claim[]): Promise<Map<string, Holder>> {
    const values = [claims.map(({ tenant }) => tenant), claims.map(({ id }) => id)];
    const { rows } = await withPostgres(() => this.#pool.query({ name: "holders", text: HOLDERS, values }));
    return new Map(
      rows.map((row) => {
        const place = { topic: row.topic, partition: row.partition, offset: Number(row.offset) };
        return [claimId(row), { content_hash: row.content_hash, place }];
      }),
    );
  }
}

/** Neither name holds a space. */
function claimId({ tenant, id }: { readonly tenant: string; readonly id: string }): string {
  return `${tenant} ${id}`;
}

function columns(claims: readonly Claim[]): unknown[][] {
  const of = (pick: (claim: Claim) => unknown): unknown[] => claims.map(pick);
  return [
    of(({ tenant }) => tenant),
    of(({ id }) => id),
    of(({ content_hash }) => content_hash),
    of(({ place }) => place.topic),
    of(({ place }) => place.partition),
    of(({ place }) => place.offset),
    of(({ row }) => row.status),
    of(({ row }) => row.tier),
    of(({ row }) => row.model),
    of(({ row }) => row.cache),
    of(({ row }) => row.error_code),
    of(({ row }) => row.prompt_tokens),
    of(({ row }) => row.completion_tokens),
    of(({ row }) => row.cost_nusd),
    of(({ row }) => row.received_ms),
    of(({ row }) => row.completed_ms),
    of(({ row }) => row.result),
    of(({ row }) => row.origin),
    of(({ row }) => row.user),
    of(({ row }) => row.kind),
    of(({ row }) => row.job),
    of(({ row }) => row.trail),
  ];
}
