/** What advice needs of the settings. Pure. */
import type { Settings } from "../config/schema.ts";
import type { SettingsFacts, TierFacts } from "./observation.ts";

export function settingsFacts(settings: Settings): SettingsFacts {
  const { semantic, version } = settings.cache;
  const tiers = Object.entries(settings.tiers).map(([name, tier]): [string, TierFacts] => {
    const endpoints = [tier.endpoint].flat();
    const { requests_per_minute, tokens_per_minute } = tier.limits;
    return [
      name,
      {
        ...{ kind: tier.kind, endpoints, balancing: tier.balancing, in_flight_max: tier.in_flight_max },
        connections_max: Object.fromEntries(
          endpoints.map((endpoint) => [endpoint, settings.endpoints[endpoint]?.connections_max ?? 0]),
        ),
        ...(requests_per_minute === undefined ? {} : { requests_per_minute }),
        ...(tokens_per_minute === undefined ? {} : { tokens_per_minute }),
        batch_size_max: tier.batching.size_max,
      },
    ];
  });
  return {
    topic_prefix: settings.topics.prefix,
    beat_ms: settings.observation.beat_ms,
    target_age_ms: settings.scaling.target_age_ms,
    session_timeout_ms: settings.consumption.session_timeout_ms,
    results_in_flight_max: settings.results.partitions_in_flight_max,
    embedding: {
      remote: semantic.embedding.endpoint !== undefined,
      workers: semantic.embedding.workers,
      enabled: semantic.enabled,
    },
    cache_version: version,
    tiers: Object.fromEntries(tiers),
  };
}
