/** What `GET /admin/advice` says. Shared with the page that shows it. Pure. */
import { z } from "zod";

const findingSchema = z.object({
  what: z.string(),
  stage: z.string(),
  severity: z.enum(["bottleneck", "risk", "note"]),
  score: z.number(),
  summary: z.string(),
  evidence: z.array(
    z.object({ name: z.string(), value: z.union([z.number(), z.string()]), unit: z.string().optional() }),
  ),
  change: z.string(),
  gain: z.object({ what: z.string(), unit: z.string(), from: z.number(), to: z.number(), how: z.string() }).nullable(),
});

const stageSchema = z.object({
  name: z.string(),
  arrivals_per_s: z.number(),
  done_per_s: z.number(),
  lag: z.number(),
  growth_per_s: z.number(),
  oldest_age_ms: z.number(),
  processes: z.number(),
  utilisation: z.number().describe("Slots in use of those there are, 0 to 1"),
  loop_busy: z.number().describe("Of the busiest event loop, 0 to 1"),
  service_ms: z.number().describe("What a record takes while it is worked on"),
});

export const adviceSchema = z.object({
  object: z.literal("advice"),
  at_ms: z.number(),
  seconds: z.number().describe("Between the first look and the last"),
  findings: z.array(findingSchema).describe("The true bottleneck first"),
  stages: z.array(stageSchema),
});
export type AdviceReply = z.infer<typeof adviceSchema>;
