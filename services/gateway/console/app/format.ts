/** Numbers and times as the console shows them, each in one way. Pure. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const NONE = "–";

export function count(value: number | null | undefined): string {
  return value == null ? NONE : whole.format(value);
}

/** For axes and small places: 12.3K. */
export function countShort(value: number | null | undefined): string {
  if (value == null) return NONE;
  const size = Math.abs(value);
  if (size < 1) return String(Number(value.toPrecision(2)));
  return size < 10_000 ? trimmed(value, 1) : compact.format(value);
}

/** Dollars: two decimals from one dollar on, and as many as tell something below. */
export function usd(value: number | null | undefined): string {
  if (value == null) return NONE;
  const size = Math.abs(value);
  if (size === 0) return "$0";
  const decimals = size >= 1 ? 2 : size >= 0.01 ? 4 : 6;
  const text = size < 0.000_001 ? size.toPrecision(1) : size.toFixed(decimals);
  const [before = "", after] = text.split(".");
  const grouped = /^\d+$/.test(before) ? whole.format(Number(before)) : before;
  return `${value < 0 ? "−" : ""}$${after === undefined ? grouped : `${grouped}.${after}`}`;
}

/** For axes: $0.002, $12, $1.2K. */
export function usdShort(value: number): string {
  return `$${Math.abs(value) < 1_000 ? String(Number(value.toPrecision(3))) : compact.format(value)}`;
}

/** `0.5` is 50%. */
export function percent(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  const of_100 = value * 100;
  return `${of_100 !== 0 && Math.abs(of_100) < 10 ? trimmed(of_100, 1) : Math.round(of_100)}%`;
}

/** `340 ms`, `1.2 s`, `4 m 10 s`, `2 h 5 m`, `3 d 4 h`. */
export function duration(value_ms: number | null | undefined): string {
  if (value_ms == null) return NONE;
  if (value_ms < 1_000) return `${value_ms < 10 ? trimmed(value_ms, 1) : Math.round(value_ms)} ms`;
  const seconds = value_ms / 1_000;
  if (seconds < 60) return `${trimmed(seconds, seconds < 10 ? 2 : 1)} s`;
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [Math.floor(seconds) % 60, "s"],
  ];
  const from = parts.findIndex(([amount]) => amount > 0);
  const shown = parts.slice(from, from + 2).filter(([amount]) => amount > 0);
  return shown.map(([amount, unit]) => `${amount} ${unit}`).join(" ");
}

/** A second. */
export function rate(value: number | null | undefined): string {
  if (value == null) return NONE;
  return `${trimmed(value, Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0)}/s`;
}

export function bytes(value: number | null | undefined): string {
  if (value == null) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let left = value;
  let unit = 0;
  while (left >= 1_024 && unit < units.length - 1) {
    left /= 1_024;
    unit += 1;
  }
  return `${unit === 0 ? left : trimmed(left, 1)} ${units[unit]}`;
}

/** Local, with the day where it is not today's. */
export function timeText(at_ms: number, now_ms: number): string {
  const at = new Date(at_ms);
  const clock = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  if (at.toDateString() === new Date(now_ms).toDateString()) return clock;
  const this_year = at.getFullYear() === new Date(now_ms).getFullYear();
  const day = at.toLocaleDateString("en-GB", {
    day: "numeric",
    month: "short",
    ...(this_year ? {} : { year: "numeric" }),
  });
  return `${day}, ${clock}`;
}

/** `2026-03-05 10:20:30.123 UTC`. */
export function utcText(at_ms: number): string {
  return new Date(at_ms).toISOString().replace("T", " ").replace("Z", " UTC");
}

function trimmed(value: number, decimals: number): string {
  const [before = "", after = ""] = value.toFixed(decimals).split(".");
  const kept = after.replace(/0+$/, "");
  return kept === "" ? whole.format(Number(before)) : `${before}.${kept}`;
}
