/** Requests as users send them: short and long ones, easy and hard ones, some of them again and again. Deterministic. */
import type { Asked } from "./stack.ts";

const TOPICS = [
  "partitions",
  "consumer groups",
  "offsets",
  "retention",
  "compaction",
  "schemas",
  "dead letters",
  "webhooks",
];
const WORDS = ["clearly", "for a newcomer", "with an example", "in plain words", "for an operator", "step by step"];
const HARD = "Prove step by step, and then derive the general formula: analyse the trade-offs of ";
/** Every so many texts one is a hard one. */
const HARD_EVERY = 4;
const MODEL_MS = 5;
/** The same question as people begin it. */
const GREETINGS = ["", "Please tell me: ", "Hello! "];

/** One that no other asks. @param output_tokens_max none unless given. */
export function askedOnce(id: string, at: number, output_tokens_max?: number): Asked {
  return asked(id, at, "", output_tokens_max);
}

function asked(id: string, at: number, greeting: string, output_tokens_max?: number): Asked {
  const topic = TOPICS[at % TOPICS.length];
  const word = WORDS[Math.trunc(at / TOPICS.length) % WORDS.length];
  const hard = at % HARD_EVERY === HARD_EVERY - 1;
  const begin = hard ? HARD : "What are ";
  const content = `${greeting}${begin}${topic}, ${word}? Case ${at}. ${"Some context. ".repeat(at % 12)}`;
  return {
    id,
    body: {
      ...{ model: "auto", messages: [{ role: "user", content }], metadata: { mock_latency_ms: String(MODEL_MS) } },
      ...(output_tokens_max === undefined ? {} : { max_tokens: output_tokens_max }),
    },
  };
}

/** So many questions, the first ones more often than the last, each in several wordings that mean the same. */
export function askedAgain(id: string, at: number, questions: number): Asked {
  const drawn = ((at * 2_654_435_761) % 2 ** 32) / 2 ** 32;
  return asked(id, Math.floor(questions * drawn * drawn), GREETINGS[at % GREETINGS.length] as string);
}
