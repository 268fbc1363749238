/** What the logs of a pipeline hold that no log may hold. */
import { resultsById } from "./pipeline/topic-log.ts";
import { allLogs, MODEL_API_KEY, type Pipeline } from "./pipeline.ts";
import { PROMPT_MARK } from "./requests.ts";

/** Shorter answers may be words that a log holds anyway. */
const ANSWER_LENGTH_MIN = 12;

/** `<process>: <what>` for every secret found: prompts, answers, API keys, passwords. */
export function leaks(pipeline: Pipeline, name: string): string[] {
  const secrets = new Map([
    [PROMPT_MARK, "a prompt"],
    [pipeline.api_key, "an API key"],
    [MODEL_API_KEY, "the model's API key"],
    [new URL(pipeline.env["DATABASE_URL"] ?? "").password, "the database's password"],
  ]);
  for (const answer of answers(pipeline)) secrets.set(answer, "an answer");
  return [...allLogs(name)].flatMap(([process, text]) =>
    [...secrets].flatMap(([secret, what]) => (secret !== "" && text.includes(secret) ? [`${process}: ${what}`] : [])),
  );
}

function answers(pipeline: Pipeline): string[] {
  const results = [...resultsById(pipeline.results.records).values()].flat();
  return results.flatMap(({ response }) => {
    const choices = response?.["choices"] as { message?: { content?: string } }[] | undefined;
    const content = choices?.[0]?.message?.content ?? "";
    return content.length >= ANSWER_LENGTH_MIN ? [content.slice(0, 60)] : [];
  });
}
