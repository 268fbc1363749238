/** What the routes about dead letters take and give. Pure. */
import { z } from "zod";
import type { FoundLetter, ListedLetter } from "../../../libs/shared/dead-letters/dead-letters.ts";
import type { DeadLetterFilter } from "../../../libs/shared/dead-letters/filter.ts";
import { type DeadLetter, type Handled, stateOf } from "../../../libs/shared/dead-letters/letter.ts";

const nameField = z.string().min(1).max(300);
const timeField = z.coerce.number().int().nonnegative().max(8_640_000_000_000_000);
const stateField = z.enum(["waiting", "redriven", "dropped"]);
const PLACES_MAX = 100;

export const groupsQuery = z.strictObject({ since_ms: timeField.optional(), state: stateField.optional() });

export const listQuery = groupsQuery.extend({
  code: nameField.optional(),
  service: nameField.optional(),
  topic: nameField.optional().describe("That it first stood on"),
  id: nameField.optional().describe("Of its request"),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

const filterField = z
  .strictObject({
    code: nameField.optional(),
    service: nameField.optional(),
    topic: nameField.optional(),
    since_ms: timeField.optional(),
    until_ms: timeField.optional(),
    ids: z.array(nameField).min(1).max(PLACES_MAX).optional(),
    places: z
      .array(z.string().regex(/^\d{1,9}:\d{1,15}$/, "must be <partition>:<offset>"))
      .min(1)
      .max(PLACES_MAX)
      .optional(),
  })
  .refine((filter) => Object.keys(filter).length > 0, "must say which dead letters are meant");
export type FilterBody = z.infer<typeof filterField>;

const dry = { filter: filterField, dry_run: z.boolean().default(true) };
export const actBody = z.discriminatedUnion("act", [
  z.strictObject({
    act: z.literal("redrive"),
    ...dry,
    why: z.string().max(500).optional(),
    rate_per_s: z.number().positive().max(10_000).optional(),
    force: z.boolean().optional().describe("Also what came back too often"),
  }),
  z.strictObject({ act: z.literal("drop"), ...dry, why: z.string().trim().min(1).max(500) }),
]);

export function filterOf({
  code,
  service,
  topic,
  ...rest
}: FilterBody & { readonly state?: DeadLetterFilter["state"] }) {
  return {
    ...rest,
    ...(code === undefined ? {} : { codes: [code] }),
    ...(service === undefined ? {} : { services: [service] }),
    ...(topic === undefined ? {} : { topics: [topic] }),
  } as DeadLetterFilter;
}

export const groupsSchema = z.object({
  object: z.literal("list"),
  partial: z.boolean().describe("There was no time to read them all"),
  data: z.array(
    z.object({
      code: z.string(),
      service: z.string(),
      topic: z.string(),
      count: z.int(),
      waiting: z.int(),
      redriven: z.int(),
      dropped: z.int(),
      first_ms: z.number(),
      last_ms: z.number(),
      sample: z.object({
        place: z.string(),
        tenant: z.string().optional(),
        id: z.string().optional(),
        message: z.string(),
      }),
    }),
  ),
});

const handledSchema = z.object({
  action: z.enum(["redriven", "dropped"]),
  at_ms: z.number(),
  by: z.string(),
  why: z.string().optional(),
  replay: z.string().optional(),
  target: z.string().optional(),
});
const letterSchema = z.object({
  id: z.string().describe("Its place on llm.dlq: <partition>:<offset>"),
  object: z.literal("dead_letter"),
  at_ms: z.number(),
  code: z.string(),
  service: z.string(),
  message: z.string(),
  original: z.object({ topic: z.string(), partition: z.int(), offset: z.int(), timestamp_ms: z.number() }).nullable(),
  redrives: z.int(),
  bytes: z.int(),
  tenant: z.string().nullable(),
  request: z.string().nullable(),
  state: stateField,
  handled: handledSchema.nullable(),
});
export const lettersSchema = z.object({ object: z.literal("list"), partial: z.boolean(), data: z.array(letterSchema) });
export const oneSchema = letterSchema.extend({
  key: z.string().nullable(),
  headers: z.record(z.string(), z.string()),
  value: z.string().nullable().describe("Its first bytes, as text"),
  value_is: z.enum(["text", "hex"]),
  value_cut: z.boolean(),
  ended: z.string().nullable().describe("Its request's Result"),
  plan: z
    .object({ kind: z.enum(["back", "run", "left"]), target: z.string().nullable(), message: z.string().nullable() })
    .describe("What a redrive would do now"),
});

const VALUE_BYTES_MAX = 8_192;
const HEADER_CHARS_MAX = 1_000;

function shownLetter(letter: DeadLetter, handled: Handled | undefined): z.infer<typeof letterSchema> {
  return {
    ...{ id: letter.place, object: "dead_letter", at_ms: letter.at_ms, code: letter.code, service: letter.service },
    ...{ message: letter.message, original: letter.original ?? null, redrives: letter.redrives },
    ...{ bytes: letter.record.value?.length ?? 0, tenant: null, request: null },
    ...{ state: stateOf(handled), handled: handled ?? null },
  };
}

export function listedLetter({ letter, handled, whose }: ListedLetter): z.infer<typeof letterSchema> {
  return { ...shownLetter(letter, handled), tenant: whose?.tenant ?? null, request: whose?.id ?? null };
}

export function foundLetter({ letter, handled, whose, ended, plan }: FoundLetter): z.infer<typeof oneSchema> {
  const { key, value, headers } = letter.record;
  const start = value?.subarray(0, VALUE_BYTES_MAX);
  const is_text = start === undefined || isText(start.toString());
  return {
    ...listedLetter({ letter, handled, whose }),
    key: key?.toString() ?? null,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [name, String(text).slice(0, HEADER_CHARS_MAX)]),
    ),
    value: start?.toString(is_text ? "utf8" : "hex") ?? null,
    value_is: is_text ? "text" : "hex",
    value_cut: (value?.length ?? 0) > VALUE_BYTES_MAX,
    ended: ended ?? null,
    plan: {
      kind: plan.kind,
      target: plan.kind === "left" ? null : plan.target,
      message: plan.kind === "left" ? plan.message : null,
    },
  };
}

/** Without control characters, but for white space: other bytes are shown one by one. */
function isText(text: string): boolean {
  return !/[^\P{Cc}\t\n\r]/u.test(text);
}

const progress = z.object({ passed: z.number(), of: z.number(), done: z.number() });
const runSchema = z.object({
  act: z.enum(["redrive", "drop"]),
  by: z.string(),
  started_ms: z.number(),
  ended_ms: z.number().nullable(),
  status: z.enum(["running", "done", "stopped", "failed"]),
  progress,
  summary: z.looseObject({}).nullable(),
  error: z.string().nullable(),
});
export const runReply = z.object({ object: z.literal("dead_letters.run"), run: runSchema.nullable() });
export const dryReply = z.object({
  object: z.literal("dead_letters.dry_run"),
  act: z.enum(["redrive", "drop"]),
  summary: z.looseObject({ selected: z.int(), stopped: z.boolean() }),
});
