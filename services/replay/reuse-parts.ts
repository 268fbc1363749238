/** Wires `reuse`: tenants as they stand now, and where webhooks and the cache are told, if they are. */
import { TenantBook } from "../../libs/shared/budgets/tenant-book.ts";
import { tenantReader } from "../../libs/shared/budgets/tenant-reader.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { Replay } from "../../libs/shared/replay/replay.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import { PostgresOutbox } from "../../libs/shared/webhooks/outbox.ts";
import { callbackProblem, urlRulesOf } from "../../libs/shared/webhooks/url-rules.ts";
import { Plans } from "../ingest/plans.ts";
import { principalProblem } from "../ingest/principals.ts";
import type { ReplayWorker } from "./contract.ts";
import type { ReplayParts } from "./parts.ts";
import { ReuseWorker } from "./reuse.ts";

/** @throws SluiceError `usage` where webhooks are to be told and there is nothing to sign them with. */
export async function createReuseWorker(parts: ReplayParts, { id, spec }: Replay): Promise<ReplayWorker> {
  const { settings, codec, names, clock, pool, kafka, retry, environment } = parts;
  if (spec.webhooks === true && environment.secret_key === undefined) {
    const fix = "Set SLUICE_SECRET_KEY as of the services, or leave webhooks out.";
    throw new SluiceError("usage", "webhooks are signed, and there is no secret key", { fix });
  }
  const book = await untilAvailable(retry, names.tenants, async () => {
    const read = new TenantBook();
    const reader = tenantReader({ kafka, codec, topic: names.tenants }, read, true);
    try {
      await reader.start();
      await reader.done;
    } finally {
      await reader.stop();
    }
    return read;
  });
  const plans = new Plans(settings, book);
  const rules = urlRulesOf(settings.webhooks);
  return new ReuseWorker({
    replay: id,
    ...{ codec, names, clock, tiers: settings.tiers },
    validation: {
      knowsTenant: (tenant) => plans.of(tenant) !== undefined,
      principalProblem: ({ headers }, tenant) => principalProblem(settings.admission.principals, headers, tenant),
      // By the rules alone: whether callbacks are on is the deployment's affair, and this process need not know its secret.
      callbackProblem: (url) => callbackProblem(url, rules),
    },
    ...(spec.webhooks === true ? { outbox: new PostgresOutbox(pool, clock) } : {}),
    ...(spec.fill_cache === true ? { fill_cache: { response_bytes_max: settings.cache.response_bytes_max } } : {}),
  });
}
