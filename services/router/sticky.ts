/** What keeps requests that belong together on one side of a rollout. Pure. */
import type { AdmittedHead } from "../../libs/shared/events/flow.ts";

/** The tenant's user where there is one, else the session, else the request by itself. */
export function stickyOf({
  tenant,
  user,
  session,
  id,
}: Pick<AdmittedHead, "tenant" | "user" | "session" | "id">): string {
  if (user !== undefined) return JSON.stringify([tenant, "user", user]);
  if (session !== undefined) return JSON.stringify([tenant, "session", session]);
  return JSON.stringify([tenant, "id", id]);
}
