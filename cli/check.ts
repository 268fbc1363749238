/** `sluice check`: whether this deployment is fit for production: each thing that is not, with what to do. */
import { Command } from "commander";
import type { Finding, Level } from "./check/finding.ts";
import { steps } from "./check/gather.ts";
import { type Env, openContext, runState } from "./context.ts";
import { createBar } from "./output/bar.ts";
import { formatTable } from "./output/format.ts";
import { EXIT, print } from "./output/terminal.ts";

const EXAMPLES = `
It asks Kafka, the registry, Redis, Postgres and the model endpoints, and changes nothing. Run it with the environment of the services.

Examples:
  sluice check
  sluice check --all
  sluice check --strict                          # for a deployment's pipeline: warnings count too
  sluice check --skip brokers,replication --json

Exit codes: 0 no failure (with --strict: no warning); 1 there is one; 2 wrong usage; 3 no running Sluice was found.`;

type Flags = { readonly all?: boolean; readonly strict?: boolean; readonly skip?: string; readonly json?: boolean };

const SIGNS: Readonly<Record<Level, string>> = { failure: "FAILURE", warning: "warning", note: "note", ok: "ok" };
const ORDER: readonly Level[] = ["failure", "warning", "note", "ok"];

export const checkCommand = new Command("check")
  .description("whether this deployment is fit for production, and what to do where it is not")
  .option("--all", "show what is well too")
  .option("--strict", "warnings are failures")
  .option("--skip <checks>", "pass over some, by their names")
  .option("--json", "one JSON object: findings, and their number by level")
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags) => {
    const context = await openContext(process.env);
    const found = await findAll(context, flags);
    const skipped = new Set((flags.skip ?? "").split(",").map((name) => name.trim()));
    const findings = found.filter(({ check }) => !skipped.has(check));
    await print(flags.json ? `${JSON.stringify({ findings, counts: countsOf(findings) })}\n` : text(findings, flags));
    const bad = findings.some(({ level }) => level === "failure" || (flags.strict && level === "warning"));
    process.exitCode = bad ? EXIT.some_failed : EXIT.ok;
  });

async function findAll(context: Awaited<ReturnType<typeof openContext>>, { json }: Flags): Promise<Finding[]> {
  const running = runState(process.env);
  const todo = steps(context, endpointEnv(process.env, running?.endpoints.mock_llm), {
    host: gatewayHost(running?.endpoints.gateway),
    by_up: running !== undefined,
  });
  const bar = createBar("check", todo.length, !json);
  const found: Finding[] = [];
  for (const [done, { name, run }] of todo.entries()) {
    bar.update(done, todo.length, name);
    found.push(...(await run()));
  }
  bar.stop();
  return found.sort((left, right) => ORDER.indexOf(left.level) - ORDER.indexOf(right.level));
}

/** What `up` gave its workers where nothing else is set. */
function endpointEnv(env: Env, mock_url: string | null | undefined): Env {
  if (mock_url === null || mock_url === undefined || env["OPENAI_BASE_URL"]) return env;
  return { ...env, OPENAI_BASE_URL: `${mock_url}/v1`, OPENAI_API_KEY: env["OPENAI_API_KEY"] || "mock" };
}

function gatewayHost(url: string | null | undefined): string {
  return url ? new URL(url).hostname : (process.env["SLUICE_HOST"] ?? "127.0.0.1");
}

function countsOf(findings: readonly Finding[]): Record<Level, number> {
  const of = (level: Level): number => findings.filter((one) => one.level === level).length;
  return { failure: of("failure"), warning: of("warning"), note: of("note"), ok: of("ok") };
}

function text(findings: readonly Finding[], { all }: Flags): string {
  const shown = findings.filter(({ level }) => all || level !== "ok");
  const lines = shown.map(({ level, part, check, what, fix }) => {
    const head = `${SIGNS[level].padEnd(8)} ${part.padEnd(9)} ${what}  [${check}]`;
    return fix === undefined ? head : `${head}\n${" ".repeat(19)}→ ${fix}`;
  });
  const { failure, warning, note, ok } = countsOf(findings);
  const sum = formatTable(
    ["failures", "warnings", "notes", "well"],
    [[failure, warning, note, ok].map(String)],
    [0, 1, 2, 3],
  );
  return `${lines.join("\n")}${lines.length === 0 ? "" : "\n\n"}${sum}\n`;
}
