/** A process that carries one share of a load run; its parent talks to it over IPC (`workers.ts`). */
import { type Job, openShare, type Share } from "./share.ts";
import type { FromWorker, ToWorker } from "./workers.ts";

let share: Share | undefined;

process.on("message", (message: ToWorker) => void take(message).catch(failed));
process.on("disconnect", () => process.exit());
// The parent hears of Ctrl-C too, and says what is to be done.
process.on("SIGINT", () => undefined);

async function take(message: ToWorker): Promise<void> {
  if (message.kind === "open") await open(message.job);
  else if (message.kind === "stop") share?.stop();
  else if (message.kind === "close") {
    await share?.close();
    process.exit();
  } else {
    const recorded = await share?.run(message.start_ms, (counts) => send({ kind: "counts", counts }));
    if (recorded !== undefined) send({ kind: "done", recorded });
  }
}

async function open(job: Job): Promise<void> {
  share = await openShare(job);
  send({ kind: "ready" });
}

function failed(error: unknown): void {
  send({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
}

function send(message: FromWorker): void {
  process.send?.(message);
}
