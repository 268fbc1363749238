/**
 * How telling words are, from how many texts hold them. Kept as a count-min sketch (Cormode and Muthukrishnan 2005, doi
 * 10.1016/j.jalgor.2003.12.001) of logarithms: small, of one size whatever the texts, and it holds no word of them. Pure.
 */
import { z } from "zod";

const ROWS = 2;
const SLOTS = 16_384;
/** Of the logarithm of a count, to fit a byte. */
const STEPS = 16;

const SKETCH_BYTES = ROWS * SLOTS;

export const raritySchema = z.strictObject({
  /** Texts counted. */
  texts: z.int().positive(),
  /** Base64, a byte a slot: `STEPS` times the binary logarithm of 1 + the texts whose words fall there. */
  sketch: z.string().refine((text) => Buffer.from(text, "base64").length === SKETCH_BYTES, "is no sketch"),
});
export type RarityTable = z.infer<typeof raritySchema>;

/** @param texts the stems of each, without repeats. */
export function countRarity(texts: readonly ReadonlySet<string>[]): RarityTable {
  const counts = new Uint32Array(SKETCH_BYTES);
  for (const stems of texts) {
    for (const stem of stems) {
      for (let row = 0; row < ROWS; row += 1) {
        const slot = slotOf(stem, row);
        counts[slot] = (counts[slot] as number) + 1;
      }
    }
  }
  const bytes = Uint8Array.from(counts, (count) => Math.min(255, Math.round(STEPS * Math.log2(1 + count))));
  return { texts: Math.max(1, texts.length), sketch: Buffer.from(bytes).toString("base64") };
}

/** From 0, for a stem that every text has, to 1, for one that none has. */
export function rarityOf({ texts, sketch }: RarityTable): (stem: string) => number {
  const bytes = Buffer.from(sketch, "base64");
  const whole = Math.log2(1 + texts);
  return (stem) => {
    let least = 255;
    for (let row = 0; row < ROWS; row += 1) least = Math.min(least, bytes[slotOf(stem, row)] as number);
    return Math.max(0, 1 - least / STEPS / whole);
  };
}

/** FNV-1a of the stem's UTF-16 units with a start of the row's own, mixed once more. */
function slotOf(stem: string, row: number): number {
  let hash = (0x811c9dc5 ^ Math.imul(row, 0x9e3779b1)) >>> 0;
  for (let at = 0; at < stem.length; at += 1) hash = Math.imul(hash ^ stem.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return row * SLOTS + (((hash ^ (hash >>> 13)) >>> 0) % SLOTS);
}
