/** What a provider's JSON says of batches and files. Pure: nothing it says is trusted to have its shape. */
import { z } from "zod";
import type { BatchState, BatchView } from "./provider.ts";

const STATES: readonly BatchState[] = [
  "validating",
  "in_progress",
  "finalizing",
  "completed",
  "failed",
  "expired",
  "cancelling",
  "cancelled",
];

/** Ids go into paths and into the ledger. */
const id = z.string().regex(/^[\w.:-]{1,200}$/);
const fileId = id.nullish().catch(undefined);
const counted = z.int().nonnegative().catch(0);
const counts = z.object({ total: counted, completed: counted, failed: counted });
const NO_COUNTS = { total: 0, completed: 0, failed: 0 };

const batchSchema = z.object({
  id,
  status: z.string(),
  input_file_id: z.string().nullish().catch(undefined),
  output_file_id: fileId,
  error_file_id: fileId,
  request_counts: counts.catch(NO_COUNTS),
  errors: z
    .object({ data: z.array(z.object({ message: z.string(), line: z.number().nullish() })).catch([]) })
    .nullish()
    .catch(undefined),
});

const withId = z.object({ id });
const listSchema = z.object({ data: z.array(z.unknown()) });

/** Problems that are told of a failed batch. */
const ERRORS_MAX = 3;
const MESSAGE_CHARS_MAX = 500;

/** @returns undefined when it is no batch. */
export function batchView(json: unknown): BatchView | undefined {
  const read = batchSchema.safeParse(json);
  if (!read.success) return undefined;
  const { error_file_id, errors, output_file_id, request_counts, status } = read.data;
  return {
    kind: "found",
    status: STATES.find((state) => state === status) ?? "in_progress",
    request_counts,
    errors: (errors?.data ?? []).slice(0, ERRORS_MAX).map(({ line, message }) => {
      const text = message.slice(0, MESSAGE_CHARS_MAX);
      return typeof line === "number" ? `line ${line}: ${text}` : text;
    }),
    ...(output_file_id ? { output_file_id } : {}),
    ...(error_file_id ? { error_file_id } : {}),
  };
}

/** The id of a created file or batch. */
export function createdId(json: unknown): string | undefined {
  return withId.safeParse(json).data?.id;
}

/** The id of the batch that was made of this file, in a list of batches. */
export function batchOfInput(json: unknown, input_file_id: string): string | undefined {
  for (const entry of listSchema.safeParse(json).data?.data ?? []) {
    const batch = batchSchema.safeParse(entry).data;
    if (batch?.input_file_id === input_file_id) return batch.id;
  }
  return undefined;
}

/** The provider's message in OpenAI's shape, shortened. */
export function errorMessage(json: unknown): string | undefined {
  const read = z.object({ error: z.object({ message: z.string() }) }).safeParse(json);
  return read.data?.error.message.slice(0, MESSAGE_CHARS_MAX);
}
