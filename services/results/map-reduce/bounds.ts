/** What a request of a job may cost at the most: as ingest will count it. Pure. */
import type { Settings } from "../../../libs/shared/config/schema.ts";
import type { Encodings } from "../../../libs/shared/estimate/encodings.ts";
import { estimate } from "../../../libs/shared/estimate/estimate.ts";
import type { JobRequest } from "../jobs/records.ts";

/** In nano-dollars; undefined for a model without a price. */
export type Bound = (request: JobRequest) => number | undefined;

/** Of chat on the batch lane. The tenant's plan, which may only lessen it, is left out. */
export function boundBy(
  settings: Pick<Settings, "tiers" | "routing" | "prices" | "admission">,
  encodings: Encodings,
): Bound {
  return ({ body, tier, limits }) => {
    const { model } = body;
    const head = {
      kind: "chat" as const,
      lane: "batch" as const,
      ...(tier === undefined ? {} : { tier }),
      ...(model === undefined ? {} : { model }),
    };
    const found = estimate({ head, body, limits, plan: {}, settings, encodings });
    const free = settings.admission.unknown_price === "allow";
    if (found.kind !== "estimated") return found.kind === "price_unknown" && free ? 0 : undefined;
    return found.unpriced !== undefined && !free ? undefined : found.reserved_nusd;
  };
}
