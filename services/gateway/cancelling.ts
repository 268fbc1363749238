/** To cancel a request, for whoever may. */
import type { FastifyReply } from "fastify";
import { controlRecord } from "../../libs/shared/events/control.ts";
import { ID_PATTERN } from "../../libs/shared/events/fields.ts";
import { type RequestDeps, readView } from "./requests.ts";
import { sendUnknown, sendView } from "./sending.ts";

export type Cancelled = {
  /** Whose request it is. */
  readonly tenant: string;
  readonly id: string;
  /** By whose key it is cancelled. */
  readonly key_id: string;
};

/**
 * Tells every service that nobody wants the result any more: 202, and the request ends `cancelled` unless it ends otherwise before
 * that is heard. What has ended stays as it is: 200.
 */
export async function cancelRequest(
  deps: RequestDeps,
  { tenant, id, key_id }: Cancelled,
  reply: FastifyReply,
): Promise<FastifyReply> {
  // Without a row, only Redis can tell an unfinished request from an unknown one: while it is away this throws (503).
  const view =
    (await readView(deps, tenant, id)) ?? (ID_PATTERN.test(id) ? await deps.views.read(tenant, id) : undefined);
  if (view === undefined) return sendUnknown(reply);
  if (view.result !== undefined) return sendView(reply, 200, id, view);
  const event = { kind: "cancel", tenant, id, at_ms: deps.clock.now_ms(), by: key_id } as const;
  await deps.publisher.publish([controlRecord(deps.codec, deps.names.control, event)]);
  return sendView(reply, 202, id, view);
}
