/** An order by chance that is the same for the same seed. Pure. */
import { createHash } from "node:crypto";

export function shuffled<Item>(items: readonly Item[], seed: string): readonly Item[] {
  return items
    .map((item, index) => ({ item, rank: createHash("sha256").update(`${seed} ${index}`).digest("hex") }))
    .sort((left, right) => (left.rank < right.rank ? -1 : 1))
    .map(({ item }) => item);
}
