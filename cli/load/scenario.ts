/** A load scenario: what its file may say. Durations are read as milliseconds. Pure. */
import { z } from "zod";
import { parseYaml } from "../../libs/shared/config/yaml.ts";
import { initialBehaviour, patchBehaviour } from "../../tools/mock-llm/options.ts";
import { parseDurationMs } from "../output/format.ts";

const RATE_MAX = 100_000;
const TOKENS_MAX = 1_000_000;
const TURNS_MAX = 100;
const DURATION_MS_MAX = 7 * 86_400_000;
const IN_FLIGHT_MAX = 100_000;

const durationField = z.string().transform((text, context) => {
  const duration_ms = parseDurationMs(text);
  if (duration_ms !== undefined && duration_ms <= DURATION_MS_MAX) return duration_ms;
  context.addIssue("must be a duration such as 500ms, 30s, 5m or 2h, of 7d at the most");
  return z.NEVER;
});
const timeField = durationField.refine((duration_ms) => duration_ms > 0, "must be more than nothing");

/** One number; any between two, all as likely; or log-normal, by its median and its 95th percentile. */
function amountField<T extends z.ZodType<number, unknown>>(one: T) {
  return z.union(
    [one, z.strictObject({ min: one, max: one }), z.strictObject({ median: one, p95: one })],
    "must be one value, { min, max }, or { median, p95 }",
  );
}
const tokensField = amountField(z.int().min(1).max(TOKENS_MAX));
const thinkField = amountField(durationField);

export type Amount =
  | number
  | { readonly min: number; readonly max: number }
  | { readonly median: number; readonly p95: number };

const rateField = z.number().min(0).max(RATE_MAX);
const phaseField = z.strictObject({
  duration: timeField,
  /** Arrivals a second: sessions and single requests. */
  rate: rateField,
  /** What it becomes; the same unless set. */
  to: rateField.optional(),
  pattern: z.enum(["linear", "steps", "wave", "bursts"]).default("linear"),
  /** Of `steps`: how many rates, the first and the last included. */
  steps: z.int().min(2).max(1_000).optional(),
  /** Of `bursts`: one begins so often, and lasts so long. */
  every: timeField.optional(),
  for: timeField.optional(),
});
export type Phase = z.infer<typeof phaseField>;

const DOORS = ["http", "http-stream", "topic"] as const;
const doorField = z.enum(DOORS);
export type DoorName = z.infer<typeof doorField>;

const templateField = z.strictObject({
  name: z.string().min(1).max(64),
  weight: z.number().positive().max(1e6).default(1),
  kind: z.enum(["chat", "embeddings"]).default("chat"),
  door: doorField.optional(),
  prompt_tokens: tokensField.default(100),
  /** The most that the model may say; the bundled mock says exactly so much. */
  output_tokens: tokensField.default(50),
  /** So large a share asks one of so many prompts again: what the cache can answer. */
  repeated: z
    .strictObject({ share: z.number().min(0).max(1), of: z.int().min(1).max(1_000_000).default(100) })
    .optional(),
  tier: z.string().min(1).max(64).optional(),
  model: z.string().min(1).max(128).optional(),
  lane: z.enum(["interactive", "batch"]).optional(),
  tenant: z.string().min(1).max(64).optional(),
  cache: z.enum(["default", "bypass", "no-store", "only"]).optional(),
  deadline: timeField.optional(),
  session: z
    .strictObject({ turns: amountField(z.int().min(1).max(TURNS_MAX)), think: thinkField.default(1_000) })
    .optional(),
});
export type Template = z.infer<typeof templateField>;

const faultField = z.strictObject({
  name: z.string().min(1).max(64).optional(),
  at: durationField,
  for: timeField,
  /** As of `POST /mock/faults` (tools/mock-llm/README.md). */
  set: z.record(z.string(), z.unknown()).superRefine((patch, context) => {
    const changed = patchBehaviour(initialBehaviour({}), patch);
    if (typeof changed === "string") context.addIssue(`the mock model would refuse it: ${changed}`);
    else if (Object.keys(patch).length === 0) context.addIssue("must change something, such as { fault_rate: 0.2 }");
  }),
});
export type Fault = z.infer<typeof faultField>;

const targetsField = z.strictObject({
  latency_p95_ms_max: z.number().positive().optional(),
  latency_p99_ms_max: z.number().positive().optional(),
  first_token_p95_ms_max: z.number().positive().optional(),
  error_ratio_max: z.number().min(0).max(1).optional(),
  not_sent_ratio_max: z.number().min(0).max(1).optional(),
});
export type Targets = z.infer<typeof targetsField>;

