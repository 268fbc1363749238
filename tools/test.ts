/**
 * What `npm test` runs: `test/**\/*.test.ts`, on real parts with fresh data where a test needs them.
 *
 *   npm test                          everything but test/faults
 *   npm run faults:short              test/faults: processes and brokers that die under load, a short form with a seed
 *   npm run faults                    the same at full size, and other long suites
 *   npm test -- --unit                what needs no parts
 *   npm test -- test/libs/shared      the files whose path holds one of the words
 *   npm test -- --name "two workers"  the tests whose name matches the pattern
 */
import { globSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describe } from "../libs/shared/errors.ts";
import { listenForInterrupts } from "./stack/interrupts.ts";
import { embeddingModelDir, MODEL_DIR_VARIABLE } from "./stack/model.ts";
import { type Parts, startParts } from "./stack/parts.ts";
import { consoleProgress } from "./stack/progress.ts";
import { runTests } from "./test/runner.ts";
import { planTests } from "./test/selection.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const INTERRUPTED_CODE = 130;

let parts: Parts | undefined;
const interrupts = listenForInterrupts(() => {
  parts?.kill();
  process.exit(INTERRUPTED_CODE);
});

try {
  const { values, positionals } = parseArgs({
    options: { unit: { type: "boolean", default: false }, name: { type: "string", multiple: true } },
    allowPositionals: true,
  });
  const found = globSync("test/**/*.test.ts", { cwd: ROOT }).map((file) => relative(ROOT, join(ROOT, file)));
  const plan = planTests(found, { filters: positionals, unit: values.unit });
  if (plan.quick.length + plan.heavy.length === 0) throw new Error("no test file matches");
  // The tests start hundreds of processes: what one has compiled, the next one reads. Half of a start's CPU.
  process.env["NODE_COMPILE_CACHE"] ??= join(ROOT, ".sluice", "compile-cache");
  if (plan.needs_parts) parts = await startTestParts();
  const passed = await runTests(ROOT, plan, { names: values.name ?? [], signal: interrupts.signal });
  process.exitCode = interrupts.signal.aborted ? INTERRUPTED_CODE : passed ? 0 : 1;
} catch (error) {
  process.stderr.write(`${describe(error)}\n`);
  process.exitCode = interrupts.signal.aborted ? INTERRUPTED_CODE : 1;
} finally {
  await parts?.stop();
  interrupts.dispose();
}

/** Parts on free ports with empty data; the tests find them by the four address variables. */
async function startTestParts(): Promise<Parts> {
  // On stderr: the last lines of stdout are the runner's summary.
  const progress = consoleProgress(process.stderr);
  try {
    const started = await startParts({
      root: ROOT,
      dir: join(ROOT, ".sluice", "test"),
      env: process.env,
      progress,
      ephemeral_ports: true,
      fresh: true,
      signal: interrupts.signal,
    });
    Object.assign(process.env, started.env);
    const model_dir = await embeddingModelDir({
      root: ROOT,
      env: process.env,
      say: progress.say,
      signal: interrupts.signal,
    });
    if (model_dir !== undefined) process.env[MODEL_DIR_VARIABLE] = model_dir;
    return started;
  } finally {
    progress.close();
  }
}
