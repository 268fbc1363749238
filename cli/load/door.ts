/** A way into Sluice for a load run: HTTP or the topic. */
import type { Ask } from "./body.ts";
import type { Answer } from "./recorder.ts";

export type Ended =
  | { readonly kind: "answered"; readonly answer: Answer }
  /** The code of the error, or of what is wrong with the connection. */
  | { readonly kind: "failed"; readonly code: string }
  | { readonly kind: "timed_out" }
  /** The run was stopped. */
  | { readonly kind: "interrupted" };

export type Door = {
  /**
   * Never rejects: whatever goes wrong is an ending.
   * @param token told of each piece of a streamed answer, in epoch ms.
   */
  ask(ask: Ask, timeout_ms: number, token: (at_ms: number) => void): Promise<Ended>;
  close(): Promise<void>;
};

/** Epoch ms with a fraction. */
export function preciseNow_ms(): number {
  return performance.timeOrigin + performance.now();
}
