/** Prompts with how well a weak and a strong model answered them: what tier policies are fitted and measured on. Pure. */
import { z } from "zod";

const quality = z.union([z.boolean().transform(Number), z.number().min(0).max(1)]);

const labelledRow = z.object({
  prompt: z.string().min(1).max(1_000_000),
  weak_correct: quality,
  strong_correct: quality,
  weak_response: z.string().optional(),
  strong_response: z.string().optional(),
});

export type LabelledPrompt = {
  readonly prompt: string;
  /** Quality of the answers, 0 to 1. */
  readonly weak: number;
  readonly strong: number;
  /** Characters of the answers, where they are there. */
  readonly weak_chars?: number;
  readonly strong_chars?: number;
};

/** One line of JSON. @returns what is wrong with it, in words, where it is none. */
export function readLabelled(line: string): LabelledPrompt | string {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return "is not JSON";
  }
  const parsed = labelledRow.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.join(".") ?? "";
    return where === ""
      ? "is no object with prompt, weak_correct and strong_correct"
      : `${where}: ${problemOf(where, issue?.message)}`;
  }
  const { prompt, weak_correct, strong_correct, weak_response, strong_response } = parsed.data;
  return {
    prompt,
    weak: weak_correct,
    strong: strong_correct,
    ...(weak_response === undefined ? {} : { weak_chars: weak_response.length }),
    ...(strong_response === undefined ? {} : { strong_chars: strong_response.length }),
  };
}

function problemOf(field: string, message = "is not valid"): string {
  return field.endsWith("_correct") ? "must be true, false, or a number from 0 to 1" : message;
}
