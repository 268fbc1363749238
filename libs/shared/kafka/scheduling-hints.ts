/**
 * Whose work a record is and when it is late, as far as a cheap look tells. Pure. A guess that is wrong costs a turn and nothing
 * else: what a record really is, the services read for themselves.
 */
import { DEADLINE_HEADER, TENANT_HEADER } from "../events/headers.ts";
import type { InRecord } from "./ports.ts";

export type SchedulingHints = {
  /** Empty where it is not known: all such records share the turns of one nameless tenant. */
  readonly tenant: string;
  /** Epoch ms; infinite where there is none. */
  readonly deadline_ms: number;
};

/** How far into a value the tenant is looked for, and the longest name. */
const LOOK_BYTES = 512;
const TENANT_BYTES_MAX = 128;

const NAME = Buffer.from('"tenant"');
const [QUOTE, COLON, BACKSLASH] = [0x22, 0x3a, 0x5c];
const SPACES: readonly (number | undefined)[] = [0x20, 0x09, 0x0a, 0x0d];

/** From the headers that ingest and the gateway set; the tenant also from a JSON value that names it near its beginning. */
export function schedulingHints({ headers, value }: Pick<InRecord, "headers" | "value">): SchedulingHints {
  const deadline_ms = Number(headers[DEADLINE_HEADER] ?? Number.NaN);
  return {
    tenant: headers[TENANT_HEADER] ?? tenantIn(value),
    deadline_ms: Number.isFinite(deadline_ms) ? deadline_ms : Number.POSITIVE_INFINITY,
  };
}

/** The string after the first `"tenant":`. A quote inside a JSON string is escaped, so text that looks like this is not taken. */
function tenantIn(value: Buffer | null): string {
  const head = value?.subarray(0, LOOK_BYTES);
  const named_at = head?.indexOf(NAME) ?? -1;
  if (head === undefined || named_at < 0) return "";
  let at = named_at + NAME.length;
  while (SPACES.includes(head[at])) at += 1;
  if (head[at] !== COLON) return "";
  at += 1;
  while (SPACES.includes(head[at])) at += 1;
  if (head[at] !== QUOTE) return "";
  const end = head.indexOf(QUOTE, at + 1);
  if (end < 0 || end - at > TENANT_BYTES_MAX) return "";
  const name = head.subarray(at + 1, end);
  return name.includes(BACKSLASH) ? "" : name.toString();
}
