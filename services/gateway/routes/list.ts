/** The tenant's requests, the latest first, by pages. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { KeyRing } from "../keys.ts";
import {
  cursorOf,
  ENDED_STATUSES,
  type Listed,
  type ListingDeps,
  listRequests,
  OPEN_STATUSES,
  readAfter,
} from "../listing.ts";
import { callerOf, documented, type Routes } from "../route.ts";
import { sendBadQuery, sendWrong } from "../sending.ts";

export type ListRoutesDeps = ListingDeps & { readonly keys: KeyRing };

/** As a filter may be. */
export const text = z
  .string()
  .min(1)
  .max(256)
  .regex(/^\P{Cc}*$/u, "must hold no control characters");
const time = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], { error: "must be a date or an RFC 3339 time" })
  .transform((given) => Date.parse(given));

/** What may be asked of a list of requests. */
export const listQuery = z.strictObject({
  status: z
    .string()
    .transform((given) => given.split(","))
    .pipe(z.array(z.enum([...OPEN_STATUSES, ...ENDED_STATUSES])).max(8))
    .optional()
    .describe("One or several, with commas between them"),
  tier: text.optional(),
  model: text.optional(),
  cache: text.optional().describe("How the cache took part: exact, semantic, coalesced, miss, bypass"),
  user: text.optional(),
  job: text.optional().describe("The batch or map-reduce that they belong to"),
  error_code: text.optional(),
  from: time.optional().describe("Those that came then or later"),
  to: time.optional().describe("Those that came before"),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().max(256).optional().describe("`next` of the page before, or the last id of it"),
});

/** One of a list. */
export const listedSchema = z.object({
  id: z.string(),
  object: z.literal("request"),
  status: z.string(),
  received_ms: z.number(),
  completed_ms: z.number().optional(),
  until_ms: z.number().optional(),
  tier: z.string().nullable().optional(),
  model: z.string().nullable().optional(),
  cache: z.string().nullable().optional(),
  user: z.string().nullable().optional(),
  kind: z.string().nullable().optional(),
  job: z.string().nullable().optional(),
  error_code: z.string().nullable().optional(),
  prompt_tokens: z.number().nullable().optional(),
  completion_tokens: z.number().nullable().optional(),
  cost_usd: z.number().nullable().optional(),
  url: z.string(),
});
const replySchema = z.object({
  object: z.literal("list"),
  data: z.array(listedSchema),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
  next: z.string().nullable(),
});

export function listRoutes(deps: ListRoutesDeps): Routes {
  const doc = documented({
    summary: "The tenant's requests, the latest first",
    tag: "Requests",
    scope: "read",
    query: listQuery,
    replies: { 200: { what: "A page of them", json: replySchema }, 400: { what: "The query is wrong" } },
  });
  return (app) => {
    app.get("/v1/requests", doc, (http, reply) => list(deps, http, reply));
  };
}

async function list(deps: ListRoutesDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = callerOf(deps.keys, http, "read", reply);
  if (caller === undefined) return reply;
  const parsed = listQuery.safeParse(http.query);
  if (!parsed.success) return sendBadQuery(reply, parsed.error);
  const { status: statuses, from: from_ms, to: to_ms, after, ...rest } = parsed.data;
  const before = after === undefined ? undefined : await readAfter(deps, caller.tenant, after);
  if (after !== undefined && before === undefined)
    return sendWrong(reply, "after", "names no request of a page before");
  const page = await listRequests(deps, caller.tenant, { ...rest, statuses, from_ms, to_ms, before });
  const data = page.items.map(itemOf);
  return reply.send({
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: page.next !== undefined,
    next: page.next === undefined ? null : cursorOf(page.next),
  });
}

export function itemOf({ id, received_us, status, ...rest }: Listed): z.infer<typeof listedSchema> {
  return { id, object: "request", status, received_ms: received_us / 1_000, ...rest, url: `/v1/requests/${id}` };
}
