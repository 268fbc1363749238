/** When a process that died is started again. Pure. */

const DELAY_FIRST_MS = 200;
const DELAY_LAST_MS = 5_000;
/** A process that ran this long was healthy: its next death counts as the first. */
const HEALTHY_AFTER_MS = 10_000;

/** The wait before restart number `failures` (1 for the first): 200 ms, doubled each time, 5 s at most. */
export function restartDelayMs(failures: number): number {
  const doublings = Math.min(Math.max(failures - 1, 0), 30);
  return Math.min(DELAY_FIRST_MS * 2 ** doublings, DELAY_LAST_MS);
}

/** How many deaths in a row this one makes, given the count before it and how long the process ran. */
export function countFailures(failures_before: number, uptime_ms: number): number {
  return uptime_ms >= HEALTHY_AFTER_MS ? 1 : failures_before + 1;
}

/** True when a program's last words say that its port is in use: then another port is worth a try. */
export function saysPortTaken(log: string): boolean {
  return /address already in use|EADDRINUSE|BindException|could not bind|port already bound|seems to be in use/i.test(
    log,
  );
}
