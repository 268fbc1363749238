/** Which day's partitions there must be, and which have had their time. Days are UTC, `YYYY-MM-DD`. Pure. */

/** Made so many days before they are needed: what makes them may be away for that long. */
export const DAYS_AHEAD = 3;

const DAY_MS = 86_400_000;
const PARTITION = /^sluice_results_(\d{4})(\d{2})(\d{2})$/;

/** A day is kept whole: the last one that is kept began `keep_days` days before today. */
export type DayPlan = {
  readonly make: readonly string[];
  readonly drop: readonly string[];
  /** The first day that is kept. */
  readonly from: string;
};

/** @param partitions names of tables; those that are no day's stay as they are. */
export function planDays(partitions: readonly string[], today: string, keep_days: number): DayPlan {
  const there = new Set(partitions.flatMap((name) => dayOf(name) ?? []));
  const wanted = Array.from({ length: DAYS_AHEAD + 1 }, (_, ahead) => addDays(today, ahead));
  const from = addDays(today, -keep_days);
  return {
    make: wanted.filter((day) => !there.has(day)),
    drop: [...there].filter((day) => day < from).toSorted(),
    from,
  };
}

export function partitionOf(day: string): string {
  return `sluice_results_${day.replaceAll("-", "")}`;
}

function dayOf(partition: string): string | undefined {
  const [, year, month, day] = PARTITION.exec(partition) ?? [];
  return year === undefined ? undefined : `${year}-${month}-${day}`;
}

export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}
