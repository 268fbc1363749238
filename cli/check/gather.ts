/** What the parts say of themselves. Only asks: nothing is changed. A part that is away is a finding, and the others are asked all the same. */
import { systemClock } from "../../libs/shared/clock.ts";
import { describe } from "../../libs/shared/errors.ts";
import { topicEvents } from "../../libs/shared/events/topics.ts";
import { readClusterFacts } from "../../libs/shared/kafka/cluster-facts.ts";
import { planTopics } from "../../libs/shared/kafka/topology.ts";
import type { CliContext, Env } from "../context.ts";
import { readKeys } from "../keys/store.ts";
import { accessFindings } from "./access.ts";
import { clockFindings } from "./clocks.ts";
import type { Finding } from "./finding.ts";
import { gatherEndpoints } from "./gather-endpoints.ts";
import { gatherRegistry } from "./gather-registry.ts";
import { gatherPostgres, gatherRedis } from "./gather-stores.ts";
import { kafkaFindings } from "./kafka.ts";
import { modelFindings } from "./models.ts";
import { postgresFindings, redisFindings, registryFindings } from "./stores.ts";

export type Step = { readonly name: string; readonly run: () => Promise<readonly Finding[]> };

/** The steps of a check, each by itself. */
export function steps(
  context: CliContext,
  env: Env,
  gateway: { readonly host: string; readonly by_up: boolean },
): readonly Step[] {
  const { settings, environment } = context;
  const part = (name: string, finding: Finding["part"], run: () => Promise<readonly Finding[]>): Step => ({
    name,
    run: () => run().catch((error: unknown) => [away(finding, error)]),
  });
  return [
    part("Kafka", "kafka", async () => {
      const plans = planTopics(settings);
      const topics = plans.map(({ topic }) => topic);
      return kafkaFindings(settings, plans, await readClusterFacts(context.kafka, topics));
    }),
    part("registry", "registry", async () => {
      const events = topicEvents(settings.topics.prefix, Object.keys(settings.tiers));
      return registryFindings(settings, await gatherRegistry(environment.registry, events));
    }),
    part("Redis", "redis", async () => {
      const { nodes, clocks } = await gatherRedis(context);
      return [...redisFindings(nodes), ...clockFindings(clocks)];
    }),
    part("Postgres", "postgres", async () => {
      const { facts, clock } = await gatherPostgres(context);
      return [...postgresFindings(facts), ...clockFindings([clock])];
    }),
    part("models", "models", async () => modelFindings(settings, await gatherEndpoints(settings, env))),
    part("access", "access", async () => {
      const keys = [...(await readKeys(context)).values()].filter(({ revoked_ms }) => revoked_ms === undefined);
      return accessFindings(settings, {
        environment,
        keys,
        now_ms: systemClock.now_ms(),
        gateway_host: gateway.host,
        by_up: gateway.by_up,
      });
    }),
  ];
}

function away(part: Finding["part"], error: unknown): Finding {
  const fix = "Is it running, and may this machine reach it? docs/clusters.md has the variables.";
  return { check: `${part}_reached`, part, level: "failure", what: describe(error), fix };
}
