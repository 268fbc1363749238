/** What is kept of a replay once it has run: its Results beside the original ones. */
import type { Replay } from "../../libs/shared/replay/replay.ts";
import type { ReplayParts } from "./parts.ts";

/** Of differing answers; the distances of more would take longer than most runs. */
const DISTANCES_MAX = 2_000;
const TEXT_CHARS = 400;

/** For `ReplayParts.summarise`. */
export async function summaryOf(parts: ReplayParts, replay: Replay): Promise<unknown> {
  const { compareReplay } = await import("./compare/summarise.ts");
  const { worst_max } = parts.settings.replay;
  return compareReplay(parts, replay, { distances_max: DISTANCES_MAX, worst_max, text_chars: TEXT_CHARS });
}
