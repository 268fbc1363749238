/** How a forecast reads for people. Pure. */
import type { Forecast, Traffic } from "../../libs/shared/cost/forecast.ts";
import { formatMs, formatTable, formatUsd } from "../output/format.ts";

export function forecastText(traffic: Traffic, forecast: Forecast): string {
  return [assumed(traffic), tiers(forecast), money(traffic, forecast), needs(forecast)].join("\n\n").concat("\n");
}

function assumed(traffic: Traffic): string {
  const { requests_per_day, tokens_in, tokens_out, hit_ratio, escalated_ratio, peak_factor, tiers } = traffic;
  const mix = tiers.map(({ tier, share, service_ms }) => `${tier} ${percent(share)} (${formatMs(service_ms)} a call)`);
  return [
    `${whole(requests_per_day)} requests a day, ${whole(tokens_in)} tokens in and ${whole(tokens_out)} out`,
    `cache answers ${percent(hit_ratio)}; of the rest ${mix.join(", ")}; ${percent(escalated_ratio)} escalated`,
    `the busiest minute has ${peak_factor.toFixed(1)} times the mean`,
  ].join("\n");
}

function tiers({ tiers: each }: Forecast): string {
  const head = ["tier", "calls a day", "a day", "a month", "in flight at peak", "workers"];
  const rows = each.map((tier) => [
    tier.tier,
    whole(tier.calls_per_day),
    formatUsd(tier.cost_usd_per_day),
    formatUsd(tier.cost_usd_per_day * 30),
    tier.calls_in_flight_peak.toFixed(1),
    String(tier.workers),
  ]);
  return formatTable(head, rows, [1, 2, 3, 4, 5]);
}

function money({ hit_ratio, escalated_ratio }: Traffic, { cache, tiering, ...forecast }: Forecast): string {
  const day = formatUsd(forecast.cost_usd_per_day);
  const month = formatUsd(forecast.cost_usd_per_month);
  const lines = [
    `cost     ${day} a day, ${month} a month, ${formatUsd(forecast.cost_usd_per_1k_requests)} for 1,000 requests`,
  ];
  const memory = `${(cache.memory_bytes / 1024 ** 2).toFixed(1)} MiB of memory`;
  const pays = cache.break_even_hit_ratio;
  const from = pays === undefined ? "calls cost nothing" : `pays from ${percent(pays, 3)} of hits`;
  lines.push(`cache    saves ${signed(cache.saved_usd_per_day)} a day at ${percent(hit_ratio)}, ${memory}; ${from}`);
  const even = tiering.break_even_escalated_ratio;
  if (even !== undefined) {
    const until = `pays until ${percent(even)} of answers are escalated (now ${percent(escalated_ratio)})`;
    lines.push(`tiers    save ${signed(tiering.saved_usd_per_day)} a day; ${until}`);
  }
  return lines.join("\n");
}

function needs({ requests_per_s_mean, requests_per_s_peak, cores, partitions }: Forecast): string {
  const rate = `${requests_per_s_mean.toFixed(1)} requests a second, ${requests_per_s_peak.toFixed(1)} at the peak`;
  const machine = `${cores} ${cores === 1 ? "core" : "cores"} for the services`;
  return `needs    ${rate}: ${machine}, at least ${partitions} ${partitions === 1 ? "partition" : "partitions"} a topic`;
}

function percent(part: number, digits = 1): string {
  return `${(100 * part).toFixed(digits)} %`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function signed(amount_usd: number): string {
  return amount_usd < 0 ? `-${formatUsd(-amount_usd)}` : formatUsd(amount_usd);
}
