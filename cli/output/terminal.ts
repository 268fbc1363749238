/** What every verb does around its work: exit codes, Ctrl-C, a reader that went away, and output that waits for its reader. */
import { once } from "node:events";
import { SluiceError } from "../../libs/shared/errors.ts";

/** Exit codes that scripts can use; each verb's --help ends with them. */
export const EXIT = { ok: 0, some_failed: 1, usage: 2, not_running: 3, interrupted: 130 } as const;

export const EXIT_HELP = `
Exit codes: 0 all well; 1 something failed; 2 wrong usage; 3 no running Sluice was found; 130 stopped before the end.`;

/** The exit code for an error that ended a verb. Pure. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof SluiceError)) return EXIT.some_failed;
  if (error.code === "not_running" || error.code === "dependency_unavailable") return EXIT.not_running;
  return error.code === "usage" || error.code === "settings_invalid" ? EXIT.usage : EXIT.some_failed;
}

export type Stop = {
  /** Aborted by the first Ctrl-C (or SIGTERM), and when whoever reads standard output has gone. */
  readonly signal: AbortSignal;
  /** True when the reader of standard output has gone (`| head`), which is no error. */
  readonly reader_gone: boolean;
  dispose(): void;
};

/** Listens for the wish to stop. A second Ctrl-C ends the process at once. */
export function listenForStop(): Stop {
  const controller = new AbortController();
  let reader_gone = false;
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
  };
  const failed = (error: NodeJS.ErrnoException): void => {
    if (error.code !== "EPIPE") throw error;
    reader_gone = true;
    controller.abort();
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, interrupt);
  process.stdout.on("error", failed);
  return {
    signal: controller.signal,
    get reader_gone() {
      return reader_gone;
    },
    // The listener on standard output stays: what is still in its buffer may fail later.
    dispose: () => {
      for (const name of ["SIGINT", "SIGTERM"] as const) process.removeListener(name, interrupt);
    },
  };
}

/** Writes to standard output; waits while its buffer is full, unless there is no one left to read it. */
export async function print(text: string | Buffer, signal?: AbortSignal): Promise<void> {
  if (process.stdout.destroyed || process.stdout.write(text)) return;
  await once(process.stdout, "drain", signal === undefined ? {} : { signal }).catch(() => undefined);
}

/** One line for a person on standard error. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** How an error is printed: one line, or JSON for scripts that asked for it. Pure. */
export function formatError(error: unknown, json: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  const known = error instanceof SluiceError ? { code: error.code, fix: error.fix } : { code: "internal_error" };
  if (json) return `${JSON.stringify({ error: { ...known, message } })}\n`;
  const fix = error instanceof SluiceError && error.fix ? `. ${error.fix}` : "";
  const stack = error instanceof Error && !(error instanceof SluiceError) ? `${error.stack}\n` : "";
  return `sluice: ${message}${fix}\n${stack}`;
}
