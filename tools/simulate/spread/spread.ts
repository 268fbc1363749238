/**
 * How evenly hashing divides: keys among partitions, tenants among the nodes of a Redis cluster, tenants among clusters (cells). Load follows
 * Zipf's law: of n, the k-th has a share of 1/k^s. Hashes are taken as uniform, which murmur2, CRC16 and SHA-256 are for this. Pure.
 */

export type Spread = {
  /** Partitions, nodes or cells. */
  readonly bins: number;
  readonly members: number;
  /** Of the largest member, of all load. */
  readonly largest_share: number;
  /** Of the fullest bin over the mean one: how much more it has to bear; the median and the 99th percentile of the runs. */
  readonly fullest_p50: number;
  readonly fullest_p99: number;
};

export type SpreadOptions = {
  readonly bins: number;
  readonly members: number;
  /** 0: all alike; 1: as words, cities and tenants often are. */
  readonly zipf: number;
  readonly runs: number;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
};

export function spread({ bins, members, zipf, runs, random }: SpreadOptions): Spread {
  const shares = zipfShares(members, zipf);
  const fullest: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const loads = new Float64Array(bins);
    for (const share of shares) {
      const bin = Math.floor(random() * bins);
      loads[bin] = (loads[bin] ?? 0) + share;
    }
    fullest.push(Math.max(...loads) * bins);
  }
  fullest.sort((left, right) => left - right);
  const at = (part: number): number => fullest[Math.min(fullest.length - 1, Math.floor(part * fullest.length))] ?? 0;
  return { bins, members, largest_share: shares[0] ?? 0, fullest_p50: at(0.5), fullest_p99: at(0.99) };
}

/** The largest first; together 1. */
export function zipfShares(members: number, exponent: number): Float64Array {
  const shares = Float64Array.from({ length: members }, (_, at) => (at + 1) ** -exponent);
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / total);
}

/**
 * Tenants to cells, as a table of placement is kept: the largest first, each to the cell with the least load so far.
 * @returns the fullest cell over the mean one.
 */
export function placed(bins: number, shares: Float64Array): number {
  const loads = new Float64Array(bins);
  for (const share of shares.toSorted((left, right) => right - left)) {
    const least = loads.indexOf(Math.min(...loads));
    loads[least] = (loads[least] ?? 0) + share;
  }
  return Math.max(...loads) * bins;
}

/** A tenant's cell by rendezvous hashing: of all cells the one whose hash with the tenant is the highest. */
export function cellOf(tenant: string, cells: readonly string[], hash: (text: string) => number): string {
  let [best, highest] = ["", Number.NEGATIVE_INFINITY];
  for (const cell of cells) {
    const height = hash(`${cell}\n${tenant}`);
    if (height > highest) [best, highest] = [cell, height];
  }
  return best;
}

/** Of tenants, the part that moves when one cell is added: by rendezvous hashing about one of the new number of cells. */
export function movedByOneMore(
  tenants: readonly string[],
  cells: readonly string[],
  added: string,
  hash: (text: string) => number,
): number {
  const more = [...cells, added];
  const moved = tenants.filter((tenant) => cellOf(tenant, cells, hash) !== cellOf(tenant, more, hash));
  return moved.length / tenants.length;
}
