/** Garbage among good requests: every good one gets its result, every bad one one dead letter or one refusal, nothing stalls (I9). */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { Random } from "../../tools/simulate/random.ts";
import { FULL } from "../support/faults.ts";
import { GARBAGE, type Spoiled } from "../support/garbage.ts";
import { leaks } from "../support/leaks.ts";
import { jsonOf } from "../support/pipeline/topic-log.ts";
import { type Pipeline, type Produced, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";

const COUNT = FULL ? 1_000 : 300;
const RECORD_BYTES_MAX = 64 * 1024;
/** Comes through every hop, so that the fate of a record without a usable id can be told. */
const MARK = "tracestate";

type Bad = Spoiled & { readonly kind: string; readonly mark: string };

describe("garbage among good requests", () => {
  let pipeline: Pipeline;
  before(async () => {
    const settings = { topics: { record_bytes_max: RECORD_BYTES_MAX } };
    pipeline = await startPipeline({ name: "garbage", settings, scale: { gateway: 0 }, log_level: "debug" });
  });
  after(() => pipeline.stop());

  test(`${COUNT} good and ${COUNT} bad records`, async (t) => {
    const random = new Random(7);
    const good = Array.from({ length: COUNT }, (_, index) => pipeline.id(`good-${index}`));
    const bad = Array.from({ length: COUNT }, (_, index) => spoil(pipeline, random, index));
    const records: Produced[] = good.flatMap((id, index): Produced[] => {
      const spoiled = bad[index] as Bad;
      const neighbours = [
        { key: id, value: { tenant: "demo", id, body: chat(`good ${id}`) } },
        { key: spoiled.mark, value: spoiled.value, headers: { [MARK]: spoiled.mark, mine: "kept" } },
      ];
      return random.chance(0.5) ? neighbours : neighbours.reverse();
    });
    for (let at = 0; at < records.length; at += 50) await pipeline.produce(records.slice(at, at + 50));
    const results = await pipeline.resultsOf(good);
    await pipeline.settled();
    for (const id of good) assert.equal(only(results, id).status, "succeeded", id);

    const letters = Map.groupBy(pipeline.dlq.records, ({ headers }) => headers[MARK]);
    const refusals = Map.groupBy(pipeline.results.records, ({ headers }) => headers[MARK]);
    for (const one of bad) checkFate(one, letters.get(one.mark) ?? [], refusals.get(one.mark) ?? []);
    assert.equal(await pipeline.rows(), pipeline.results.records.length);
    assert.equal(pipeline.processes.deaths.length, 0);
    const kinds = Object.keys(GARBAGE).length;
    t.diagnostic(`${COUNT} good, ${COUNT} bad of ${kinds} kinds: ${pipeline.dlq.records.length} dead letters`);
  });

  test("no log holds a prompt, an answer or a key", () => assert.deepEqual(leaks(pipeline, "garbage"), []));
});

function spoil(pipeline: Pipeline, random: Random, index: number): Bad {
  const kinds = Object.keys(GARBAGE);
  const kind = kinds[index % kinds.length] as keyof typeof GARBAGE;
  const context = {
    random,
    id: pipeline.id(`bad-${index}`),
    record_bytes_max: RECORD_BYTES_MAX,
    frame: (json: Buffer) => pipeline.codec.encode(pipeline.names.requests, json),
  };
  const spoiled = GARBAGE[kind]?.(context) as Spoiled;
  return { ...spoiled, kind, mark: `bad=${index}` };
}

/** Exactly one fate, and the one that its kind foretells. */
function checkFate({ kind, value, fate }: Bad, letters: readonly InRecord[], refusals: readonly InRecord[]): void {
  const found = { letters: letters.length, refusals: refusals.length };
  if ("param" in fate) {
    assert.deepEqual(found, { letters: 0, refusals: 1 }, kind);
    const { status, error } = jsonOf(refusals[0] as InRecord) as Result;
    assert.deepEqual({ status, param: error?.param }, { status: "rejected", param: fate.param }, kind);
    return;
  }
  assert.deepEqual(found, { letters: 1, refusals: 0 }, kind);
  const [letter] = letters;
  assert.deepEqual(letter?.value, value, `${kind}: the bytes are the producer's`);
  assert.equal(letter?.headers["mine"], "kept");
  assert.ok(
    fate.codes.includes(letter?.headers["sluice-error-code"] ?? ""),
    `${kind}: ${letter?.headers["sluice-error-code"]}`,
  );
  assert.ok((letter?.headers["kafka_dlt-exception-message"] ?? "").length > 0, kind);
}
