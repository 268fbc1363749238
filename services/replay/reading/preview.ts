/** What a replay would do, seen before it does it: everything is read once, nothing is called or written. */
import { nusd } from "../../../libs/shared/money.ts";
import type { Range, ReplayPreview, RunMode } from "../../../libs/shared/replay/replay.ts";
import type { Recorded, RecordedChunk, RecordedReader, Wanted } from "../contract.ts";
import { type CallPlan, type CostOf, callCosts } from "./preview-cost.ts";
import { offsetsIn } from "./stretches.ts";

/** What a mode does with a record. */
export type PreviewPlan =
  /** Uses what is recorded. */
  | { readonly mode: "reuse" | "what-if" }
  /** Sends it again, whatever is recorded. */
  | { readonly mode: "stage" }
  | CallPlan;

export type PreviewOptions = {
  /** Offsets passed, of those in the ranges. */
  readonly onProgress?: (progress: { readonly passed: number; readonly of: number }) => void;
  readonly stopping?: AbortSignal;
};

/** @throws what the signal says when it is stopped; retryable while a part is away. */
export async function preview(
  reader: RecordedReader,
  ranges: readonly Range[],
  plan: PreviewPlan,
  { onProgress, stopping }: PreviewOptions = {},
): Promise<ReplayPreview> {
  const costOf = calls(plan) ? callCosts(plan) : undefined;
  const wanted: Wanted = { request: costOf !== undefined, outcome: false };
  const of = offsetsIn(ranges);
  let seen = NOTHING_SEEN;
  let before = 0;
  for (const range of ranges) {
    for await (const chunk of reader.read(range, wanted)) {
      stopping?.throwIfAborted();
      seen = withChunk(seen, chunk, plan.mode, costOf);
      onProgress?.({ passed: before + passedIn(range, chunk), of });
    }
    before += range.to - range.from;
    onProgress?.({ passed: before, of });
  }
  return seen;
}

const NOTHING_SEEN: ReplayPreview = {
  read: 0,
  selected: 0,
  unreadable: 0,
  by_status: {},
  by_tier: {},
  by_tenant: {},
  calls: 0,
  expected_nusd: 0,
  most_nusd: 0,
  without_record: 0,
  recorded_nusd: 0,
};

/** Pure. @param costOf of modes that call. */
function withChunk(
  before: ReplayPreview,
  { items }: RecordedChunk,
  mode: RunMode,
  costOf: CostOf | undefined,
): ReplayPreview {
  const by_status = new Counts(before.by_status);
  const by_tier = new Counts(before.by_tier);
  const by_tenant = new Counts(before.by_tenant);
  const seen = { ...before };
  seen.read += items.length;
  for (const { recorded, skipped } of items) {
    if (skipped === "unreadable") seen.unreadable += 1;
    if (recorded === undefined) continue;
    const { original, tenant, received_ms } = recorded;
    seen.selected += 1;
    by_status.add(original?.status ?? "none");
    by_tier.add(original?.route?.tier ?? "none");
    by_tenant.add(tenant);
    seen.recorded_nusd += original?.usage === undefined ? 0 : nusd(original.usage.cost_usd);
    seen.first_ms = Math.min(seen.first_ms ?? received_ms, received_ms);
    seen.last_ms = Math.max(seen.last_ms ?? received_ms, received_ms);
    const cost = costOf?.(recorded);
    if (cost === undefined && isUseless(mode, recorded)) seen.without_record += 1;
    if (cost === undefined || cost === "refused") continue;
    seen.calls += 1;
    seen.expected_nusd += cost.expected_nusd;
    seen.most_nusd += cost.most_nusd;
  }
  return { ...seen, by_status: by_status.all, by_tier: by_tier.all, by_tenant: by_tenant.all };
}

/** What calls, and has nothing to call, is of no use; what is sent again needs nothing. */
function isUseless(mode: RunMode, { original }: Recorded): boolean {
  if (mode === "stage") return false;
  return mode === "reuse" || mode === "what-if" ? original === undefined : true;
}

function calls(plan: PreviewPlan): plan is CallPlan {
  return plan.mode === "recompute" || plan.mode === "shadow";
}

function passedIn({ from }: Range, { items }: RecordedChunk): number {
  return (items.at(-1)?.offset ?? from - 1) + 1 - from;
}

/** Names come from records, so they may be any: `constructor` too. */
class Counts {
  readonly all: Record<string, number>;

  constructor(before: Readonly<Record<string, number>>) {
    this.all = { ...before };
  }

  add(name: string): void {
    const count = Object.hasOwn(this.all, name) ? (this.all[name] ?? 0) : 0;
    Object.defineProperty(this.all, name, { value: count + 1, enumerable: true, configurable: true, writable: true });
  }
}
