/**
 * What redriving a dead letter does, by the topic that it stood on and by what has become of its request. Pure.
 *
 * No request gets a second Result (I1). One that has none goes on where it stopped: repeats of it are told apart by its id. One that has
 * failed or expired is run once more as a request of its own, with an id made from the first one's, so that a redrive may be repeated.
 */
import { createHash } from "node:crypto";
import type { EventCodec } from "../events/codec.ts";
import { enteredAgain } from "../events/entered-again.ts";
import type { ResultStatus } from "../events/fields.ts";
import {
  ATTEMPTS_HEADER,
  DEADLINE_HEADER,
  DUE_HEADER,
  EVENTS_HEADER,
  JOB_HEADER,
  ORIGIN_HEADER,
  REPLAY_HEADER,
  ROUND_HEADER,
  TENANT_HEADER,
  TRAIL_HEADER,
  UNKNOWN_CALLS_HEADER,
} from "../events/headers.ts";
import { parseJson } from "../events/json.ts";
import { replayHeaderText } from "../events/replay.ts";
import { CARRIED_AT_HEADER } from "../events/splice.ts";
import type { TopicNames } from "../events/topics.ts";
import type { OutRecord } from "../kafka/ports.ts";
import { type HeaderChoice, redriveHeaders, without } from "./headers.ts";
import type { DeadLetter, FirstPlace } from "./letter.ts";
import { topicKind, type Whose } from "./whose.ts";

export type RedrivePlan =
  /** The record goes on its way: the same request. */
  | { readonly kind: "back"; readonly target: string; readonly record: OutRecord }
  /** A request of its own, `id`, whose answer becomes that of `of` too. */
  | {
      readonly kind: "run";
      readonly target: string;
      readonly id: string;
      readonly of: string;
      readonly record: OutRecord;
    }
  /** Nothing is sent: it came back too often, its request has ended well, or nothing can be done. */
  | { readonly kind: "left"; readonly fate: LeftFate; readonly message: string };

export type LeftFate = "looped" | "already_ended" | "impossible";

export type RedrivePolicy = {
  /** Of `settings.dlq`. */
  readonly redrives_max: number;
  /** Also what came back too often. */
  readonly force: boolean;
  readonly headers: HeaderChoice;
  /** That requests are entered again by: `settings.topics.retry_delays`, the first. */
  readonly retry_delay: string;
  /** Of `settings.admission`: the header says who may send for a tenant, and goes along. */
  readonly principals?:
    | { readonly header: string; readonly bind: Readonly<Record<string, readonly string[]>> }
    | undefined;
};

export type RedriveFacts = {
  readonly letter: DeadLetter;
  readonly whose: Whose | undefined;
  /** Of its request's Result; undefined where there is none. */
  readonly ended: ResultStatus | undefined;
  /** The redrive's id. */
  readonly redrive: string;
};

type Deps = { readonly codec: Pick<EventCodec, "encode">; readonly names: TopicNames };

export function planRedrive(deps: Deps, policy: RedrivePolicy, facts: RedriveFacts): RedrivePlan {
  const { letter, whose, ended } = facts;
  const { original, redrives, code } = letter;
  if (original === undefined) return left("impossible", "its headers do not say where it stood: no service wrote it");
  if (redrives >= policy.redrives_max && !policy.force) {
    const times = `${redrives} ${redrives === 1 ? "time" : "times"}`;
    return left(
      "looped",
      `it was redriven ${times} and came back each time (dlq.redrives_max); --force sends it again`,
    );
  }
  const kind = topicKind(deps.names, original.topic);
  if (kind === "other") return left("impossible", `a record of ${original.topic} is never written a second time`);
  if (kind === "outcomes" || kind === "entries" || ended === undefined) return back(deps, policy, facts, original);
  if (code === "id_conflict")
    return left("already_ended", "its id belongs to a request with other content, which has ended");
  if (ended !== "failed" && ended !== "expired") return left("already_ended", `its request has ended: ${ended}`);
  if (whose?.request === undefined) return left("impossible", "its request cannot be read");
  if (whose.is_comparison) return left("already_ended", `it was run for a comparison alone, and has ended: ${ended}`);
  return run(deps, policy, facts, whose, whose.request);
}

function left(fate: LeftFate, message: string): RedrivePlan {
  return { kind: "left", fate, message };
}

