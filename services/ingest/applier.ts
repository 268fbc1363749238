/**
 * The applier: entries of the ledger, in the order of their partition, become part of the counters. The store keeps how far it has
 * come, so a batch that is repeated changes nothing twice (I8).
 */
import type { AdmissionStore, ApplyContext, ApplyResult, Crossing } from "../../libs/shared/budgets/admission-store.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { type DeadLetterWriter, deadLetter } from "../../libs/shared/events/dead-letters.ts";
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import { readUsageEntry } from "../../libs/shared/events/usage-records.ts";
import type { Handler } from "../../libs/shared/kafka/handler.ts";
import type { InRecord, Publisher } from "../../libs/shared/kafka/ports.ts";

export type ApplierDeps = {
  readonly codec: EventCodec;
  readonly publisher: Publisher;
  readonly dead_letters: DeadLetterWriter;
  readonly store: AdmissionStore;
  /** What the tenant's plan caps; undefined for a tenant that the settings do not know: its entries count all the same. */
  readonly planOf: (tenant: string) => ApplyContext | undefined;
  readonly onCrossings: (crossings: readonly Crossing[]) => void;
  /** Told of a tenant that spent too fast and is stopped now. */
  readonly onTripped: (tenant: string, velocity: NonNullable<ApplyContext["velocity"]>) => void;
  /** Told that the counters are gone. */
  readonly onLost: () => void;
  /** Told what became of each entry, for metrics. */
  readonly count: (result: "applied" | "skipped" | "dead_letter") => void;
};

type Readable = { readonly record: InRecord; readonly entry: UsageEntry; readonly context: ApplyContext };
type Read = Readable | { readonly record: InRecord; readonly code: string; readonly message: string };

const NO_CAPS: ApplyContext = { caps_nusd: {} };

/** @throws a retryable `counters_lost` until the counters are restored; what a rebuild has read is then skipped. */
export function createApplier(deps: ApplierDeps): Handler {
  return async (records) => {
    const read = await Promise.all(records.map((record) => readEntry(deps, record)));
    const readable = read.filter((one) => "entry" in one);
    const results = readable.length === 0 ? [] : await deps.store.apply(readable.map(appliedOf));
    // What was applied is not told again when the batch is repeated: it is told before anything can fail.
    for (const [index, one] of readable.entries()) tell(deps, one, results[index]);
    if (results.some(({ kind }) => kind === "lost")) {
      deps.onLost();
      const message = "the counters of budgets and limits are lost; the ledger waits until they are rebuilt";
      throw new SluiceError("counters_lost", message, { retryable: true });
    }
    const letters = read.flatMap((one) =>
      "entry" in one ? [] : [deadLetter(deps.dead_letters, one.record, one.code, one.message)],
    );
    if (letters.length === 0) return;
    await deps.publisher.publish(letters);
    for (const _ of letters) deps.count("dead_letter");
  };
}

async function readEntry(deps: ApplierDeps, record: InRecord): Promise<Read> {
  const read = await readUsageEntry(deps.codec, record);
  if (!read.ok) return { record, code: read.code, message: read.message };
  return { record, entry: read.entry, context: deps.planOf(read.entry.tenant) ?? NO_CAPS };
}

function appliedOf({ record, entry, context }: Readable) {
  return { partition: record.partition, offset: String(record.offset), entry, ...context };
}

function tell(deps: ApplierDeps, { entry, context }: Readable, result: ApplyResult | undefined): void {
  if (result === undefined || result.kind === "lost") return;
  deps.count(result.kind);
  if (result.kind !== "applied") return;
  if (result.crossings.length > 0) deps.onCrossings(result.crossings);
  if (result.tripped && context.velocity !== undefined) deps.onTripped(entry.tenant, context.velocity);
}
