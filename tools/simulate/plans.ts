/** What the tenants of a run may spend, and what their requests may cost: small caps, so that a good part is refused. */
import type { RateAsk } from "../../libs/shared/budgets/admission-store.ts";
import { COUNTER_SCOPES, type CounterScope } from "../../libs/shared/budgets/scopes.ts";
import { cost_nusd, priceOf } from "../../libs/shared/money.ts";
import type { Admitted } from "../../services/ingest/reading.ts";
import type { Terms } from "../../services/ingest/terms.ts";
import { COMPLETION_TOKENS_MAX, PROMPT_TOKENS } from "./model.ts";
import type { Random } from "./random.ts";
import { TENANTS, UNLIMITED_TENANT } from "./workload.ts";

export type Plan = {
  readonly caps_nusd: Readonly<Partial<Record<CounterScope, number>>>;
  readonly rates: readonly RateAsk[];
  readonly in_flight_max: number | undefined;
};

/** By tenant. */
export type Plans = ReadonlyMap<string, Plan>;

export const PRICE_USD = { input_usd_per_mtok: 1, output_usd_per_mtok: 2 } as const;
export const PRICE = priceOf(PRICE_USD);

/** The dearest call there can be. */
const CALL_NUSD = cost_nusd(
  { prompt_tokens: PROMPT_TOKENS, cached_prompt_tokens: 0, completion_tokens: COMPLETION_TOKENS_MAX },
  PRICE,
);

/** How far an estimate is above that: often not at all. */
const SLACKS_NUSD = [0, 0, 1, CALL_NUSD, 4 * CALL_NUSD] as const;

/** Longer than any run: nobody is given up. */
const HOLD_TTL_MS = 86_400_000;

export function drawPlans(random: Random): Plans {
  const limited = TENANTS.map((tenant) => [tenant, drawPlan(random)] as const);
  return new Map([...limited, [UNLIMITED_TENANT, { caps_nusd: {}, rates: [], in_flight_max: undefined }]]);
}

/** Each limit is absent in a good part of the plans, so that one does not hide the others. */
function drawPlan(random: Random): Plan {
  const caps = COUNTER_SCOPES.filter(() => random.chance(0.35)).map((scope) => [scope, random.int(1, 14) * CALL_NUSD]);
  const per_minute = {
    scope: random.pick(["tenant", "user"] as const),
    subject: "",
    requests_per_minute: random.int(5, 20),
    algorithm: random.pick(["sliding_window", "token_bucket"] as const),
    burst_s: 10,
  };
  return {
    caps_nusd: Object.fromEntries(caps),
    rates: random.chance(0.2) ? [per_minute] : [],
    in_flight_max: random.chance(0.2) ? random.int(1, 5) : undefined,
  };
}

/** As `terms.ts` gives them: an upper bound of the cost, the same at every reading. */
export function termsOf(plans: Plans, { identity, head }: Admitted, now_ms: number): Terms {
  const { tenant, content_hash } = identity;
  const { caps_nusd = {}, rates = [], in_flight_max } = plans.get(tenant) ?? {};
  const { session, user } = head;
  const slack = SLACKS_NUSD[Number.parseInt(content_hash.slice(0, 6), 16) % SLACKS_NUSD.length] ?? 0;
  return {
    kind: "terms",
    needs: {
      reserved_nusd: CALL_NUSD + slack,
      tokens: PROMPT_TOKENS + COMPLETION_TOKENS_MAX,
      ...(session === undefined ? {} : { session }),
      ...(user === undefined ? {} : { user }),
      caps_nusd,
      rates: rates.flatMap((rate) => {
        if (rate.scope !== "user") return [rate];
        return user === undefined ? [] : [{ ...rate, subject: user }];
      }),
      in_flight_max,
      expires_ms: now_ms + HOLD_TTL_MS,
    },
  };
}
