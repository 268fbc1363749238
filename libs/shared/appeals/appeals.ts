/** Makes the request of an appeal out of what is kept: the Result's row, and the original where it stands on `llm.requests`. */
import type { Kafka } from "kafkajs";
import type { EventCodec } from "../events/codec.ts";
import { ID_PATTERN } from "../events/fields.ts";
import type { Result } from "../events/flow.ts";
import { ORIGIN_HEADER } from "../events/headers.ts";
import { originOf } from "../events/origin.ts";
import { type Request, requestSchema } from "../events/request.ts";
import type { InRecord, TopicPartition } from "../kafka/ports.ts";
import { recordAt } from "../kafka/record-at.ts";
import type { Pool } from "../postgres/client.ts";
import { findResult } from "../postgres/results.ts";
import type { LadderSettings } from "../routing/ladder.ts";
import { type AppealRefused, appealRequest, appealTier } from "./appeal.ts";

export type Appeal =
  | { readonly kind: "appeal"; readonly request: Request & { readonly id: string }; readonly tier: string }
  /** The tenant has no Result of that id. */
  | { readonly kind: "unknown" }
  | AppealRefused;

/** A Result as JSON text, and where its request stands on `llm.requests` (as `sluice-origin` says it). */
export type Answered = { readonly result: string; readonly origin: string | null };

export type AppealDeps = {
  readonly settings: LadderSettings;
  readonly codec: EventCodec;
  readonly find: (tenant: string, id: string) => Promise<Answered | undefined>;
  /** Undefined where the record is not there any more. */
  readonly read: (place: TopicPartition & { readonly offset: number }) => Promise<InRecord | undefined>;
};

export function appealDeps(
  { settings, codec, kafka }: { readonly settings: LadderSettings; readonly codec: EventCodec; readonly kafka: Kafka },
  pool: Pool,
): AppealDeps {
  return { settings, codec, find: (...of) => findResult(pool, ...of), read: (place) => recordAt(kafka, place) };
}

/** @throws retryable while Kafka or Postgres is away. */
export async function appealOf(deps: AppealDeps, tenant: string, id: string): Promise<Appeal> {
  const found = ID_PATTERN.test(id) ? await deps.find(tenant, id) : undefined;
  if (found === undefined) return { kind: "unknown" };
  const judged = appealTier(deps.settings, JSON.parse(found.result) as Result);
  if (judged.kind === "refused") return judged;
  const original = await originalOf(deps, tenant, found.origin);
  if (original === undefined) return GONE;
  return { kind: "appeal", request: appealRequest(original, id, judged.tier), tier: judged.tier };
}

const GONE: AppealRefused = {
  kind: "refused",
  status: 410,
  code: "request_gone",
  message:
    "what was asked is not kept any more (topics.retention_hours); send the request again with the tier you want",
};

async function originalOf(deps: AppealDeps, tenant: string, origin: string | null): Promise<Request | undefined> {
  const place = originOf(origin === null ? {} : { [ORIGIN_HEADER]: origin });
  const record = place === undefined ? undefined : await deps.read(place);
  if (record === undefined) return undefined;
  const decoded = await deps.codec.decode(record);
  if (decoded.kind === "unreadable") return undefined;
  const parsed = requestSchema.safeParse(parsedJson(decoded.payload));
  // A topic that was made anew counts from nought again: another tenant's record may stand there.
  return parsed.success && parsed.data.tenant === tenant ? parsed.data : undefined;
}

function parsedJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString()) as unknown;
  } catch {
    return undefined;
  }
}
