/** Ingest on ports in memory and virtual time, wired as its `main.ts` wires it. */
import { readFileSync } from "node:fs";
import type { z } from "zod";
import type { AdmissionStore } from "../../../libs/shared/budgets/admission-store.ts";
import type { MemoryAdmissionStore } from "../../../libs/shared/budgets/memory-store.ts";
import { TenantBook } from "../../../libs/shared/budgets/tenant-book.ts";
import { parseSettings } from "../../../libs/shared/config/parse.ts";
import { admissionSchema, planSchema, tenantSettingsSchema } from "../../../libs/shared/config/plans.ts";
import { loadEncodings } from "../../../libs/shared/estimate/encodings.ts";
import { KEY_HEADER } from "../../../libs/shared/events/headers.ts";
import type { Reservation, UsageEntry } from "../../../libs/shared/events/usage.ts";
import type { InRecord, OutRecord, Publisher } from "../../../libs/shared/kafka/ports.ts";
import type { DeferredView } from "../../../services/ingest/consequences.ts";
import { Deferrals } from "../../../services/ingest/deferral.ts";
import { createIngestHandler, type IngestDeps } from "../../../services/ingest/handler.ts";
import { Plans } from "../../../services/ingest/plans.ts";
import { principalProblem } from "../../../services/ingest/principals.ts";
import { termsOf } from "../../../services/ingest/terms.ts";
import { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { DEAD_LETTERS, jsonCodec, MemoryPublisher, memoryStore, NAMES } from "../../support/memory-ports.ts";

const shipped = parseSettings(readFileSync(new URL("../../../sluice.yaml", import.meta.url), "utf8"), "sluice.yaml");
const encodings = await loadEncodings(shipped.prices.models);

const FIXED = { complexity: { method: "none" } } as const;
export const BODY = { messages: [{ role: "user", content: "hi" }] };
export const CONTEXT = { isAssigned: () => true, stopping: new AbortController().signal };

export type SetUp = {
  /** What differs from the shipped routing; unless set, nothing looks at requests. */
  readonly routing?: Partial<typeof shipped.routing>;
  /** The plan of the one tenant that there is, `demo`. */
  readonly plan?: z.input<typeof planSchema>;
  readonly admission?: z.input<typeof admissionSchema>;
  /** Between the handler and the counters in memory. */
  readonly storeOver?: (store: MemoryAdmissionStore) => Pick<AdmissionStore, "reserve">;
  /** Between the handler and the log in memory. */
  readonly publisherOver?: (log: MemoryPublisher, clock: VirtualClock) => Publisher;
  readonly alert_at?: readonly number[];
};

/** What the handler told. */
class Told {
  readonly fates: string[] = [];
  readonly crossings: string[] = [];
  readonly views: DeferredView[] = [];
  lost = 0;
  unbudgeted = 0;
  lowered = 0;
}

export async function setUp({
  plan = {},
  admission = {},
  routing = FIXED,
  storeOver,
  publisherOver,
  alert_at = [],
}: SetUp = {}) {
  const clock = new VirtualClock();
  const log = new MemoryPublisher();
  const store = await memoryStore(clock, { alert_at });
  const settings = {
    ...shipped,
    routing: { ...shipped.routing, ...routing },
    plans: { default: planSchema.parse(plan), other: planSchema.parse({ max_output_tokens: 7 }) },
    tenants: { demo: tenantSettingsSchema.parse({}) },
    admission: admissionSchema.parse(admission),
  };
  const book = new TenantBook();
  const plans = new Plans(settings, book);
  const told = new Told();
  const over = storeOver?.(store);
  const deferrals = new Deferrals();
  const deps: IngestDeps = {
    codec: jsonCodec,
    publisher: publisherOver?.(log, clock) ?? log,
    clock,
    names: NAMES,
    store: over === undefined ? store : { apply: (all) => store.apply(all), expired: (n) => store.expired(n), ...over },
    dead_letters: DEAD_LETTERS,
    reentry: false,
    knowsTenant: (tenant) => plans.of(tenant) !== undefined,
    terms({ head, request }, record) {
      const resolved = plans.of(head.tenant);
      if (resolved === undefined) throw new Error(`no plan of ${head.tenant}`);
      const key_id = record.headers[KEY_HEADER];
      return termsOf(request, head, resolved, { now_ms: clock.now_ms(), settings, encodings, key_id });
    },
    principalProblem: ({ headers }, tenant) => principalProblem(settings.admission.principals, headers, tenant),
    without_redis: settings.admission.without_redis,
    lease_ms: settings.admission.lease_ms,
    onLost: () => {
      told.lost += 1;
    },
    onCrossings: (crossings) =>
      told.crossings.push(...crossings.map(({ scope, threshold }) => `${scope} ${threshold}`)),
    onUnbudgeted: (requests) => {
      told.unbudgeted += requests;
    },
    deferUntil({ head, request }, subjects, refusal) {
      const facts = { refusal, on_limit: request.on_limit, lane: head.lane, deadline_ms: head.deadline_ms };
      const about = { ...facts, now_ms: clock.now_ms(), settings: settings.admission.deferred };
      return deferrals.defer(subjects, about)?.due_ms;
    },
    onDeferred: async (views) => {
      told.views.push(...views);
    },
    count: (fate) => told.fates.push(fate),
    onLowered: () => {
      told.lowered += 1;
    },
  };
  const first = createIngestHandler(deps);
  const enter = createIngestHandler({ ...deps, reentry: true });
  return {
    clock,
    log,
    store,
    book,
    told,
    deps,
    /** As records of `llm.requests`. */
    handle: (records: readonly InRecord[]) => first([...records], CONTEXT),
    /** As records that are due again. */
    enter: (records: readonly InRecord[]) => enter([...records], CONTEXT),
    /** What was published beside the ledger. */
    out: (): OutRecord[] => log.records.filter(({ topic }) => topic !== NAMES.usage),
    ledger: () => log.values(NAMES.usage) as UsageEntry[],
    admitted: () => log.values(NAMES.admitted) as AdmittedValue[],
    outcomes: () => log.values(NAMES.outcomes) as OutcomeValue[],
    later: (ms: number) => pass(clock, ms),
  };
}

type AdmittedValue = {
  readonly id: string;
  readonly reservation: Reservation;
  readonly max_output_tokens?: number;
  readonly tiers?: readonly string[];
  readonly tiers_by?: string;
  readonly timing: object;
};
type OutcomeValue = {
  readonly id: string;
  readonly status: string;
  readonly error: Record<string, unknown> & { readonly code: string; readonly message: string };
  readonly reservation?: Reservation;
  readonly unknown_calls?: number;
  readonly timing: object;
  readonly metadata?: object;
};

/** Lets virtual time pass. */
export async function pass(clock: VirtualClock, ms: number): Promise<void> {
  let over = false;
  clock.after(ms, () => {
    over = true;
  });
  await clock.run(() => over, Number.POSITIVE_INFINITY);
}
