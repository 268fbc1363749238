/** Who a record of the flow is about, told from the bytes alone: the simulation's own reading, apart from the handlers'. Pure. */
import { ID_PATTERN, TENANT_PATTERN } from "../../libs/shared/events/fields.ts";
import { unframe } from "../../libs/shared/events/wire.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";

export type FlowRecord = {
  /** `<tenant> <id>`; undefined for what is not a JSON object. */
  readonly subject: string | undefined;
  /** Which of several contents under one id this is, as the workload marked it. */
  readonly content: string | undefined;
  /** May be refused at a second reading that was admitted at the first. */
  readonly has_deadline: boolean;
  /** Rounds through the retry topics behind it. */
  readonly round: number;
  /** Tiers asked before this one, of a job. */
  readonly hop: number;
  /** An outcome or result that says so. */
  readonly is_refusal: boolean;
  /** An outcome or result out of the cache. */
  readonly is_hit: boolean;
};

const HITS: ReadonlySet<unknown> = new Set(["exact", "semantic", "coalesced"]);

/** Owner of results whose request named no usable tenant. */
const NO_TENANT = "_unknown";
const NOBODY: FlowRecord = {
  subject: undefined,
  content: undefined,
  has_deadline: false,
  round: 0,
  hop: 0,
  is_refusal: false,
  is_hit: false,
};

export function identify({
  topic,
  partition,
  offset,
  value,
  headers,
}: Pick<InRecord, "topic" | "partition" | "offset" | "value" | "headers">): FlowRecord {
  const json = value === null ? undefined : parse(value);
  if (typeof json !== "object" || json === null || Array.isArray(json)) return NOBODY;
  const { tenant, id, metadata, status, hop, route } = json as Record<string, unknown>;
  // Only clients may write names that cannot be used.
  const known = typeof tenant === "string" && (TENANT_PATTERN.test(tenant) || tenant === NO_TENANT);
  const own = known && typeof id === "string" && ID_PATTERN.test(id);
  const content = (metadata as Record<string, unknown> | undefined)?.["content"];
  return {
    subject: `${known ? tenant : NO_TENANT} ${own ? id : (entryOf(headers) ?? `${topic}-${partition}-${offset}`)}`,
    content: typeof content === "string" ? content : undefined,
    has_deadline: "deadline" in json,
    round: Number(headers["sluice-round"] ?? 0),
    hop: typeof hop === "number" ? hop : 0,
    is_refusal: status === "rejected",
    is_hit: HITS.has((route as Record<string, unknown> | undefined)?.["cache"]),
  };
}

/** Where a request that comes back was entered first, as ids are made from it. */
function entryOf(headers: InRecord["headers"]): string | undefined {
  const [topic, partition, offset] = headers["sluice-origin"]?.split(" ") ?? [];
  return topic === undefined ? undefined : `${topic}-${partition}-${offset}`;
}

function parse(value: Buffer): unknown {
  const framed = unframe(value);
  if (framed.kind === "unreadable") return undefined;
  try {
    return JSON.parse(framed.payload.toString());
  } catch {
    return undefined;
  }
}

/** Where a dead letter says that it comes from: `<topic>/<partition>@<offset>`. */
export function originOf({ headers }: Pick<InRecord, "headers">): string {
  const of = (name: string): string | undefined => headers[`kafka_dlt-original-${name}`];
  return `${of("topic")}/${of("partition")}@${of("offset")}`;
}

export function placeOf({ topic, partition, offset }: Pick<InRecord, "topic" | "partition" | "offset">): string {
  return `${topic}/${partition}@${offset}`;
}
