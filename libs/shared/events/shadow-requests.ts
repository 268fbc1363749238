/** Requests of the pipeline's own, run for a comparison alone: how they are written, and what ingest reads of them. Pure. */
import { contentHash } from "../canonical.ts";
import type { OutRecord, RecordHeaders } from "../kafka/ports.ts";
import { stickyUnit } from "../sticky.ts";
import type { EventCodec } from "./codec.ts";
import type { AdmittedHead } from "./flow.ts";
import { SHADOW_HEADER, TENANT_HEADER, traceHeaders } from "./headers.ts";
import { parseJson } from "./json.ts";
import type { Request } from "./request.ts";
import { CACHE_CHECK_TENANT, isInternalTenant, type Shadow, shadowField, shadowTenant } from "./shadow.ts";
import type { TopicNames } from "./topics.ts";

export type ShadowWriter = { readonly codec: EventCodec; readonly names: TopicNames };

/** What of the original goes into its run. */
export type Shadowed = {
  readonly head: Pick<AdmittedHead, "max_output_tokens">;
  /** As it was admitted. */
  readonly request: Buffer;
  readonly headers: RecordHeaders;
};

/** Whether a request is in the share of a shadow or of the checks: the same answer each time it is asked. */
export function isSampled({ name, tenant, id }: Pick<Shadow, "name" | "tenant" | "id">, share: number): boolean {
  return stickyUnit(["shadow", name, tenant, id]) < share;
}

/**
 * The request that runs the original once more, of another tier: on the batch lane, past the cache, by a budget of its own, refused where
 * that is used up. Its id comes from the original's, so that a repeat is the same request. Nobody waits for it and nothing is streamed.
 * @returns undefined where the original cannot be read.
 */
export function shadowRequest(
  { codec, names }: ShadowWriter,
  shadow: Shadow,
  tier: string,
  { head, request, headers }: Shadowed,
): OutRecord | undefined {
  const original = parseJson(request) as Request | undefined;
  if (typeof original?.body !== "object" || original.body === null) return undefined;
  const { stream: _, stream_options: __, model: ___, ...body } = original.body as Record<string, unknown>;
  const id = `shadow_${contentHash([shadow.kind, shadow.name, shadow.tenant, shadow.id]).slice(0, 32)}`;
  const tenant = shadow.kind === "cache_check" ? CACHE_CHECK_TENANT : shadowTenant(shadow.name);
  const { max_output_tokens } = head;
  const run = {
    tenant,
    id,
    body,
    tier,
    lane: "batch",
    cache: { mode: "bypass" },
    on_limit: "reject",
    ...(max_output_tokens === undefined ? {} : { limits: { max_output_tokens } }),
  };
  const topic = names.batch(names.requests);
  return {
    topic,
    key: id,
    value: codec.encode(topic, Buffer.from(JSON.stringify(run))),
    headers: { ...traceHeaders(headers), [TENANT_HEADER]: tenant, [SHADOW_HEADER]: JSON.stringify(shadow) },
  };
}

/**
 * What a request is run for beside its answer. Anybody may write the header: it counts for the pipeline's own tenants alone, and only
 * where it names what the tenant is there for.
 */
export function shadowOf(headers: RecordHeaders, tenant: string): Shadow | undefined {
  const text = headers[SHADOW_HEADER];
  if (text === undefined || !isInternalTenant(tenant)) return undefined;
  const parsed = shadowField.safeParse(parseJson(Buffer.from(text)));
  if (!parsed.success) return undefined;
  const { kind, name } = parsed.data;
  return tenant === (kind === "cache_check" ? CACHE_CHECK_TENANT : shadowTenant(name)) ? parsed.data : undefined;
}
