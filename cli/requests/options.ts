/** The flags of `send`, read into what a request needs. Pure but for `now_ms`, which the caller gives. */
import { SluiceError } from "../../libs/shared/errors.ts";
import { parseDurationMs, parseTimeMs } from "../output/format.ts";
import type { Defaults } from "./build.ts";

export type RequestFlags = {
  readonly tenant: string;
  readonly lane?: "interactive" | "batch";
  readonly model?: string;
  readonly tier?: string;
  readonly system?: string;
  readonly session?: string;
  readonly id?: string;
  readonly deadline?: string;
  readonly maxOutputTokens?: number;
  readonly metadata?: Readonly<Record<string, string>>;
};

/** @throws `usage` for a deadline that is neither a duration nor a time. */
export function defaultsOf(flags: RequestFlags, now_ms: number): Defaults {
  const { tenant, lane, model, tier, system, session, id, metadata, maxOutputTokens: max_output_tokens } = flags;
  const deadline = flags.deadline === undefined ? undefined : parseDeadline(flags.deadline, now_ms);
  const all = { tenant, lane, model, tier, system, session, id, deadline, metadata, max_output_tokens };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as unknown as Defaults;
}

/** `30s` from now, or an RFC 3339 time as it is. */
export function parseDeadline(text: string, now_ms: number): string {
  const after_ms = parseDurationMs(text);
  if (after_ms !== undefined) return new Date(now_ms + after_ms).toISOString();
  if (parseTimeMs(text) !== undefined) return text;
  throw new SluiceError("usage", `--deadline ${text} is neither a duration nor a time`, {
    fix: "Write a duration such as 30s or 10m, or an RFC 3339 time such as 2026-01-31T12:00:00Z.",
  });
}

/** Collects `--metadata k=v`. @throws `usage`. */
export function parsePair(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new SluiceError("usage", `--metadata ${text} is not of the form key=value`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** `50/s`, `50` (per second), `600/m` as requests per second. @throws `usage`. */
export function parseRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:\/(s|m|h))?$/.exec(text.trim());
  const seconds = { s: 1, m: 60, h: 3_600 }[match?.[2] ?? "s"] ?? 1;
  const rate = Number(match?.[1] ?? 0) / seconds;
  if (rate > 0) return rate;
  throw new SluiceError("usage", `--rate ${text} is not a rate such as 50/s or 600/m`);
}

/** A duration flag. @throws `usage`. */
export function parseDuration(text: string): number {
  const duration_ms = parseDurationMs(text);
  if (duration_ms !== undefined) return duration_ms;
  throw new SluiceError("usage", `${text} is not a duration such as 30s, 10m or 2h`);
}

/** A whole number above zero. @throws `usage`. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new SluiceError("usage", `${text} is not a whole number above zero`);
}
