/**
 * Structured logs. No prompt, answer, key or connection secret is ever a field: log ids, codes and counts. What slips through
 * under a known name is redacted all the same.
 */
import pino from "pino";

export type LogFields = Readonly<Record<string, unknown>>;

/** The part of pino that the code uses; the simulation and tests pass `silentLog`. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

const SECRET_NAMES = ["api_key", "apiKey", "authorization", "password", "secret", "token", "key"];
const CONTENT_NAMES = ["body", "messages", "input", "prompt", "response", "content", "value"];

/** Field paths that are never printed, at the top and one level down. */
const REDACTED_PATHS: readonly string[] = [...SECRET_NAMES, ...CONTENT_NAMES].flatMap((name) => [name, `*.${name}`]);

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** A JSON logger on standard output (or `destination`, for tests). */
export function createLog(service: string, level: LogLevel, destination?: pino.DestinationStream): Log {
  const options: pino.LoggerOptions = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: [...REDACTED_PATHS], censor: "[redacted]" },
    serializers: { error: serializeError },
  };
  return destination ? pino(options, destination) : pino(options);
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** An error as fields: never its `cause` chain, which may hold what a driver was given. */
function serializeError(error: unknown): LogFields {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = "code" in error ? { code: error.code } : {};
  return { name: error.name, ...code, message: error.message, stack: error.stack };
}
