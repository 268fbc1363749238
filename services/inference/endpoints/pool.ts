/**
 * A tier's endpoints as one backend: a call waits in line until an endpoint may take it (breaker, then concurrency), then for the
 * tier's rate limit, and has its permit.
 *
 * - The line is one for all endpoints: whichever has room first serves the first in line that may go there.
 * - Every wait ends with the call's `until_ms` or its signal. The line is as long as calls are asked for at the same time: one per
 *   job in flight, which the engine bounds (I6).
 * - An endpoint that fell ill, opened its breaker or was told to rest while a call waited for the rate limit is left for another.
 */
import type { Clock, Timer } from "../../../libs/shared/clock.ts";
import type { BreakerSettings, HealthSettings } from "../../../libs/shared/config/inference.ts";
import { partitionId } from "../../../libs/shared/kafka/ports.ts";
import type { Backend, CallNeeds, CallReport, Permit, Refusal } from "../backend.ts";
import type { ModelClient } from "../model-client.ts";
import type { BreakerCall } from "./breaker.ts";
import { Chooser, type Strategy } from "./choice.ts";
import { Endpoint, type EndpointCall, type EndpointChange, type EndpointView } from "./endpoint.ts";
import { placesFor, usableFor } from "./places.ts";
import type { Concurrency, Limiter } from "./ports.ts";
import { WaitTimes } from "./waits.ts";

export type PoolEndpoint = {
  readonly name: string;
  readonly weight: number;
  /** In the order of the settings; an endpoint without a key has `[undefined]`. */
  readonly keys: readonly (string | undefined)[];
};

export type PoolDeps = {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly strategy: Strategy;
  /** At least one. */
  readonly endpoints: readonly PoolEndpoint[];
  /** Asked once for each key of each endpoint. */
  readonly createClient: (endpoint: string, key: string | undefined) => ModelClient;
  /** Asked once for each endpoint. It is this pool's alone: room that others make would go unnoticed. */
  readonly createConcurrency: (endpoint: string) => Concurrency;
  readonly limiter: Limiter;
  readonly health: HealthSettings;
  readonly breaker: BreakerSettings;
  /** For logs and metrics. */
  readonly onChange?: (endpoint: string, change: EndpointChange) => void;
};

/** A place at an endpoint, past its breaker and within its concurrency. */
type Seat = { readonly endpoint: Endpoint; readonly breaker: BreakerCall };
type SeatOrNone = Seat | undefined;

type Waiter = {
  readonly needs: CallNeeds;
  readonly waits: WaitTimes;
  /** Leaves the line, once. */
  readonly leave: (seat: SeatOrNone | Promise<SeatOrNone>) => void;
};

const NONE: ReadonlySet<string> = new Set();

