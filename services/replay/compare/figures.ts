/** How the figures of a comparison read for people. Pure. */
export function formatUsd(amount_nusd: number): string {
  const usd = amount_nusd / 1e9;
  return usd === 0 ? "$0" : `$${usd >= 1 ? usd.toFixed(2) : usd.toFixed(usd < 0.000_001 ? 9 : 6)}`;
}

export function formatMs(duration_ms: number | undefined): string {
  if (duration_ms === undefined) return "–";
  return duration_ms < 1_000 ? `${Math.round(duration_ms)} ms` : `${(duration_ms / 1_000).toFixed(2)} s`;
}
