/** A choice of a process's metrics as samples: what a beat carries. Asks those metrics alone, and renders no text. */
import type { Registry } from "prom-client";
import type { Sample } from "./beat.ts";

/** prom-client's default metrics set some values while another metric is asked. */
const SET_BY: Readonly<Record<string, string>> = { process_cpu_seconds_total: "process_cpu_user_seconds_total" };

/** Of a histogram its sum and count; metrics that the process does not have are left out. */
export async function sampleMetrics(registry: Registry, names: readonly string[]): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const name of names) {
    const metric = registry.getSingleMetric(name);
    if (metric === undefined) continue;
    const set_by = SET_BY[name];
    if (set_by !== undefined) await registry.getSingleMetric(set_by)?.get();
    const { values } = await metric.get();
    for (const one of values) {
      const own_name = "metricName" in one ? String(one.metricName ?? name) : name;
      if (own_name === `${name}_bucket`) continue;
      if (Number.isFinite(one.value)) samples.push({ name: own_name, labels: labelsOf(one.labels), value: one.value });
    }
  }
  return samples;
}

function labelsOf(labels: Readonly<Record<string, string | number | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}
