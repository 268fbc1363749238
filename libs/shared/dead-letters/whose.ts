/** Whose request a dead letter is, as far as its bytes can be read. */
import type { EventCodec } from "../events/codec.ts";
import { ID_PATTERN, TENANT_PATTERN } from "../events/fields.ts";
import type { AdmittedHead, OutcomeHead } from "../events/flow.ts";
import { readHop } from "../events/hop.ts";
import { parseJson } from "../events/json.ts";
import { originOf } from "../events/origin.ts";
import { type ReplayMark, replayOf } from "../events/replay.ts";
import { isInternalTenant } from "../events/shadow.ts";
import { BATCH_SUFFIX, type TopicNames } from "../events/topics.ts";
import type { DeadLetter, FirstPlace } from "./letter.ts";

/**
 * - `requests`: anyone writes there.
 * - `reentry`: requests that wait on a retry topic or on `llm.deferred`.
 * - `hop`: admitted requests and jobs.
 * - `outcomes`.
 * - `entries`: of the ledger, or of comparisons; nobody's request.
 * - `other`: nothing that may be written there a second time.
 */
export type TopicKind = "requests" | "reentry" | "hop" | "outcomes" | "entries" | "other";

export function topicKind(names: TopicNames, topic: string): TopicKind {
  const work = topic.endsWith(BATCH_SUFFIX) ? topic.slice(0, -BATCH_SUFFIX.length) : topic;
  if (work === names.requests) return "requests";
  if (work === names.admitted || work.startsWith(names.jobs(""))) return "hop";
  if (topic === names.deferred || topic.startsWith(names.retry(""))) return "reentry";
  if (topic === names.outcomes) return "outcomes";
  return topic === names.usage || topic === names.shadow ? "entries" : "other";
}

export type Whose = {
  readonly tenant: string;
  readonly id: string;
  /** The request's JSON; undefined of an outcome. */
  readonly request?: Buffer;
  /** It is a redrive's run already. */
  readonly replay?: ReplayMark;
  /** It was run for a comparison alone. */
  readonly is_comparison: boolean;
};

/** @returns undefined where nobody can tell. Rejects (retryable) only when the registry is needed and away. */
export async function whoseIs(codec: EventCodec, names: TopicNames, letter: DeadLetter): Promise<Whose | undefined> {
  const { original } = letter;
  if (original === undefined) return undefined;
  const kind = topicKind(names, original.topic);
  if (kind === "other" || kind === "entries") return undefined;
  // Read as on its own topic, whose schemas are known.
  const record = { ...letter.record, topic: original.topic };
  if (kind === "requests" || kind === "reentry") {
    const decoded = await codec.decode(record);
    if (decoded.kind !== "json") return undefined;
    const place = kind === "reentry" ? (originOf(record.headers) ?? original) : original;
    return requestOf(decoded.payload, place, replayOf(record.headers));
  }
  const hop = await readHop<AdmittedHead | OutcomeHead>(
    codec,
    record,
    kind === "outcomes" ? "response" : "request",
    (head) => head as AdmittedHead,
  );
  if (!hop.ok || !isNamed(hop.head)) return undefined;
  const { tenant, id, replay } = hop.head;
  const request = kind === "hop" ? hop.carried : undefined;
  return {
    tenant,
    id,
    ...(request === undefined ? {} : { request }),
    ...(replay === undefined ? {} : { replay }),
    is_comparison: isInternalTenant(tenant),
  };
}

/** As ingest names a request: by its own id where it has one that can be used, else by its first place. */
function requestOf(request: Buffer, place: FirstPlace, mark: ReplayMark | undefined): Whose | undefined {
  const json = parseJson(request);
  if (typeof json !== "object" || json === null) return undefined;
  const { tenant, id } = json as { readonly tenant?: unknown; readonly id?: unknown };
  if (typeof tenant !== "string" || !TENANT_PATTERN.test(tenant)) return undefined;
  const own = typeof id === "string" && ID_PATTERN.test(id);
  const named = own ? id : `${place.topic}-${place.partition}-${place.offset}`;
  const replay = mark?.mode === "redrive" && mark.of !== undefined ? { replay: { ...mark, mode: mark.mode } } : {};
  return { tenant, id: named, request, ...replay, is_comparison: isInternalTenant(tenant) };
}

function isNamed(head: unknown): head is { readonly tenant: string; readonly id: string } {
  const { tenant, id } = (head ?? {}) as { readonly tenant?: unknown; readonly id?: unknown };
  return typeof tenant === "string" && typeof id === "string" && ID_PATTERN.test(id);
}
