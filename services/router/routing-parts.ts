/** Wires the choice of a tier: the table of the settings, fitted policies, and embeddings for those that need one. */
import type { Embedder } from "../../libs/shared/embedding/embedder.ts";
import { describe } from "../../libs/shared/errors.ts";
import type { TierPolicy } from "../../libs/shared/routing/policy.ts";
import { loadPolicy } from "../../libs/shared/routing/policy-file.ts";
import type { ServiceContext } from "../../libs/shared/service.ts";
import type { RouteQuestion } from "./handler.ts";
import type { Rollouts } from "./rollout/contract.ts";
import { chooseRoute, type Routing, type RoutingQuestion, textToEmbed } from "./route.ts";
import { stickyOf } from "./sticky.ts";
import { routingTable } from "./table.ts";

export type RoutingParts = { readonly choose: (question: RouteQuestion) => Promise<Routing> };

/** @throws `settings_invalid` for a policy file of the settings that cannot be read. */
export async function loadRouting(
  { settings, log }: Pick<ServiceContext, "settings" | "log">,
  embedder: Embedder | undefined,
  rollouts: Rollouts,
): Promise<RoutingParts> {
  const { method, policy_file } = settings.routing.complexity;
  const policies = new Map<string, TierPolicy>();
  if (method === "trained" && policy_file !== undefined) policies.set(policy_file, await loadPolicy(policy_file));
  const table = routingTable(settings, { policies, embedding_model: embedder?.model });
  const loading = new Map<string, Promise<void>>();

  /** A rollout's: once, and what cannot be read is told once and left out. As many as there are rollouts. */
  const load = (file: string): Promise<void> => {
    const read = loadPolicy(file).then(
      (policy) => void policies.set(file, policy),
      (error: unknown) => log.error({ file, why: describe(error) }, "the policy of a rollout is not followed"),
    );
    loading.set(file, read);
    return read;
  };
  const vectorOf = async (question: RoutingQuestion): Promise<Float32Array | undefined> => {
    const text = embedder === undefined ? undefined : textToEmbed(question, table);
    if (text === undefined || embedder === undefined) return undefined;
    // Without it the heuristic decides, and says so.
    const vectors = await embedder.embed([text]).catch((error: unknown) => {
      log.debug({ error }, "a prompt could not be embedded for the choice of its tier");
      return [];
    });
    return vectors[0];
  };
  return {
    async choose(asked) {
      const sticky = stickyOf(asked.head);
      const file = rollouts.policy(sticky)?.value;
      if (file !== undefined && !policies.has(file)) await (loading.get(file) ?? load(file));
      const question = { ...asked, rollouts, sticky };
      const vector = asked.vector ?? (await vectorOf(question));
      return chooseRoute({ ...question, vector }, table);
    },
  };
}
