/** Which results a sink takes. Pure. */
import type { SinkSettings } from "../../../libs/shared/config/outputs.ts";
import type { ResultHead } from "../../../libs/shared/events/flow.ts";

/** All that is given must hold. */
export function takes(
  { tenants, status, metadata = {} }: SinkSettings["only"],
  head: Pick<ResultHead, "tenant" | "status" | "metadata">,
): boolean {
  if (tenants !== undefined && !tenants.includes(head.tenant)) return false;
  if (status !== undefined && !status.includes(head.status)) return false;
  const given = new Map(Object.entries(head.metadata ?? {}));
  return Object.entries(metadata).every(([name, value]) => given.get(name) === value);
}
