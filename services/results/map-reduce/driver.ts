/** Drives a map-reduce: shards, map, waves of reduces until one answer is left. Every step may be done again. */
import { controlRecord } from "../../../libs/shared/events/control.ts";
import { type JobDriver, jobRequestId } from "../../../libs/shared/jobs/job.ts";
import type { MapReduceSpec, MapReduceState } from "../../../libs/shared/map-reduce/job.ts";
import { progressOf } from "../../../libs/shared/map-reduce/progress.ts";
import { askingStep } from "./asking.ts";
import type { MapReduceJob } from "./contents.ts";
import { ShardsGone } from "./contents.ts";
import { look } from "./looking.ts";
import { type End, ends, fails, goesOn, type MapReduceDeps } from "./parts.ts";
import { planningStep } from "./planning.ts";
import { listingStep, shardingStep } from "./sharding.ts";

/** A job that is to end waits so long for what is under way. */
const CLOSING_MS_MAX = 120_000;

export class MapReduceDriver implements JobDriver<MapReduceSpec, MapReduceState> {
  readonly #deps: MapReduceDeps;

  constructor(deps: MapReduceDeps) {
    this.#deps = deps;
  }

  async step(job: MapReduceJob, stopping: AbortSignal): Promise<End> {
    const end = await this.#step(job, stopping);
    const now_ms = this.#deps.clock.now_ms();
    const before = progressOf(job, now_ms);
    const after = progressOf({ ...job, status: end.status, state: end.state }, now_ms);
    return before.text === after.text ? end : { ...end, progress: { status: end.status, ...after } };
  }

  async #step(job: MapReduceJob, stopping: AbortSignal): Promise<End> {
    const deps = this.#deps;
    if (job.cancel_ms !== undefined || deps.clock.now_ms() >= job.state.deadline_ms) return close(deps, job);
    try {
      switch (job.state.phase) {
        case "sharding":
          return await shardingStep(deps, job, stopping);
        case "listing":
          return await listingStep(deps, job);
        case "planning":
          return await planningStep(deps, job);
        case "asking":
          return await askingStep(deps, job);
        case "done":
          return ends("completed", job.state);
      }
    } catch (error) {
      if (!(error instanceof ShardsGone)) throw error;
      return fails(job.state, "shards_gone", "the file with the job's shards was removed");
    }
  }
}

/** Somebody wants it to end, or its time is over: nothing more is written, and what is under way may end. */
async function close(deps: MapReduceDeps, job: MapReduceJob): Promise<End> {
  const { cancel_ms, tenant } = job;
  const status = cancel_ms === undefined ? "expired" : "cancelled";
  if (job.state.phase !== "asking") return ends(status, job.state);
  const { state, asking, wave } = await look(deps, job, true);
  // Its last answer came all the same.
  if (state.waves.length > 1 && wave.items === 1 && wave.succeeded === 1) return askingStep(deps, job);
  const since_ms = cancel_ms ?? state.deadline_ms;
  if (asking.under_way.length === 0 || deps.clock.now_ms() - since_ms > CLOSING_MS_MAX) return ends(status, state);
  if (cancel_ms !== undefined && state.cancels_sent !== true) {
    const open = [...asking.under_way, ...(asking.outbox?.requests ?? [])];
    const at_ms = deps.clock.now_ms();
    await deps.publisher.publish(
      open.map(([item, tries]) => {
        const id = jobRequestId(job.id, wave.wave, item, tries);
        return controlRecord(deps.codec, deps.names.control, { kind: "cancel", tenant, id, at_ms });
      }),
    );
  }
  const going = cancel_ms === undefined ? "in_progress" : "cancelling";
  return goesOn({ ...state, cancels_sent: cancel_ms !== undefined }, deps.settings.poll_ms, going);
}
