/**
 * Looking back in time until there is enough: in stretches that grow, so that of a busy pipeline only its last seconds are read, and of one
 * that stands still not many stretches. Pure.
 */

export type Stretch = { readonly from_ms: number; readonly to_ms: number };

const FIRST_MS = 10_000;
const GROWTH = 6;
/** Another's clock may be ahead of ours by so much. */
const AHEAD_MS = 600_000;

/** The newest first; together all from `from_ms` to before `to_ms`, or to a while ahead of now where that is earlier. */
export function* stretchesBack({ from_ms, to_ms }: Stretch, now_ms: number): Generator<Stretch> {
  let end_ms = Math.min(to_ms, now_ms + AHEAD_MS);
  let start_ms = Math.min(end_ms, now_ms);
  for (let length_ms = FIRST_MS; end_ms > from_ms; length_ms *= GROWTH) {
    start_ms = Math.max(from_ms, Math.min(start_ms, end_ms) - length_ms);
    yield { from_ms: start_ms, to_ms: end_ms };
    end_ms = start_ms;
  }
}
