/** Entries of one tenant's namespace, with the vectors of real questions and of what lies between them. */
import type { Embedder } from "../../libs/shared/embedding/embedder.ts";
import { quantize } from "../../libs/shared/embedding/quantized.ts";
import type { IndexedEntry } from "../../services/router/cache/contract.ts";
import { question } from "./questions.ts";

export const ENTRIES = 100_000;
/** The first so many have the vectors of their questions. */
export const EMBEDDED = 4_000;
export const TENANT = "bench";
export const NAMESPACE = "0123456789abcdef".repeat(4);

const DAY_MS = 86_400_000;
const TOGETHER = 64;

/** In hex, as a fingerprint is. */
export const entryId = (number: number): string => number.toString(16).padStart(64, "0");

export function entryOf(number: number, vector: Int8Array, now_ms: number): IndexedEntry {
  return {
    entry_id: entryId(number),
    namespace: NAMESPACE,
    text: question(number),
    embedding_model: "all-minilm-l6-v2-q",
    tenant: TENANT,
    created_ms: now_ms,
    expires_ms: now_ms + DAY_MS,
    request_id: `llm.requests-${number % 8}-${number}`,
    tier: "small",
    model: "gpt-4.1-mini",
    cost_usd: 0.000_42,
    vector,
  };
}

/**
 * `ENTRIES` vectors. To embed so many questions takes minutes: the first `EMBEDDED` are embedded, the others are mixtures of three of them,
 * the first of the three with the most weight, so that the space is as full as with questions of one kind.
 */
export async function makeVectors(embedder: Embedder, say: (line: string) => void): Promise<Int8Array[]> {
  say(`embedding ${EMBEDDED} questions`);
  const embedded: Float32Array[] = [];
  for (let from = 0; from < EMBEDDED; from += TOGETHER) {
    const count = Math.min(TOGETHER, EMBEDDED - from);
    embedded.push(...(await embedder.embed(Array.from({ length: count }, (_, at) => question(from + at)))));
  }
  const vectors = embedded.map(quantize);
  for (let number = EMBEDDED; number < ENTRIES; number += 1) {
    const [first, second, third] = [number, number * 31 + 7, number * 131 + 3].map((at) => embedded[at % EMBEDDED]);
    if (first === undefined || second === undefined || third === undefined) throw new Error("nothing was embedded");
    const mixed = first.map((value, at) => value + 0.6 * (second[at] as number) + 0.4 * (third[at] as number));
    vectors.push(quantize(mixed));
  }
  return vectors;
}