/** The longest delay that a timer takes, see setTimeout in Node's documentation. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class EndpointPool implements Backend {
  readonly #deps: PoolDeps;
  readonly #chooser: Chooser;
  readonly #endpoints: readonly Endpoint[];
  /** First come, first served. */
  readonly #line = new Set<Waiter>();
  #wake: Timer | undefined;

  constructor(deps: PoolDeps) {
    const { clock, health, breaker } = deps;
    this.#deps = deps;
    this.#chooser = new Chooser(deps.strategy);
    this.#endpoints = deps.endpoints.map(({ name, weight, keys }) => {
      const clients = keys.map((key) => deps.createClient(name, key));
      const onChange = (change: EndpointChange): void => {
        deps.onChange?.(name, change);
        this.#serve();
      };
      const concurrency = deps.createConcurrency(name);
      return new Endpoint({ name, weight, clients, concurrency, health, breaker, clock, onChange });
    });
  }

  async permit(needs: CallNeeds): Promise<Permit | Refusal> {
    const { clock, limiter } = this.#deps;
    const { requests, tokens, until_ms, signal } = needs;
    const waits = new WaitTimes("concurrency");
    for (;;) {
      if (signal.aborted || clock.now_ms() >= until_ms) return waits.refusal(clock.now_ms());
      const seat = await this.#place(needs, waits);
      if (seat === undefined) return waits.refusal(clock.now_ms());
      waits.start("limit", clock.now_ms());
      const granted = await limiter.take({ requests, tokens, partition: partitionId(needs.source), until_ms, signal });
      if (granted === "refused") {
        this.#leave(seat);
        return waits.refusal(clock.now_ms());
      }
      waits.stop(clock.now_ms());
      if (this.#isStillRight(seat, needs)) return this.#permit(seat, needs, waits);
      limiter.giveBack(requests, tokens);
      this.#leave(seat);
    }
  }

  /** A call would be placed at once, its rate limit apart. */
  hasRoom(): boolean {
    return this.#line.size === 0 && placesFor(this.#standings(), NONE, this.#deps.clock.now_ms()).kind === "room";
  }

  /** Calls that wait for an endpoint. */
  get waiting(): number {
    return this.#line.size;
  }

  views(): EndpointView[] {
    return this.#endpoints.map((endpoint) => endpoint.view(this.#deps.clock.now_ms()));
  }

  /** What a probe, or a call that warmed it up, found. Names that it does not have are ignored. */
  probed(name: string, ok: boolean): void {
    this.#endpoints.find((endpoint) => endpoint.name === name)?.probed(ok);
  }

  #standings() {
    const now_ms = this.#deps.clock.now_ms();
    return this.#endpoints.map((endpoint) => endpoint.standing(now_ms));
  }

  /** Stands in line. @returns undefined when the signal or `until_ms` came first. */
  #place(needs: CallNeeds, waits: WaitTimes): Promise<SeatOrNone> {
    const { clock } = this.#deps;
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      const leave: Waiter["leave"] = (seat) => {
        timer?.cancel();
        needs.signal.removeEventListener("abort", giveUp);
        this.#line.delete(waiter);
        resolve(seat);
      };
      const giveUp = (): void => leave(undefined);
      const waiter: Waiter = { needs, waits, leave };
      this.#line.add(waiter);
      this.#serve();
      if (!this.#line.has(waiter)) return;
      needs.signal.addEventListener("abort", giveUp, { once: true });
      const wait_ms = needs.until_ms - clock.now_ms();
      if (wait_ms <= TIMER_MS_MAX) timer = clock.after(wait_ms, giveUp);
    });
  }

  /** Gives those in line what room there is. Asked whenever some may have come about. */
  #serve(): void {
    if (this.#line.size === 0) return;
    const { clock, random } = this.#deps;
    const now_ms = clock.now_ms();
    let standings = this.#standings();
    let anywhere = placesFor(standings, NONE, now_ms);
    for (const waiter of this.#line) {
      // What is not there for a call that may go anywhere is there for nobody.
      const places = anywhere.kind === "wait" ? anywhere : placesFor(standings, waiter.needs.avoid, now_ms);
      if (places.kind === "wait") {
        waiter.waits.start(places.reason, now_ms);
        continue;
      }
      this.#seat(waiter, this.#chooser.choose(places.candidates, random).endpoint);
      standings = this.#standings();
      anywhere = placesFor(standings, NONE, now_ms);
    }
    this.#wakeWhenTimeHelps(now_ms);
  }

  #seat(waiter: Waiter, endpoint: Endpoint): void {
    const { needs, waits, leave } = waiter;
    const { until_ms, signal } = needs;
    // Before the breaker, whose turn to half-open serves the line anew.
    this.#line.delete(waiter);
    const breaker = endpoint.enter();
    if (breaker === undefined) throw new Error(`endpoint "${endpoint.name}" was chosen and its breaker is open`);
    waits.start("concurrency", this.#deps.clock.now_ms());
    const granted = endpoint.concurrency.acquire({ until_ms, signal });
    leave(
      granted.then((answer) => {
        if (answer === "granted") return { endpoint, breaker };
        breaker.end("unknown");
        return undefined;
      }),
    );
  }

  #wakeWhenTimeHelps(now_ms: number): void {
    this.#wake?.cancel();
    this.#wake = undefined;
    if (this.#line.size === 0) return;
    const at_ms = Math.min(...this.#endpoints.map((endpoint) => endpoint.changesAt_ms(now_ms)));
    if (at_ms - now_ms <= TIMER_MS_MAX) this.#wake = this.#deps.clock.after(at_ms - now_ms, () => this.#serve());
  }

  /** Not when the call was given up meanwhile, or the endpoint is not what it was. */
  #isStillRight({ endpoint, breaker }: Seat, { avoid, signal, until_ms }: CallNeeds): boolean {
    const now_ms = this.#deps.clock.now_ms();
    if (signal.aborted || now_ms >= until_ms) return false;
    const standings = this.#standings().map((one) =>
      one.endpoint === endpoint ? { ...one, admits: breaker.stands() } : one,
    );
    const usable = usableFor(standings, avoid, now_ms);
    return usable.kind === "room" && usable.candidates.some((one) => one.endpoint === endpoint);
  }

  #permit(seat: Seat, needs: CallNeeds, waits: WaitTimes): Permit {
    const call = seat.endpoint.start(seat.breaker, this.#deps.clock.now_ms());
    let ended = false;
    return {
      kind: "permit",
      endpoint: seat.endpoint.name,
      client: call.client,
      waited_ms: waits.waited_ms,
      end: (report) => {
        if (ended) return;
        ended = true;
        if (report !== undefined) return this.#end(seat.endpoint, call, needs, report);
        this.#deps.limiter.giveBack(needs.requests, needs.tokens);
        this.#leave(seat);
      },
    };
  }

  #end(endpoint: Endpoint, call: EndpointCall, needs: CallNeeds, report: CallReport): void {
    const { clock, limiter } = this.#deps;
    const now_ms = clock.now_ms();
    limiter.settle(needs.tokens, report.tokens);
    const rest_ms = endpoint.ended(call, report, now_ms);
    // With one endpoint, what it says holds for the tier, and for other workers that share its limit.
    if (rest_ms > 0 && this.#endpoints.length === 1) limiter.pause(now_ms + rest_ms);
    this.#serve();
  }

  /** Gives a seat back that was not used. */
  #leave({ endpoint, breaker }: Seat): void {
    endpoint.leave(breaker);
    this.#serve();
  }
}
