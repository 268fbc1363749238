/**
 * The prefix cache of a provider: a prompt is cut in blocks of 128 tokens, each known by a hash of itself and all that
 * stands before it (as vLLM's automatic prefix caching does); the leading blocks that were seen before are cached tokens.
 * OpenAI caches prompts of 1,024 tokens or more, in steps of 128 (platform.openai.com/docs/guides/prompt-caching).
 */

import { BoundedMap } from "./bounded.ts";
import { fingerprint } from "./hash.ts";
import { TOKEN_CHARS } from "./tokens.ts";

/** Tokens in one block. */
const BLOCK_TOKENS = 128;
const BLOCK_CHARS = BLOCK_TOKENS * TOKEN_CHARS;

export type PrefixCacheOptions = {
  /** Prompts shorter than this are not cached. */
  readonly min_tokens: number;
  /** Blocks kept for one model; the one used longest ago goes first. */
  readonly blocks_per_model_max: number;
  /** Models with a cache of their own. */
  readonly models_max: number;
};

export const PREFIX_CACHE_DEFAULTS: PrefixCacheOptions = {
  min_tokens: 1_024,
  blocks_per_model_max: 8_192,
  models_max: 64,
};

/** Bounded, least recently used first out. */
export class PrefixCache {
  readonly #options: PrefixCacheOptions;
  readonly #models: BoundedMap<BoundedMap<true>>;

  constructor(options: PrefixCacheOptions) {
    this.#options = options;
    this.#models = new BoundedMap(options.models_max);
  }

  /** Tokens of this prompt that were in the cache (0, or a multiple of 128); the whole prompt is cached afterwards. */
  use(model: string, prompt_text: string): number {
    const full_blocks = Math.floor(prompt_text.length / BLOCK_CHARS);
    if (prompt_text.length < this.#options.min_tokens * TOKEN_CHARS || full_blocks === 0) return 0;
    const blocks = this.#blocksOf(model);
    const hashes = chain(prompt_text, Math.min(full_blocks, this.#options.blocks_per_model_max));
    let hits = 0;
    while (hits < hashes.length && blocks.has(hashes[hits] ?? "")) hits += 1;
    // Later blocks first, so that the start of a prompt is the last of it to be forgotten.
    for (const hash of hashes.reverse()) blocks.set(hash, true);
    const cached_tokens = hits * BLOCK_TOKENS;
    return cached_tokens >= this.#options.min_tokens ? cached_tokens : 0;
  }

  #blocksOf(model: string): BoundedMap<true> {
    const blocks = this.#models.get(model) ?? new BoundedMap<true>(this.#options.blocks_per_model_max);
    this.#models.set(model, blocks);
    return blocks;
  }
}

function chain(text: string, blocks: number): string[] {
  const hashes: string[] = [];
  let before = "";
  for (let i = 0; i < blocks; i += 1) {
    before = fingerprint(before + text.slice(i * BLOCK_CHARS, (i + 1) * BLOCK_CHARS));
    hashes.push(before);
  }
  return hashes;
}
