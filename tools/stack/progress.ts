import type { Writable } from "node:stream";

/** What a row of the start-up view can be in. */
export type Step = "starting" | "ready" | "given" | "failed" | "stopped";

/** How the start is shown: to a person on a terminal, as plain lines, or as JSON for scripts. */
export type Progress = {
  /** A part or service came this far; `detail` is its address or why it failed. */
  step(name: string, step: Step, detail?: string): void;
  /** One line about something else. */
  say(line: string): void;
  /** Something that scripts may want to read: they get the event, people the line. */
  tell(event: { readonly event: string }, line: string): void;
  /** Ends a live view: what stands there stays. */
  close(): void;
};

type Row = { step: Step; detail: string; begun_ms: number; took_ms: number };

const NAME_WIDTH = 16;
const REDRAW_MS = 100;
const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const WORDS: Readonly<Record<Step, string>> = {
  starting: "starting…",
  ready: "ready",
  given: "given",
  failed: "failed",
  stopped: "stopped",
};

/** The text of a row without its mark. Pure. */
export function formatRow(name: string, step: Step, took_ms: number, detail: string): string {
  const time = step === "ready" ? ` in ${(took_ms / 1000).toFixed(1)} s` : "";
  return `${name.padEnd(NAME_WIDTH)}${`${WORDS[step]}${time}`.padEnd(18)}${detail}`.trimEnd();
}

/** Nothing is shown. */
export function silentProgress(): Progress {
  return { step: () => {}, say: () => {}, tell: () => {}, close: () => {} };
}

/** One JSON object a line: `{event: "step", name, step, detail?, ms}` or `{event: "line", text}`. */
export function jsonProgress(out: Writable): Progress {
  const begun = new Map<string, number>();
  const print = (value: object): void => void out.write(`${JSON.stringify(value)}\n`);
  return {
    step(name, step, detail) {
      if (step === "starting" || !begun.has(name)) begun.set(name, Date.now());
      print({ event: "step", name, step, detail, ms: Date.now() - (begun.get(name) ?? Date.now()) });
    },
    say: (text) => print({ event: "line", text }),
    tell: (event) => print(event),
    close: () => {},
  };
}

/** A live view on a terminal, plain lines elsewhere. */
export function consoleProgress(out: Writable & { isTTY?: boolean; columns?: number }): Progress {
  return out.isTTY ? liveProgress(out) : plainProgress(out);
}

function plainProgress(out: Writable): Progress {
  const rows = new Map<string, Row>();
  return {
    step(name, step, detail = "") {
      const row = advance(rows, name, step, detail);
      out.write(`${formatRow(name, step, row.took_ms, detail)}\n`);
    },
    say: (line) => void out.write(`${line}\n`),
    tell: (_, line) => void out.write(`${line}\n`),
    close: () => {},
  };
}

function liveProgress(out: Writable & { columns?: number }): Progress {
  const rows = new Map<string, Row>();
  let drawn = 0;
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;
  const erase = (): void => {
    if (drawn > 0) out.write(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  const draw = (): void => {
    erase();
    for (const [name, row] of rows) {
      const took_ms = row.step === "starting" ? Date.now() - row.begun_ms : row.took_ms;
      const text = `${mark(row.step, frame)} ${formatRow(name, row.step, took_ms, row.detail)}`;
      // A line that wraps would count as two and break the redraw.
      out.write(`${text.slice(0, (out.columns ?? 80) - 1)}\n`);
      drawn++;
    }
  };
  const tick = (): void => {
    frame++;
    draw();
  };
  const say = (line: string): void => {
    erase();
    out.write(`${line}\n`);
    draw();
  };
  return {
    step(name, step, detail = "") {
      advance(rows, name, step, detail);
      const busy = [...rows.values()].some((row) => row.step === "starting");
      if (busy) timer ??= setInterval(tick, REDRAW_MS).unref();
      else timer = stop(timer);
      draw();
    },
    say,
    tell: (_, line) => say(line),
    close() {
      timer = stop(timer);
      draw();
      drawn = 0;
      rows.clear();
    },
  };
}

function stop(timer: NodeJS.Timeout | undefined): undefined {
  clearInterval(timer);
}

function mark(step: Step, frame: number): string {
  if (step === "starting") return FRAMES[frame % FRAMES.length] ?? "·";
  return step === "failed" ? "✖" : "✔";
}

function advance(rows: Map<string, Row>, name: string, step: Step, detail: string): Row {
  const row = rows.get(name) ?? { step, detail, begun_ms: Date.now(), took_ms: 0 };
  if (step === "starting" && row.step !== "starting") row.begun_ms = Date.now();
  row.step = step;
  row.detail = detail;
  row.took_ms = Date.now() - row.begun_ms;
  rows.set(name, row);
  return row;
}
