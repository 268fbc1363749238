/** How the Result of a replay differs from the original one. Pure. */
import { cosine } from "../../../libs/shared/embedding/quantized.ts";
import { answerText } from "../../../libs/shared/events/answer-text.ts";
import type { ResultStatus } from "../../../libs/shared/events/fields.ts";
import type { Result } from "../../../libs/shared/events/flow.ts";
import { nusd } from "../../../libs/shared/money.ts";
import { isEqual, wordSimilarity } from "../../router/checks/compare.ts";

/** What of a Result is compared. Money in nano-dollars, times in ms. */
export type Side = {
  readonly status: ResultStatus;
  readonly error_code?: string;
  readonly tier?: string;
  readonly model?: string;
  readonly cache?: string;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_nusd: number;
  /** From the call to its end; of what was not called, from its arrival. */
  readonly latency_ms?: number;
};

/**
 * - `same_text`: letter for letter; `same_json`: as JSON, or but for white space and case; `different`.
 * - `gone`: answered then and not now; `new`: the other way round; `none`: neither.
 * - `no_original`: nothing to compare with.
 */
export const ANSWERS = ["same_text", "same_json", "different", "gone", "new", "none", "no_original"] as const;
export type Answers = (typeof ANSWERS)[number];

export type Difference = {
  readonly tenant: string;
  /** The original request's. */
  readonly id: string;
  readonly answers: Answers;
  readonly original?: Side;
  readonly replayed: Side;
  /** From 0, the same, to 1: one less the similarity of the answers' embeddings. Left out where it was not asked for. */
  readonly distance?: number;
  /** For the order, worst first. */
  readonly severity: number;
  /** The starts of both answers, or of what was said of the failure; only where they were asked for. */
  readonly texts?: { readonly original: string; readonly replayed: string };
};

/** An answer as it is compared: words, or the vectors of an embedding. */
export type Answer = { readonly text: string } | { readonly vectors: readonly Float32Array[] };

/** @returns undefined where there is no answer. */
export function answerOf({ status, response }: Pick<Result, "status" | "response">): Answer | undefined {
  if (status !== "succeeded") return undefined;
  const text = answerText(response, Number.POSITIVE_INFINITY);
  if (text !== undefined) return { text };
  const vectors = vectorsOf(response);
  return vectors === undefined ? { text: JSON.stringify(response ?? null) } : { vectors };
}

type Embeddings = { readonly data?: readonly { readonly embedding?: unknown }[] };

function vectorsOf(response: unknown): readonly Float32Array[] | undefined {
  const { data } = (response ?? {}) as Embeddings;
  if (!Array.isArray(data)) return undefined;
  const vectors = data.map(({ embedding }) => vectorOf(embedding));
  return vectors.every((vector) => vector !== undefined) ? vectors : undefined;
}

function vectorOf(embedding: unknown): Float32Array | undefined {
  if (Array.isArray(embedding)) return Float32Array.from(embedding as number[]);
  if (typeof embedding !== "string") return undefined;
  const bytes = Buffer.from(embedding, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~3)));
}

function answersOf(original: Answer | undefined, replayed: Answer | undefined): Answers {
  if (original === undefined || replayed === undefined) {
    if (original === replayed) return "none";
    return original === undefined ? "new" : "gone";
  }
  if ("vectors" in original || "vectors" in replayed) {
    return vectorDistance(original, replayed) === 0 ? "same_text" : "different";
  }
  if (original.text === replayed.text) return "same_text";
  return isEqual(original.text, replayed.text) ? "same_json" : "different";
}

