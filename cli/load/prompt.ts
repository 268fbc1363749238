/** Prompts of a size: a name that makes them the only ones of their kind, and plain words, each one token in OpenAI's encodings. Pure. */
import type { Random } from "../../tools/simulate/random.ts";

/** With the space before it a word has four characters, which is one token to the bundled mock too. */
const WORDS =
  "act add age air arm art ask bad bag bar bed bit box boy bus buy car cat cut day dog dry ear eat end eye far fat few fly get guy hit hot ice job key kid law lay leg let lie lot low man map men mix new now oil old one own pay per put raw red run sea see set shy sit six sky son sun tax ten top try two use way web why win yes yet".split(
    " ",
  );

const TOKEN_CHARS = 4;

/** About `tokens` tokens, and at least its name. */
export function promptText(name: string, tokens: number, random: Pick<Random, "int">): string {
  const head = `Load ${name}:`;
  const words = Math.max(0, tokens - Math.ceil(head.length / TOKEN_CHARS));
  let text = head;
  for (let count = 0; count < words; count += 1) text += ` ${WORDS[random.int(0, WORDS.length - 1)]}`;
  return text;
}
