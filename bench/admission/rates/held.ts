/** How much of a limit is taken: the last minute as it stood at each moment. Pure. */

/** Tokens charged for a request: those reserved until it has settled, then those used. */
export type Charge = {
  readonly at_ms: number;
  readonly reserved: number;
  readonly settled_ms: number;
  readonly used: number;
};

/** What the window before a moment held, the mean of all moments from `from_ms` to `to_ms`. */
export function meanHeld(charges: readonly Charge[], window_ms: number, from_ms: number, to_ms: number): number {
  const within = (begin_ms: number, end_ms: number): number =>
    Math.max(0, Math.min(end_ms, to_ms) - Math.max(begin_ms, from_ms));
  const held = charges.reduce((sum, { at_ms, reserved, settled_ms, used }) => {
    const leaves_ms = at_ms + window_ms;
    const changes_ms = Math.min(settled_ms, leaves_ms);
    return sum + reserved * within(at_ms, changes_ms) + used * within(changes_ms, leaves_ms);
  }, 0);
  return held / (to_ms - from_ms);
}
