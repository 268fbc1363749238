/** Near-misses: pairs of questions that a cosine takes for the same and whose answers differ. A test set, never fitted on. Pure. */
import { type PairRow, pairsOf } from "./lines.ts";
import { NEAR_MISSES } from "./near-misses.ts";
import { NEAR_MISSES_OF_THINGS } from "./near-misses-of-things.ts";
import { NEAR_MISSES_REWORDED } from "./near-misses-reworded.ts";

const SETS = { plain: NEAR_MISSES, things: NEAR_MISSES_OF_THINGS, reworded: NEAR_MISSES_REWORDED };

export function adversarialPairs(): readonly PairRow[] {
  return Object.entries(SETS).flatMap(([set, kinds]) =>
    Object.entries(kinds).flatMap(([kind, lines]) =>
      pairsOf(kind, false, lines, (line) => `adversarial-${set}-${kind}-${line}`),
    ),
  );
}
