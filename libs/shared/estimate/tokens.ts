/** The most prompt tokens that a request can have, for a model and its price settings. Pure. */
import { type Encodings, type PriceSettings, textCounter } from "./encodings.ts";
import { audioTokensMax, fileTokensMax, imageTokensMax } from "./images.ts";

type Json = Readonly<Record<string, unknown>>;

export type CountedModel = {
  readonly name: string;
  readonly price: Pick<PriceSettings, "encoding" | "bytes_per_token">;
};

/**
 * What a message costs beside its text: three tokens and one for a name (OpenAI cookbook, How to count tokens with tiktoken), and some
 * for parts that are joined and formats that change.
 */
const MESSAGE_TOKENS = 5;
/** What primes the answer is three. */
const CALL_TOKENS = 8;
const PART_TOKENS = 2;
/** What a provider writes around tools and schemas, of each and of them all. */
const STRUCTURE_TOKENS = 16;
/** Tools are shown to a model in a form of the provider's own. */
const STRUCTURE_MARGIN = 1.1;

/** Objects of a body that no model reads. Every other one, known or not, may become a part of the prompt. */
const NOT_IN_PROMPT = new Set([
  "messages",
  "input",
  "metadata",
  "stream_options",
  "logit_bias",
  "stop",
  "modalities",
  "audio",
]);

/** @param body as admission accepts it. */
export function promptTokensMax(
  kind: "chat" | "embeddings",
  body: Json,
  model: CountedModel,
  encodings: Encodings,
): number {
  const count = textCounter(model.price, encodings);
  return CALL_TOKENS + (kind === "chat" ? chatTokens(body, model.name, count) : inputTokens(body["input"], count));
}

type Count = (text: string) => number;

function chatTokens(body: Json, model: string, count: Count): number {
  let tokens = 0;
  for (const message of body["messages"] as readonly Json[]) tokens += messageTokens(message, model, count);
  for (const [field, value] of Object.entries(body)) {
    if (typeof value === "object" && value !== null && !NOT_IN_PROMPT.has(field))
      tokens += structureTokens(value, count);
  }
  return tokens;
}

function messageTokens(message: Json, model: string, count: Count): number {
  let tokens = MESSAGE_TOKENS;
  for (const [field, value] of Object.entries(message)) {
    if (typeof value === "string") tokens += count(value);
    else if (field === "content" && Array.isArray(value)) {
      for (const part of value) tokens += PART_TOKENS + partTokens(part as Json, model, count);
    } else if (typeof value === "object" && value !== null) tokens += structureTokens(value, count);
  }
  return tokens;
}

/** A part of a kind that is not known counts as the text it is written in. */
function partTokens(part: Json, model: string, count: Count): number {
  const { image_url, input_audio, file } = part;
  switch (part["type"]) {
    case "image_url":
    case "input_image":
      return imageTokensMax(model, fieldOf(image_url, "detail") ?? part["detail"]);
    case "input_audio": {
      const data = fieldOf(input_audio, "data");
      return typeof data === "string" ? audioTokensMax(data) : structureTokens(part, count);
    }
    case "file": {
      const data = fieldOf(file, "file_data");
      const name = fieldOf(file, "filename");
      return fileTokensMax(typeof data === "string" ? data : undefined) + (typeof name === "string" ? count(name) : 0);
    }
    case "text":
    case "refusal": {
      const text = part["text"] ?? part["refusal"];
      return typeof text === "string" ? count(text) : structureTokens(part, count);
    }
    default:
      return structureTokens(part, count);
  }
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? (value as Json)[field] : undefined;
}

function structureTokens(value: object, count: Count): number {
  const items = Array.isArray(value) ? value.length : 1;
  return Math.ceil(count(JSON.stringify(value)) * STRUCTURE_MARGIN) + STRUCTURE_TOKENS * (items + 1);
}

/** A text, texts, tokens, or lists of tokens. */
function inputTokens(input: unknown, count: Count): number {
  if (typeof input === "string") return count(input);
  if (!Array.isArray(input)) return 0;
  let tokens = 0;
  for (const item of input) {
    tokens += typeof item === "number" ? 1 : PART_TOKENS + (Array.isArray(item) ? item.length : count(String(item)));
  }
  return tokens;
}
