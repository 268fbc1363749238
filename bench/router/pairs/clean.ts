/** The clean set: labels without noise, for fitting and checking a calibration at small errors. Pure: chance is the seed. */

import { asked, type Family, familiesOf } from "./families.ts";
import { FAMILIES_OF_LIFE } from "./families-of-life.ts";
import { FAMILIES_OF_WORK } from "./families-of-work.ts";
import type { PairRow } from "./lines.ts";
import { shuffled } from "./shuffle.ts";
import { straysOf } from "./strays.ts";

const ROWS = 8_000;
type Pair = readonly [left: string, right: string];

/**
 * About 8,000 pairs, half of them duplicates; of the others a third are near-misses, a third ask something else about the same, and a third
 * something else. Each family of questions is a group by itself: no two groups share a question or its wording.
 */
export function cleanPairs(seed: number): readonly PairRow[] {
  const families = familiesOf(FAMILIES_OF_WORK + FAMILIES_OF_LIFE);
  const each = Math.round(ROWS / families.length);
  const rows = families.flatMap((family, index) => {
    const take = (kind: string, pairs: readonly Pair[], count: number) =>
      shuffled(pairs, `${seed} ${kind} ${family.topic}`)
        .slice(0, count)
        .map(([a, b]): PairRow => {
          return { a, b, duplicate: kind === "duplicate", kind, group: `clean-${family.topic}` };
        });
    const others = Math.round(each / 6);
    return [
      ...take("duplicate", duplicates(family), others * 3),
      ...take("near-miss", nearMisses(family), others),
      ...take("same-topic", sameTopic(family), others),
      ...take("random", unrelated(family, straysOf(index, families.length)), others),
    ];
  });
  return shuffled(rows, `${seed} rows`);
}

function duplicates(family: Family): readonly Pair[] {
  return cells(family).flatMap(({ question, value }) => couples(asked(family, question, value)));
}

/** The same question about another value, and a question against its near-miss. */
function nearMisses(family: Family): readonly Pair[] {
  return cells(family).flatMap(({ question, value }) => {
    const here = asked(family, question, value);
    const next = asked(family, question, (value + 1) % family.x.length);
    const before = family.questions[question]?.near_miss ? asked(family, question - 1, value) : [];
    return [...crossed(here, next).slice(0, 2), ...crossed(before, here)];
  });
}

/** Questions about the same value that are no near-miss of each other. */
function sameTopic(family: Family): readonly Pair[] {
  const bases = family.questions.map((_, index) => (family.questions[index]?.near_miss ? index - 1 : index));
  return cells(family).flatMap(({ question, value }) =>
    bases.flatMap((base, other) =>
      other > question && base !== bases[question]
        ? crossed(asked(family, question, value), asked(family, other, value))
        : [],
    ),
  );
}

function unrelated(family: Family, strays: readonly string[]): readonly Pair[] {
  return cells(family).flatMap(({ question, value }) => crossed(asked(family, question, value), strays));
}

function cells(family: Family): readonly { readonly question: number; readonly value: number }[] {
  return family.questions.flatMap((_, question) => family.x.map((_value, value) => ({ question, value })));
}

function couples(wordings: readonly string[]): readonly Pair[] {
  return wordings.flatMap((left, index) => wordings.slice(index + 1).map((right): Pair => [left, right]));
}

function crossed(lefts: readonly string[], rights: readonly string[]): readonly Pair[] {
  return lefts.flatMap((left) => rights.map((right): Pair => [left, right]));
}
