/** What a scenario of advice is: a pipeline with one thing wrong, a load, and what is to be named first. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Finding, FindingKind } from "../../libs/shared/advice/finding.ts";
import {
  type Pipeline,
  type PipelineOptions,
  type Produced,
  ROOT,
  startPipeline,
} from "../../test/support/pipeline.ts";

export type Parts = Readonly<Record<string, string>>;

export type Prepared = {
  readonly options: Omit<PipelineOptions, "name" | "parts">;
  /** Instead of the parts given. */
  readonly parts?: Parts;
  /** Once the load has begun. */
  readonly during?: (pipeline: Pipeline) => Promise<void> | void;
  /** Before the load. */
  readonly before?: (pipeline: Pipeline) => Promise<void>;
  readonly stop?: (pipeline: Pipeline | undefined) => Promise<void> | void;
};

export type AdviceScenario = {
  readonly name: string;
  /** What is wrong, in words. */
  readonly what: string;
  readonly expected: { readonly stage: string; readonly what: FindingKind };
  /** Requests a second. */
  readonly rate_per_s: number;
  readonly record: (id: string, index: number) => Produced;
  /** Between the load's beginning and the look. */
  readonly settle_ms?: number;
  prepare(parts: Parts): Promise<Prepared> | Prepared;
};

export type Outcome = {
  readonly scenario: string;
  readonly expected: string;
  readonly named: readonly string[];
  readonly right: boolean;
  readonly first: Finding | undefined;
  readonly exit_code: number;
  /** The stages as they were seen. */
  readonly stages: unknown;
};

const SETTLE_MS = 4_000;
const LOOK_S = 8;
const BURST_MS = 100;
/** What is in hand at the end is of no interest. */
const QUICK_END = { consumption: { drain_deadline_ms: 1_000 } };
const run = promisify(execFile);

/** A chat request of the demo tenant. */
export function chat(id: string, content: string, more: object = {}): Produced {
  return {
    key: id,
    value: { id, tenant: "demo", body: { model: "auto", messages: [{ role: "user", content }] }, ...more },
  };
}

export async function runScenario(scenario: AdviceScenario, parts: Parts, signal: AbortSignal): Promise<Outcome> {
  const prepared = await scenario.prepare(parts);
  let pipeline: Pipeline | undefined;
  const loading = new AbortController();
  let load: Promise<void> = Promise.resolve();
  try {
    pipeline = await startPipeline({
      ...prepared.options,
      name: `advise-${scenario.name}`,
      parts: prepared.parts ?? parts,
      settings: { ...QUICK_END, ...prepared.options.settings },
    });
    signal.throwIfAborted();
    await prepared.before?.(pipeline);
    load = produceUntil(pipeline, scenario, AbortSignal.any([signal, loading.signal]));
    await prepared.during?.(pipeline);
    await wait(scenario.settle_ms ?? SETTLE_MS);
    return outcomeOf(scenario, await advise(pipeline.env));
  } finally {
    loading.abort();
    await load.catch(() => undefined);
    await prepared.stop?.(pipeline);
    await pipeline?.stop();
  }
}

/** At an even pace, whatever becomes of what was sent before: an open loop. */
async function produceUntil(
  pipeline: Pipeline,
  { rate_per_s, record }: AdviceScenario,
  signal: AbortSignal,
): Promise<void> {
  const began_ms = performance.now();
  for (let sent = 0; !signal.aborted; ) {
    const due = Math.floor(((performance.now() - began_ms) / 1_000) * rate_per_s);
    const from = sent;
    sent = due;
    const some = Array.from({ length: due - from }, (_, at) => record(pipeline.id(`load-${from + at}`), from + at));
    if (some.length > 0) await pipeline.produce(some);
    await wait(BURST_MS);
  }
}

type Said = { readonly findings: readonly Finding[]; readonly stages: unknown; readonly exit_code: number };

/** The command as anyone runs it. */
async function advise(env: Readonly<Record<string, string>>): Promise<Said> {
  const { stdout, code } = await cli(["advise", "--json", "--seconds", String(LOOK_S)], env);
  return { ...(JSON.parse(stdout) as Pick<Said, "findings" | "stages">), exit_code: code };
}

/** @throws where it was not told in JSON what came of it. */
export async function cli(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly stdout: string; readonly code: number }> {
  try {
    const { stdout } = await run(process.execPath, [join(ROOT, "cli", "sluice.ts"), ...args], {
      env: { ...env },
      maxBuffer: 64 * 2 ** 20,
    });
    return { stdout, code: 0 };
  } catch (error) {
    const { stdout = "", stderr = "", code = 1 } = error as { stdout?: string; stderr?: string; code?: number };
    if (!stdout.startsWith("{")) throw new Error(`sluice ${args[0]}: ${stderr}`);
    return { stdout, code };
  }
}

function outcomeOf({ name, expected }: AdviceScenario, { findings, stages, exit_code }: Said): Outcome {
  const [first] = findings;
  return {
    scenario: name,
    expected: `${expected.stage} ${expected.what}`,
    named: findings.map(({ stage, what }) => `${stage} ${what}`),
    right: first?.stage === expected.stage && first.what === expected.what,
    first,
    exit_code,
    stages,
  };
}

export function wait(wait_ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, wait_ms));
}
