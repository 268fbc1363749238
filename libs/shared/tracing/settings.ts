/** What OpenTelemetry's environment variables ask for. The exporter reads its own (addresses, headers, certificates) by itself. Pure. */
import { type Sampling, samplingOf } from "./sampling.ts";

type Variables = Readonly<Record<string, string | undefined>>;

export type TracingSettings = {
  readonly sampling: Sampling;
  /** `service.name` of each service: this, a dash, and its own name. */
  readonly name_prefix: string;
  /** Of every span, beside what the service knows of itself. */
  readonly resource: Readonly<Record<string, string>>;
  /** Spans kept until they are sent; beyond, new ones are dropped (I6). */
  readonly queue_max: number;
  readonly batch_max: number;
  /** How long a span may wait for others. */
  readonly batch_wait_ms: number;
  readonly export_timeout_ms: number;
};

export type Asked = {
  /** Undefined: off. */
  readonly settings: TracingSettings | undefined;
  /** What was not understood, in words: tracing goes on without it. */
  readonly problems: readonly string[];
};

const OFF: Asked = { settings: undefined, problems: [] };
/** A burst of some seconds of a busy service; about 1 KB each. */
const QUEUE_MAX = 8_192;
const SAMPLING: Sampling = { share: 1, by_parent: true };

/** On where an endpoint is given, or the exporter is named. */
export function tracingSettings(env: Variables): Asked {
  const given = (name: string): string | undefined => env[name]?.trim() || undefined;
  const exporter = given("OTEL_TRACES_EXPORTER");
  const endpoint = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") ?? given("OTEL_EXPORTER_OTLP_ENDPOINT");
  if (given("OTEL_SDK_DISABLED")?.toLowerCase() === "true" || exporter === "none") return OFF;
  if (exporter === undefined && endpoint === undefined) return OFF;
  const problems: string[] = [];
  if (exporter !== undefined && exporter !== "otlp") {
    return { settings: undefined, problems: [`OTEL_TRACES_EXPORTER is "${exporter}": only otlp and none are known`] };
  }
  if (endpoint !== undefined && !isHttpUrl(endpoint)) {
    return { settings: undefined, problems: [`the OTLP endpoint "${endpoint}" is no http or https URL`] };
  }
  const protocol = given("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") ?? given("OTEL_EXPORTER_OTLP_PROTOCOL");
  if (protocol !== undefined && protocol !== "http/protobuf") {
    problems.push(`the OTLP protocol "${protocol}" is not spoken: spans go as http/protobuf (port 4318)`);
  }
  const sampling = samplingOf(given("OTEL_TRACES_SAMPLER"), given("OTEL_TRACES_SAMPLER_ARG"));
  if (sampling === undefined) problems.push("OTEL_TRACES_SAMPLER or its _ARG is not known: every trace is sampled");
  const number = (name: string, or: number): number => {
    const value = Number(given(name) ?? or);
    if (Number.isInteger(value) && value > 0) return value;
    problems.push(`${name} is no whole number above 0: it is ${or}`);
    return or;
  };
  const { "service.name": named, ...resource } = resourceAttributes(given("OTEL_RESOURCE_ATTRIBUTES") ?? "", problems);
  const queue_max = number("OTEL_BSP_MAX_QUEUE_SIZE", QUEUE_MAX);
  const settings: TracingSettings = {
    sampling: sampling ?? SAMPLING,
    name_prefix: given("OTEL_SERVICE_NAME") ?? named ?? "sluice",
    resource,
    queue_max,
    batch_max: Math.min(queue_max, number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)),
    batch_wait_ms: number("OTEL_BSP_SCHEDULE_DELAY", 5_000),
    export_timeout_ms: number("OTEL_BSP_EXPORT_TIMEOUT", 30_000),
  };
  return { settings, problems };
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol);
}

/** `name=value` with commas between, percent-encoded. As OpenTelemetry says, one that is wrong spoils all. */
function resourceAttributes(text: string, problems: string[]): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const pair of text.split(",").filter((part) => part.trim() !== "")) {
    const at = pair.indexOf("=");
    try {
      if (at < 1) throw new URIError(pair);
      attributes[decodeURIComponent(pair.slice(0, at).trim())] = decodeURIComponent(pair.slice(at + 1).trim());
    } catch {
      problems.push("OTEL_RESOURCE_ATTRIBUTES is not name=value,name=value: it is left out");
      return {};
    }
  }
  return attributes;
}