const scenarioSchema = z.strictObject({
  description: z.string().max(1_000).optional(),
  seed: z
    .int()
    .min(0)
    .max(2 ** 31)
    .default(1),
  door: doorField.default("topic"),
  arrivals: z.enum(["poisson", "uniform"]).default("poisson"),
  phases: z.array(phaseField).min(1).max(1_000),
  /** A request without an answer is given up after so long. */
  timeout: timeField.default(60_000),
  /** Sessions and requests that are open at once; what is due beyond is not sent, and counted. */
  in_flight_max: z.int().min(1).max(IN_FLIGHT_MAX).default(5_000),
  templates: z.array(templateField).min(1).max(100),
  faults: z.array(faultField).max(100).default([]),
  targets: targetsField.default({}),
});
export type Scenario = z.infer<typeof scenarioSchema>;

type Problem = { readonly path: readonly (string | number)[]; readonly message: string };

/** @throws SluiceError `usage` that lists every problem by line. */
export function parseScenario(text: string, file: string): Scenario {
  return parseYaml(text, file, { schema: scenarioSchema, crossCheck, code: "usage" });
}

function crossCheck(scenario: Scenario): Problem[] {
  const names = scenario.templates.map(({ name }) => name);
  return [
    ...scenario.phases.flatMap((phase, at) => phaseProblems(phase).map((one) => under(["phases", at], one))),
    ...scenario.templates.flatMap((template, at) =>
      [
        ...templateProblems(scenario, template),
        ...(names.indexOf(template.name) < at
          ? [{ path: ["name"], message: "is the name of another template too; give each its own" }]
          : []),
      ].map((one) => under(["templates", at], one)),
    ),
    ...(scenario.phases.every(({ rate, to = rate }) => rate === 0 && to === 0)
      ? [{ path: ["phases"], message: "ask for nothing; give one a rate above 0" }]
      : []),
  ];
}

function phaseProblems({ pattern, steps, every, for: lasting, to }: Phase): Problem[] {
  const problems: Problem[] = [];
  const only = (name: string, value: unknown, owner: string): void => {
    if (value !== undefined && pattern !== owner)
      problems.push({ path: [name], message: `is of pattern ${owner}; remove it` });
    if (value === undefined && pattern === owner)
      problems.push({ path: ["pattern"], message: `needs ${name}; add it` });
  };
  only("steps", steps, "steps");
  only("every", every, "bursts");
  only("for", lasting, "bursts");
  if (pattern !== "linear" && to === undefined)
    problems.push({ path: ["pattern"], message: "needs `to`, the other rate; add it" });
  if (every !== undefined && lasting !== undefined && lasting >= every)
    problems.push({ path: ["for"], message: "must be shorter than `every`" });
  return problems;
}

function templateProblems(scenario: Scenario, template: Template): Problem[] {
  const door = doorOf(scenario, template);
  const problems: Problem[] = [];
  const check = (is_wrong: boolean, path: string, message: string): void => {
    if (is_wrong) problems.push({ path: [path], message });
  };
  for (const name of ["deadline", "lane", "cache"] as const) {
    check(
      door !== "topic" && template[name] !== undefined,
      name,
      `cannot be said to OpenAI's API; give the template \`door: topic\``,
    );
  }
  check(template.kind === "embeddings" && template.session !== undefined, "session", "embeddings have none; remove it");
  check(
    template.kind === "embeddings" && door === "http-stream",
    "kind",
    "embeddings are no stream; give the template `door: http`",
  );
  check(
    template.tier !== undefined && template.model !== undefined,
    "model",
    "names what `tier` names already; keep one",
  );
  for (const [name, amount] of Object.entries({
    ...template,
    turns: template.session?.turns,
    think: template.session?.think,
  })) {
    if (typeof amount !== "object" || !isUpsideDown(amount as Amount)) continue;
    problems.push({
      path: name in template ? [name] : ["session", name],
      message: "the first number must not be above the second",
    });
  }
  return problems;
}

function isUpsideDown(amount: Amount): boolean {
  if (typeof amount === "number") return false;
  if ("min" in amount) return amount.min > amount.max;
  return "median" in amount && (amount.median > amount.p95 || amount.median <= 0);
}

function under(path: readonly (string | number)[], problem: Problem): Problem {
  return { ...problem, path: [...path, ...problem.path] };
}

/** Through which door a template's requests go. */
export function doorOf(scenario: Pick<Scenario, "door">, template: Pick<Template, "door">): DoorName {
  return template.door ?? scenario.door;
}
