/** A provider's invoice by day and model, from CSV. Pure. */
import { SluiceError } from "../../libs/shared/errors.ts";
import { type CsvRow, parseCsv } from "./csv.ts";

/** Summed where a day and model stand on several lines. */
export type InvoiceLine = {
  /** `2026-11-21`, UTC. */
  readonly date: string;
  readonly model: string;
  /** Undefined where the invoice has no such column. */
  readonly requests: number | undefined;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_nusd: number;
};

const REQUIRED = ["date", "model", "prompt_tokens", "completion_tokens", "cost_usd"] as const;
const COST_USD_MAX = 9_000_000;

/** @throws `usage` that names the line. Columns may be in any order; others than the known ones are passed over. */
export function parseInvoice(text: string, file: string): InvoiceLine[] {
  const [head, ...rows] = rowsOf(text, file);
  const columns = new Map(head?.fields.map((name, index) => [name.toLowerCase(), index]));
  const missing = REQUIRED.filter((name) => !columns.has(name));
  if (missing.length > 0) {
    throw bad(
      `${file}:1: the column ${missing.join(", ")} is missing`,
      "The first line names the columns; see --help.",
    );
  }
  const lines = new Map<string, InvoiceLine>();
  for (const row of rows) {
    const line = lineOf(row, columns, file);
    const key = `${line.date} ${line.model}`;
    const before = lines.get(key);
    lines.set(key, before === undefined ? line : added(before, line));
  }
  return [...lines.values()];
}

function rowsOf(text: string, file: string): CsvRow[] {
  try {
    return parseCsv(text);
  } catch (error) {
    throw bad(`${file}: ${(error as Error).message}`);
  }
}

function lineOf({ line, fields }: CsvRow, columns: ReadonlyMap<string, number>, file: string): InvoiceLine {
  const place = `${file}:${line}`;
  const field = (name: string): string => fields[columns.get(name) ?? -1]?.trim() ?? "";
  const whole = (name: string): number => {
    if (/^\d{1,15}$/.test(field(name))) return Number(field(name));
    throw bad(`${place}: ${name} must be a whole number, not "${field(name)}"`);
  };
  const date = field("date");
  if (!isDay(date)) throw bad(`${place}: date must be a day such as 2026-11-21, not "${date}"`);
  const model = field("model");
  if (model === "") throw bad(`${place}: model is empty`);
  return {
    date,
    model,
    requests: columns.has("requests") ? whole("requests") : undefined,
    prompt_tokens: whole("prompt_tokens"),
    completion_tokens: whole("completion_tokens"),
    cost_nusd: costOf(field("cost_usd"), place),
  };
}

/** A credit is negative. What is finer than a nano-dollar is rounded. */
function costOf(text: string, place: string): number {
  const amount = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(Math.abs(amount) <= COST_USD_MAX)) {
    throw bad(`${place}: cost_usd must be US dollars such as 12.345, at most ${COST_USD_MAX}, not "${text}"`);
  }
  return Math.round(amount * 1e9);
}

export function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.slice(0, 10) === text;
}

function added(one: InvoiceLine, other: InvoiceLine): InvoiceLine {
  return {
    ...one,
    requests: one.requests === undefined ? undefined : one.requests + (other.requests ?? 0),
    prompt_tokens: one.prompt_tokens + other.prompt_tokens,
    completion_tokens: one.completion_tokens + other.completion_tokens,
    cost_nusd: one.cost_nusd + other.cost_nusd,
  };
}

function bad(message: string, fix = "Correct the file and run it again; nothing was written."): SluiceError {
  return new SluiceError("usage", message, { fix });
}
