/** Which endpoints could take a call now, or what the call has to wait for. Pure. */
import type { WaitReason } from "../backend.ts";
import type { Candidate } from "./choice.ts";

export type Standing = Candidate & {
  /** The breaker lets a call through. */
  readonly admits: boolean;
  /** Epoch ms; not after now when it is ready. */
  readonly resting_until_ms: number;
};

export type Places<T> =
  | { readonly kind: "room"; readonly candidates: readonly T[] }
  | { readonly kind: "wait"; readonly reason: WaitReason };

/**
 * Those with room among the usable ones. An unhealthy endpoint is usable only when every other's breaker is open: one that rests
 * is back soon. One to be avoided is usable only when no other is; for a busy one that need not be avoided, a call waits.
 */
export function placesFor<T extends Standing>(
  all: readonly T[],
  avoid: ReadonlySet<string>,
  now_ms: number,
): Places<T> {
  const usable = usableFor(all, avoid, now_ms);
  if (usable.kind === "wait") return usable;
  const candidates = usable.candidates.filter(({ in_flight, limit }) => in_flight < Math.floor(limit));
  return candidates.length > 0 ? { kind: "room", candidates } : { kind: "wait", reason: "concurrency" };
}

/** The same, whether they have room or not. */
export function usableFor<T extends Standing>(
  all: readonly T[],
  avoid: ReadonlySet<string>,
  now_ms: number,
): Places<T> {
  const admitting = all.filter(({ admits }) => admits);
  if (admitting.length === 0) return { kind: "wait", reason: "breaker" };
  const sound = admitting.filter(({ health }) => health !== "unhealthy");
  const ready = (sound.length > 0 ? sound : admitting).filter(({ resting_until_ms }) => resting_until_ms <= now_ms);
  if (ready.length === 0) return { kind: "wait", reason: "limit" };
  const fresh = ready.filter(({ name }) => !avoid.has(name));
  return { kind: "room", candidates: fresh.length > 0 ? fresh : ready };
}
