/** What happens to each request of a run, from its seed: its states and tokens as they are written, and what its reader is to get of them. Pure. */
import type { FollowedState } from "../../libs/shared/redis/request-events.ts";
import { type Random, seededRandom } from "../../tools/mock-llm/hash.ts";
import type { ReadEvent } from "./sse-reader.ts";

export type Step =
  | { readonly kind: "state"; readonly state: FollowedState }
  | { readonly kind: "start"; readonly attempt: number }
  | { readonly kind: "token"; readonly chunk: string }
  | { readonly kind: "token end" };

export type Script = {
  readonly id: string;
  readonly steps: readonly Step[];
  /** After its last step: `ended`, with this Result. */
  readonly result: string;
  /** What its reader gets, each once. */
  readonly states: readonly string[];
  readonly tokens: readonly string[];
};

/** How much of what happens also happens a second time, or breaks off and begins anew. */
const REPEATED_SHARE = 0.2;
const RETRIED_SHARE = 0.2;

/** @param tokens of its last attempt. */
export function scriptOf(seed: number, id: string, tokens: number): Script {
  const random = seededRandom(seed);
  const steps: Step[] = [];
  const states: string[] = [];
  const shown: string[] = [];
  const tell = (state: FollowedState): void => {
    steps.push({ kind: "state", state });
    // Work that was done twice.
    if (random() < REPEATED_SHARE) steps.push({ kind: "state", state });
    states.push(JSON.stringify(state));
  };
  const attempt = (number: number, count: number): void => {
    tell({ state: "started", attempt: number });
    steps.push({ kind: "start", attempt: number });
    shown.push(`attempt ${number}`);
    for (let at = 0; at < count; at += 1) {
      const chunk = chunkOf(id, number, at, random);
      steps.push({ kind: "token", chunk });
      shown.push(chunk);
    }
  };
  const round = (): void => {
    tell({ state: "admitted" });
    tell({ state: "routed", tier: "small", model: "model", cache: "miss" });
  };
  round();
  if (random() < RETRIED_SHARE) {
    attempt(1, 1 + Math.floor(random() * Math.min(5, tokens)));
    tell({ state: "retrying", round: 1, due_ms: 0 });
    round();
  }
  if (random() < RETRIED_SHARE) attempt(1, Math.min(2, tokens));
  attempt(2, tokens);
  steps.push({ kind: "token end" });
  return { id, steps, result: JSON.stringify({ id, status: "succeeded", seed }), states, tokens: shown };
}

/** As providers send them, with some 200 bytes around a word. */
function chunkOf(id: string, attempt: number, at: number, random: Random): string {
  const content = `word-${attempt}.${at}-${Math.floor(random() * 1e9)} `;
  const choices = [{ index: 0, delta: { content }, finish_reason: null }];
  return JSON.stringify({ id: `chatcmpl-${id}`, object: "chat.completion.chunk", created: 0, model: "model", choices });
}

export type Differences = { readonly missing: number; readonly repeated: number; readonly odd: number };

/** How what a reader got differs from what it was to get. Between states and tokens there is no order; in each there is. */
export function differences(script: Script, got: readonly ReadEvent[]): Differences {
  const own = got.filter(({ event }) => !["queued", "running"].includes(event));
  const last = own.at(-1);
  const is_token = ({ event }: ReadEvent): boolean => ["attempt", "token", "gap"].includes(event);
  const text = ({ event, data }: ReadEvent): string =>
    event === "attempt" ? `attempt ${(JSON.parse(data) as { attempt: number }).attempt}` : data;
  const ended = `{"state":"ended","status":"succeeded","result":${script.result}}`;
  const states = own.filter((one) => !is_token(one)).map(text);
  const tokens = own.filter(is_token).map(text);
  const ids = got.map(({ id }) => id);
  const wanted = [...script.states, ended];
  return {
    missing: missing(wanted, states) + missing(script.tokens, tokens),
    repeated: missing(states, wanted) + missing(tokens, script.tokens) + ids.length - new Set(ids).size,
    odd: Number(last?.event !== "ended") + outOfOrder(wanted, states) + outOfOrder(script.tokens, tokens),
  };
}

/** How many of `wanted` are not there, each as often as it is wanted. */
function missing(wanted: readonly string[], got: readonly string[]): number {
  const left = new Map<string, number>();
  for (const one of got) left.set(one, (left.get(one) ?? 0) + 1);
  let count = 0;
  for (const one of wanted) {
    const there = left.get(one) ?? 0;
    if (there === 0) count += 1;
    else left.set(one, there - 1);
  }
  return count;
}

function outOfOrder(wanted: readonly string[], got: readonly string[]): number {
  return wanted.length === got.length && wanted.some((one, at) => got[at] !== one) ? 1 : 0;
}
