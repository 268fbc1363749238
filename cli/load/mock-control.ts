/** Tells the bundled mock model server to fail, by its control API, and to be as it was when the run is over. */
import { request } from "undici";
import { SluiceError } from "../../libs/shared/errors.ts";
import { type Behaviour, changesOf } from "./faults.ts";
import type { Fault } from "./scenario.ts";

const PATH = "/mock/faults";
const TIMEOUT_MS = 5_000;

export class MockControl {
  readonly #url: string;
  readonly #before: Behaviour;
  #timers: NodeJS.Timeout[] = [];
  #told: Promise<void> = Promise.resolve();
  #problems = 0;

  private constructor(url: string, before: Behaviour) {
    this.#url = url;
    this.#before = before;
  }

  /** @throws `usage` where the address is no bundled mock's. */
  static async open(url: string): Promise<MockControl> {
    const before = await call(url, "GET").catch((error: unknown) => {
      throw noMock(`${url} is not the bundled mock model server: ${(error as Error).message}`);
    });
    if (typeof before["fault_rate"] !== "number") throw noMock(`${url} is not the bundled mock model server`);
    return new MockControl(url, before);
  }

  /** Changes of the schedule that could not be told. */
  get problems(): number {
    return this.#problems;
  }

  /** @param wait_ms from now to the start of the run. */
  schedule(faults: readonly Fault[], wait_ms: number): void {
    for (const { at_ms, set } of changesOf(faults, this.#before)) {
      this.#timers.push(setTimeout(() => this.#tell(set), Math.max(0, wait_ms + at_ms)));
    }
  }

  /** Nothing more is told, and the mock is as it was. */
  async restore(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    this.#tell(this.#before);
    await this.#told;
  }

  /** One after the other, so that the last one holds. */
  #tell(set: Behaviour): void {
    this.#told = this.#told.then(async () => {
      try {
        await call(this.#url, "POST", set);
      } catch {
        this.#problems += 1;
      }
    });
  }
}

/** @throws `usage`; also of a scenario with faults where no mock is known. */
export function noMock(why: string): SluiceError {
  return new SluiceError("usage", `faults are for the bundled mock model server alone: ${why}`, {
    fix: "Leave out the scenario's `faults`, or run against `npm start` without OPENAI_BASE_URL.",
  });
}

async function call(url: string, method: "GET" | "POST", patch?: Behaviour): Promise<Behaviour> {
  const reply = await request(`${url}${PATH}`, {
    method,
    ...(patch === undefined ? {} : { body: JSON.stringify(patch), headers: { "content-type": "application/json" } }),
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  const text = await reply.body.text();
  if (reply.statusCode !== 200) throw new Error(`it answered ${reply.statusCode}`);
  return JSON.parse(text) as Behaviour;
}
