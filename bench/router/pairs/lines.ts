/** Reads pairs of questions from compact lines. Pure. */

/** `group`: rows of one group may share questions or their wording; rows of two groups never do. */
export type PairRow = {
  readonly a: string;
  readonly b: string;
  readonly duplicate: boolean;
  readonly kind: string;
  readonly group: string;
};

/**
 * One line is one pair or some: `{x|y}` stands for x in the left question and y in the right one; ` || ` parts two questions written out; and
 * `[x;y;z]`, the same in both, gives a pair for each (further brackets of a line are taken in step).
 */
export function pairsOf(
  kind: string,
  duplicate: boolean,
  lines: string,
  group: (line: number) => string,
): readonly PairRow[] {
  return lines
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .flatMap((line, number) =>
      expanded(line).map((one) => {
        const [left, right] = one.includes(" || ") ? (one.split(" || ") as [string, string]) : [one, one];
        return { a: side(left, 0), b: side(right, 1), duplicate, kind, group: group(number) };
      }),
    );
}

/** The sentence for each value of its brackets. */
export function expanded(line: string): readonly string[] {
  const count = Math.max(1, ...[...line.matchAll(/\[([^\]]*)\]/g)].map((match) => (match[1] ?? "").split(";").length));
  return Array.from({ length: count }, (_, index) =>
    line.replace(/\[([^\]]*)\]/g, (_match, values: string) => {
      const parts = values.split(";");
      return parts[index % parts.length] ?? "";
    }),
  );
}

function side(text: string, which: 0 | 1): string {
  return text
    .replace(/\{([^|}]*)\|([^}]*)\}/g, (_match, left: string, right: string) => (which === 0 ? left : right))
    .replace(/\s+/g, " ")
    .trim();
}
