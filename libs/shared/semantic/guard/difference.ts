/** What one text has and another has not. Pure. */
import type { Reading, Word } from "./reading.ts";

/** What each has beyond the other, counted once for every time it is there. */
export function apart(
  left: readonly string[],
  right: readonly string[],
): readonly [readonly string[], readonly string[]] {
  const rest = [...right];
  const only = left.filter((value) => {
    const at = rest.indexOf(value);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
  return [only, rest];
}

/** Words of the first reading whose spelling, stem and meaning the other has not. */
export function onlyIn(here: Reading, there: Reading, of: (word: Word) => boolean): readonly Word[] {
  return here.words.filter((word) => of(word) && !isIn(word, there));
}

function isIn(word: Word, { known }: Reading): boolean {
  if (known.has(word.key) || known.has(word.lower)) return true;
  return !word.exact && word.stem.length >= 3 && known.has(word.stem);
}

export function isContent({ kind }: Word): boolean {
  return kind === "content" || isQuantity(kind);
}

function isQuantity(kind: Word["kind"]): boolean {
  return kind === "number" || kind === "unit" || kind === "time" || kind === "calendar";
}

/**
 * How much of what the two texts speak of is in both, from 0 to 1. Quantities and the words `aside`, the ones that a check is about, are left out.
 * A word that only one text has makes a near-miss where the rest is the same; where little else is, the two are about different things anyway.
 */
export function closeness(left: Reading, right: Reading, aside: (word: Word) => boolean = () => false): number {
  const shared = new Set<string>();
  let apart = 0;
  for (const [here, there] of [
    [left, right],
    [right, left],
  ] as const) {
    for (const word of here.words) {
      if (word.kind !== "content") continue;
      if (isIn(word, there)) shared.add(word.key);
      else if (!aside(word)) apart += 1;
    }
  }
  return shared.size + apart === 0 ? 1 : shared.size / (shared.size + apart);
}
