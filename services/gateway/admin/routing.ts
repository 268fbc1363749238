/** Tiers as the settings have them, with what they answered and cost, and why requests went where they did. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import { ladderOf } from "../../../libs/shared/routing/ladder.ts";
import type { Routes } from "../route.ts";
import { type AdminDeps, adminDoc, adminOf } from "./acting.ts";
import type { Figures } from "./figures-rows.ts";
import type { Reads } from "./reads.ts";
import { remembered } from "./remembered.ts";
import { newestHeads } from "./result-heads.ts";
import { reasonCounts, type TierFigures, tierFigures } from "./tier-figures.ts";

export type AdminRoutingDeps = AdminDeps & {
  readonly reads: Reads;
  readonly figures: () => Promise<Figures>;
  readonly settings: Settings;
};

const counts = z.object({
  requests: z.number(),
  failed: z.number(),
  share: z.number(),
  called: z.number(),
  cost_usd: z.number(),
  cost_share: z.number(),
});

const schema = z.object({
  object: z.literal("routing"),
  at_ms: z.number(),
  default_tier: z.string(),
  ladder: z.array(z.string()),
  tiers: z.array(
    z.object({
      name: z.string(),
      /** Null: the settings do not have it any more. */
      kind: z.enum(["chat", "embeddings"]).nullable(),
      models: z.array(
        z.object({
          model: z.string(),
          input_usd_per_mtok: z.number().nullable(),
          cached_input_usd_per_mtok: z.number().nullable(),
          output_usd_per_mtok: z.number().nullable(),
        }),
      ),
      prompts: z.array(z.string()),
      prompt: z.string().nullable(),
      endpoints: z.array(z.string()),
      hour: counts,
      day: counts.nullable(),
    }),
  ),
  reasons: z
    .array(z.object({ reason: z.string(), by: z.string().nullable(), tier: z.string(), requests: z.number() }))
    .describe("Of the newest requests"),
  reasons_of: z.int().describe("So many were looked at"),
  rules: z.array(z.object({ name: z.string(), tier: z.string() })),
});
type Reply = z.infer<typeof schema>;

const DAY_MS = 86_400_000;
const LOOKED_AT_MAX = 500;
/** For all who look. */
const SAMPLE_KEPT_MS = 10_000;
const REASONS_MAX = 50;

export function adminRoutingRoutes(deps: AdminRoutingDeps): Routes {
  const doc = { replies: { 200: { what: "Tiers, shares, costs and reasons", json: schema } } };
  const heads = remembered(deps.clock, SAMPLE_KEPT_MS, () => sample(deps));
  return (app) => {
    app.get("/admin/routing", adminDoc("Tiers, and why requests go where", doc), (http, reply) =>
      show(deps, heads, http, reply),
    );
  };
}

async function show(
  deps: AdminRoutingDeps,
  newest: () => ReturnType<typeof newestHeads>,
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (adminOf(deps, http, reply) === undefined) return reply;
  const { settings } = deps;
  const [figures, heads] = await Promise.all([deps.figures(), newest()]);
  const tiers = [...tierFigures(figures, Object.keys(settings.tiers))];
  return reply.send({
    object: "routing",
    at_ms: figures.at_ms,
    default_tier: settings.routing.default_tier,
    ladder: ladderOf(settings, "chat"),
    tiers: tiers.map(([name, own]) => tierOf(name, own, settings)),
    reasons: [...reasonCounts(heads, REASONS_MAX)],
    reasons_of: heads.length,
    rules: settings.routing.rules.map(({ name, tier }) => ({ name, tier })),
  } satisfies Reply);
}

function sample({ reads, clock }: AdminRoutingDeps) {
  const now_ms = clock.now_ms();
  return newestHeads(reads, { from_ms: now_ms - DAY_MS, limit: LOOKED_AT_MAX }, now_ms);
}

function tierOf(name: string, figures: TierFigures, { tiers, prices }: Settings): Reply["tiers"][number] {
  const tier = Object.hasOwn(tiers, name) ? tiers[name] : undefined;
  if (tier === undefined) {
    return { name, kind: null, models: [], prompts: [], prompt: null, endpoints: [], ...figures };
  }
  const prompts = tier.kind === "chat" ? tier : undefined;
  return {
    ...{ name, kind: tier.kind },
    models: tier.models.map((model) => {
      const price = Object.hasOwn(prices.models, model) ? prices.models[model] : undefined;
      return {
        model,
        input_usd_per_mtok: price?.input_usd_per_mtok ?? null,
        cached_input_usd_per_mtok: price?.cached_input_usd_per_mtok ?? null,
        output_usd_per_mtok: price?.output_usd_per_mtok ?? null,
      };
    }),
    prompts: Object.keys(prompts?.prompts ?? {}),
    prompt: prompts?.prompt ?? null,
    endpoints: [tier.endpoint].flat(),
    ...figures,
  };
}
