/** Previews a replay, asks whether it may run, and runs it in this process or leaves it to the service. */
import { createInterface } from "node:readline/promises";
import { sleepUntil, systemClock } from "../../libs/shared/clock.ts";
import { describe, SluiceError } from "../../libs/shared/errors.ts";
import { usdOf } from "../../libs/shared/money.ts";
import { PostgresReplayStore } from "../../libs/shared/replay/postgres-store.ts";
import type { Replay } from "../../libs/shared/replay/replay.ts";
import { runDeps } from "../../services/replay/open.ts";
import type { ReplayParts } from "../../services/replay/parts.ts";
import { type RunEnd, runReplay } from "../../services/replay/run.ts";
import { createBar } from "../output/bar.ts";
import { EXIT, listenForStop, print, say } from "../output/terminal.ts";
import { endLine, paceNote, previewText, replayJson } from "./view.ts";
import { whatIfOf, whatIfText } from "./what-if-text.ts";

/** Beside those of every verb. */
export const EXIT_BUDGET = 4;

export type RunFlags = {
  readonly budgetUsd?: number;
  readonly yes?: boolean;
  readonly detach?: boolean;
  readonly json?: boolean;
};

export type Work = { readonly parts: ReplayParts; readonly store: PostgresReplayStore; readonly flags: RunFlags };

export function workOn(parts: ReplayParts, flags: RunFlags): Work {
  return { parts, store: new PostgresReplayStore(parts.pool), flags };
}

/** From a preview that is still to be made. */
export async function previewAndRun(work: Work, id: string): Promise<void> {
  const { parts, store, flags } = work;
  const end = await drive(work, id, "previewing");
  const replay = await found(store, id);
  if (end !== "previewed") return tell(work, replay, end);
  if (flags.json !== true) await print(previewText(replay, parts.names));
  if (replay.preview?.selected === 0) {
    await store.want(id, "cancel", systemClock.now_ms());
    if (flags.json !== true) say("nothing is selected, so that there is nothing to replay");
    return tell(work, await found(store, id), undefined);
  }
  await checkBudget(work, replay);
  const answer = await confirmed(flags);
  if (answer === "yes") return askAndRun(work, id);
  if (answer === "stopped") {
    process.exitCode = EXIT.interrupted;
    process.stderr.write("\n");
  }
  if (flags.json === true) return tell(work, replay, undefined);
  say(`nothing has run yet; go on with: sluice replay resume ${id}`);
}

/** What was previewed, is paused, has failed, or was left by a run that died. */
export async function askAndRun(work: Work, id: string): Promise<void> {
  const { store, flags } = work;
  const budget = flags.budgetUsd === undefined ? undefined : Math.round(flags.budgetUsd * 1e9);
  const runner = flags.detach === true ? "service" : "cli";
  await untilFree(work, id, () => store.ask(id, runner, budget, systemClock.now_ms()));
  const asked = await found(store, id);
  if (flags.detach === true) {
    if (flags.json !== true) say(`the service runs ${id} now; look at it with: sluice replay show ${id}`);
    return tell(work, asked, undefined);
  }
  if (asked.status === "previewing") return previewAndRun(work, id);
  const end = await drive(work, id, "replaying");
  return tell(work, await found(store, id), end);
}

/** A run that died keeps its lease for some seconds. @throws `usage` where somebody runs it, or it is over. */
async function untilFree({ parts, store, flags }: Work, id: string, ask: () => Promise<boolean>): Promise<void> {
  const LOOK_MS = 500;
  const until_ms = systemClock.now_ms() + 1.5 * parts.settings.replay.lease_ms;
  let told = false;
  while (!(await ask())) {
    const { status } = await found(store, id);
    if (status === "completed" || status === "cancelled") throw new SluiceError("usage", `${id} is ${status}`);
    if (systemClock.now_ms() > until_ms) {
      throw new SluiceError("usage", `another process runs ${id} right now`, {
        fix: `Pause it first: sluice replay pause ${id}.`,
      });
    }
    if (!told && flags.json !== true) say("waiting for the process that ran it to be gone");
    told = true;
    await sleepUntil(systemClock, LOOK_MS, []);
  }
}

