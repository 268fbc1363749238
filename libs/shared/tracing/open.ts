/** Turns tracing on where the environment asks for it. Wiring. */
import type { Log } from "../log.ts";
import { startExporting } from "./exporting.ts";
import { preciseTime } from "./precise-time.ts";
import { tracingSettings } from "./settings.ts";
import { Tracing } from "./tracing.ts";

export type OpenTracing = { readonly tracing: Tracing; close(): Promise<void> };

/** @returns undefined where it is off: then nothing of OpenTelemetry was imported. */
export async function openTracing(
  env: Readonly<Record<string, string | undefined>>,
  { service, instance }: { readonly service: string; readonly instance: string },
  log: Log,
): Promise<OpenTracing | undefined> {
  const { settings, problems } = tracingSettings(env);
  for (const why of problems) log.warn({ why }, "a variable of OpenTelemetry is not followed");
  if (settings === undefined) return undefined;
  const name = `${settings.name_prefix}-${service}`;
  const exporting = await startExporting(
    settings,
    { "service.name": name, "service.instance.id": instance },
    log,
  ).catch((error: unknown) => {
    // A certificate that is not there, say: no reason for a service not to start.
    log.error({ error }, "tracing could not be turned on; the service runs without");
    return undefined;
  });
  if (exporting === undefined) return undefined;
  log.info({ service_name: name, ...settings.sampling }, "tracing is on");
  const { sampling } = settings;
  return {
    tracing: new Tracing({ sampling, now_ms: preciseTime(), random: Math.random, ended: exporting.ended }),
    close: exporting.close,
  };
}
