/** How answers begin that refuse, in several languages. Pure. */

/**
 * Lower case, straight apostrophes. Each is long enough that an answer to the question does not begin so by chance: "I can't" alone does.
 * The wordings are those that chat models are known to use.
 */
const BEGINNINGS: readonly string[] = [
  "i'm sorry, but i can't",
  "i'm sorry, but i cannot",
  "i'm sorry, but i'm unable",
  "i'm sorry, but i am unable",
  "i'm sorry, but i'm not able",
  "i'm sorry, i can't",
  "i'm sorry, i cannot",
  "i am sorry, but i can't",
  "i am sorry, but i cannot",
  "i am sorry, i cannot",
  "sorry, but i can't",
  "sorry, but i cannot",
  "sorry, i can't",
  "sorry, i cannot",
  "i can't help with",
  "i can't assist",
  "i can't provide",
  "i can't answer",
  "i cannot help with",
  "i cannot assist",
  "i cannot provide",
  "i cannot answer",
  "i cannot fulfill",
  "i can't fulfill",
  "i'm unable to",
  "i am unable to",
  "i'm not able to",
  "i am not able to",
  "i won't be able to",
  "i don't have enough information to",
  "i do not have enough information to",
  "unfortunately, i can't",
  "unfortunately, i cannot",
  "as an ai language model, i can't",
  "as an ai language model, i cannot",
  "as an ai language model, i don't",
  "as an ai, i can't",
  "as an ai, i cannot",
  "es tut mir leid, aber ich kann",
  "tut mir leid, aber ich kann",
  "tut mir leid, ich kann",
  "ich kann dabei nicht helfen",
  "dabei kann ich nicht helfen",
  "je suis désolé, mais je ne peux",
  "je suis désolée, mais je ne peux",
  "désolé, mais je ne peux",
  "désolé, je ne peux",
  "je ne peux pas vous aider",
  "lo siento, pero no puedo",
  "lo siento, no puedo",
  "no puedo ayudar",
  "mi dispiace, ma non posso",
  "mi dispiace, non posso",
  "desculpe, mas não posso",
  "desculpe, não posso",
  "sinto muito, mas não posso",
  "het spijt me, maar ik kan",
  "sorry, maar ik kan",
  "przykro mi, ale nie mogę",
  "извините, но я не могу",
  "к сожалению, я не могу",
  "抱歉，我无法",
  "抱歉，我不能",
  "很抱歉，我无法",
  "对不起，我无法",
  "对不起，我不能",
  "申し訳ありませんが、",
  "申し訳ございませんが、",
  "죄송하지만",
];

const LONGEST = Math.max(...BEGINNINGS.map(({ length }) => length));
/** Marks and spaces that a text may begin with. */
const LEAD = /^[\s*_>#"'“‘«]+/u;

/** @returns the beginning that it was known by. */
export function refusalIn(text: string): string | undefined {
  const begins = text
    .slice(0, 4 * LONGEST)
    .replace(LEAD, "")
    .replaceAll(/[’ʼ]/gu, "'")
    .toLowerCase();
  return BEGINNINGS.find((beginning) => begins.startsWith(beginning));
}
