/** The requests of a map-reduce: what a shard and a group of answers become. The same for the same item, however often. Pure. */
import type { Asking, MapReduceSpec } from "../../../libs/shared/map-reduce/job.ts";
import { usdOf } from "../../../libs/shared/money.ts";
import type { JobRequest } from "../jobs/records.ts";

/** @param spec of the job `id`. */
export function mapRequest(id: string, spec: MapReduceSpec, item: number, text: string): JobRequest {
  return requestOf(spec, spec.map, { map_reduce: id, wave: "0", item: String(item) }, text);
}

/** @param answers in the order of the documents. */
export function reduceRequest(
  id: string,
  spec: MapReduceSpec,
  { wave, item }: { readonly wave: number; readonly item: number },
  answers: readonly string[],
): JobRequest {
  const parts = answers.map((answer, index) => `[${index + 1} of ${answers.length}]\n${answer.trim()}`);
  const is = { map_reduce: id, wave: String(wave), item: String(item) };
  return requestOf(spec, spec.reduce, is, parts.join("\n\n"));
}

function requestOf(
  spec: MapReduceSpec,
  asking: Asking,
  is: Readonly<Record<string, string>>,
  text: string,
): JobRequest {
  const { prompt, model, tier, temperature, max_output_tokens } = asking;
  return {
    body: {
      ...(model === undefined ? {} : { model }),
      messages: [
        { role: "system", content: prompt },
        { role: "user", content: text },
      ],
      ...(temperature === undefined ? {} : { temperature }),
    },
    ...(tier === undefined ? {} : { tier }),
    limits: { max_output_tokens },
    metadata: { ...spec.metadata, ...is },
  };
}

/** Admission refuses it if it may cost more. @param bound_nusd nought: nothing is held against a budget. */
export function capped(request: JobRequest, bound_nusd: number): JobRequest {
  if (bound_nusd === 0) return request;
  return { ...request, limits: { ...request.limits, max_cost_usd: usdOf(bound_nusd) } };
}
