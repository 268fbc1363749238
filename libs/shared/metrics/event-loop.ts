/** How much of the time the process's one thread is at work. */
import { performance } from "node:perf_hooks";
import { Counter, type Registry } from "prom-client";

export function observeEventLoop(registry: Registry): void {
  new Counter({
    name: "sluice_event_loop_busy_seconds_total",
    help: "Seconds that the event loop was at work: at 1 a second the process can do no more",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(performance.eventLoopUtilization().active / 1_000);
    },
  });
}
