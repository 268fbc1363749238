/** Reading an event between services: framing, then the small head apart from the carried bytes. */
import type { InRecord } from "../kafka/ports.ts";
import type { EventCodec } from "./codec.ts";
import { CARRIED_AT_HEADER, unsplice } from "./splice.ts";

export type Hop<Head> =
  | { readonly ok: true; readonly record: InRecord; readonly head: Head; readonly carried: Buffer | undefined }
  | { readonly ok: false; readonly record: InRecord; readonly code: string; readonly message: string };

/**
 * @param property the carried property: `request` or `response`.
 * @param check validates a head that did not come from us (plain JSON by an operator, a foreign schema); throws when it is wrong.
 */
export async function readHop<Head extends object>(
  codec: EventCodec,
  record: InRecord,
  property: string,
  check: (head: unknown) => Head,
): Promise<Hop<Head>> {
  const decoded = await codec.decode(record);
  if (decoded.kind === "unreadable") return { ok: false, record, code: decoded.code, message: decoded.message };
  try {
    const { head, carried } = unsplice<Head>(decoded.payload, property, record.headers[CARRIED_AT_HEADER]);
    return { ok: true, record, head: decoded.trusted ? head : check(head), carried };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, record, code: error instanceof SyntaxError ? "not_json" : "event_invalid", message };
  }
}
