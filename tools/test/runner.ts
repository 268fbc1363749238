import { join } from "node:path";
import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import type { TestPlan } from "./selection.ts";

/** Files at a time. A heavy one waits most of its time, for a session to end or a process to start: three keep two cores at work. */
const QUICK_CONCURRENCY = 2;
const HEAVY_CONCURRENCY = 3;
/** A test that hangs fails by itself; the slowest (a fault with its recovery) stays well below. */
const TEST_WAIT_MS = 5 * 60_000;
/** The totals that the runner prints at the end of a run, in its order. */
const TOTALS = ["tests", "suites", "pass", "fail", "cancelled", "skipped", "todo", "duration_ms"] as const;

export type RunOptions = {
  /** Patterns of which a test's name must match one; none means every test. */
  readonly names: readonly string[];
  readonly signal: AbortSignal;
};

type TestEvent = { readonly type: string; readonly data: unknown };
type Diagnostic = { readonly message: string; readonly nesting: number; readonly file?: string };

/**
 * Runs the quick files, then the heavy ones, through Node's own runner into one report with one set of totals at its
 * end. Resolves to true when everything passed.
 */
export async function runTests(root: string, plan: TestPlan, options: RunOptions): Promise<boolean> {
  const events = new PassThrough({ objectMode: true });
  const reporter = new spec();
  events.pipe(reporter).pipe(process.stdout, { end: false });
  const totals = new Map<string, number>();
  let passed = true;

  const runs = [
    { files: plan.quick, concurrency: QUICK_CONCURRENCY, forceExit: false },
    // kafkajs may leave a connection behind after a disconnect; a file whose tests are done is done. It costs words of the report where
    // the process ends before they are read, so files without parts do without.
    { files: plan.heavy, concurrency: HEAVY_CONCURRENCY, forceExit: true },
  ];
  for (const { files, concurrency, forceExit } of runs) {
    if (files.length === 0 || options.signal.aborted) continue;
    const stream = run({
      files: files.map((file) => join(root, file)),
      concurrency,
      forceExit,
      timeout: TEST_WAIT_MS,
      signal: options.signal,
      ...(options.names.length > 0 ? { testNamePatterns: options.names.map((name) => new RegExp(name)) } : {}),
    });
    for await (const event of stream as AsyncIterable<TestEvent>) {
      if (event.type === "test:fail" && !isTodo(event)) passed = false;
      if (event.type === "test:summary" || addTotal(totals, event)) continue;
      if (!events.write(event)) await new Promise((resolve) => events.once("drain", resolve));
    }
  }

  for (const name of TOTALS) {
    const message = `${name} ${totals.get(name) ?? 0}`;
    events.write({ type: "test:diagnostic", data: { message, nesting: 0, level: "info" } });
  }
  events.end();
  await finished(reporter);
  return passed && (totals.get("fail") ?? 0) === 0 && (totals.get("cancelled") ?? 0) === 0;
}

/** Keeps a run's total and returns true; false for any other event. */
function addTotal(totals: Map<string, number>, event: TestEvent): boolean {
  if (event.type !== "test:diagnostic") return false;
  const { message, nesting, file } = event.data as Diagnostic;
  const match = /^([a-z_]+) ([\d.]+)$/.exec(message);
  if (nesting !== 0 || file !== undefined || !match?.[1] || !(TOTALS as readonly string[]).includes(match[1]))
    return false;
  totals.set(match[1], (totals.get(match[1]) ?? 0) + Number(match[2]));
  return true;
}

/** A failing test that is marked as to do does not fail the run. */
function isTodo(event: TestEvent): boolean {
  const { todo } = event.data as { readonly todo?: string | boolean };
  return todo !== undefined && todo !== false;
}