/** To the topic that it stood on, but for a request of `llm.requests`. */
function back(deps: Deps, policy: RedrivePolicy, { letter }: RedriveFacts, original: FirstPlace): RedrivePlan {
  const { key, value, headers } = letter.record;
  const always = [ORIGIN_HEADER, TENANT_HEADER, ...alwaysOf(policy)];
  const kept = redriveHeaders(headers, policy.headers, always, letter.redrives + 1);
  if (topicKind(deps.names, original.topic) !== "requests") {
    const target = original.topic;
    return { kind: "back", target, record: { topic: target, key, value, headers: without(kept, [DUE_HEADER]) } };
  }
  const target = deps.names.retry(policy.retry_delay);
  return { kind: "back", target, record: enteredAgain(target, original, { key, value, headers: kept }) };
}

/** Belong to the first run: where it stood, what it cost, who waits, and when it was late. */
const OF_THE_FIRST = [
  ORIGIN_HEADER,
  ROUND_HEADER,
  UNKNOWN_CALLS_HEADER,
  DUE_HEADER,
  DEADLINE_HEADER,
  EVENTS_HEADER,
  JOB_HEADER,
  TRAIL_HEADER,
  ATTEMPTS_HEADER,
  CARRIED_AT_HEADER,
];

/** On the batch lane: nobody waits for it any more. Its deadline has passed, and its key was used by the first run. */
function run(deps: Deps, policy: RedrivePolicy, facts: RedriveFacts, whose: Whose, request: Buffer): RedrivePlan {
  const json = parseJson(request);
  if (typeof json !== "object" || json === null) return left("impossible", "its request cannot be read");
  const { deadline: _, idempotency_key: __, lane: ___, ...kept } = json as Record<string, unknown>;
  const { letter, redrive } = facts;
  const redrives = letter.redrives + 1;
  const of = whose.replay?.mode === "redrive" ? (whose.replay.of ?? whose.id) : whose.id;
  const id = redriveRunId(of, redrives);
  const target = deps.names.batch(deps.names.requests);
  const session = typeof kept["session"] === "string" && kept["session"] !== "" ? kept["session"] : undefined;
  const headers = redriveHeaders(letter.record.headers, policy.headers, alwaysOf(policy), redrives);
  const record: OutRecord = {
    topic: target,
    key: session ?? id,
    value: deps.codec.encode(target, Buffer.from(JSON.stringify({ ...kept, id }))),
    headers: {
      ...(wasLetIn(deps.names, letter, whose) ? principalOf(policy, whose) : {}),
      ...without(headers, OF_THE_FIRST),
      [TENANT_HEADER]: whose.tenant,
      [REPLAY_HEADER]: replayHeaderText({ id: redrive, mode: "redrive", of }),
    },
  };
  return { kind: "run", target, id, of, record };
}

function alwaysOf({ principals }: RedrivePolicy): readonly string[] {
  return principals === undefined ? [] : [principals.header];
}

/** Ingest found that its sender may name the tenant: what it writes says so, and what anybody writes does not. */
function wasLetIn(names: TopicNames, { original, record }: DeadLetter, { tenant }: Whose): boolean {
  const kind = original === undefined ? "other" : topicKind(names, original.topic);
  return kind === "hop" || (kind === "reentry" && record.headers[TENANT_HEADER] === tenant);
}

/** Of a request whose headers have lost on its way who sent it: somebody who may. */
function principalOf({ principals }: RedrivePolicy, whose: Whose): Record<string, string> {
  if (principals === undefined) return {};
  const [principal] = Object.entries(principals.bind).find(([, tenants]) => tenants.includes(whose.tenant)) ?? [];
  return principal === undefined ? {} : { [principals.header]: principal };
}

const ID_CHARACTERS_MAX = 200;
const HASH_CHARACTERS = 16;

/** `<of>.redrive<n>`; of a long id, as much as fits and a hash of the whole. */
export function redriveRunId(of: string, redrives: number): string {
  const ending = `.redrive${redrives}`;
  if (of.length + ending.length <= ID_CHARACTERS_MAX) return `${of}${ending}`;
  const hash = createHash("sha256").update(of).digest("hex").slice(0, HASH_CHARACTERS);
  return `${of.slice(0, ID_CHARACTERS_MAX - ending.length - HASH_CHARACTERS - 1)}-${hash}${ending}`;
}

/** `redrive-<date>-<chance>`. @param random at least four random bytes. */
export function redriveId(now_ms: number, random: Buffer): string {
  return `redrive-${new Date(now_ms).toISOString().slice(0, 10).replaceAll("-", "")}-${random.subarray(0, 4).toString("hex")}`;
}
