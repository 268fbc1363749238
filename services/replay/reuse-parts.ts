/** Wires `reuse`: tenants as they stand now, and where webhooks and the cache are told, if they are. */
import type { Replay } from "../../libs/shared/replay/replay.ts";
import { callbackProblem, urlRulesOf } from "../../libs/shared/webhooks/url-rules.ts";
import { Plans } from "../ingest/plans.ts";
import { principalProblem } from "../ingest/principals.ts";
import type { ReplayWorker } from "./contract.ts";
import type { ReplayParts } from "./parts.ts";
import { ReuseWorker } from "./reuse.ts";
import { readTenants } from "./tenants.ts";
import { outboxOf } from "./wanted.ts";

/** @throws SluiceError `usage` where webhooks are to be told and there is nothing to sign them with. */
export async function createReuseWorker(parts: ReplayParts, { id, spec }: Replay): Promise<ReplayWorker> {
  const { settings, codec, names, clock } = parts;
  const outbox = outboxOf(parts, spec);
  const plans = new Plans(settings, await readTenants(parts));
  const rules = urlRulesOf(settings.webhooks);
  return new ReuseWorker({
    replay: id,
    ...{ codec, names, clock },
    validation: {
      knowsTenant: (tenant) => plans.of(tenant) !== undefined,
      principalProblem: ({ headers }, tenant) => principalProblem(settings.admission.principals, headers, tenant),
      // By the rules alone: whether callbacks are on is the deployment's affair, and this process need not know its secret.
      callbackProblem: (url) => callbackProblem(url, rules),
    },
    ...(outbox === undefined ? {} : { outbox }),
    ...(spec.fill_cache === true ? { fill_cache: { response_bytes_max: settings.cache.response_bytes_max } } : {}),
  });
}
