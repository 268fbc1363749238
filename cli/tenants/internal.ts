/** The pipeline's own tenants are nobody's to change. */
import { SluiceError } from "../../libs/shared/errors.ts";
import { isInternalTenant } from "../../libs/shared/events/shadow.ts";

/** @throws `usage`. */
export function refuseInternal(tenant: string): void {
  if (!isInternalTenant(tenant)) return;
  throw new SluiceError("usage", `"${tenant}" is the pipeline's own tenant, for runs that are compared alone`, {
    fix: "Its budget is budget_day_usd of cache.semantic.checks, or of the shadow in routing.shadows.",
  });
}
