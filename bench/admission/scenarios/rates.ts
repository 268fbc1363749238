/** Limits over three processes and one Redis: never passed, and used. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { RATE_SLOT_MS, RATE_SLOTS } from "../../../libs/shared/budgets/slot-window.ts";
import type { Figure } from "../../support/report.ts";
import { type Amount, busiestWindow } from "../../support/windows.ts";
import { meanHeld } from "../rates/held.ts";
import { RATE_TENANTS, type RateTenant, REQUESTS_PER_MINUTE, TOKENS_PER_MINUTE } from "../rates/tenants.ts";
import type { Admission, WorkerReport } from "../rates/worker.ts";
import type { Scenario } from "../stack.ts";

const PROCESSES = 3;
const START_MS = 2_000;
const MINUTE_MS = 60_000;
const OVER_MAX = 1.02;
const USED_MIN = 0.98;
/** What was admitted at once leaves the window at once: over a whole period it does not matter where it begins. */
const PERIOD_MS = (RATE_SLOTS + 1) * RATE_SLOT_MS;

/** A minute until a bucket has filled its first one, then a period. */
export const RATES_SECONDS_MIN = Math.ceil((MINUTE_MS + PERIOD_MS) / 1_000);

export const rates: Scenario = {
  name: "rates",
  summary: `${REQUESTS_PER_MINUTE} requests and ${TOKENS_PER_MINUTE} tokens a minute over ${PROCESSES} processes, either binding, tokens settled at once or later as streams end`,
  seconds: 130,
  async run(bench) {
    const stack = await bench.start();
    const from_ms = Date.now() + START_MS;
    const to_ms = from_ms + bench.seconds * 1_000;
    bench.say(`${RATE_TENANTS.length} tenants at their limits for ${bench.seconds} s`);
    const reports = await Promise.all(
      Array.from({ length: PROCESSES }, (_, number) =>
        worker([stack.url, number, from_ms, to_ms].map(String), bench.signal),
      ),
    );
    const asked = reports.reduce((sum, report) => sum + report.asked, 0);
    const admissions = reports.flatMap((report) => report.admissions);
    return [
      { name: "asked, of all tenants together", value: (asked * 60) / bench.seconds, unit: "a minute" },
      ...RATE_TENANTS.flatMap((tenant) => figuresOf(tenant, admissions, to_ms)),
    ];
  },
};

function worker(args: readonly string[], signal: AbortSignal): Promise<WorkerReport> {
  const file = fileURLToPath(new URL("../rates/worker.ts", import.meta.url));
  const child = fork(file, args, { signal, killSignal: "SIGKILL" });
  return new Promise<WorkerReport>((resolve, reject) => {
    child.once("message", (report) => resolve(report as WorkerReport));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`a process ended early (exit code ${code})`)));
  });
}

function figuresOf(tenant: RateTenant, all: readonly Admission[], to_ms: number): readonly Figure[] {
  const { name, binding } = tenant;
  const own = all.filter((admission) => admission.tenant === name);
  const limit = binding === "requests" ? REQUESTS_PER_MINUTE : TOKENS_PER_MINUTE;
  const charges = own.map(({ at_ms, settled_ms, reserved_tokens, used_tokens }) =>
    binding === "requests"
      ? { at_ms, settled_ms, reserved: 1, used: 1 }
      : { at_ms, settled_ms, reserved: reserved_tokens, used: used_tokens },
  );
  return [
    {
      ...busiest(`${name}: requests`, of(own, "at_ms", "requests"), REQUESTS_PER_MINUTE),
      target: { at_most: OVER_MAX * REQUESTS_PER_MINUTE },
    },
    {
      ...busiest(`${name}: tokens, by when they were admitted,`, of(own, "at_ms", "tokens"), TOKENS_PER_MINUTE),
      target: { at_most: OVER_MAX * TOKENS_PER_MINUTE },
    },
    ...(binding === "tokens"
      ? [busiest(`${name}: tokens, by when the answer had ended,`, of(own, "settled_ms", "tokens"), TOKENS_PER_MINUTE)]
      : []),
    {
      name: `${name}: ${binding} charged in the last 60 s, mean of all moments`,
      value: meanHeld(charges, MINUTE_MS, to_ms - PERIOD_MS, to_ms),
      unit: "",
      target: { at_least: USED_MIN * limit },
      beside: { name: "limit", value: limit },
    },
  ];
}

function of(admissions: readonly Admission[], when: "at_ms" | "settled_ms", what: RateTenant["binding"]): Amount[] {
  return admissions
    .map((admission) => ({ at_ms: admission[when], amount: what === "requests" ? 1 : admission.used_tokens }))
    .sort((one, other) => one.at_ms - other.at_ms);
}

function busiest(what: string, amounts: readonly Amount[], limit: number): Figure {
  return {
    name: `${what} in the busiest 60 s`,
    value: busiestWindow(amounts, MINUTE_MS),
    unit: "",
    beside: { name: "limit", value: limit },
  };
}
