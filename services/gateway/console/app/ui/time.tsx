/** A moment: local time, with UTC in the title. */
import { timeText, utcText } from "../format.ts";

/** @param at epoch ms, or RFC 3339. */
export function Time({ at }: { readonly at: number | string | null | undefined }) {
  if (at == null) return <span class="quiet">–</span>;
  const at_ms = typeof at === "number" ? at : Date.parse(at);
  return (
    <time dateTime={new Date(at_ms).toISOString()} title={utcText(at_ms)}>
      {timeText(at_ms, Date.now())}
    </time>
  );
}
