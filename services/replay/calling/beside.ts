/** What a replay does beside writing Results, where it was told to (I7): charges, entries of the cache, and whom it tells. Pure. */
import { countersOf } from "../../../libs/shared/budgets/scopes.ts";
import { type Answering, answering, answeringNames } from "../../../libs/shared/cache/answering.ts";
import { cacheEntryOut } from "../../../libs/shared/cache/entry-records.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import type { CacheFill } from "../../../libs/shared/events/cache.ts";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import type { AdmittedHead, OutcomeHead } from "../../../libs/shared/events/flow.ts";
import type { TopicNames } from "../../../libs/shared/events/topics.ts";
import { NO_HOLD, type UsageEntry } from "../../../libs/shared/events/usage.ts";
import type { OutRecord } from "../../../libs/shared/kafka/ports.ts";
import { sensitiveKind } from "../../../libs/shared/sensitive/sensitive.ts";
import { stableId } from "../../../libs/shared/webhooks/event-body.ts";
import { cacheEntryOf } from "../../results/cache-fill.ts";
import { cacheAskOf } from "../../router/cache/ask.ts";
import type { ReadRequest } from "../../router/reading.ts";

type Writer = { readonly codec: EventCodec; readonly names: TopicNames };

/** Of the ledger: what the tenant pays for a record's calls. The same for the same record, however often it is made. */
export function chargeOf(
  replay: string,
  /** The replay's run of the request. */
  run: string,
  { tenant, id, route, usage, timing }: Pick<OutcomeHead, "tenant" | "id" | "route" | "usage" | "timing">,
  cost_nusd: number,
): UsageEntry {
  const at_ms = Math.round(timing.completed ?? timing.received ?? 0);
  return {
    kind: "adjusted",
    tenant,
    id: stableId("replayed", replay, run),
    hold_id: NO_HOLD,
    at_ms,
    reserved_nusd: 0,
    settled_nusd: cost_nusd,
    counters: countersOf({}, at_ms),
    cause: "operator",
    ...(route === undefined ? {} : { tier: route.tier, model: route.model }),
    ...(usage === undefined ? {} : { price_version: usage.price_version }),
    note: `replay ${replay}: ${id}`,
  };
}

type CacheOf = Pick<Settings, "cache" | "tiers" | "routing">;

/**
 * Where an answer to the request is looked for. Found by equal requests alone: nothing is embedded here.
 * @returns undefined where the request, or the settings, want nothing kept.
 */
export function fillOf(settings: CacheOf, head: AdmittedHead, read: ReadRequest): CacheFill | undefined {
  const { cache } = settings;
  const models = answeringNames(answering(head, settings));
  const ask = cacheAskOf(head, read.body, read.facts, {
    settings: cache,
    models,
    output_tokens_max: read.output_tokens_max,
    sensitive: sensitiveKind,
  });
  if ("bypass" in ask || !ask.writes) return undefined;
  const { entry_id, namespace, label, ttl_ms } = ask;
  return { entry_id, namespace, ...(label === undefined ? {} : { label }), ttl_ms, store: true };
}

/**
 * An answer is kept only where the deployed settings would have asked for it in the same way: the same tier, model and prompt. Else an
 * equal request would be given what nobody lets it have.
 * @param deployed the settings in force. @param called those that the replay has called with.
 */
export function cacheRecordOf(
  { codec, names }: Writer,
  { deployed, called }: { readonly deployed: CacheOf; readonly called: CacheOf },
  head: AdmittedHead,
  outcome: OutcomeHead,
  response: Buffer | undefined,
): OutRecord | undefined {
  const { route } = outcome;
  const entry = cacheEntryOf(outcome, response, deployed.cache.response_bytes_max);
  if (entry === undefined || route === undefined) return undefined;
  const of_route = (settings: CacheOf): Answering | undefined =>
    answering(head, settings).find(({ tier, model }) => tier === route.tier && model === route.model);
  const asked = of_route({ ...called, tiers: withPrompt(called.tiers, route.tier, route.prompt_version) });
  const wanted = of_route(deployed);
  if (wanted === undefined || asked?.prompt !== wanted.prompt) return undefined;
  return cacheEntryOut(codec, names.cache, entry.head, entry.response);
}

/** The tiers with that prompt in force which the answer was made with. */
function withPrompt(tiers: CacheOf["tiers"], tier: string, version: string | undefined): CacheOf["tiers"] {
  const own = Object.hasOwn(tiers, tier) ? tiers[tier] : undefined;
  if (own === undefined) return tiers;
  const { prompt: _, ...rest } = own;
  return { ...tiers, [tier]: version === undefined ? rest : { ...rest, prompt: version } };
}
