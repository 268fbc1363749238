/**
 * Every connection of kafkajs looks once a millisecond, for ever, whether requests wait to be sent: its timer is set again when nothing
 * waits, with a time that has passed (tulios/kafkajs#1751). A process with a dozen connections then wakes a thousand times a second.
 * Requests wait when a broker asked for a pause, or when too many are under way: only then is there anything to look for.
 */
import { createRequire } from "node:module";

type QueuePrototype = {
  readonly pending: readonly unknown[];
  /** Epoch ms; a negative number when no broker asked for a pause. */
  readonly throttledUntil: number;
  scheduleCheckPendingRequests(): void;
};

/** Patches the queue class once. `now_ms` is the clock that kafkajs uses: epoch ms. */
export function quietRequestTimers(now_ms: () => number): void {
  const Queue = createRequire(import.meta.url)("kafkajs/src/network/requestQueue") as {
    readonly prototype: QueuePrototype;
  };
  const { prototype } = Queue;
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function whenNeeded(this: QueuePrototype): void {
    if (this.pending.length > 0 || this.throttledUntil > now_ms()) schedule.call(this);
  };
}
