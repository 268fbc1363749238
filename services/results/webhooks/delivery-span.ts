/** A span for each delivery of a webhook: the child of the hop that published the Result, where that was traced. */
import type { RecordHeaders } from "../../../libs/shared/kafka/ports.ts";
import { TRACEPARENT_HEADER } from "../../../libs/shared/tracing/trace-context.ts";
import type { Tracing } from "../../../libs/shared/tracing/tracing.ts";
import type { Called } from "../../../libs/shared/webhooks/guarded-client.ts";
import type { Due } from "./store.ts";

export type DeliveryTraces = {
  readonly tracing: Tracing;
  /** Of a request's Result, as the row has it. */
  readonly findTraceparent: (tenant: string, id: string) => Promise<string | undefined>;
};

export type DeliverySpan = {
  /** For the receiver. */
  readonly headers: RecordHeaders;
  end(called: Called): void;
};

/** @returns undefined where there are no traces, or this one is not recorded. */
export async function deliverySpan(traces: DeliveryTraces | undefined, due: Due): Promise<DeliverySpan | undefined> {
  if (traces === undefined) return undefined;
  const { tracing } = traces;
  // Only to be seen: without it the delivery is in a trace of its own.
  const found = due.type.startsWith("request.") ? traces.findTraceparent(due.tenant, due.subject) : undefined;
  const traceparent = await found?.catch(() => undefined);
  const { span, headers } = tracing.begin({
    name: "POST webhook",
    kind: "client",
    ...(traceparent === undefined ? {} : { parent: { [TRACEPARENT_HEADER]: traceparent } }),
    attributes: () => ({
      "http.request.method": "POST",
      "server.address": due.host,
      "sluice.webhook.type": due.type,
      "sluice.webhook.delivery": due.id,
      "sluice.webhook.try": due.tries + 1,
      "sluice.tenant": due.tenant,
    }),
  });
  if (span === undefined) return undefined;
  return {
    headers: { [TRACEPARENT_HEADER]: headers[TRACEPARENT_HEADER] ?? "" },
    end(called) {
      if (called.kind === "answered") {
        span.set({ "http.response.status_code": called.status });
        if (called.status >= 300) span.fail(String(called.status));
      } else span.fail(called.kind);
      tracing.end(span);
    },
  };
}
