/** Rows of results that get another Result. What is not the Result's stays: when the request came, whose it was, and its job. */
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { TopicMaker } from "../../libs/shared/kafka/topic-maker.ts";
import { type Pool, withPostgres } from "../../libs/shared/postgres/client.ts";
import { findClaims } from "../../libs/shared/postgres/results.ts";
import type { Correction } from "./corrections.ts";

export interface CorrectionStore {
  /** @returns whether each was made, now or before, in the order given. Safe to repeat. @throws retryable while Postgres is away. */
  correct(corrections: readonly Correction[]): Promise<readonly boolean[]>;
}

/** Whether a replay has its topic; one that anybody made up has none. @throws retryable while Kafka is away. */
export type HasTopic = (replay: string) => Promise<boolean>;

/**
 * What a redrive's run used is in the run's own row: sums would have it twice. An answer that a redrive brought is not undone by sending
 * the failed outcome once more.
 */
const CORRECT = `
UPDATE sluice_results AS r SET status = given.status, tier = given.tier, model = given.model, cache = given.cache,
  error_code = given.error_code, result = given.result, kind = coalesce(given.kind, r.kind),
  prompt_tokens = CASE given.mode WHEN 'stage' THEN given.prompt ELSE r.prompt_tokens END,
  completion_tokens = CASE given.mode WHEN 'stage' THEN given.completion ELSE r.completion_tokens END,
  cost_nusd = CASE given.mode WHEN 'stage' THEN given.cost ELSE r.cost_nusd END,
  completed_at = to_timestamp(given.completed / 1000.0), corrected_by = given.replay
FROM unnest($1::int[], $2::text[], $3::text[], $4::date[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
  $11::text[], $12::int[], $13::int[], $14::bigint[], $15::float8[], $16::text[], $17::text[])
  AS given (at, tenant, id, day, replay, mode, status, tier, model, cache, error_code, prompt, completion, cost, completed, result, kind)
WHERE r.tenant = given.tenant AND r.id = given.id AND r.day = given.day AND r.day = ANY($18::date[]) AND CASE given.mode
  WHEN 'stage' THEN r.corrected_by IS NULL OR r.corrected_by NOT LIKE 'redrive-%'
  ELSE r.status IN ('failed', 'expired') OR r.corrected_by = given.replay END
RETURNING given.at`;

export class PostgresCorrections implements CorrectionStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async correct(corrections: readonly Correction[]): Promise<readonly boolean[]> {
    const claims = await findClaims(this.#pool, corrections);
    const dayOf = new Map(claims.map(({ tenant, id, day }) => [`${tenant} ${id}`, day]));
    const days = corrections.map(({ tenant, id }) => dayOf.get(`${tenant} ${id}`) ?? null);
    const { rows } = await withPostgres(() =>
      this.#pool.query<{ readonly at: number }>({
        name: "correct",
        text: CORRECT,
        values: [...columns(corrections, days), [...new Set(claims.map(({ day }) => day))]],
      }),
    );
    const made = new Set(rows.map(({ at }) => at));
    return corrections.map((_, at) => made.has(at));
  }
}

function columns(corrections: readonly Correction[], days: readonly (string | null)[]): unknown[][] {
  const of = (pick: (correction: Correction) => unknown): unknown[] => corrections.map(pick);
  return [
    corrections.map((_, at) => at),
    of(({ tenant }) => tenant),
    of(({ id }) => id),
    [...days],
    of(({ replay }) => replay),
    of(({ kind }) => kind),
    of(({ row }) => row.status),
    of(({ row }) => row.tier),
    of(({ row }) => row.model),
    of(({ row }) => row.cache),
    of(({ row }) => row.error_code),
    of(({ row }) => row.prompt_tokens),
    of(({ row }) => row.completion_tokens),
    of(({ row }) => row.cost_nusd),
    of(({ row }) => row.completed_ms),
    of(({ row }) => row.result),
    of(({ row }) => row.kind),
  ];
}

const KNOWN_MS = 5_000;
const UNKNOWN_MS = 500;

/** Topics are looked up together, and seldom: a replay's is made before its first record is sent. */
export function replayTopics(
  maker: Pick<TopicMaker, "list">,
  names: Pick<TopicNames, "replay">,
  now_ms: () => number,
): HasTopic {
  let topics: ReadonlySet<string> = new Set();
  let listed_ms = Number.NEGATIVE_INFINITY;
  return async (replay) => {
    const topic = names.replay(replay);
    const age_ms = now_ms() - listed_ms;
    if (age_ms > (topics.has(topic) ? KNOWN_MS : UNKNOWN_MS)) {
      topics = new Set(await maker.list());
      listed_ms = now_ms();
    }
    return topics.has(topic);
  };
}
