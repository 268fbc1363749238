/**
 * Who may name which tenant on the topics. Kafka does not tell consumers who produced a record; where a trusted proxy or interceptor of
 * the brokers writes the authenticated principal into a header, settings bind principals to tenants. Pure.
 */
import type { AdmissionSettings } from "../../libs/shared/config/plans.ts";
import type { ResultError } from "../../libs/shared/events/fields.ts";
import { isInternalTenant } from "../../libs/shared/events/shadow.ts";
import type { RecordHeaders } from "../../libs/shared/kafka/ports.ts";

/** @returns why the producer may not; undefined where it may, or where nothing is bound. */
export function principalProblem(
  principals: AdmissionSettings["principals"],
  headers: RecordHeaders,
  tenant: string,
): ResultError | undefined {
  if (principals === undefined) return undefined;
  const principal = headers[principals.header];
  // The services write their own runs, past any proxy.
  if (principal === undefined && isInternalTenant(tenant)) return undefined;
  const tenants =
    principal !== undefined && Object.hasOwn(principals.bind, principal) ? principals.bind[principal] : [];
  if (tenants?.includes(tenant)) return undefined;
  const who = principal === undefined ? `a record without the header ${principals.header}` : `principal "${principal}"`;
  const message = `tenant: ${who} may not send for tenant "${tenant}"; admission.principals binds principals to tenants`;
  return { code: "principal_not_allowed", type: "permission_error", message, param: "tenant" };
}
