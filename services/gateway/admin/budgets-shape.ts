/** What `GET /admin/budgets` says. Shared with the page that shows it. Pure. */
import { z } from "zod";
import { BUDGET_SCOPES } from "../../../libs/shared/budgets/scopes.ts";

const usd = z.number();
const time = z.string().nullable();

const rates = z.object({
  requests_per_minute: z.number().optional(),
  tokens_per_minute: z.number().optional(),
  requests_per_day: z.number().optional(),
});

const scopeSchema = z.object({
  scope: z.enum(BUDGET_SCOPES),
  cap_usd: usd.nullable().describe("Null: no cap"),
  source: z.enum(["plan", "settings", "record"]).describe("Where the cap is from; `record`: an administrator set it"),
  plan_usd: usd.nullable().describe("What the plan says by itself"),
  reserved_usd: usd
    .nullable()
    .describe("Held for requests under way; null where each subject has a counter of its own"),
  settled_usd: usd.nullable(),
  resets_at: time,
  forecast_usd: usd.nullable().describe("Where it will stand when it resets, if spending goes on as of late"),
  reached_at: time.describe("When the cap will be reached, if before then"),
});

export const tenantBudgetSchema = z.object({
  tenant: z.string(),
  plan: z.string(),
  scopes: z.array(scopeSchema),
  stopped: z
    .object({ at: z.string(), limit_usd: usd })
    .nullable()
    .describe("By its spend velocity, until it is resumed"),
  velocity: z.object({ usd, window_s: z.number() }).nullable(),
  limits: z.object({ tenant: rates, user: rates, key: rates }),
  in_flight: z.number().describe("Admitted and not yet ended"),
  in_flight_max: z.number().nullable(),
});
export type TenantBudget = z.infer<typeof tenantBudgetSchema>;

export const budgetsSchema = z.object({
  object: z.literal("list"),
  data: z.array(tenantBudgetSchema),
  lost: z.boolean().describe("True while the counters are gone or being restored: what they show is nothing"),
});
export type Budgets = z.infer<typeof budgetsSchema>;

/** A cap as it is set: `usd` null takes it away. */
export const capChangeSchema = z.strictObject({
  scope: z.enum(BUDGET_SCOPES),
  usd: z.number().nonnegative().max(9_000_000).nullable(),
});
export const capChangedSchema = z.object({
  tenant: z.string(),
  scope: z.enum(BUDGET_SCOPES),
  old_usd: usd.nullable(),
  new_usd: usd.nullable(),
});
