/** A progress bar on standard error: on a terminal only, and out of the way of what is printed beside it. */
import { SingleBar } from "cli-progress";

export type Bar = {
  /** @param done of `total`, which may grow while the input is read. */
  update(done: number, total: number, note: string): void;
  /** Takes the bar away while a line is printed, and puts it back. */
  beside(write: () => void): void;
  stop(): void;
};

/** No bar: for scripts, pipes and `--json`. */
const NO_BAR: Bar = { update: () => {}, beside: (write) => write(), stop: () => {} };

export function createBar(label: string, total: number, wanted: boolean): Bar {
  if (!wanted || !process.stderr.isTTY) return NO_BAR;
  const bar = new SingleBar({
    format: `${label} {bar} {value}/{total}  {note}`,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    forceRedraw: true,
    gracefulExit: false,
    stream: process.stderr,
  });
  bar.start(total, 0, { note: "" });
  let stopped = false;
  return {
    update(done, all, note) {
      if (stopped) return;
      bar.setTotal(all);
      bar.update(done, { note });
    },
    beside(write) {
      if (stopped) return write();
      process.stderr.write("\r\x1b[K");
      write();
      bar.render();
    },
    stop() {
      if (stopped) return;
      stopped = true;
      // cli-progress goes back to where the bar began, which is lines above by now: let it begin here.
      process.stderr.write("\r\x1b7");
      bar.stop();
    },
  };
}
