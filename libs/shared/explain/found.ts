/** What was found of a request before it is put together: from Postgres, Redis and topics. */
import type { Result } from "../events/flow.ts";
import type { InRecord } from "../kafka/ports.ts";
import type { Entry } from "../redis/attempt-entry.ts";
import type { JobView } from "../redis/job-views.ts";
import type { RequestState } from "../redis/request-events.ts";
import type { DeliveryView, LedgerView, LetterView, PlaceView, ScopeNow } from "./explanation.ts";
import type { KeptTrail } from "./kept-trail.ts";

/** Of one that has ended. */
export type FoundRow = {
  readonly result: Result;
  /** Undefined of a row of an earlier version. */
  readonly kept: KeptTrail | undefined;
  readonly outcome: PlaceView;
  /** As the header `sluice-origin`. */
  readonly origin: string | null;
  readonly content_hash: string;
  readonly job: string | null;
  readonly user: string | null;
  readonly kind: string | null;
  readonly corrected_by: string | null;
};

export type FoundRun = { readonly id: string; readonly status: string };

/** What Redis knows. */
export type FoundLive = {
  readonly view: JobView | undefined;
  /** When the gateway took it, where it is among the open ones. */
  readonly received_ms: number | undefined;
  /** Its content and place on `llm.requests`, where ingest has seen it. */
  readonly seen: { readonly content_hash: string; readonly place: PlaceView } | undefined;
  /** Of one that somebody may follow, with when each was told. */
  readonly states: readonly { readonly at_ms: number; readonly state: RequestState }[];
  /** Of its first hop and the ones behind. */
  readonly entries: readonly Entry[];
};

/** What stands on topics. */
export type FoundRecords = {
  readonly result: InRecord | undefined;
  readonly ledger: readonly LedgerView[];
  readonly letters: readonly LetterView[];
};

export type Found = {
  readonly tenant: string;
  readonly id: string;
  readonly row: FoundRow | undefined;
  readonly live: FoundLive | undefined;
  readonly records: FoundRecords;
  readonly deliveries: readonly DeliveryView[];
  readonly runs: readonly FoundRun[];
  readonly scopes: readonly ScopeNow[];
  readonly notes: readonly string[];
};
