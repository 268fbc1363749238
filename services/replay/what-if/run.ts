/**
 * The replay mode `what-if`: a whole settings file over recorded traffic, without a call. Wires what decides: the settings' plans and
 * routing, tenants as they are now, embeddings where the settings look at meaning, and counters in memory.
 */
import type { TenantBook } from "../../../libs/shared/budgets/tenant-book.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import { loadEncodings } from "../../../libs/shared/estimate/encodings.ts";
import type { Replay } from "../../../libs/shared/replay/replay.ts";
import type { TierPolicy } from "../../../libs/shared/routing/policy.ts";
import { loadPolicy } from "../../../libs/shared/routing/policy-file.ts";
import { callbackProblem, urlRulesOf } from "../../../libs/shared/webhooks/url-rules.ts";
import { MemoryIndex } from "../../router/cache/index/memory-index.ts";
import { openSemantic, type SemanticParts } from "../../router/semantic-parts.ts";
import type { ReplayedChunk } from "../contract.ts";
import type { RunHooks } from "../modes.ts";
import type { ReplayParts } from "../parts.ts";
import { readTenants } from "../tenants.ts";
import { settingsOf } from "../wanted.ts";
import { SimulatedCache } from "./cache.ts";
import { BOUNDS, type Bounds, learnTypical, passAll } from "./passing.ts";
import { Preparing, TEXTS_MAX } from "./preparing.ts";
import { Report, type WhatIfReport } from "./report.ts";
import { Rules } from "./rules.ts";
import { Simulation } from "./simulation.ts";
import { Timeline } from "./timeline.ts";

export type WhatIfRun = {
  /** Of all that was simulated: of a run that was stopped, less than all. */
  readonly report: WhatIfReport;
  readonly stopped?: NonNullable<ReplayedChunk["stopped"]>;
};

/** Of answers that the simulated cache may give. */
const RESPONSES_BYTES_MAX = 256 * 1024 * 1024;
const NO_DIMENSIONS = 0;
const EMBEDDING_MS = 60_000;

type Parts = Pick<
  ReplayParts,
  "settings" | "names" | "log" | "environment" | "variables" | "kafka" | "codec" | "retry"
>;

/** @throws `settings_invalid` for settings, a policy or a calibration that cannot be read; retryable while a part is away. */
export async function runWhatIf(parts: Parts, replay: Replay, hooks: RunHooks): Promise<WhatIfRun> {
  const settings = settingsOf(parts.settings, replay.spec);
  const name = replay.spec.settings?.name ?? "as they are";
  const semantic = await openSemantic({ ...parts, settings: patient(settings) }, parts.variables);
  try {
    const book = await readTenants(parts);
    return await simulate({ parts, settings, name, semantic, book, replay, hooks });
  } finally {
    await semantic.embedder?.close();
  }
}

/** Nobody waits here: a text that is embedded slowly is embedded all the same, so that a busy machine decides nothing. */
function patient(settings: Settings): Settings {
  const { cache } = settings;
  const { embedding } = cache.semantic;
  const timeout_ms = Math.max(embedding.timeout_ms, EMBEDDING_MS);
  const waiting_max = Math.max(embedding.waiting_max, TEXTS_MAX);
  const semantic = { ...cache.semantic, embedding: { ...embedding, timeout_ms, waiting_max } };
  return { ...settings, cache: { ...cache, semantic } };
}

export type SimulateInput = {
  readonly parts: Pick<Parts, "settings">;
  /** Those that are tried. */
  readonly settings: Settings;
  readonly name: string;
  readonly semantic: SemanticParts;
  readonly book: Pick<TenantBook, "record">;
  readonly replay: Pick<Replay, "id">;
  readonly hooks: RunHooks;
  readonly bounds?: Partial<Bounds>;
};

/** With all parts there. */
export async function simulate(input: SimulateInput): Promise<WhatIfRun> {
  const { parts, settings, name, semantic, replay, hooks } = input;
  const { embedder, verifier, base: threshold } = semantic;
  const rules = await rulesOf(input);
  const typical = await learnTypical(hooks, BOUNDS.learn_max, settings.admission.deferred.wait_ms_min);
  const index = new MemoryIndex({ ...settings.cache.semantic, dimensions: embedder?.dimensions ?? NO_DIMENSIONS });
  const timeline = new Timeline();
  const wanted = settings.cache.semantic.enabled;
  const report = new Report({
    settings: name,
    by_meaning: !wanted ? "off" : embedder === undefined ? "unavailable" : "on",
  });
  const simulation = await Simulation.open({
    rules,
    timeline,
    report,
    cache: new SimulatedCache({
      settings: settings.cache,
      index,
      verifier,
      threshold,
      responses_bytes_max: RESPONSES_BYTES_MAX,
    }),
    answers: { settings, prices: rules.prices, base: parts.settings, typical },
    mark: { id: replay.id, mode: "what-if" },
  });
  const stopped = await passAll({
    hooks,
    simulation,
    preparing: new Preparing(rules, embedder),
    bounds: { chunk: parts.settings.replay.chunk, ...BOUNDS, ...input.bounds },
  });
  return { report: report.told(), ...(stopped === undefined ? {} : { stopped }) };
}

async function rulesOf({ settings, semantic, book }: SimulateInput): Promise<Rules> {
  const { method, policy_file } = settings.routing.complexity;
  const policies = new Map<string, TierPolicy>();
  if (method === "trained" && policy_file !== undefined) policies.set(policy_file, await loadPolicy(policy_file));
  const urls = urlRulesOf(settings.webhooks);
  return new Rules({
    settings,
    book,
    policies,
    encodings: await loadEncodings(settings.prices.models),
    embedding_model: semantic.embedder?.model,
    // By the settings alone: whether this process could sign a callback does not matter.
    callbackProblem: (url) => callbackProblem(url, urls),
  });
}
