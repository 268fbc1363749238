/** Code spans and signs that differ. Pure. */
import { apart, closeness } from "../difference.ts";
import type { Reading } from "../reading.ts";

const CLOSE_ALONE = 0.5;

/** What stands between backticks is the same or nothing is; signs outside of it that both have are the same. */
export function codeDiffers(left: Reading, right: Reading): boolean {
  const [here, there] = apart(left.code, right.code);
  if ([...here, ...there].some((span, _, all) => all.length > 0 && !isQuoted(span, left, right))) return true;
  const [signs, others] = apart(signsOf(left), signsOf(right));
  if (signs.length > 0 && others.length > 0) return true;
  return signs.length + others.length > 0 && closeness(left, right) >= CLOSE_ALONE;
}

/** Code of one text that the other has without the backticks. */
function isQuoted(span: string, left: Reading, right: Reading): boolean {
  const inLeft = left.code.includes(span);
  return (inLeft ? right : left).code.length === 0 && (inLeft ? right : left).text.includes(span);
}

const PUNCTUATION = new Set(["-", "--", "...", "..", "/", "&", "!", "!!", "°", "."]);

function signsOf({ words }: Reading): readonly string[] {
  return words
    .filter(({ kind, lower }, at) => {
      const isBetween = words[at - 1]?.kind === "number" && words[at + 1]?.kind === "number";
      return kind === "sign" && (isBetween || !PUNCTUATION.has(lower));
    })
    .map(({ lower }) => lower);
}
