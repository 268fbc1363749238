/** From a line to its entry, with the names that the router looks for. Pure. */
import { type AnsweringSettings, answering, answeringNames, type TierSide } from "../../libs/shared/cache/answering.ts";
import { WARMED } from "../../libs/shared/cache/entry-records.ts";
import { entryNames, type FindSensitive, questionOf, textsOf } from "../../libs/shared/cache/fingerprint.ts";
import type { CacheSettings } from "../../libs/shared/config/cache.ts";
import type { CacheEntryHead } from "../../libs/shared/events/cache.ts";
import { factsOf } from "../../libs/shared/routing/facts.ts";
import type { WarmRow } from "./warm-row.ts";

export type WarmContext = {
  readonly settings: AnsweringSettings & { readonly cache: CacheSettings };
  readonly tenant: string;
  readonly tier: string | undefined;
  readonly label: string | undefined;
  readonly ttl_ms: number;
  readonly sensitive: FindSensitive;
  readonly sideOf: (tier: string) => TierSide;
};

/** An entry but for its embedding. */
export type WarmEntry = { readonly head: CacheEntryHead; readonly response: Buffer };

export type MadeEntry =
  | { readonly kind: "entry"; readonly entry: WarmEntry }
  /** What is personal or secret in it, in a word. */
  | { readonly kind: "sensitive"; readonly what: string }
  | { readonly kind: "bad"; readonly reason: string };

export function entryFor({ body, answer }: WarmRow, context: WarmContext, now_ms: number): MadeEntry {
  const { settings, tenant, tier, label, ttl_ms, sensitive, sideOf } = context;
  const { cache } = settings;
  const bad = (reason: string): MadeEntry => ({ kind: "bad", reason });
  const asked = { kind: "chat", tier, model: body.model } as const;
  const all = answering(asked, settings, sideOf);
  const [first] = all;
  if (first === undefined || settings.tiers[first.tier]?.kind !== "chat") {
    return bad(`there is no chat tier or model "${tier ?? body.model}"`);
  }
  const request_bytes = Buffer.byteLength(JSON.stringify(body));
  if (request_bytes > cache.request_bytes_max) {
    return bad(`the request has ${request_bytes} bytes; cache.request_bytes_max is ${cache.request_bytes_max}`);
  }
  const what = sensitive(textsOf(body));
  if (what !== undefined) return { kind: "sensitive", what };
  const facts = factsOf(body);
  const models = answeringNames(all);
  const fingerprinted = { tenant, label, tier, model: body.model, output_tokens_max: undefined, models, body, facts };
  const names = entryNames(fingerprinted, cache);
  const response = Buffer.from(JSON.stringify(responseOf(answer, first.model, names.entry_id, now_ms)));
  if (response.length > cache.response_bytes_max) {
    return bad(`the answer has ${response.length} bytes; cache.response_bytes_max is ${cache.response_bytes_max}`);
  }
  const text = questionOf({ body, facts }, cache.semantic, sensitive);
  const head: CacheEntryHead = {
    ...names,
    ...(label === undefined ? {} : { label }),
    ...(text === undefined ? {} : { text }),
    tenant,
    created_ms: now_ms,
    expires_ms: now_ms + ttl_ms,
    request_id: WARMED,
    tier: first.tier,
    model: (typeof answer === "string" ? undefined : answer.model) ?? first.model,
    // What the call would have cost is not known.
    cost_usd: 0,
  };
  return { kind: "entry", entry: { head, response } };
}

/** A chat completion as OpenAI's API gives it; a whole one goes as it is. */
function responseOf(answer: WarmRow["answer"], model: string, entry_id: string, now_ms: number): object {
  if (typeof answer !== "string") return answer;
  return {
    id: `chatcmpl-${entry_id.slice(0, 24)}`,
    object: "chat.completion",
    created: Math.floor(now_ms / 1_000),
    model,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: answer, refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  };
}
