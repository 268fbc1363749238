/** Which other tiers are asked what this one has answered: `routing.shadows`. Pure: a repeat of the job decides the same. */
import type { ShadowSettings } from "../../libs/shared/config/routing.ts";
import type { JobHead } from "../../libs/shared/events/flow.ts";
import type { Ending } from "../../libs/shared/events/outcomes.ts";
import { isInternalTenant, type Shadow } from "../../libs/shared/events/shadow.ts";
import { isSampled, type ShadowWriter, shadowRequest } from "../../libs/shared/events/shadow-requests.ts";
import type { InRecord, OutRecord } from "../../libs/shared/kafka/ports.ts";

export type Answered = {
  readonly record: Pick<InRecord, "headers">;
  readonly job: JobHead;
  readonly request: Buffer;
};

/** @returns the runs to be published together with the outcome; most often none. */
export function shadowsOf(
  writer: ShadowWriter,
  shadows: Readonly<Record<string, ShadowSettings>>,
  { record, job, request }: Answered,
  { status, route }: Pick<Ending, "status" | "route">,
): OutRecord[] {
  if (status !== "succeeded" || route === undefined || job.kind !== "chat" || isInternalTenant(job.tenant)) return [];
  return Object.entries(shadows).flatMap(([name, settings]) => {
    if (!isMeant(settings, job.tenant, route.tier)) return [];
    const shadow: Shadow = { kind: "tier", name, tenant: job.tenant, id: job.id };
    if (!isSampled(shadow, settings.share)) return [];
    return shadowRequest(writer, shadow, settings.to, { head: job, request, headers: record.headers }) ?? [];
  });
}

function isMeant({ from, to, tenants }: ShadowSettings, tenant: string, tier: string): boolean {
  if (tier === to || from?.includes(tier) === false) return false;
  return tenants?.includes(tenant) !== false;
}
