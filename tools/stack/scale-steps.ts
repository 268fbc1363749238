/** Which instances of a service to start and to stop, so that there are as many as desired. Pure. */

export type Instance = {
  /** From 1. */
  readonly number: number;
  /** It was asked to end, and is still at its work. */
  readonly stopping: boolean;
};

export type ScaleSteps = { readonly start: readonly number[]; readonly stop: readonly number[] };

/** @param instances in the order of their starts: the newest is the first to go. A number is free once its process is gone. */
export function scaleSteps(instances: readonly Instance[], desired: number): ScaleSteps {
  const staying = instances.filter(({ stopping }) => !stopping);
  if (desired < staying.length)
    return {
      start: [],
      stop: staying
        .slice(desired)
        .map(({ number }) => number)
        .reverse(),
    };
  const taken = new Set(instances.map(({ number }) => number));
  const start: number[] = [];
  for (let number = 1; start.length < desired - staying.length; number += 1) if (!taken.has(number)) start.push(number);
  return { start, stop: [] };
}
