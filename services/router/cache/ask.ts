/** What is looked for in the cache, made from a request. Pure. */
import { entryNames, type FindSensitive, questionOf } from "../../../libs/shared/cache/fingerprint.ts";
import type { CacheSettings } from "../../../libs/shared/config/cache.ts";
import { CACHE_NAMESPACE } from "../../../libs/shared/events/cache.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import type { RequestFacts } from "../../../libs/shared/routing/facts.ts";
import type { CacheAsk } from "./contract.ts";

export type AskContext = {
  readonly settings: Pick<CacheSettings, "version" | "ttl_hours" | "exact"> & {
    readonly semantic: Pick<CacheSettings["semantic"], "enabled" | "text_chars_max"> & {
      readonly embedding: Pick<CacheSettings["semantic"]["embedding"], "model">;
    };
  };
  /** What may answer: the models that the asked tier or model, or the ladder, stands for now, with the versions of their prompts. */
  readonly models: readonly string[];
  /** The request's own `limits.max_output_tokens`. */
  readonly output_tokens_max: number | undefined;
  readonly sensitive: FindSensitive;
};

export type Asked = CacheAsk | { readonly bypass: string };

const HOUR_MS = 3_600_000;

/** @param body the request's, as admitted; undefined where it is too long to be looked at. @param facts of a chat request. */
export function cacheAskOf(
  head: AdmittedHead,
  body: Readonly<Record<string, unknown>> | undefined,
  facts: RequestFacts | undefined,
  context: AskContext,
): Asked {
  const { settings, models, output_tokens_max, sensitive } = context;
  const mode = head.cache?.mode ?? "default";
  if (mode === "bypass") return { bypass: "the request asks for it" };
  if (!settings.exact.enabled && !settings.semantic.enabled) return { bypass: "the settings have no cache" };
  if (body === undefined) return { bypass: "the request is too long" };

  const { tenant, tier, model } = head;
  const label = head.metadata?.[CACHE_NAMESPACE];
  const text = questionOf({ body, facts }, settings.semantic, sensitive);
  const { ttl_seconds, threshold } = head.cache ?? {};
  return {
    tenant,
    id: head.id,
    ...entryNames({ tenant, label, tier, model, output_tokens_max, models, body, facts }, settings),
    ...(label === undefined ? {} : { label }),
    ...(text === undefined ? {} : { text }),
    ...(threshold === undefined ? {} : { threshold }),
    ttl_ms: ttl_seconds === undefined ? settings.ttl_hours * HOUR_MS : ttl_seconds * 1_000,
    reads: true,
    writes: mode === "default",
    ...(head.deadline_ms === undefined ? {} : { deadline_ms: head.deadline_ms }),
    lane: head.lane,
  };
}
