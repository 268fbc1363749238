/** `sluice replay compare`: what a replay changed, in the terminal, as JSON, and as a page with plots; gates for scripts. */
import { writeFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { SluiceError } from "../../libs/shared/errors.ts";
import { PostgresReplayStore } from "../../libs/shared/replay/postgres-store.ts";
import type { Replay } from "../../libs/shared/replay/replay.ts";
import { resultsTopic } from "../../libs/shared/replay/spec.ts";
import { checkGates, type GateResult, type Gates } from "../../services/replay/compare/gates.ts";
import { comparisonPage } from "../../services/replay/compare/page.ts";
import { resultsOn } from "../../services/replay/compare/read.ts";
import { compareReplay } from "../../services/replay/compare/summarise.ts";
import type { Comparison } from "../../services/replay/compare/summary.ts";
import type { ReplayParts } from "../../services/replay/parts.ts";
import { createBar } from "../output/bar.ts";
import { plotParts } from "../output/plot-parts.ts";
import { print, say } from "../output/terminal.ts";
import { comparisonText } from "./comparison-text.ts";
import { withReplayParts } from "./parts.ts";
import { found } from "./run.ts";

/** A gate was not passed. */
const EXIT_GATE = 5;

const EXAMPLES = `
Examples:
  sluice replay compare rp_01k… --worst 10
  sluice replay compare rp_01k… --html comparison.html
  sluice replay compare rp_01k… --json --max-cost-ratio 1.05 --min-same 0.95 --max-lost 0

With gates it is a step of a CI job: a change of settings goes on where it costs no more and answers as well.

Exit codes: 0 all well; 1 something failed; 2 wrong usage; 3 no running Sluice was found; ${EXIT_GATE} a gate was not passed.`;

type Flags = {
  readonly worst: number;
  readonly answers: boolean;
  readonly distances: number;
  readonly html?: string;
  readonly json?: boolean;
  readonly maxCostRatio?: number;
  readonly minSame?: number;
  readonly maxDistance?: number;
  readonly maxLatencyRatio?: number;
  readonly maxLost?: number;
};

export const compareCommand = new Command("compare")
  .description("compare a replay's results with the original ones, the worst differences first")
  .argument("<id>", "the replay")
  .option("--worst <n>", "so many of the worst differences", whole, 5)
  .option("--no-answers", "leave out what the answers say")
  .option("--distances <n>", "embed at most so many pairs of differing answers; 0 for none", whole, 20_000)
  .option("--html <file>", "write a page with plots, which needs nothing else")
  .option("--max-cost-ratio <n>", "gate: replayed cost over original cost", ratio)
  .option("--min-same <part>", "gate: of the answers given both times, what is the same, from 0 to 1", ratio)
  .option("--max-distance <n>", "gate: 95th percentile of the distance between answers, from 0 to 1", ratio)
  .option("--max-latency-ratio <n>", "gate: replayed over original latency at the 95th percentile", ratio)
  .option("--max-lost <n>", "gate: requests answered then and not now", whole)
  .option("--json", "one JSON object: comparison, gates, passed")
  .addHelpText("after", EXAMPLES)
  .action(async (id: string, flags: Flags) => {
    await withReplayParts(process.env, async (parts) => {
      const replay = await found(new PostgresReplayStore(parts.pool), id);
      const comparison = await compare(parts, replay, flags);
      const gates = checkGates(comparison.summary, gatesOf(flags));
      if (flags.html !== undefined) await writePage(flags.html, comparison, replay, gates);
      const passed = gates.every((gate) => gate.passed);
      const shown = { ...comparison, worst: comparison.worst.slice(0, flags.worst) };
      await print(flags.json ? `${JSON.stringify({ comparison, gates, passed })}\n` : comparisonText(shown, gates));
      if (flags.html !== undefined) say(`page written to ${flags.html}`);
      if (!passed) process.exitCode = EXIT_GATE;
    });
  });

async function compare(parts: ReplayParts, replay: Replay, flags: Flags): Promise<Comparison> {
  const bar = createBar("comparing", await resultsOn(parts, parts.names.replay(replay.id)), !flags.json);
  const total = replay.totals.selected;
  try {
    const comparison = await compareReplay(parts, replay, {
      distances_max: flags.distances,
      worst_max: Math.max(flags.worst, parts.settings.replay.worst_max),
      text_chars: flags.answers ? 600 : 0,
      progress: (compared) => bar.update(compared, Math.max(compared, total), ""),
    });
    if (comparison !== undefined) return comparison;
  } finally {
    bar.stop();
  }
  throw new SluiceError("usage", `${replay.id} is a stage, whose results are in the place of the original ones`, {
    fix: `Look at what it wrote with \`sluice tail ${resultsTopic(parts.names, replay)}\`.`,
  });
}

function gatesOf({ maxCostRatio, minSame, maxDistance, maxLatencyRatio, maxLost }: Flags): Gates {
  return {
    ...(maxCostRatio === undefined ? {} : { cost_ratio_max: maxCostRatio }),
    ...(minSame === undefined ? {} : { same_ratio_min: minSame }),
    ...(maxDistance === undefined ? {} : { distance_p95_max: maxDistance }),
    ...(maxLatencyRatio === undefined ? {} : { latency_ratio_max: maxLatencyRatio }),
    ...(maxLost === undefined ? {} : { lost_max: maxLost }),
  };
}

async function writePage(
  file: string,
  comparison: Comparison,
  { spec, id }: Replay,
  gates: readonly GateResult[],
): Promise<void> {
  const to = spec.settings?.name ?? spec.tier ?? spec.model;
  const page = comparisonPage(comparison, {
    ...(await plotParts()),
    title: `${spec.selection.topic}${to === undefined ? "" : ` with ${to}`}: ${spec.mode} ${id}`,
    made_at: new Date().toISOString(),
    gates,
  });
  await writeFile(file, page);
}

function ratio(value: string): number {
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number) && number >= 0) return number;
  throw new InvalidArgumentError("Expected a number of at least 0.");
}

function whole(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("Expected a whole number.");
}
