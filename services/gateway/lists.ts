/** Lists as OpenAI's API has them: what is asked for a page, what it looks like, and one made of what was found. Pure. */
import { z } from "zod";

export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().min(1).max(200).optional(),
});

export function listSchema<Item extends z.ZodType>(item: Item) {
  const id = z.string().nullable();
  return z.object({ object: z.literal("list"), data: z.array(item), first_id: id, last_id: id, has_more: z.boolean() });
}

/** @param found one more than the limit where there are more. */
export function listOf<Item extends { readonly id: string }>(found: readonly Item[], limit: number) {
  const data = found.slice(0, limit);
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return { object: "list" as const, data, ...ends, has_more: found.length > limit };
}
