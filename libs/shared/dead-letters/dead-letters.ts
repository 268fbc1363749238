/** Dead letters as the command line and the console see them: grouped, looked into, redriven and dropped. */
import { randomBytes } from "node:crypto";
import type { Kafka } from "kafkajs";
import type { Clock } from "../clock.ts";
import type { Settings } from "../config/schema.ts";
import { SluiceError } from "../errors.ts";
import type { EventCodec } from "../events/codec.ts";
import type { ResultStatus } from "../events/fields.ts";
import { parseJson } from "../events/json.ts";
import type { TopicNames } from "../events/topics.ts";
import { ownBytes } from "../kafka/message-parts.ts";
import type { Publisher } from "../kafka/ports.ts";
import { RangeReader } from "../kafka/range-reader.ts";
import { KafkaTopicMaker } from "../kafka/topic-maker.ts";
import type { Pool } from "../postgres/client.ts";
import { findResults } from "../postgres/results.ts";
import { makeReplayTopic } from "../replay/topic.ts";
import type { DeadLetterFilter } from "./filter.ts";
import { type ReasonGroup, ReasonGroups } from "./groups.ts";
import type { HeaderChoice } from "./headers.ts";
import { type Handled, parsePlace } from "./letter.ts";
import { redriveId } from "./plan.ts";
import { type HandledLetter, readLetters } from "./reading.ts";
import {
  type PlannedLetter,
  type Progress,
  planAll,
  type RedriveSummary,
  type RedrivingDeps,
  redrive,
} from "./redriving.ts";
import { PostgresDeadLetterRows } from "./rows.ts";
import { type Whose, whoseIs } from "./whose.ts";

export type DeadLetterParts = {
  readonly kafka: Kafka;
  /** All schemas are registered. */
  readonly codec: EventCodec;
  readonly pool: Pool;
  readonly names: TopicNames;
  readonly settings: Settings;
  /** Asked only where something is redriven. */
  readonly publisher: Publisher;
  readonly clock: Clock;
};

export type ListedLetter = HandledLetter & { readonly whose: Whose | undefined };

/** With what redriving it would do now. */
export type FoundLetter = PlannedLetter & { readonly handled: Handled | undefined };

export type RedriveAsk = {
  /** Who asks for it, for its row. */
  readonly by: string;
  readonly why?: string;
  /** Left out: `dlq.rate_per_s`. */
  readonly rate_per_s?: number;
  readonly headers?: HeaderChoice;
  /** Also what came back too often. */
  readonly force?: boolean;
  readonly dry_run?: boolean;
};

export type DropSummary = {
  readonly selected: number;
  readonly dropped: number;
  /** Redriven or dropped before. */
  readonly handled_before: number;
  readonly stopped: boolean;
};

type Watch = { readonly stopping?: AbortSignal; readonly progress?: (progress: Progress) => void };

/** All reject (retryable) while a part is away. Each reads `llm.dlq` as it is now. */
export interface DeadLetters {
  /** By reason, those with the most waiting letters first. */
  groups(filter?: DeadLetterFilter, watch?: Watch): Promise<readonly ReasonGroup[]>;
  /** The latest first. */
  list(filter: DeadLetterFilter, limit: number, watch?: Watch): Promise<readonly ListedLetter[]>;
  /** The one at a place (`<partition>:<offset>`), or those of a request's id (and of its redrives), the latest first. */
  find(place_or_id: string): Promise<readonly FoundLetter[]>;
  redrive(filter: DeadLetterFilter, ask: RedriveAsk, watch?: Watch): Promise<RedriveSummary>;
  /** Only a row: the record stays until retention takes it. */
  drop(
    filter: DeadLetterFilter,
    ask: { readonly by: string; readonly why: string; readonly dry_run?: boolean },
    watch?: Watch,
  ): Promise<DropSummary>;
  close(): Promise<void>;
}

const FOUND_MAX = 20;
const NEVER = new AbortController().signal;

export function openDeadLetters(parts: DeadLetterParts): DeadLetters {
  const reader = new RangeReader(parts.kafka);
  return deadLettersOver(depsOf(parts, reader), parts.settings, () => reader.close());
}

function depsOf(
  { kafka, codec, pool, names, settings, publisher, clock }: DeadLetterParts,
  reader: RangeReader,
): RedrivingDeps {
  const maker = new KafkaTopicMaker(kafka);
  return {
    reader,
    rows: new PostgresDeadLetterRows(pool),
    codec,
    names,
    publisher,
    clock,
    endings: (asked) => endingsIn(pool, asked),
    makeReplayTopic: (id) => makeReplayTopic(maker, settings, id),
  };
}

