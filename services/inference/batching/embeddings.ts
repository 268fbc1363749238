/** Embeddings calls made as one: which may share a call, and the call that they share (`split-answer.ts` has the way back). Pure. */
import { contentHash } from "../../../libs/shared/canonical.ts";

/** Inputs that OpenAI takes in one call (API reference of `POST /v1/embeddings`). */
export const INPUTS_MAX = 2_048;

/** A call's body as batches need it. */
export type EmbeddingsCall = {
  /** Calls with equal keys may share a call: every field but `input`, and whether inputs are texts or tokens. */
  readonly key: string;
  readonly body: Buffer;
  /** Each a JSON text: one string, or one array of token numbers. */
  readonly inputs: readonly string[];
  /** What its share of the usage follows: UTF-8 bytes of its texts, or its tokens; comparable between calls of one key. */
  readonly size: number;
  /** Tokens, estimated at four bytes each where they are texts. */
  readonly tokens: number;
};

/** Reads a call's body. Undefined when it is not one that can share a call: it is sent as it is, and the provider says why. */
export function readCall(body: Buffer): EmbeddingsCall | undefined {
  const parsed = parseObject(body);
  if (parsed === undefined) return undefined;
  const { input, ...rest } = parsed;
  const texts = typeof input === "string" ? [input] : input;
  if (isListOf(texts, isText)) {
    const size = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    return callOf("texts", rest, body, texts, size, Math.ceil(size / 4));
  }
  const lists = isListOf(input, isToken) ? [input] : input;
  if (!isListOf(lists, (list): list is number[] => isListOf(list, isToken))) return undefined;
  const size = lists.reduce((sum, list) => sum + list.length, 0);
  return callOf("tokens", rest, body, lists, size, size);
}

function callOf(
  kind: string,
  rest: object,
  body: Buffer,
  inputs: readonly unknown[],
  size: number,
  tokens: number,
): EmbeddingsCall {
  const key = contentHash([kind, rest]);
  return { key, body, inputs: inputs.map((input) => JSON.stringify(input)), size, tokens };
}

/** The body of one call for all of them, in their order; a single one's own body. Their keys must be equal. */
export function mergeCalls(calls: readonly EmbeddingsCall[]): Buffer {
  const [first, ...others] = calls;
  if (first === undefined) throw new Error("a batch of no calls");
  if (others.some(({ key }) => key !== first.key)) throw new Error("calls of different keys cannot be merged");
  if (others.length === 0) return first.body;
  const { input: _, ...rest } = parseObject(first.body) ?? {};
  const opened = JSON.stringify(rest).slice(0, -1);
  const inputs = calls.flatMap((call) => call.inputs).join(",");
  return Buffer.from(`${opened}${opened === "{" ? "" : ","}"input":[${inputs}]}`);
}

function parseObject(json: Buffer): Record<string, unknown> | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json.toString());
  } catch {
    return undefined;
  }
  const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
  return isObject ? (parsed as Record<string, unknown>) : undefined;
}

/** A list with something in it, all of one kind. */
function isListOf<Item>(value: unknown, isItem: (item: unknown) => item is Item): value is Item[] {
  return Array.isArray(value) && value.length > 0 && value.every(isItem);
}

const isText = (value: unknown): value is string => typeof value === "string";
const isToken = (value: unknown): value is number => Number.isSafeInteger(value);
