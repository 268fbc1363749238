/** What the caller's tenant has used: requests, tokens, money and cache hits, from the rows of results. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Clock } from "../../../libs/shared/clock.ts";
import type { KeyRing } from "../keys.ts";
import { callerOf, documented, type Routes } from "../route.ts";
import { sendBadQuery, sendWrong } from "../sending.ts";
import { type ReadUsage, USAGE_GROUPS, type Usage, type UsageGroup } from "../usage-rows.ts";

export type UsageRoutesDeps = { readonly keys: KeyRing; readonly readUsage: ReadUsage; readonly clock: Clock };

const DAY_MS = 86_400_000;
const DAYS_USUAL = 30;
const DAYS_MAX = 366;
const GROUPS_MAX = 4;

const count = z.coerce.number().int().positive();
const querySchema = z.strictObject({
  from: z.iso.date().optional().describe("The first UTC day; by default 29 days before the last"),
  to: z.iso.date().optional().describe("The last UTC day, included; by default today"),
  group_by: z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(z.enum(USAGE_GROUPS)).min(1).max(GROUPS_MAX))
    .refine((groups) => new Set(groups).size === groups.length, "must not name one twice")
    .default(["day"])
    .describe(`Up to ${GROUPS_MAX} of ${USAGE_GROUPS.join(", ")}, with commas between them`),
  limit: count.max(10_000).default(1_000),
  format: z.enum(["json", "csv"]).default("json"),
});

const sums = {
  requests: z.number(),
  succeeded: z.number(),
  cache_hits: z.number(),
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  cost_usd: z.number(),
};
const groups = Object.fromEntries(USAGE_GROUPS.map((group) => [group, z.string().nullable().optional()]));
const replySchema = z.object({
  object: z.literal("usage"),
  from: z.string(),
  to: z.string(),
  group_by: z.array(z.enum(USAGE_GROUPS)),
  data: z.array(z.object({ ...groups, ...sums })),
  total: z.object(sums),
  has_more: z.boolean(),
});

export function usageRoutes(deps: UsageRoutesDeps): Routes {
  const doc = documented({
    summary: "What the tenant has used",
    tag: "Usage",
    scope: "read",
    query: querySchema,
    replies: { 200: { what: "Sums, by what was asked for", json: replySchema }, 400: { what: "The query is wrong" } },
  });
  return (app) => {
    app.get("/v1/usage", doc, (http, reply) => usage(deps, http, reply));
  };
}

async function usage(deps: UsageRoutesDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = callerOf(deps.keys, http, "read", reply);
  if (caller === undefined) return reply;
  const parsed = querySchema.safeParse(http.query);
  if (!parsed.success) return sendBadQuery(reply, parsed.error);
  const { group_by, limit, format, to = dayOf(deps.clock.now_ms()) } = parsed.data;
  const from = parsed.data.from ?? dayOf(Date.parse(to) - (DAYS_USUAL - 1) * DAY_MS);
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (days < 1) return sendWrong(reply, "from", `must not be after ${to}`);
  if (days > DAYS_MAX) return sendWrong(reply, "from", `must be at most ${DAYS_MAX} days before ${to}; ask in parts`);
  const found = await deps.readUsage(caller.tenant, { from, to, group_by, limit });
  if (format === "csv") {
    const name = `attachment; filename="usage-${from}-${to}.csv"`;
    return reply.type("text/csv; charset=utf-8").header("content-disposition", name).send(csvOf(group_by, found));
  }
  const { rows, total, more } = found;
  return reply.send({ object: "usage", from, to, group_by, data: rows, total, has_more: more });
}

function dayOf(at_ms: number): string {
  return new Date(at_ms).toISOString().slice(0, 10);
}

/** RFC 4180, with a header. Pure. */
function csvOf(group_by: readonly UsageGroup[], { rows }: Usage): string {
  const columns = [...group_by, ...(Object.keys(sums) as (keyof typeof sums)[])];
  const lines = rows.map((row) => columns.map((column) => cell(row[column] ?? "")).join(","));
  return `${[columns.join(","), ...lines].join("\r\n")}\r\n`;
}

/** Text that a spreadsheet would take for a formula is led by an apostrophe: users name themselves. */
function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
