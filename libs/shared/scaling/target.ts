/** What a target is called, and how many replicas it may have. Pure. */
import type { ScalingSettings } from "../config/scaling.ts";
import type { ScaleTarget } from "./contract.ts";

export type Bounds = { readonly min: number; readonly max: number };

/** As in the settings' `scaling.bounds`: `router`, `inference.<tier>`. */
export function targetName({ service, tier }: ScaleTarget): string {
  return tier === undefined ? service : `${service}.${tier}`;
}

/** Of the target by its name; of a tier's workers else those of the service; else the default. A least above the most is the most. */
export function boundsOf(settings: ScalingSettings, target: ScaleTarget): Bounds {
  const { bounds, default_bounds } = settings;
  const { min, max } = bounds[targetName(target)] ?? bounds[target.service] ?? default_bounds;
  return { min: Math.min(min, max), max };
}
