/** What `sluice check` finds: one thing a line, with what helps. */

/** `failure`: something can be lost, leak or stop. `warning`: fit for one machine, not for production. `note`: worth knowing. */
export type Level = "failure" | "warning" | "note" | "ok";

export type Finding = {
  /** Stable, for scripts that pass over some. */
  readonly check: string;
  readonly part: "kafka" | "registry" | "redis" | "postgres" | "settings" | "access" | "clocks" | "models";
  readonly level: Level;
  readonly what: string;
  /** What to do; none where all is well. */
  readonly fix?: string;
};

/** Collects the findings of one part. */
export class Findings {
  readonly #part: Finding["part"];
  readonly #found: Finding[] = [];

  constructor(part: Finding["part"]) {
    this.#part = part;
  }

  get found(): readonly Finding[] {
    return this.#found;
  }

  ok(check: string, what: string): void {
    this.#found.push({ check, part: this.#part, level: "ok", what });
  }

  /** `well` says what holds; where it does not, `what` and `fix` say why and how. */
  expect(check: string, holds: boolean, well: string, level: Exclude<Level, "ok">, what: string, fix: string): void {
    if (holds) this.ok(check, well);
    else this.#found.push({ check, part: this.#part, level, what, fix });
  }
}

/** Of an address: on this machine, so that nobody else can listen. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127\./.test(host);
}
