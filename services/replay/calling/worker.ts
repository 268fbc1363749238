/** Wires the calls of a replay: inference's own handlers, opened in this process without a consumer group. */
import { randomUUID } from "node:crypto";
import { systemClock } from "../../../libs/shared/clock.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import type { Embedder } from "../../../libs/shared/embedding/embedder.ts";
import { openEmbedder } from "../../../libs/shared/embedding/open.ts";
import { embeddingPlace } from "../../../libs/shared/embedding/place.ts";
import { describe, SluiceError } from "../../../libs/shared/errors.ts";
import { loadEncodings } from "../../../libs/shared/estimate/encodings.ts";
import type { Handler } from "../../../libs/shared/kafka/handler.ts";
import { priceList } from "../../../libs/shared/prices.ts";
import type { Replay } from "../../../libs/shared/replay/replay.ts";
import { untilAvailable } from "../../../libs/shared/retry.ts";
import { traced } from "../../../libs/shared/tracing/traced-handler.ts";
import { callbackCheck } from "../../../libs/shared/webhooks/url-rules.ts";
import { EndpointClients } from "../../inference/endpoint-clients.ts";
import { AttemptLedger } from "../../inference/ledger/ledger.ts";
import { RedisAttemptStore } from "../../inference/ledger/redis-store.ts";
import { type OpenTier, openTier } from "../../inference/tier.ts";
import type { TierParts } from "../../inference/tier-parts.ts";
import { Plans } from "../../ingest/plans.ts";
import { NO_ROLLOUTS } from "../../router/rollout/contract.ts";
import { loadRouting } from "../../router/routing-parts.ts";
import type { ReplayWorker } from "../contract.ts";
import type { ReplayParts } from "../parts.ts";
import { readTenants } from "../tenants.ts";
import { outboxOf, settingsOf } from "../wanted.ts";
import { WatchedAttempts } from "./attempts-watched.ts";
import { fillOf } from "./beside.ts";
import { ReplayBudget } from "./budget.ts";
import { PostgresCallRows } from "./call-rows.ts";
import { CallingWorker } from "./calling-worker.ts";
import { CatchingPublisher, PLAIN_CODEC } from "./caught.ts";
import { Holds } from "./holds.ts";
import { type Target, targetOf } from "./target.ts";

/**
 * Of `recompute` and `shadow`. Nothing is called before it has resolved.
 * @throws SluiceError `usage` without a budget, and for a tier or model that is not there; `settings_invalid` for settings that are wrong,
 * and for an endpoint whose address the environment does not have.
 */
export async function createCallingWorker(parts: ReplayParts, replay: Replay): Promise<ReplayWorker> {
  const { pool, codec, names, clock, retry, log } = parts;
  const { spec, budget_nusd } = replay;
  if (budget_nusd === undefined) {
    const fix = "Say how much it may cost: --budget-usd.";
    throw new SluiceError("usage", `a replay that calls models (${spec.mode}) needs a budget`, { fix });
  }
  const outbox = outboxOf(parts, spec);
  const settings = settingsOf(parts.settings, spec);
  const target = targetOf(spec, settings);
  const rows = new PostgresCallRows(pool, replay.id);
  const start = await untilAvailable(retry, "postgres", () => rows.totals());
  const budget = new ReplayBudget({ budget_nusd, ...start, in_flight_max: parts.settings.replay.calls_in_flight_max });
  const holds = new Holds({ budget, rows, retry });
  const plans = new Plans(settings, await readTenants(parts));
  const embedder = target.kind === "named" ? undefined : await embedderOf(parts, settings);
  const tiers = await openTiers(parts, settings, target, (store) => {
    const attempts: WatchedAttempts = new WatchedAttempts(store, (id, counts) =>
      holds.beforeCall(id, counts, attempts.found(id)),
    );
    return attempts;
  });
  const { choose } = await loadRouting({ settings, log }, embedder, NO_ROLLOUTS);
  return new CallingWorker({
    ...{ clock, replay, budget, holds, rows, codec, names },
    attempts: tiers.attempts,
    deployed: parts.settings,
    plan: {
      ...{ replay, target, settings, choose },
      tenantPlan: (tenant) => plans.of(tenant),
      encodings: await loadEncodings(settings.prices.models),
      fillOf: (...asked) => fillOf(parts.settings, ...asked),
    },
    jobs: { clock, names, publisher: tiers.publisher, handlerOf: tiers.handlerOf },
    outbox,
    callbackProblem: callbackCheck(parts.settings.webhooks, parts.environment.secret_key),
    async close() {
      await tiers.close();
      await embedder?.close();
    },
  });
}

