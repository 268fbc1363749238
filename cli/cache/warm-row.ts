/** One line of a file for `cache warm`: a request and the answer that it is to have. Pure. */
import { z } from "zod";
import { chatBody } from "../../libs/shared/events/request.ts";
import { firstProblem } from "../../libs/shared/events/validation.ts";

/** What the flags say of every line; a line's own stands. */
export type WarmDefaults = { readonly model?: string; readonly system?: string };

export type ChatBody = z.infer<typeof chatBody>;

export type WarmRow = {
  readonly body: ChatBody;
  /** Text, of which a response is made; or a whole response. */
  readonly answer: string | WholeResponse;
};

export type ReadRow = { readonly ok: true; readonly row: WarmRow } | { readonly ok: false; readonly reason: string };

const text = z.string().refine((value) => value.trim() !== "", "must not be empty");

const message = z
  .looseObject({
    role: z.literal("assistant"),
    content: z.string().nullish(),
    tool_calls: z.array(z.looseObject({})).nullish(),
    refusal: z.null("must be no refusal").optional(),
  })
  .refine(({ content, tool_calls }) => Boolean(content) || Boolean(tool_calls?.length), "must say something");

/** A chat completion of which every choice is whole: others are never given again (I5). */
const wholeResponse = z.looseObject({
  model: z.string().optional(),
  choices: z.array(z.looseObject({ finish_reason: z.enum(["stop", "tool_calls"]), message })).min(1),
});
export type WholeResponse = z.infer<typeof wholeResponse>;

const row = z.strictObject({
  prompt: text.optional(),
  messages: z.unknown().optional(),
  body: z.looseObject({}).optional(),
  answer: text.optional(),
  response: wholeResponse.optional(),
  system: text.optional(),
  model: text.optional(),
});

export function readRow(line: string, defaults: WarmDefaults): ReadRow {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    return { ok: false, reason: `not JSON: ${(error as Error).message}` };
  }
  if (typeof json !== "object" || json === null) return { ok: false, reason: "must be a JSON object" };
  const parsed = row.safeParse(json);
  if (!parsed.success) return { ok: false, reason: firstProblem(parsed.error).message };
  const { prompt, messages, body, answer, response, system, model } = parsed.data;
  const refused = (reason: string): ReadRow => ({ ok: false, reason });
  if (count(prompt, messages, body) !== 1) return refused('needs one of "prompt", "messages" and "body"');
  const given = answer ?? response;
  if (given === undefined || count(answer, response) !== 1) return refused('needs one of "answer" and "response"');
  if (body !== undefined && count(system, model) > 0) return refused('"system" and "model" belong into "body" here');
  const asked = body ?? {
    model: model ?? defaults.model,
    messages: withSystem(messages ?? [{ role: "user", content: prompt }], system ?? defaults.system),
  };
  const checked = chatBody.safeParse(defined(asked));
  if (!checked.success) return refused(firstProblem(checked.error, "body").message);
  if (typeof given !== "string" && given.choices.length !== (checked.data.n ?? 1)) {
    return refused(`response: has ${given.choices.length} choices where the request asks for ${checked.data.n ?? 1}`);
  }
  if (typeof given === "string" && (checked.data.n ?? 1) !== 1) return refused('"answer" is one; n asks for more');
  return { ok: true, row: { body: checked.data, answer: given } };
}

function withSystem(messages: unknown, system: string | undefined): unknown {
  if (system === undefined || !Array.isArray(messages)) return messages;
  const has = messages.some((message) => ["system", "developer"].includes(message?.role));
  return has ? messages : [{ role: "system", content: system }, ...messages];
}

function count(...values: readonly unknown[]): number {
  return values.filter((value) => value !== undefined).length;
}

function defined(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