/** @param close of what it reads with. */
export function deadLettersOver(
  deps: RedrivingDeps,
  settings: Pick<Settings, "dlq" | "topics" | "admission">,
  close: () => Promise<void> = async () => {},
): DeadLetters {
  const policy = (ask: Pick<RedriveAsk, "force" | "headers">) => policyOf(settings, ask);
  return {
    groups: (filter, watch) => groupsOf(deps, filter, watch),
    list: (filter, limit, watch) => listOf(deps, filter, limit, watch),
    async find(text) {
      const filter = parsePlace(text) === undefined ? { ids: [text] } : { places: [text] };
      const found = await latest(deps, filter, FOUND_MAX, {});
      const plans = await planAll(
        deps,
        policy({}),
        "redrive",
        found.map(({ letter }) => letter),
      );
      return plans.map((plan, index) => ({ ...plan, handled: found[index]?.handled }));
    },
    redrive(filter, ask, { stopping = NEVER, progress } = {}) {
      const { by, why, rate_per_s = settings.dlq.rate_per_s, dry_run = false } = ask;
      const id = redriveId(deps.clock.now_ms(), randomBytes(4));
      const options = { id, by, ...(why === undefined ? {} : { why }), rate_per_s, dry_run, policy: policy(ask) };
      return redrive(deps, filter, options, stopping, progress);
    },
    drop: (filter, ask, watch) => dropAll(deps, filter, ask, watch),
    close,
  };
}

function policyOf(
  { dlq, topics, admission }: Pick<Settings, "dlq" | "topics" | "admission">,
  { force = false, headers = "travelling" }: Pick<RedriveAsk, "force" | "headers">,
) {
  const [retry_delay] = topics.retry_delays;
  if (retry_delay === undefined) throw new SluiceError("settings_invalid", "topics.retry_delays names no delay");
  const { redrives_max } = dlq;
  return { redrives_max, force, headers, retry_delay, principals: admission.principals };
}

async function groupsOf(
  deps: RedrivingDeps,
  filter: DeadLetterFilter = {},
  { stopping = NEVER, progress }: Watch = {},
): Promise<readonly ReasonGroup[]> {
  const groups = new ReasonGroups();
  for await (const { letters, passed, of } of readLetters(deps, filter)) {
    for (const { letter, handled } of letters) groups.add(letter, handled);
    progress?.({ passed, of, done: passed });
    if (stopping.aborted) break;
  }
  const samples = await latest(deps, { places: groups.samples() }, Number.POSITIVE_INFINITY, {});
  const whose = await Promise.all(samples.map(({ letter }) => whoseIs(deps.codec, deps.names, letter)));
  const known = samples.flatMap(({ letter }, index) => {
    const { tenant, id } = whose[index] ?? {};
    return tenant === undefined || id === undefined ? [] : [[letter.place, { tenant, id }] as const];
  });
  return groups.list(new Map(known));
}

async function listOf(
  deps: RedrivingDeps,
  filter: DeadLetterFilter,
  limit: number,
  watch: Watch = {},
): Promise<readonly ListedLetter[]> {
  const found = await latest(deps, filter, limit, watch);
  const whose = await Promise.all(found.map(({ letter }) => whoseIs(deps.codec, deps.names, letter)));
  return found.map((one, index) => ({ ...one, whose: whose[index] }));
}

/** The latest first; never more in memory than these and what was read at once. */
async function latest(
  deps: RedrivingDeps,
  filter: DeadLetterFilter,
  limit: number,
  { stopping = NEVER, progress }: Watch,
): Promise<readonly HandledLetter[]> {
  let kept: HandledLetter[] = [];
  for await (const { letters, passed, of } of readLetters(deps, filter)) {
    const fresh = new Set(letters);
    const all = [...kept, ...letters].sort((one, other) => other.letter.at_ms - one.letter.at_ms);
    kept = all.slice(0, limit).map((one) => (fresh.has(one) ? owned(one) : one));
    progress?.({ passed, of, done: passed });
    if (stopping.aborted) break;
  }
  return kept;
}

/** What is kept must not hold on to all that was read with it. */
function owned({ letter, handled }: HandledLetter): HandledLetter {
  const { record } = letter;
  return {
    letter: { ...letter, record: { ...record, key: ownBytes(record.key), value: ownBytes(record.value) } },
    handled,
  };
}

async function dropAll(
  deps: RedrivingDeps,
  filter: DeadLetterFilter,
  { by, why, dry_run = false }: { readonly by: string; readonly why: string; readonly dry_run?: boolean },
  { stopping = NEVER, progress }: Watch = {},
): Promise<DropSummary> {
  if (why.trim() === "") throw new SluiceError("usage", "dropping dead letters needs a reason");
  const sums = { selected: 0, dropped: 0, handled_before: 0, stopped: false };
  for await (const { letters, passed, of } of readLetters(deps, filter)) {
    const waiting = letters.filter(({ handled }) => handled === undefined);
    const handled: Handled = { action: "dropped", at_ms: deps.clock.now_ms(), by, why };
    const noted = dry_run ? waiting.length : await deps.rows.note(waiting.map(({ letter }) => ({ letter, handled })));
    sums.selected += letters.length;
    sums.dropped += noted;
    sums.handled_before += letters.length - noted;
    progress?.({ passed, of, done: sums.dropped });
    if (stopping.aborted && passed < of) return { ...sums, stopped: true };
  }
  return sums;
}

async function endingsIn(pool: Pool, asked: readonly Whose[]): Promise<ReadonlyMap<string, ResultStatus>> {
  const rows = await findResults(pool, asked);
  return new Map(
    rows.flatMap(({ tenant, id, result }) => {
      const { status } = (parseJson(Buffer.from(result)) ?? {}) as { readonly status?: ResultStatus };
      return status === undefined ? [] : [[`${tenant} ${id}`, status] as const];
    }),
  );
}
