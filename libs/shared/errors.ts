/**
 * The one error base. Expected outcomes (a rejected request, a failed call) are values; these are for bugs and IO.
 * Codes are stable: scripts and alerts match on them. Each is documented in docs/errors.md, which a test keeps true.
 */
import { accessFix } from "./access-problems.ts";

export type ErrorCode =
  | "settings_invalid"
  | "dependency_unavailable"
  | "dependency_refuses"
  | "part_missing"
  | "port_taken"
  | "part_failed"
  | "message_too_large"
  | "producer_fenced"
  | "counters_lost"
  | "ledger_slow"
  | "embedding_unavailable"
  | "file_missing"
  | "replay_too_large"
  | "stopping"
  | "replay_taken_over"
  | "replay_position_lost"
  | "replay_not_found"
  | "usage"
  | "not_running"
  | "internal_error";

export type ErrorOptions = {
  /** What the reader should do next, one sentence. */
  readonly fix?: string;
  /** True when the same call may succeed later without a change (a part is away, a leader moves). */
  readonly retryable?: boolean;
  readonly cause?: unknown;
};

export class SluiceError extends Error {
  override readonly name = "SluiceError";
  readonly code: ErrorCode;
  readonly fix: string | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fix = options.fix;
    this.retryable = options.retryable ?? false;
  }
}

/** The names of what Sluice stands on, as they appear in logs and errors. */
export type Dependency = "kafka" | "schema_registry" | "redis" | "postgres" | "file_storage";

/**
 * A part is away or refuses for now: wait with back-off and try again (never drop what was in hand). A refused password is one of these:
 * it may be changed under a running service, and no record is lost for it. A command gives up on such (`dependency_refuses`).
 */
export function unavailable(dependency: Dependency, cause: unknown): SluiceError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const fix = accessFix(dependency, cause);
  if (fix !== undefined) {
    return new SluiceError("dependency_refuses", `${dependency}: ${why}`, { retryable: true, cause, fix });
  }
  return new SluiceError("dependency_unavailable", `${dependency} is unavailable: ${why}`, {
    retryable: true,
    cause,
    fix: `Check that ${dependency} runs and that its address is right.`,
  });
}

/** True for an error after which the same work may be tried again as it is. */
export function isRetryable(error: unknown): boolean {
  return error instanceof SluiceError && error.retryable;
}

/** One line for a person: the message, and the fix where one is known. */
export function describe(error: unknown): string {
  if (error instanceof SluiceError) return error.fix ? `${error.message}. ${error.fix}` : error.message;
  return error instanceof Error ? error.message : String(error);
}
