/**
 * Tokens, by approximation: one token is four UTF-16 units, rounded up, which is what OpenAI gives as a rule of thumb
 * for English ("1 token ~= 4 chars", help.openai.com). The pieces a stream sends are cut by the same rule, so that what
 * a client counts in chunks is what `usage` says.
 */

/** Characters in one token. */
export const TOKEN_CHARS = 4;

/** What a chat message costs beside its text (role and separators; cookbook.openai.com, counting tokens). */
const MESSAGE_OVERHEAD_TOKENS = 3;
/** What primes the assistant's answer. */
const REPLY_OVERHEAD_TOKENS = 3;
/** A low-detail image on OpenAI's models. */
const IMAGE_TOKENS = 85;

/** How many tokens a text has. */
export function countTokens(text: string): number {
  return Math.ceil(text.length / TOKEN_CHARS);
}

/** The text cut in exactly `countTokens(text)` pieces, none empty, none splitting a surrogate pair. */
export function tokenPieces(text: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  while (from < text.length) {
    const to = pieceEnd(text, (pieces.length + 1) * TOKEN_CHARS);
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}

/** The first `count_max` tokens of a text. */
export function firstTokens(text: string, count_max: number): string {
  return countTokens(text) <= count_max ? text : text.slice(0, pieceEnd(text, count_max * TOKEN_CHARS));
}

/** A cut that would split a surrogate pair moves one unit back. */
function pieceEnd(text: string, at: number): number {
  if (at >= text.length) return text.length;
  const unit = text.charCodeAt(at - 1);
  return unit >= 0xd800 && unit <= 0xdbff && isLow(text.charCodeAt(at)) ? at - 1 : at;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** The part of a chat request that costs prompt tokens. */
export type PromptParts = {
  readonly messages: readonly { readonly text: string; readonly images: number }[];
  /** The tools and the response schema as JSON, or empty. */
  readonly extra: string;
};

/** Prompt tokens of a chat request. */
export function countPromptTokens(prompt: PromptParts): number {
  let total = REPLY_OVERHEAD_TOKENS + countTokens(prompt.extra);
  for (const message of prompt.messages) {
    total += MESSAGE_OVERHEAD_TOKENS + countTokens(message.text) + message.images * IMAGE_TOKENS;
  }
  return total;
}
