/** Which thresholds of a cap have just been crossed. Pure. */

/** The highest threshold told, and the cap it was part of: another cap is told of anew. */
export type Told = { readonly threshold: number; readonly cap_nusd: number };

/** @returns the thresholds that are crossed and not yet told, lowest first. */
export function newlyCrossed(
  alert_at: readonly number[],
  cap_nusd: number,
  used_nusd: number,
  told: Told | undefined,
): number[] {
  const before = told?.cap_nusd === cap_nusd ? told.threshold : 0;
  return alert_at
    .filter((threshold) => threshold > before && used_nusd > 0 && used_nusd >= threshold * cap_nusd)
    .toSorted((one, other) => one - other);
}