/** Of embeddings: one less the mean cosine; 1 where they are not of one shape. Undefined for words. */
function vectorDistance(original: Answer, replayed: Answer): number | undefined {
  if (!("vectors" in original) && !("vectors" in replayed)) return undefined;
  if (!("vectors" in original) || !("vectors" in replayed)) return 1;
  const { vectors } = original;
  if (vectors.length !== replayed.vectors.length || vectors.length === 0) return 1;
  let sum = 0;
  for (const [index, vector] of vectors.entries()) {
    const other = replayed.vectors[index] as Float32Array;
    if (vector.length !== other.length) return 1;
    sum += cosine(vector, other);
  }
  // What is left of rounding is no difference.
  return sum / vectors.length > 1 - 1e-6 ? 0 : Math.max(0, 1 - sum / vectors.length);
}

/** The start of what a Result says, for people. */
export function wordsOf({ status, error, response }: Result, chars_max: number): string {
  if (error !== undefined) return `${error.code}: ${error.message}`.slice(0, chars_max);
  return answerText(response, chars_max) ?? status;
}

/** Whether words differ, so that embeddings would tell how much. */
export function wantsDistance(original: Answer | undefined, replayed: Answer | undefined): boolean {
  if (original === undefined || replayed === undefined) return false;
  return "text" in original && "text" in replayed && answersOf(original, replayed) === "different";
}

/** @param similarity of the answers' embeddings, where they were asked for. */
export function differenceOf(
  original: Result | undefined,
  replayed: Result,
  similarity: number | undefined,
): Difference {
  const replayed_side = sideOf(replayed);
  const named = { tenant: replayed.tenant, id: replayed.replay?.of ?? replayed.id };
  if (original === undefined) return { ...named, answers: "no_original", replayed: replayed_side, severity: 0 };
  const [before, after] = [answerOf(original), answerOf(replayed)];
  const answers = answersOf(before, after);
  const distance = distanceOf(answers, before, after, similarity);
  const sides = { original: sideOf(original), replayed: replayed_side };
  const severity = severityOf(answers, distance ?? wordDistance(answers, before, after), sides);
  return { ...named, answers, ...sides, ...(distance === undefined ? {} : { distance }), severity };
}

function distanceOf(
  answers: Answers,
  before: Answer | undefined,
  after: Answer | undefined,
  similarity: number | undefined,
): number | undefined {
  if (answers === "same_text" || answers === "same_json") return 0;
  if (answers !== "different" || before === undefined || after === undefined) return undefined;
  if (similarity !== undefined) return Math.min(1, Math.max(0, 1 - similarity));
  return vectorDistance(before, after);
}

/** Where no embedder was asked: by the words that both have. */
function wordDistance(answers: Answers, before: Answer | undefined, after: Answer | undefined): number {
  if (answers !== "different" || before === undefined || after === undefined) return 0;
  return "text" in before && "text" in after ? 1 - wordSimilarity(before.text, after.text) : 1;
}

/** A lost answer is worse than any other answer, that worse than a cost: the factor at most adds a tenth. */
function severityOf(answers: Answers, distance: number, sides: { original: Side; replayed: Side }): number {
  const lost = answers === "gone" ? 2 : 0;
  const status = sides.original.status === sides.replayed.status ? 0 : 0.5;
  const { cost_nusd } = sides.original;
  const dearer = cost_nusd === 0 ? Number(sides.replayed.cost_nusd > 0) : sides.replayed.cost_nusd / cost_nusd - 1;
  return lost + status + distance + 0.1 * Math.min(1, Math.max(0, dearer));
}

function sideOf({ status, error, route, usage, timing }: Result): Side {
  const { received, dispatched, completed } = timing;
  const began = dispatched ?? received;
  return {
    status,
    ...(error === undefined ? {} : { error_code: error.code }),
    ...(route === undefined ? {} : { tier: route.tier, model: route.model, cache: route.cache }),
    prompt_tokens: usage?.prompt_tokens ?? 0,
    completion_tokens: usage?.completion_tokens ?? 0,
    cost_nusd: usage === undefined ? 0 : nusd(usage.cost_usd),
    ...(began === undefined || completed === undefined ? {} : { latency_ms: Math.max(0, completed - began) }),
  };
}
