/**
 * A span for each call of a model, with OpenTelemetry's names for generative AI. What was asked and answered is never in one: only
 * names, counts, times and codes.
 */
import type { RecordHeaders } from "../../libs/shared/kafka/ports.ts";
import type { Attributes } from "../../libs/shared/tracing/span.ts";
import { contextOf, TRACEPARENT_HEADER } from "../../libs/shared/tracing/trace-context.ts";
import type { Opened, Tracing } from "../../libs/shared/tracing/tracing.ts";
import type { ModelAnswer } from "./model-client.ts";
import type { Outgoing } from "./sending.ts";
import type { Verdict } from "./verdict.ts";

/** A call that is under way. */
export type CallSpan = {
  /** For the provider: a model server that traces goes on from here. */
  readonly headers: RecordHeaders;
  end(ended: {
    readonly verdict: Verdict;
    readonly answer: ModelAnswer;
    readonly first_token_ms?: number | undefined;
  }): void;
};

/** The name of a model is at the beginning of an answer, or at its end; it is looked for in so much of both. */
const LOOKED_AT_BYTES = 1_024;

/**
 * Of one request's call, the child of its hop. Of a call for several nobody is the parent: it begins a trace, linked with each member's
 * hop, and each member's hop is linked with it.
 * @returns undefined where no member is in a trace that is recorded.
 */
export function callSpan(
  tracing: Tracing | undefined,
  members: readonly Outgoing[],
  endpoint: string,
): CallSpan | undefined {
  if (tracing === undefined) return undefined;
  const [first] = members;
  if (first === undefined) return undefined;
  const opened = members.length === 1 ? ofOne(tracing, first, endpoint) : ofSeveral(tracing, members, endpoint);
  const { span, headers } = opened ?? {};
  if (span === undefined || headers === undefined) return undefined;
  return {
    headers: { [TRACEPARENT_HEADER]: headers[TRACEPARENT_HEADER] ?? "" },
    end({ verdict, answer, first_token_ms }) {
      span.set(answered(verdict, answer));
      if (first_token_ms !== undefined) span.event("gen_ai.first_token", first_token_ms);
      if (first_token_ms !== undefined) {
        span.set({ "gen_ai.response.time_to_first_chunk": Math.max(0, first_token_ms - span.start_ms) / 1_000 });
      }
      if (verdict.kind === "failed") span.fail(verdict.error.code);
      tracing.end(span);
    },
  };
}

function ofOne(tracing: Tracing, outgoing: Outgoing, endpoint: string): Opened | undefined {
  const { trace } = outgoing;
  if (trace === undefined || tracing.spanOf(trace) === undefined) return undefined;
  return tracing.begin({
    name: nameOf(outgoing),
    kind: "client",
    parent: trace,
    attributes: () => asked([outgoing], endpoint),
  });
}

function ofSeveral(tracing: Tracing, members: readonly Outgoing[], endpoint: string): Opened | undefined {
  const hops = members.flatMap(({ trace }) => (trace === undefined ? [] : (tracing.spanOf(trace) ?? [])));
  const [first] = members;
  if (hops.length === 0 || first === undefined) return undefined;
  const opened = tracing.begin({
    name: nameOf(first),
    kind: "client",
    links: hops.map(({ context }) => ({ context, reason: "batch" })),
    attributes: () => asked(members, endpoint),
  });
  const context = opened.span === undefined ? undefined : contextOf(opened.headers);
  if (context !== undefined) for (const hop of hops) hop.link(context, "batch");
  return opened;
}

function operationOf({ job }: Outgoing): "chat" | "embeddings" {
  return job.kind === "embeddings" ? "embeddings" : "chat";
}

function nameOf(outgoing: Outgoing): string {
  return `${operationOf(outgoing)} ${outgoing.model}`;
}

function asked(members: readonly Outgoing[], endpoint: string): Attributes {
  const [first] = members as readonly [Outgoing, ...Outgoing[]];
  const { job, body, model, attempt } = first;
  return {
    "gen_ai.operation.name": operationOf(first),
    "gen_ai.provider.name": endpoint,
    "gen_ai.request.model": model,
    "gen_ai.request.choice.count": body.choices > 1 ? body.choices : undefined,
    "gen_ai.request.stream": body.streamed || undefined,
    "sluice.tier": job.route.tier,
    "sluice.endpoint": endpoint,
    ...(members.length === 1
      ? { "sluice.request.id": job.id, "sluice.tenant": job.tenant, "sluice.attempt": attempt.calls }
      : { "sluice.batch.size": members.length }),
  };
}

function answered(verdict: Verdict, answer: ModelAnswer): Attributes {
  const { usage } = verdict;
  const status = answer.kind === "answered" ? answer.status : undefined;
  return {
    "http.response.status_code": status,
    "gen_ai.response.model": answer.kind === "answered" && status === 200 ? modelIn(answer.body) : undefined,
    "gen_ai.usage.input_tokens": usage?.prompt_tokens,
    "gen_ai.usage.output_tokens": usage?.completion_tokens,
    "gen_ai.usage.cache_read.input_tokens": usage?.cached_prompt_tokens || undefined,
    "sluice.cost_usd": usage?.cost_usd,
  };
}

/** Without reading the whole answer once more. A field of that name inside the answer's text is escaped there, and not found. */
function modelIn(body: Buffer): string | undefined {
  const found = /[{,]\s*"model"\s*:\s*"([\w.:/@+-]{1,128})"/;
  const head = found.exec(body.toString("latin1", 0, LOOKED_AT_BYTES));
  if (head !== null || body.length <= LOOKED_AT_BYTES) return head?.[1];
  return found.exec(body.toString("latin1", body.length - LOOKED_AT_BYTES))?.[1];
}
