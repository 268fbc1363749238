/** How much of something bounded is used, as a bar with the words beside it. */
import { percent } from "../format.ts";

type MeterProps = {
  /** What it is of, for those who do not see the bar. */
  readonly label: string;
  /** 0 to 1 of the whole; more is shown as full. */
  readonly used: number;
  /** Held beside it, of the whole. */
  readonly held?: number;
  /** Where it is expected to end. */
  readonly forecast?: number;
};

export function Meter({ label, used, held = 0, forecast }: MeterProps) {
  const tone = used + held >= 1 ? "bad" : used + held >= 0.8 || (forecast ?? 0) > 1 ? "warn" : "good";
  const wide = (part: number): { width: string } => ({ width: `${Math.max(0, Math.min(1, part)) * 100}%` });
  return (
    // biome-ignore lint/a11y/useSemanticElements: a <meter> shows one part, and in no colours of ours
    <div
      class={`meter tone-${tone}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(Math.min(1, used + held) * 100)}
      aria-valuetext={percent(used + held)}
    >
      {forecast === undefined ? null : <span class="meter-forecast" style={wide(forecast)} />}
      <span class="meter-held" style={wide(used + held)} />
      <span class="meter-used" style={wide(used)} />
    </div>
  );
}
