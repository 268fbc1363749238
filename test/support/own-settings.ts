/** The command line on the run's parts, with topics and groups of its own. */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../cli/context.ts";

type Run = { readonly code: number; readonly out: string; readonly err: string };

/** Settings of a pipeline of its own on the shared parts. */
export async function ownSettings(): Promise<string> {
  const run = randomUUID().slice(0, 8);
  const file = join(await mkdtemp(join(tmpdir(), "sluice-cli-")), "sluice.yaml");
  const text = await readFile(join(ROOT, "sluice.yaml"), "utf8");
  await writeFile(
    file,
    text.replace("prefix: llm.", `prefix: "t${run}."`).concat(`\nconsumption: { group_prefix: "t${run}." }\n`),
  );
  return file;
}

/** Runs the command line to its end, whatever its exit code. */
export function sluiceWith(settings: string, ...args: readonly string[]): Promise<Run> {
  const env = { ...process.env, SLUICE_SETTINGS: settings };
  return new Promise((resolve) => {
    const argv = [join(ROOT, "cli", "sluice.ts"), ...args];
    const child = execFile(process.execPath, argv, { env, timeout: 60_000 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err });
    });
    child.stdin?.end();
  });
}
