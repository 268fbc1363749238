/** Virtual time of a simulation: tasks by the moment they are due, those of one moment in the order they were asked for. Pure. */
import type { Clock, Timer } from "../../../libs/shared/clock.ts";
import { Heap } from "../../../libs/shared/kafka/heap.ts";

type Task = () => void | Promise<void>;
type Planned = { readonly at_ms: number; readonly order: number; task: Task | undefined };

export class Timeline implements Clock {
  readonly #planned = new Heap<Planned>((one, other) =>
    one.at_ms === other.at_ms ? one.order < other.order : one.at_ms < other.at_ms,
  );
  #now_ms = 0;
  #order = 0;

  now_ms(): number {
    return this.#now_ms;
  }

  /** Tasks that wait. */
  get waiting(): number {
    return this.#planned.length;
  }

  /** What was due before now is due now. */
  at(at_ms: number, task: Task): Timer {
    const planned: Planned = { at_ms: Math.max(at_ms, this.#now_ms), order: this.#order, task };
    this.#order += 1;
    this.#planned.push(planned);
    return {
      cancel: () => {
        planned.task = undefined;
      },
    };
  }

  after(delay_ms: number, task: Task): Timer {
    return this.at(this.#now_ms + Math.max(0, delay_ms), task);
  }

  /** Does all that is due by then; time never goes back. */
  async passTo(at_ms: number): Promise<void> {
    for (let next = this.#due(at_ms); next !== undefined; next = this.#due(at_ms)) {
      this.#now_ms = Math.max(this.#now_ms, next.at_ms);
      const under_way = next.task?.();
      // Most tasks are done at once, and a wait for nothing costs more than they do.
      if (under_way !== undefined) await under_way;
    }
    this.#now_ms = Math.max(this.#now_ms, at_ms);
  }

  /** When the next task is due; undefined where none waits. */
  get next_ms(): number | undefined {
    return this.#planned.first?.at_ms;
  }

  #due(at_ms: number): Planned | undefined {
    const next = this.#planned.first;
    return next === undefined || next.at_ms > at_ms ? undefined : this.#planned.shift();
  }
}
