/**
 * Embeddings without a model: every word, and more lightly every pair of neighbours, adds a few signed entries at places
 * that its hash picks (a sparse random projection, Achlioptas 2003), and the sum is scaled to length 1. Texts that share
 * words are near each other, the same text is always at the same place, and meaning plays no part.
 */

import { type ApiError, badRequest } from "./errors.ts";
import { seededRandom, seedFrom } from "./hash.ts";
import { checkModel, checkNumber, type EmbeddingsRequest, type Parsed } from "./requests.ts";
import { countTokens } from "./tokens.ts";

/** What a text gets when nothing else is asked for (text-embedding-3-small's size). */
export const DIMENSIONS_DEFAULT = 1_536;
const DIMENSIONS_MAX = 8_192;
const INPUTS_MAX = 2_048;
const ENTRIES_PER_WORD = 16;
const PAIR_WEIGHT = 0.35;

/** A unit vector for a text. */
export function embed(text: string, dimensions: number, seed: number): Float32Array {
  const vector = new Float32Array(dimensions);
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [text];
  let before = "";
  for (const word of words) {
    addWord(vector, word, 1, seed);
    if (before !== "") addWord(vector, `${before} ${word}`, PAIR_WEIGHT, seed);
    before = word;
  }
  let squares = 0;
  for (const value of vector) squares += value * value;
  if (squares === 0) vector[0] = 1;
  const scale = squares === 0 ? 1 : 1 / Math.sqrt(squares);
  return vector.map((value) => value * scale);
}

function addWord(vector: Float32Array, word: string, weight: number, seed: number): void {
  const random = seededRandom(seedFrom(word, seed));
  for (let i = 0; i < ENTRIES_PER_WORD; i += 1) {
    const at = Math.floor(random() * vector.length);
    vector[at] = (vector[at] ?? 0) + (random() < 0.5 ? -weight : weight);
  }
}

/** A vector as the API sends it: numbers, or the bytes of little-endian float32 in base64. */
export function encodeVector(vector: Float32Array, format: "float" | "base64"): number[] | string {
  if (format === "float") return Array.from(vector, (value) => Number(value.toFixed(8)));
  const bytes = Buffer.allocUnsafe(vector.length * 4);
  for (let i = 0; i < vector.length; i += 1) bytes.writeFloatLE(vector[i] ?? 0, i * 4);
  return bytes.toString("base64");
}

/** The body of `POST /v1/embeddings`. */
export function embeddingsBody(request: EmbeddingsRequest, dimensions: number, seed: number): string {
  return JSON.stringify({
    object: "list",
    data: request.inputs.map((text, index) => ({
      object: "embedding",
      index,
      embedding: encodeVector(embed(text, dimensions, seed), request.encoding_format),
    })),
    model: request.model,
    usage: { prompt_tokens: request.prompt_tokens, total_tokens: request.prompt_tokens },
  });
}

/** Reads an embeddings request: a string, strings, token numbers, or arrays of token numbers. */
export function parseEmbeddings(body: Readonly<Record<string, unknown>>): Parsed<EmbeddingsRequest> {
  const error =
    checkModel(body) ??
    checkNumber(body, "dimensions", 1, DIMENSIONS_MAX, true) ??
    checkFormat(body["encoding_format"]);
  if (error !== undefined) return { ok: false, error };
  const inputs = readInputs(body["input"]);
  if (inputs === undefined) return { ok: false, error: badRequest("Invalid 'input'.", "input", "invalid_type") };
  if (inputs.length === 0 || inputs.length > INPUTS_MAX || inputs.some((input) => input.length === 0)) {
    const message = `Invalid 'input': expected 1 to ${INPUTS_MAX} inputs, none empty.`;
    return { ok: false, error: badRequest(message, "input", "invalid_value") };
  }
  return {
    ok: true,
    request: {
      model: body["model"] as string,
      inputs: inputs.map((input) => (typeof input === "string" ? input : input.map((token) => `t${token}`).join(" "))),
      prompt_tokens: inputs.reduce(
        (sum, input) => sum + (typeof input === "string" ? countTokens(input) : input.length),
        0,
      ),
      dimensions: (body["dimensions"] ?? undefined) as number | undefined,
      encoding_format: body["encoding_format"] === "base64" ? "base64" : "float",
    },
  };
}

type Input = string | readonly number[];

function readInputs(input: unknown): Input[] | undefined {
  if (typeof input === "string") return [input];
  if (!Array.isArray(input)) return undefined;
  if (input.every((item) => typeof item === "string")) return input;
  if (isTokens(input)) return [input];
  return input.every(isTokens) ? input : undefined;
}

function isTokens(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isInteger(item));
}

function checkFormat(format: unknown): ApiError | undefined {
  if (format === undefined || format === null || format === "float" || format === "base64") return undefined;
  return badRequest("Invalid 'encoding_format': expected 'float' or 'base64'.", "encoding_format", "invalid_value");
}
