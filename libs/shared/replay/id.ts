/** Ids of replays. They end names of topics and groups, so that they hold nothing but letters and digits. Pure. */

const RANDOM_BYTES = 6;

/** `rp_`, the time in base 36 so that later ones sort later, and chance. @param random at least six random bytes. */
export function replayId(now_ms: number, random: Buffer): string {
  const time = Math.max(0, Math.round(now_ms)).toString(36).padStart(9, "0");
  return `rp_${time}${random.subarray(0, RANDOM_BYTES).toString("hex")}`;
}

export const REPLAY_ID_PATTERN = /^rp_[0-9a-z]{9}[0-9a-f]{12}$/;

/** Epoch ms at which it was made, as `replayId` writes it; undefined of any other text. */
export function replayIdTime_ms(id: string): number | undefined {
  return REPLAY_ID_PATTERN.test(id) ? Number.parseInt(id.slice(3, 12), 36) : undefined;
}
