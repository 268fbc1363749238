/** So many at once, the others in the order they came. They are bounded by whoever holds a job for each. */
import { Deque } from "../../../libs/shared/kafka/deque.ts";

export class Places {
  readonly #waiting = new Deque<() => void>();
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
