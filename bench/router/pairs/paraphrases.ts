/** Pairs that ask the same thing as a person would put it again. A test set, never fitted on. Pure. */
import { type PairRow, pairsOf } from "./lines.ts";
import { REWORDINGS } from "./rewordings.ts";
import { REWORDINGS_BY_DOMAIN } from "./rewordings-by-domain.ts";
import { REWORDINGS_OF_THINGS } from "./rewordings-of-things.ts";

const SETS = { plain: REWORDINGS, things: REWORDINGS_OF_THINGS, domains: REWORDINGS_BY_DOMAIN };

export function paraphrasePairs(): readonly PairRow[] {
  return Object.entries(SETS).flatMap(([set, kinds]) =>
    Object.entries(kinds).flatMap(([kind, lines]) =>
      pairsOf(kind, true, lines, (line) => `paraphrase-${set}-${kind}-${line}`),
    ),
  );
}
