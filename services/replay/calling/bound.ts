/** What a record's run may cost at the most, as ingest would hold it. Pure. */
import type { Settings } from "../../../libs/shared/config/schema.ts";
import type { Encodings } from "../../../libs/shared/estimate/encodings.ts";
import { type EstimateInput, estimate } from "../../../libs/shared/estimate/estimate.ts";
import type { JobHead } from "../../../libs/shared/events/flow.ts";
import { ladderOf } from "../../../libs/shared/routing/ladder.ts";

export type Bound = {
  readonly most_nusd: number;
  readonly tokens: number;
  /** To be written into each call. */
  readonly output_tokens_max: number | undefined;
  /** Those that it may climb to, with its first one. */
  readonly tiers: readonly string[];
  /** A model that has no price. */
  readonly unpriced?: string;
};

export type BoundAsk = {
  readonly head: Pick<JobHead, "kind" | "lane">;
  readonly tier: string;
  /** We chose the tier: the answer may be asked for again of a stronger one. */
  readonly climbs: boolean;
  readonly body: Readonly<Record<string, unknown>>;
  readonly limits: EstimateInput["limits"];
  /** The tenant's. */
  readonly plan: EstimateInput["plan"];
  readonly settings: Pick<Settings, "tiers" | "routing" | "prices">;
  readonly encodings: Encodings;
};

/** Of one call to each tier on its way, answers and judgements; each further call after one whose answer is lost may cost as much again. */
export function boundOf({ head, tier, climbs, plan, ...rest }: BoundAsk): Bound {
  const { settings } = rest;
  const { kind, lane } = head;
  const own = { ...plan, tiers: undefined };
  const first = estimate({ ...rest, head: { kind, lane, tier }, plan: own });
  const ladder = climbs ? ladderOf(settings, "chat") : [];
  const at = ladder.indexOf(tier);
  const tiers =
    at < 0 ? [tier] : ladder.slice(at).filter((name) => name === tier || plan.tiers?.includes(name) !== false);
  const way = tiers.length > 1 ? estimate({ ...rest, head: { kind, lane }, plan: { ...plan, tiers } }) : first;
  const both = [first, way].flatMap((one) => (one.kind === "estimated" ? [one] : []));
  const missing = [first, way].map((one) =>
    one.kind === "price_unknown" ? one.model : "unpriced" in one ? one.unpriced : undefined,
  );
  const unpriced = missing.find((model) => model !== undefined);
  const outputs = both.map((one) => one.output_tokens_max);
  return {
    most_nusd: Math.max(0, ...both.map(({ reserved_nusd }) => reserved_nusd)),
    tokens: Math.max(0, ...both.map(({ tokens }) => tokens)),
    output_tokens_max: kind === "embeddings" || outputs.length === 0 ? undefined : Math.max(...outputs),
    tiers,
    ...(unpriced === undefined ? {} : { unpriced }),
  };
}
