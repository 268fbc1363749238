/** What clients produce in one run, and what must become of each record. */
import { frame } from "../../libs/shared/events/wire.ts";
import { FOREIGN_SCHEMA_ID } from "./codec.ts";
import { Questions } from "./questions.ts";
import type { Random } from "./random.ts";
import type { Input } from "./scenario.ts";
import { RUN_START_MS } from "./virtual-clock.ts";

export type Stage = "ingest" | "router" | "inference" | "results";
const STAGES: readonly Stage[] = ["ingest", "router", "inference", "results"];

export type Expectation =
  /** A Result under its id, or a dead letter where other content under that id came first. */
  | { readonly kind: "result" }
  /** Nobody can read it. */
  | { readonly kind: "unreadable" }
  /** Its handling fails for good in this stage. */
  | { readonly kind: "poison"; readonly stage: Stage };

export type Workload = {
  readonly inputs: readonly Input[];
  /** By the very buffer produced; a record without one is unreadable. */
  readonly expected: Map<Buffer, Expectation>;
};

export const TENANTS = ["acme", "globex"] as const;
/** Without limits: what nobody may refuse. */
export const UNLIMITED_TENANT = "initech";
/** Every client's, as a proxy of the brokers writes it. */
export const PRINCIPAL_HEADER = "x-principal";
export const PRINCIPAL = "clients";
export const TIERS = ["small", "large"] as const;

type Draft = { value: Record<string, unknown>; expectation: Expectation };

export function drawWorkload(random: Random, topic: string, schema_id: number, span_ms: number): Workload {
  const questions = new Questions(random.fork());
  const drafts = Array.from({ length: random.int(15, 45) }, (_, index) => draftOf(random, questions, index));
  drafts.push(...drafts.filter(({ expectation }) => expectation.kind === "poison" && random.chance(0.5)).map(twinOf));
  const expected = new Map<Buffer, Expectation>();
  const inputs: Input[] = [];
  const produce = (
    value: Buffer | null,
    key: string | null,
    expectation: Expectation,
    at_ms = moment(random, span_ms),
  ): void => {
    if (value !== null) expected.set(value, expectation);
    const lane_topic = random.chance(0.25) ? `${topic}.batch` : topic;
    inputs.push({ at_ms, record: { topic: lane_topic, key, value, headers: { [PRINCIPAL_HEADER]: PRINCIPAL } } });
  };
  for (const { value, expectation } of drafts) {
    const key = keyOf(value);
    const copies = random.chance(0.2) ? random.int(2, 3) : 1;
    for (let copy = 0; copy < copies; copy += 1) produce(write(random, value, schema_id), key, expectation);
    // Not of a poison's twin: nobody else may make the poison's answer.
    if (expectation.kind === "result" && value["tenant"] !== UNLIMITED_TENANT && random.chance(0.1)) {
      const at_ms = moment(random, span_ms);
      for (const echo of echoesOf(random, value)) {
        produce(write(random, echo, schema_id), keyOf(echo), expectation, at_ms + random.int(0, 500));
      }
    }
    const has_id = typeof value["id"] === "string" && expectation.kind === "result";
    if (has_id && random.chance(0.1)) produce(write(random, otherContent(value), schema_id), key, expectation);
  }
  for (let count = random.int(0, 4); count > 0; count -= 1) produce(garbage(random), "garbage", { kind: "unreadable" });
  return { inputs, expected };
}

/** One more request, behind all that goes wrong. */
export function askOnceMore(topic: string, at_ms: number, expected: Map<Buffer, Expectation>): Input {
  const body = { model: "auto", messages: [{ role: "user", content: "is anybody there?" }] };
  const value = Buffer.from(JSON.stringify({ tenant: UNLIMITED_TENANT, id: "once-more", body }));
  expected.set(value, { kind: "result" });
  return { at_ms, record: { topic, key: "once-more", value, headers: { [PRINCIPAL_HEADER]: PRINCIPAL } } };
}

/** Some runs are a trickle, some a burst at the start. */
function moment(random: Random, span_ms: number): number {
  return random.chance(0.5) ? random.int(0, span_ms) : random.int(0, Math.min(span_ms, 1_000));
}

