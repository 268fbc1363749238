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
  return here.words.filter(
    (word) =>
      of(word) &&
      !there.known.has(word.key) &&
      !there.known.has(word.lower) &&
      (word.exact || word.stem.length < 3 || !there.known.has(word.stem)),
  );
}

/** Whether both have the same words beside those of the kinds left out. */
export function sameContent(left: Reading, right: Reading): boolean {
  return onlyIn(left, right, isContent).length === 0 && onlyIn(right, left, isContent).length === 0;
}

export function isContent({ kind }: Word): boolean {
  return kind === "content" || kind === "number" || kind === "unit" || kind === "time" || kind === "calendar";
}
