/** Which call goes wrong, and how. Pure: rates, attempts and randomness are arguments. */

import { pick, type Random } from "./hash.ts";

/**
 * The ways an answer can go wrong beside an error status:
 * - `hang`: nothing is ever sent; the connection closes when the client leaves, or after HANG_MAX_MS;
 * - `drip`: the whole answer, one byte at a time, DRIP_BYTE_MS apart;
 * - `reset`: the connection is reset half-way through the answer;
 * - `garbage`: status 200 with bytes that are not JSON;
 * - `truncate`: the answer ends half-way, the connection closes properly;
 * - `slow`: the answer is right, and late (see timing.ts).
 */
export const FAULT_NAMES = ["hang", "drip", "reset", "garbage", "truncate", "slow"] as const;
export type FaultName = (typeof FAULT_NAMES)[number];

/** A named fault, or the status of an error answer (400 to 599). */
export type Fault = FaultName | number;

/** A fault asked for by a request: it hits the first `attempts` calls of this request (Infinity: all). */
export type FaultSpec = { readonly fault: Fault; readonly attempts: number };

/** The longest a `hang` holds a connection. */
export const HANG_MAX_MS = 600_000;
/** The pause between two bytes of a `drip`. */
export const DRIP_BYTE_MS = 5;

/** `429`, `hang`, ... as a fault; undefined when there is no such fault. */
export function parseFault(text: string): Fault | undefined {
  const name = FAULT_NAMES.find((known) => known === text);
  if (name !== undefined) return name;
  return /^[45]\d\d$/.test(text) ? Number(text) : undefined;
}

/** `429`, `429:3` (the first three attempts), `none`; undefined when it cannot be read. */
export function parseFaultSpec(text: string): FaultSpec | undefined {
  if (text === "none") return { fault: 500, attempts: 0 };
  const [name = "", attempts, ...rest] = text.split(":");
  const fault = parseFault(name);
  if (fault === undefined || rest.length > 0) return undefined;
  if (attempts === undefined) return { fault, attempts: Number.POSITIVE_INFINITY };
  return /^\d{1,9}$/.test(attempts) ? { fault, attempts: Number(attempts) } : undefined;
}

export type FaultChoice = {
  /** What the request itself asks for. */
  readonly spec: FaultSpec | undefined;
  /** 1 for the first call of this request. */
  readonly attempt: number;
  /** The share of calls that go wrong, 0 to 1. */
  readonly fault_rate: number;
  readonly faults: readonly Fault[];
};

/** The fault of this call, if any. A request that names its own fault is left alone by the random ones. */
export function chooseFault(choice: FaultChoice, random: Random): Fault | undefined {
  if (choice.spec !== undefined) return choice.attempt <= choice.spec.attempts ? choice.spec.fault : undefined;
  const [first, ...others] = choice.faults;
  if (first === undefined || choice.fault_rate <= 0 || random() >= choice.fault_rate) return undefined;
  return pick([first, ...others], random);
}