function draftOf(random: Random, questions: Questions, index: number): Draft {
  const tenant = random.pick(TENANTS);
  const value: Record<string, unknown> = {
    tenant,
    body: questions.body(`question ${index}`),
    ...questions.wishes(),
    metadata: { content: `${index}`, ...questions.label() },
  };
  if (random.chance(0.9)) value["id"] = `r-${random.chance(0.1) ? index - 1 : index}-${tenant}`;
  if (random.chance(0.5)) value["session"] = `session-${random.int(1, 3)}`;
  if (random.chance(0.2)) value["lane"] = random.pick(["interactive", "batch"]);
  if (random.chance(0.3)) value["tier"] = random.pick(TIERS);
  if (random.chance(0.3)) value["user"] = `user-${random.int(1, 2)}`;
  const deadline_ms = random.chance(0.2) ? random.int(1, random.pick([20_000, 60_000])) : undefined;
  if (deadline_ms !== undefined) value["deadline"] = new Date(RUN_START_MS + deadline_ms).toISOString();
  // A budget may have room next month only: without a deadline nobody waits for that.
  if (deadline_ms === undefined) value["on_limit"] = "reject";
  else if (random.chance(0.7)) value["on_limit"] = random.pick(["reject", "defer"]);
  if (random.chance(0.08)) {
    // The stage whose dead letters are part of a transaction is the one with the most to get wrong.
    const stage = random.pick([...STAGES, "results"] as const);
    // What the cache answers would never get there.
    const { deadline: _, cache: __, ...timeless } = value;
    return {
      value: {
        ...timeless,
        body: { model: "auto", messages: [{ role: "user", content: `question ${index}` }] },
        tenant: UNLIMITED_TENANT,
        on_limit: "reject",
        id: `poison-${index}`,
        metadata: { content: `${index}`, poison: stage },
      },
      expectation: { kind: "poison", stage },
    };
  }
  if (random.chance(0.15)) Object.assign(value, random.pick(FLAWS));
  return { value, expectation: { kind: "result" } };
}

/** What makes a request one that is refused. */
const FLAWS: readonly Record<string, unknown>[] = [
  { tenant: 7 },
  { tenant: "nobody" },
  { tenant: "not a name!" },
  { body: {} },
  { body: { messages: [] } },
  { body: { messages: [{ role: "user", content: "hi" }], input: "hi" } },
  { body: { model: "no-such-model", messages: [{ role: "user", content: "hi" }] } },
  { tier: "no-such-tier" },
  { surprise: true },
  { id: "not an id!" },
  { deadline: "tomorrow" },
];

/** Several others of the same tenant who ask the same, for a moment in which nobody was answered yet. */
function echoesOf(random: Random, value: Record<string, unknown>): Record<string, unknown>[] {
  const { id, cache: _, metadata, ...same } = value;
  const { content, ...label } = metadata as Record<string, string>;
  return Array.from({ length: random.int(2, 6) }, (_, number) => ({
    ...same,
    id: `echo-${content}-${number}`,
    metadata: { ...label, content: `echo ${content} ${number}` },
  }));
}

/** Asks the same and waits for the poison's answer, which never comes. Its own is not kept, so that the poison is called for. */
function twinOf({ value }: Draft): Draft {
  const { metadata, ...same } = value;
  const { content } = metadata as Record<string, string>;
  const twin = { ...same, id: `twin-${content}`, cache: { mode: "no-store" }, metadata: { content } };
  return { value: twin, expectation: { kind: "result" } };
}

function otherContent(value: Record<string, unknown>): Record<string, unknown> {
  const metadata = value["metadata"] as Record<string, string>;
  return { ...value, metadata: { ...metadata, content: `not ${metadata["content"]}` } };
}

function keyOf(value: Record<string, unknown>): string | null {
  const key = value["session"] ?? value["id"];
  return typeof key === "string" ? key : null;
}

/** Plain JSON in some spelling, or the wire format under our schema or another team's. */
function write(random: Random, value: Record<string, unknown>, schema_id: number): Buffer {
  const json = Buffer.from(random.chance(0.8) ? JSON.stringify(value) : `\n ${JSON.stringify(value, null, 2)}`);
  if (random.chance(0.6)) return json;
  return frame(random.chance(0.7) ? schema_id : FOREIGN_SCHEMA_ID, Buffer.from(JSON.stringify(value)));
}

function garbage(random: Random): Buffer | null {
  return random.pick([
    null,
    Buffer.alloc(0),
    Buffer.from("hello"),
    Buffer.from('{"tenant":'),
    Buffer.from("[1,2]"),
    Buffer.from([0, 1, 2]),
    frame(777_777, Buffer.from("{}")),
    frame(FOREIGN_SCHEMA_ID, Buffer.from("null")),
    frame(FOREIGN_SCHEMA_ID, Buffer.from("nonsense")),
    Buffer.from(`{"tenant":"acme","id":"too-large","body":{"messages":"${"x".repeat(7_500)}"}}`),
  ]);
}
