/** How much two sequences have in common. All but the named are symmetric in their two arguments. Pure. */

export function sharedCount<T>(left: ReadonlySet<T>, right: ReadonlySet<T>): number {
  if (left.size > right.size) return sharedCount(right, left);
  let count = 0;
  for (const item of left) if (right.has(item)) count += 1;
  return count;
}

/** A part of a whole; 0 where there is no whole. */
export function part(of_it: number, whole: number): number {
  return whole === 0 ? 0 : of_it / whole;
}

/** Pairs, triples… of what follows each other, joined. */
export function grams(items: ArrayLike<string>, size: number): Set<string> {
  const found = new Set<string>();
  for (let at = 0; at + size <= items.length; at += 1) {
    let gram = items[at] as string;
    for (let next = 1; next < size; next += 1) gram += ` ${items[at + next]}`;
    found.add(gram);
  }
  return found;
}

export function charGrams(text: string, size: number): Set<string> {
  const found = new Set<string>();
  const padded = ` ${text} `;
  for (let at = 0; at + size <= padded.length; at += 1) found.add(padded.slice(at, at + size));
  return found;
}

/** Longest common subsequence, longest common run, and the edits from one to the other (Levenshtein), of the first `ITEMS_MAX`. */
const ITEMS_MAX = 64;

export type Alignment = { readonly sequence: number; readonly run: number; readonly edits: number };

export function align(left: readonly string[], right: readonly string[]): Alignment {
  const rows = Math.min(left.length, ITEMS_MAX);
  const columns = Math.min(right.length, ITEMS_MAX);
  const sequences = new Uint16Array(columns + 1);
  const runs = new Uint16Array(columns + 1);
  const edits = Uint16Array.from({ length: columns + 1 }, (_, at) => at);
  let run = 0;
  for (let row = 1; row <= rows; row += 1) {
    let sequence_before = 0;
    let run_before = 0;
    let edits_before = edits[0] as number;
    edits[0] = row;
    for (let column = 1; column <= columns; column += 1) {
      const same = left[row - 1] === right[column - 1];
      const sequence = sequences[column] as number;
      const run_here = runs[column] as number;
      const edit = edits[column] as number;
      sequences[column] = same ? sequence_before + 1 : Math.max(sequence, sequences[column - 1] as number);
      runs[column] = same ? run_before + 1 : 0;
      edits[column] = Math.min(edits_before + (same ? 0 : 1), edit + 1, (edits[column - 1] as number) + 1);
      run = Math.max(run, runs[column] as number);
      sequence_before = sequence;
      run_before = run_here;
      edits_before = edit;
    }
  }
  return { sequence: sequences[columns] as number, run, edits: edits[columns] as number };
}

/** How many items both start with. */
export function commonStart(left: readonly string[], right: readonly string[]): number {
  const end = Math.min(left.length, right.length);
  let at = 0;
  while (at < end && left[at] === right[at]) at += 1;
  return at;
}

/** How many items both end with. */
export function commonEnd(left: readonly string[], right: readonly string[]): number {
  const end = Math.min(left.length, right.length);
  let count = 0;
  while (count < end && left[left.length - 1 - count] === right[right.length - 1 - count]) count += 1;
  return count;
}
