/** Ingest's parts of the flow, wired as its `main.ts` wires them: requests at their first entry, those that come back, the ledger. */
import { parseDelay } from "../../libs/shared/events/redelivery.ts";
import type { Handler } from "../../libs/shared/kafka/handler.ts";
import type { Publisher } from "../../libs/shared/kafka/ports.ts";
import { createApplier } from "../../services/ingest/applier.ts";
import { Deferrals } from "../../services/ingest/deferral.ts";
import { createDeferredHandler } from "../../services/ingest/deferred.ts";
import { createIngestHandler, type IngestDeps } from "../../services/ingest/handler.ts";
import { principalProblem } from "../../services/ingest/principals.ts";
import { createReentryHandler } from "../../services/ingest/reentry.ts";
import { admissionStore, countersKeeper, LEASE_MS } from "./counters.ts";
import type { LogPartition } from "./log.ts";
import { type Plans, termsOf } from "./plans.ts";
import type { Plant, ServiceParts } from "./scenario.ts";
import type { Stores } from "./stores.ts";
import { PRINCIPAL, PRINCIPAL_HEADER, TENANTS, UNLIMITED_TENANT } from "./workload.ts";

export type IngestShared = {
  readonly stores: Stores;
  readonly plans: Plans;
  readonly plant: Plant | undefined;
  readonly ledger: () => readonly LogPartition[];
};

/** What ingest's handlers have in common with the other services'. */
export type Common = Pick<IngestDeps, "codec" | "publisher" | "clock" | "names" | "dead_letters">;

/** Where the records of one group come from: `llm.requests`, the retry topic of that delay, or `llm.deferred`. */
export type Entry =
  | { readonly kind: "first" }
  | { readonly kind: "retry"; readonly delay: string }
  | { readonly kind: "deferred" };

/** Who sends is told at the first entry alone. */
const PRINCIPALS = { header: PRINCIPAL_HEADER, bind: { [PRINCIPAL]: [...TENANTS, UNLIMITED_TENANT] } };

/** A deferred request looks again at least this often. */
const DEFERRED = { wait_ms_min: 500, wait_ms_max: 20_000, waiting_max: 1_000 };

export function ingestHandler(parts: ServiceParts, common: Common, shared: IngestShared, entry: Entry): Handler {
  const { clock } = parts;
  const enter = createIngestHandler(ingestDeps(parts, common, shared, entry.kind !== "first"));
  switch (entry.kind) {
    case "first":
      return enter;
    case "retry":
      return createReentryHandler({ clock, delay_ms: parseDelay(entry.delay).delay_ms, enter });
    case "deferred": {
      const { publisher } = common;
      const { wait_ms_max } = DEFERRED;
      return createDeferredHandler({ clock, publisher, wait_ms_max, enter, count: () => undefined });
    }
  }
}

function ingestDeps(parts: ServiceParts, common: Common, shared: IngestShared, reentry: boolean): IngestDeps {
  const { process, clock } = parts;
  const { stores, plans, plant, ledger } = shared;
  const { codec, names } = common;
  const keeper = countersKeeper(process, stores, { codec, partitions: ledger });
  const deferrals = new Deferrals();
  return {
    ...common,
    publisher: plant === "forget-ledger" ? hasty(common.publisher, names.usage) : common.publisher,
    reentry,
    knowsTenant: (tenant) => plans.has(tenant),
    terms: (admitted) => termsOf(plans, admitted, clock.now_ms()),
    principalProblem: ({ headers }, tenant) => principalProblem(PRINCIPALS, headers, tenant),
    store: admissionStore(process, stores, plant),
    without_redis: "wait",
    lease_ms: LEASE_MS,
    onLost: () => keeper.lost(),
    onCrossings: () => undefined,
    onUnbudgeted: () => undefined,
    deferUntil: ({ head, request }, subjects, refusal) => {
      const facts = { refusal, on_limit: request.on_limit, lane: head.lane, deadline_ms: head.deadline_ms };
      return deferrals.defer(subjects, { ...facts, now_ms: clock.now_ms(), settings: DEFERRED })?.due_ms;
    },
    onDeferred: async () => undefined,
    onLowered: () => undefined,
    count: (fate) => {
      const { counts } = process.trace;
      if (fate === "admitted") counts.admitted += 1;
      if (fate === "rejected") counts.refused += 1;
      if (fate === "deferred") counts.deferred += 1;
    },
  };
}

export function ledgerHandler({ process }: ServiceParts, common: Common, shared: IngestShared): Handler {
  const { stores, plans, plant, ledger } = shared;
  const { codec, publisher, dead_letters } = common;
  const keeper = countersKeeper(process, stores, { codec, partitions: ledger });
  return createApplier({
    codec,
    publisher,
    dead_letters,
    store: admissionStore(process, stores, plant),
    planOf: (tenant) => plans.get(tenant),
    onCrossings: () => undefined,
    onTripped: () => undefined,
    onLost: () => keeper.lost(),
    count: () => undefined,
  });
}

/** The planted bug: what goes to this topic is taken for written before it is. */
function hasty(publisher: Publisher, topic: string): Publisher {
  return {
    publish: async (records) => {
      const written = publisher.publish(records);
      if (records.length > 0 && records.every((record) => record.topic === topic)) written.catch(() => undefined);
      else await written;
    },
  };
}
