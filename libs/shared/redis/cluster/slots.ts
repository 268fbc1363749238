/**
 * Slots of a Redis Cluster (its specification, "Key distribution model"): CRC-16 (XMODEM) of the key, or of what stands in its first pair of
 * braces, modulo 16,384. Pure.
 */
export const SLOTS = 16_384;

const POLYNOMIAL = 0x1021;
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  return crc;
});

export function slotOf(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashed(key))) crc = ((crc << 8) ^ (TABLE[((crc >> 8) ^ byte) & 0xff] ?? 0)) & 0xffff;
  return crc % SLOTS;
}

/** What of the key counts: an empty pair of braces is no tag. */
function hashed(key: string): string {
  const open = key.indexOf("{");
  const close = key.indexOf("}", open + 1);
  return open < 0 || close <= open + 1 ? key : key.slice(open + 1, close);
}

let tags: readonly string[] | undefined;

/** A hash tag for each slot, by slot: `{…}`, always the same. Made once, when a cluster first needs it (some 50 ms). */
export function slotTags(): readonly string[] {
  if (tags !== undefined) return tags;
  const found: string[] = Array.from({ length: SLOTS }, () => "");
  for (let left = SLOTS, number = 0; left > 0; number += 1) {
    const tag = `{${number.toString(36)}}`;
    const slot = slotOf(tag);
    if (found[slot] !== "") continue;
    found[slot] = tag;
    left -= 1;
  }
  tags = found;
  return found;
}
