/** `llm.requests`: what a team produces. `tenant` and `body` are required; the rest has defaults. */
import { z } from "zod";
import { idField, laneField, metadataField, tenantField } from "./fields.ts";

/** Names that end up in keys, logs and messages to people. */
const nameField = z
  .string()
  .min(1)
  .max(256)
  .regex(/^\P{Cc}*$/u, "must hold no control characters");

/** As of caps: what is more is a slip, and in nano-dollars no whole number is exact there. */
const COST_USD_MAX = 9_000_000;

const contentField = z.union([z.string(), z.array(z.looseObject({ type: z.string() })).min(1), z.null()]);

const messageField = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
  content: contentField.optional(),
});

/** OpenAI's chat-completions request. What is not named here is passed to the model as it is. */
export const chatBody = z.looseObject({
  model: z.string().min(1).optional(),
  messages: z.array(messageField).min(1),
  max_tokens: z.int().positive().nullish(),
  max_completion_tokens: z.int().positive().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  n: z.int().min(1).max(128).nullish(),
  stream: z.boolean().nullish(),
});

/** OpenAI's embeddings request. */
export const embeddingsBody = z.looseObject({
  model: z.string().min(1).optional(),
  input: z.union([
    z.string().min(1),
    z.array(z.string().min(1)).min(1).max(2048),
    z.array(z.int().nonnegative()).min(1),
    z.array(z.array(z.int().nonnegative()).min(1)).min(1).max(2048),
  ]),
  dimensions: z.int().positive().optional(),
  encoding_format: z.enum(["float", "base64"]).optional(),
});

/** What kind of body it is, of the two that there are. Undefined where it is neither, or both at once. */
export function bodyKind(body: Readonly<Record<string, unknown>>): "chat" | "embeddings" | undefined {
  const chat = "messages" in body;
  if (chat === "input" in body) return undefined;
  return chat ? "chat" : "embeddings";
}

/** Said of a body of no kind. */
export const BODY_KIND_MESSAGE =
  'body: must hold either "messages" (chat completions) or "input" (embeddings), and not both';

/** All of a request but its body: checked by itself, so that a bad body still leaves a known id and tenant. */
export const requestEnvelope = z.strictObject({
  tenant: tenantField,
  body: z.looseObject({}),
  id: idField.optional(),
  user: nameField.optional(),
  session: nameField.optional(),
  lane: laneField.optional(),
  deadline: z.iso.datetime({ offset: true, error: "must be an RFC 3339 time such as 2026-01-31T12:00:00Z" }).optional(),
  on_limit: z.enum(["reject", "defer"]).optional(),
  cache: z
    .strictObject({
      mode: z.enum(["default", "bypass", "no-store", "only"]).optional(),
      ttl_seconds: z.int().positive().max(31_536_000).optional(),
      /** May only be stricter than the settings'. */
      threshold: z.number().min(0).max(1).optional(),
    })
    .optional(),
  tier: z.string().min(1).max(64).optional(),
  idempotency_key: nameField.optional(),
  callback: z.strictObject({ url: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }) }).optional(),
  metadata: metadataField.optional(),
  limits: z
    .strictObject({
      max_cost_usd: z.number().positive().max(COST_USD_MAX).optional(),
      max_output_tokens: z.int().positive().optional(),
    })
    .optional(),
});

export const requestSchema = requestEnvelope.extend({ body: z.union([chatBody, embeddingsBody]) });
export type Request = z.infer<typeof requestSchema>;
