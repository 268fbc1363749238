/** Labelled pairs of questions, as people bring them: JSONL. Pure. */
import { z } from "zod";

const TEXT_CHARS_MAX = 20_000;
const text = z.string().trim().min(1).max(TEXT_CHARS_MAX);

const pairSchema = z.object({
  a: text,
  b: text,
  /** Whether an answer to one serves the other. */
  duplicate: z.union([z.boolean(), z.literal(0).transform(() => false), z.literal(1).transform(() => true)]),
  /** Pairs of one group stay together when they are split, beside those that share a question. */
  group: z.string().optional(),
});
export type Pair = z.infer<typeof pairSchema>;

export type ParsedPair = { readonly ok: true; readonly pair: Pair } | { readonly ok: false; readonly problem: string };

export function parsePair(line: string): ParsedPair {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    return { ok: false, problem: `not JSON: ${(error as Error).message}` };
  }
  const parsed = pairSchema.safeParse(json);
  if (parsed.success) return { ok: true, pair: parsed.data };
  const issue = parsed.error.issues[0];
  return { ok: false, problem: `${issue?.path.join(".") || "the line"}: ${issue?.message ?? "does not fit"}` };
}
