/** A share of the answers by meaning is asked for real in the background: whether they were right is seen by comparing. Pure. */
import type { CheckSettings } from "../../../libs/shared/config/cache.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import { isInternalTenant, type Shadow } from "../../../libs/shared/events/shadow.ts";
import { isSampled, type ShadowWriter, shadowRequest } from "../../../libs/shared/events/shadow-requests.ts";
import type { OutRecord } from "../../../libs/shared/kafka/ports.ts";
import type { CacheHit } from "../cache/contract.ts";

/** The `name` of every check. */
const CHECK = "cache";

/** @returns the run that asks for real, of the tier whose answer was given; undefined where this hit is not looked at. */
export function cacheCheck(
  writer: ShadowWriter,
  { sample_ratio }: Pick<CheckSettings, "sample_ratio">,
  head: AdmittedHead,
  request: Buffer,
  { how, answer, probability }: CacheHit,
): OutRecord | undefined {
  if (how !== "semantic" || head.kind !== "chat" || isInternalTenant(head.tenant)) return undefined;
  const { entry_id, tier } = answer;
  const likely = probability === undefined ? {} : { probability };
  const shadow: Shadow = { kind: "cache_check", name: CHECK, tenant: head.tenant, id: head.id, entry_id, ...likely };
  return isSampled(shadow, sample_ratio)
    ? shadowRequest(writer, shadow, tier, { head, request, headers: {} })
    : undefined;
}
