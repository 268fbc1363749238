/**
 * What images, sound and files in a prompt may cost in tokens. Pure. Sizes in pixels are not known before the call, so that each counts as
 * the largest. Numbers: OpenAI, "Images and vision", calculating costs, and "Audio", as published.
 */

/** Detail `high`: scaled to 2,048 × 768 at the most, in tiles of 512 × 512. */
const TILES_MAX = 8;
/** Models that count patches of 32 × 32: as many at the most, times the model's factor, whatever the detail. */
const PATCHES_MAX = 1_536;
/** Detail `original` of newer models. */
const PATCHES_ORIGINAL_MAX = 10_000;

type Family =
  | { readonly names: RegExp; readonly base: number; readonly tile: number }
  | { readonly names: RegExp; readonly patch: number };

const PATCH_MAX = 2.46;
/** The first that fits. A model of another maker counts as the dearest by patches. */
const FAMILIES: readonly Family[] = [
  { names: /^gpt-4o-mini/, base: 2_833, tile: 5_667 },
  { names: /^gpt-(4o|4\.1|4\.5)(?!-(mini|nano))/, base: 85, tile: 170 },
  { names: /^gpt-5(-chat|-\d|$)/, base: 70, tile: 140 },
  { names: /^o[13](?!-mini)/, base: 75, tile: 150 },
  { names: /^computer-use/, base: 65, tile: 129 },
  { names: /^gpt-(4\.1|5)-mini/, patch: 1.62 },
  { names: /^o4-mini/, patch: 1.72 },
  { names: /(?:)/, patch: PATCH_MAX },
];

/** @param detail as asked for: `low`, `high`, `auto`, `original` or nothing. */
export function imageTokensMax(model: string, detail: unknown): number {
  if (detail === "original") return Math.ceil(PATCHES_ORIGINAL_MAX * PATCH_MAX);
  const family = FAMILIES.find(({ names }) => names.test(model));
  if (family === undefined || "patch" in family) return Math.ceil(PATCHES_MAX * (family?.patch ?? PATCH_MAX));
  return detail === "low" ? family.base : family.base + TILES_MAX * family.tile;
}

/** Ten tokens a second, and at least 640 bytes a second: the lowest rate of MP3 is 8 kbit/s. */
const AUDIO_BYTES_PER_TOKEN = 64;
const AUDIO_TOKENS_MIN = 16;
/** A file that is named by its id alone: the context of a large model. */
const FILE_TOKENS_UNKNOWN = 128_000;
/** At least one page, which is given to the model as an image too. */
const FILE_TOKENS_MIN = 4_096;

/** @param data base64. */
export function audioTokensMax(data: string): number {
  return AUDIO_TOKENS_MIN + Math.ceil(bytesOf(data) / AUDIO_BYTES_PER_TOKEN);
}

/** @param data base64 or a data URL: compressed text unfolds to some four times its bytes, and has a token for each four of those. */
export function fileTokensMax(data: string | undefined): number {
  return data === undefined ? FILE_TOKENS_UNKNOWN : FILE_TOKENS_MIN + bytesOf(data);
}

function bytesOf(base64: string): number {
  return Math.ceil((base64.length * 3) / 4);
}