/** Only a trained choice of tiers looks at embeddings; without them it says so and goes by its heuristic. */
async function embedderOf(parts: ReplayParts, settings: Settings): Promise<Embedder | undefined> {
  if (settings.routing.complexity.method !== "trained") return undefined;
  const where = embeddingPlace(settings, parts.variables, parts.environment.embedding_model_dir);
  try {
    return await openEmbedder(settings.cache.semantic.embedding, where);
  } catch (error) {
    parts.log.warn({ why: describe(error) }, "there are no embeddings: tiers are chosen without");
    return undefined;
  }
}

type Tiers = {
  readonly attempts: WatchedAttempts;
  readonly publisher: CatchingPublisher;
  readonly handlerOf: (tier: string) => Handler;
  close(): Promise<void>;
};

/** The tiers that the replay calls: none is warmed up, since that would be calls that nobody asked for (I7). */
async function openTiers(
  parts: ReplayParts,
  settings: Settings,
  target: Target,
  watch: (store: RedisAttemptStore) => WatchedAttempts,
): Promise<Tiers> {
  const { log, names, retry, tracing } = parts;
  // Of its own: another run of the same process works on other jobs, and ends by itself.
  const instance = `${parts.instance}-${randomUUID().slice(0, 8)}`;
  const redis = await parts.redis();
  const store = new RedisAttemptStore(redis);
  const attempts = watch(store);
  const publisher = new CatchingPublisher();
  const clients = new EndpointClients(settings, parts.variables);
  const ledger = new AttemptLedger({
    ...{ store: attempts, clock: systemClock, retry, instance },
    settings: settings.inference.ledger,
    counted: () => undefined,
  });
  const tier_parts: TierParts = {
    ...{ redis, clients, ledger },
    context: {
      name: "replay",
      settings,
      names,
      log,
      codec: PLAIN_CODEC,
      ...(tracing === undefined ? {} : { tracing }),
    },
    prices: priceList(settings.prices, settings.admission.unknown_price),
  };
  const opened = new Map<string, OpenTier>();
  const open = (name: string): OpenTier => {
    const options = settings.tiers[name];
    if (options === undefined) throw new SluiceError("internal_error", `tier ${name} is not there`);
    const tier = openTier(tier_parts, name, options, { publisher, group: "replay" });
    // No consumer group shares the tier's limits out: this process keeps to them by itself.
    tier.limiter.setShare(1);
    opened.set(name, tier);
    return tier;
  };
  const alive = keepAlive(parts, store, instance, settings.inference.ledger.alive_ttl_ms);
  const close = async (): Promise<void> => {
    clearInterval(alive);
    await Promise.all([...opened.values()].map((tier) => tier.close()));
    await store.leave(instance).catch(() => undefined);
    await clients.close();
  };
  try {
    for (const name of toCall(settings, target)) open(name);
  } catch (error) {
    await close();
    throw error;
  }
  const handlerOf = (name: string): Handler =>
    traced(tracing, { group: "replay", log }, (opened.get(name) ?? open(name)).handler);
  return { attempts, publisher, handlerOf, close };
}

/** Of the deployed settings those tiers are opened that turn out to be needed; what is tried is looked at as a whole. */
function toCall({ tiers }: Settings, target: Target): readonly string[] {
  if (target.kind === "named") return [target.tier];
  return target.kind === "routed" ? Object.keys(tiers) : [];
}

/** Signs of life, as inference gives them. */
function keepAlive({ log }: ReplayParts, store: RedisAttemptStore, instance: string, ttl_ms: number): NodeJS.Timeout {
  const beat = (): void => {
    store.beat(instance, ttl_ms).catch((error: unknown) => log.debug({ error }, "no sign of life was given"));
  };
  beat();
  return setInterval(beat, ttl_ms / 3);
}