/** Leases it and runs it to an end of this run. Ctrl-C pauses it. */
async function drive({ parts, store, flags }: Work, id: string, label: string): Promise<RunEnd> {
  const now_ms = systemClock.now_ms();
  const { lease_ms } = parts.settings.replay;
  const leased = await store.lease(parts.instance, now_ms, now_ms + lease_ms, id);
  if (leased === undefined) return "lost";
  const stop = listenForStop();
  const bar = createBar(label, leased.totals.of || leased.preview?.read || 1, flags.json !== true);
  let from: { readonly passed: number; readonly at_ms: number } | undefined;
  const onProgress = ({ totals }: Replay): void => {
    const at_ms = systemClock.now_ms();
    from ??= { passed: totals.passed, at_ms };
    bar.update(totals.passed, totals.of, paceNote(totals, from, at_ms));
  };
  try {
    return await runReplay(
      runDeps(parts, { store, left_as: "paused", onProgress }),
      leased,
      parts.instance,
      stop.signal,
    );
  } finally {
    bar.stop();
    stop.dispose();
  }
}

/** A replay that calls says first what it may cost. Scripts get its JSON all the same: it was made, and its id is how to go on. @throws `usage` */
export async function checkBudget({ parts, flags }: Work, replay: Replay): Promise<void> {
  const missing = budgetMissing(replay, flags);
  if (missing === undefined) return;
  const error = { code: missing.code, message: describe(missing) };
  if (flags.json === true) await print(`${JSON.stringify(replayJson({ ...replay, error }, parts.names))}\n`);
  throw missing;
}

function budgetMissing({ id, spec, preview, budget_nusd }: Replay, { budgetUsd }: RunFlags): SluiceError | undefined {
  const calls = spec.mode === "recompute" || spec.mode === "shadow";
  if (!calls || budgetUsd !== undefined || budget_nusd !== undefined) return undefined;
  const most = preview === undefined ? "…" : String(usdOf(preview.most_nusd));
  return new SluiceError("usage", `${spec.mode} calls models, and nothing says what it may cost`, {
    fix: `All of it fits into ${most} dollars at the most: sluice replay resume ${id} --budget-usd ${most}.`,
  });
}

async function confirmed({ yes }: RunFlags): Promise<"yes" | "no" | "stopped"> {
  if (yes === true) return "yes";
  if (!process.stdin.isTTY || !process.stderr.isTTY) return "no";
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise((resolve) => {
      lines.once("SIGINT", () => resolve("stopped"));
      lines.once("close", () => resolve("no"));
      const answered = (text: string): void => resolve(/^y(es)?$/i.test(text.trim()) ? "yes" : "no");
      lines.question("Run it? [y/N] ").then(answered, () => resolve("stopped"));
    });
  } finally {
    lines.close();
  }
}

/** @param end of the run in this process; undefined where there was none. */
async function tell({ parts, flags }: Work, replay: Replay, end: RunEnd | undefined): Promise<void> {
  const { id, status, error } = replay;
  if (flags.json === true) await print(`${JSON.stringify(replayJson(replay, parts.names))}\n`);
  if (end === undefined) return;
  process.exitCode = exitOf(replay, end);
  if (flags.json === true) return;
  if (end === "lost") return say(`another process runs ${id} now`);
  await print(`${endLine(replay, parts.names)}\n`);
  const what_if = status === "completed" ? whatIfOf(replay.comparison) : undefined;
  if (what_if !== undefined) await print(`\n${whatIfText(what_if)}\n`);
  if (status === "paused" && error?.code === "replay_budget_used") {
    say(`go on with more: sluice replay resume ${id} --budget-usd <more in all>`);
  } else if (status === "paused" || (status === "failed" && process.exitCode !== EXIT.usage))
    say(`go on with: sluice replay resume ${id}`);
  else if (status === "completed" && replay.comparison !== undefined) say(`compare: sluice replay compare ${id}`);
}

/** Pure. */
export function exitOf({ error }: Pick<Replay, "error">, end: RunEnd): number {
  if (end === "completed" || end === "previewed") return EXIT.ok;
  if (end === "paused" && error?.code === "replay_budget_used") return EXIT_BUDGET;
  if (end === "failed" && (error?.code === "usage" || error?.code === "settings_invalid")) return EXIT.usage;
  return end === "failed" || end === "lost" ? EXIT.some_failed : EXIT.interrupted;
}

/** @throws `replay_not_found` */
export async function found(store: Pick<PostgresReplayStore, "find">, id: string): Promise<Replay> {
  const replay = await store.find(id);
  if (replay !== undefined) return replay;
  throw new SluiceError("replay_not_found", `there is no replay ${id}`, { fix: "`sluice replay ls` lists them." });
}
