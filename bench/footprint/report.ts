/** The footprint as tables. Pure. */
import { formatTable } from "../../cli/output/format.ts";
import type { Bytes, Footprint } from "./footprint.ts";

export function render({ topics, redis, postgres, cpu_ms, requests }: Footprint): string {
  const stored: [string, Bytes][] = [...Object.entries(topics), ["Redis, of a day", redis], ["Postgres", postgres]];
  const bytes = stored.map(([name, each]) => [
    name,
    each.fixed.toFixed(0),
    each.per_token_in.toFixed(2),
    each.per_token_out.toFixed(2),
  ]);
  const cpu = Object.entries(cpu_ms).map(([name, used]) => [name, used.toFixed(2)]);
  return [
    `of one request, by ${requests} of each size`,
    formatTable(["where", "bytes", "per token in", "per token out"], bytes, [1, 2, 3]),
    formatTable(["process", "CPU ms, short requests"], cpu, [1]),
  ].join("\n\n");
}
