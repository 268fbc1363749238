/** Parts pairs of questions so that no question is in two parts. Pure. */
import { chance, shuffle } from "./chance.ts";

type Pair = { readonly a: string; readonly b: string; readonly group?: string | undefined };

/** For each pair the group that it belongs to, from 0: pairs that share a question or a name of a group, by however many steps, are one. */
export function questionGroups(pairs: readonly Pair[]): number[] {
  const ids = new Map<string, number>();
  const parent: number[] = [];
  const idOf = (key: string): number => {
    let id = ids.get(key);
    if (id === undefined) {
      id = parent.length;
      ids.set(key, id);
      parent.push(id);
    }
    return id;
  };
  const find = (start: number): number => {
    let at = start;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] as number] as number;
      at = parent[at] as number;
    }
    return at;
  };
  const firsts = pairs.map(({ a, b, group }) => {
    const left = idOf(keyOf(a));
    parent[find(left)] = find(idOf(keyOf(b)));
    if (group !== undefined) parent[find(left)] = find(idOf(`group ${group}`));
    return left;
  });
  const numbers = new Map<number, number>();
  return firsts.map((first) => {
    const root = find(first);
    const known = numbers.get(root) ?? numbers.size;
    numbers.set(root, known);
    return known;
  });
}

/** As people write them: case and spaces make no other question. */
function keyOf(text: string): string {
  return `text ${text.toLowerCase().replace(/\s+/g, " ").trim()}`;
}

/**
 * Parts of about the given shares of pairs; every pair is in one, all pairs of a group in the same one.
 * @param groups a number for each pair. @param shares add up to 1.
 */
export function splitGroups(groups: readonly number[], shares: readonly number[], seed: number): number[][] {
  const members = Map.groupBy(groups.keys(), (row) => groups[row] as number);
  const parts: number[][] = shares.map(() => []);
  for (const rows of shuffle([...members.values()], chance(seed)))
    (parts[mostLacking(parts, shares, groups.length)] as number[]).push(...rows);
  return parts;
}

function mostLacking(parts: readonly number[][], shares: readonly number[], total: number): number {
  let most = 0;
  let lack = Number.NEGATIVE_INFINITY;
  parts.forEach((part, at) => {
    const lacks = (shares[at] as number) - part.length / total;
    if (lacks > lack) {
      most = at;
      lack = lacks;
    }
  });
  return most;
}
