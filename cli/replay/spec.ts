/** The flags of `sluice replay`, read into what is asked for. Pure: the time and the settings file's text are arguments. */
import { SluiceError } from "../../libs/shared/errors.ts";
import type { ResultStatus } from "../../libs/shared/events/fields.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { ReplaySpec, RunMode, Selection, Stage } from "../../libs/shared/replay/replay.ts";
import { defaultTopics, specProblem, topicList } from "../../libs/shared/replay/spec.ts";
import { replayableKind } from "../../services/replay/reading/topics.ts";
import { parseDurationMs, parseTimeMs } from "../output/format.ts";

export type SelectionFlags = {
  readonly topic?: string;
  readonly since?: string;
  readonly until?: string;
  readonly fromOffsets?: NonNullable<Selection["offsets"]>;
  readonly id?: readonly string[];
  readonly tenant?: string;
  readonly status?: readonly ResultStatus[];
  readonly tier?: readonly string[];
  readonly model?: readonly string[];
  readonly errorCode?: readonly string[];
  readonly label?: Readonly<Record<string, string>>;
  readonly limit?: number;
};

export type SpecFlags = SelectionFlags & {
  readonly mode?: RunMode;
  readonly stage?: Stage;
  readonly toTier?: string;
  readonly toModel?: string;
  readonly rate?: number;
  readonly webhooks?: boolean;
  readonly charge?: boolean;
  readonly fillCache?: boolean;
};

export type SpecContext = {
  readonly names: TopicNames;
  readonly prefix: string;
  readonly tiers: readonly string[];
  readonly now_ms: number;
  /** Of --settings. */
  readonly settings?: NonNullable<ReplaySpec["settings"]>;
};

/** @throws `usage` for what makes no sense. */
export function specOf(flags: SpecFlags, context: SpecContext): ReplaySpec {
  const { stage, toTier: tier, toModel: model, rate: rate_per_s, webhooks, charge, fillCache: fill_cache } = flags;
  const mode = flags.mode ?? (stage === undefined ? "reuse" : "stage");
  const { settings } = context;
  const selection = selectionOf(flags, context);
  const spec: ReplaySpec = {
    mode,
    selection,
    ...given({ stage, rate_per_s, tier, model, settings, webhooks, charge, fill_cache }),
  };
  const problem = specProblem(spec);
  if (problem !== undefined) throw new SluiceError("usage", problem.message, { fix: fixOf(mode) });
  return spec;
}

/** The flags that a mode goes with. */
function fixOf(mode: RunMode): string {
  if (mode === "shadow") return "Give one of --to-tier, --to-model and --settings.";
  if (mode === "what-if") return "Give --settings <file>, and neither --to-tier nor --to-model.";
  return mode === "stage" ? "Give --stage <service>." : "See `sluice replay --help`.";
}

function selectionOf(flags: SelectionFlags & { readonly stage?: Stage }, context: SpecContext): Selection {
  const { names, prefix, tiers, now_ms } = context;
  const { id: ids, tenant, status, tier, model, errorCode: error_code, label, limit, fromOffsets: offsets } = flags;
  const named = flags.topic === undefined ? undefined : parseList(flags.topic).map((name) => fullName(name, prefix));
  const topics = named ?? defaultTopics(names, tiers, flags.stage);
  for (const topic of topics) replayableKind(names, tiers, topic);
  if (offsets !== undefined && topics.length > 1) {
    throw new SluiceError("usage", "--from-offsets are of one topic, and there are several", {
      fix: "Name it: --topic requests, or --topic requests.batch.",
    });
  }
  const from_ms = flags.since === undefined ? undefined : timeOf("--since", flags.since, now_ms);
  const to_ms = flags.until === undefined ? undefined : timeOf("--until", flags.until, now_ms);
  return {
    topic: topicList(topics),
    ...given({ from_ms, to_ms, offsets, ids, tenant, status, tier, model, error_code, label, limit }),
  };
}

/** Topics go by their name with or without the prefix. */
function fullName(name: string, prefix: string): string {
  return name.startsWith(prefix) ? name : `${prefix}${name}`;
}

/** `1h` ago, or an RFC 3339 time. */
function timeOf(flag: string, text: string, now_ms: number): number {
  const ago_ms = parseDurationMs(text);
  const time_ms = ago_ms === undefined ? parseTimeMs(text) : now_ms - ago_ms;
  if (time_ms !== undefined) return time_ms;
  throw new SluiceError("usage", `${flag} ${text} is neither a duration nor a time`, {
    fix: "Write a duration back such as 30m or 2h, or an RFC 3339 time such as 2026-01-31T12:00:00Z.",
  });
}

/** Collects `--from-offsets 3:100-200`. @throws `usage`. */
export function parseOffsets(
  text: string,
  before: NonNullable<Selection["offsets"]> = [],
): NonNullable<Selection["offsets"]> {
  const [, partition, from, to] = /^(\d{1,9}):(\d{1,15})-(\d{1,15})$/.exec(text) ?? [];
  if (partition === undefined || Number(from) >= Number(to)) {
    throw new SluiceError("usage", `--from-offsets ${text} is not of the form partition:from-to`, {
      fix: "Write 3:100-200 for the offsets 100 to 199 of partition 3.",
    });
  }
  return [...before, { partition: Number(partition), from: Number(from), to: Number(to) }];
}

/** Collects a flag that may be repeated, or hold several with commas between them. */
export function parseList(text: string, before: readonly string[] = []): string[] {
  const named = text.split(",").map((one) => one.trim());
  return [...before, ...named.filter((one) => one !== "")];
}

/** Collects `--label k=v`. @throws `usage`. */
export function parseLabel(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new SluiceError("usage", `--label ${text} is not of the form key=value`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** US dollars above zero. @throws `usage`. */
export function parseBudget(text: string): number {
  const usd = /^\d+(\.\d{1,9})?$/.test(text) ? Number(text) : 0;
  if (usd > 0) return usd;
  throw new SluiceError("usage", `--budget-usd ${text} is not an amount above zero, such as 2.50`);
}

type Given<Fields> = { readonly [Name in keyof Fields]?: NonNullable<Fields[Name]> };

function given<Fields extends object>(fields: Fields): Given<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<Fields>;
}
