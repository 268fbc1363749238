/** Rounds of the scaler: who leads decides, who stands by tells the same, and what cannot be decided holds. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Beat } from "../../../libs/shared/beats/beat.ts";
import { parseSettings } from "../../../libs/shared/config/parse.ts";
import { unavailable } from "../../../libs/shared/errors.ts";
import { silentLog } from "../../../libs/shared/log.ts";
import { type RoundsDeps, Scaler } from "../../../services/scaler/rounds.ts";
import { type BrokerFacts, type Round, type Standing, desiredOf as toldOf } from "../../../services/scaler/standing.ts";
import { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";

const settings = parseSettings(
  `
tiers: { small: { models: [a] }, embed: { kind: embeddings, models: [e] } }
prices: { version: "1", models: { a: { input_usd_per_mtok: 1 }, e: { input_usd_per_mtok: 1 } } }
routing: { default_tier: small, embeddings_tier: embed }
`,
  "sluice.yaml",
);
const GROUP = "sluice.inference.small";
const TOPIC = "llm.jobs.small";
const PER_S = 600;
const EVERY_MS = settings.scaling.every_ms;

/** One worker with 64 places, each record 300 ms: full, with a backlog that grows. */
function world() {
  const clock = new VirtualClock();
  const start_ms = clock.now_ms();
  const seconds = (): number => (clock.now_ms() - start_ms) / 1_000;
  let written: Standing | undefined;
  const away = { redis: false, kafka: false, silent: false };
  const beats = (): Beat[] => [
    {
      ...{
        service: "inference",
        instance: "inference-a",
        host: "h",
        pid: 1,
        tiers: ["small", "embed"],
        draining: false,
      },
      ...{ started_ms: start_ms - 100_000, at_ms: clock.now_ms() },
      samples: [
        { name: "sluice_group_in_flight_limit", labels: { group: GROUP }, value: 64 },
        { name: "sluice_group_busy_seconds_total", labels: { group: GROUP }, value: 64 * seconds() },
        { name: "sluice_records_done_total", labels: { group: GROUP }, value: (64 / 0.3) * seconds() },
      ],
    },
  ];
  const broker = (): BrokerFacts => ({
    backlogs: [{ group: GROUP, topic: TOPIC, lag: Math.round(400 * seconds()), oldest_age_ms: 600 * seconds() }],
    ends: new Map([[TOPIC, PER_S * seconds()]]),
    partitions: new Map([[TOPIC, 12]]),
    members: new Map([[GROUP, 1]]),
  });
  const scaler = (leads: () => boolean) => {
    const rounds: Round[] = [];
    const deps: RoundsDeps = {
      ...{ clock, settings, log: silentLog },
      async lead() {
        if (away.redis) throw unavailable("redis", new Error("gone"));
        return leads();
      },
      beats: { all: async () => beats() },
      async broker() {
        if (away.kafka) throw unavailable("kafka", new Error("gone"));
        if (away.silent) await new Promise(() => undefined);
        return broker();
      },
      store: {
        read: async () => written,
        async write(standing) {
          written = JSON.parse(JSON.stringify(standing));
        },
      },
      history: {
        forecast: () => undefined,
        decided: (round) => void rounds.push(round),
        left: () => void rounds.push(),
      },
    };
    return { scaler: new Scaler(deps), rounds };
  };
  const round = async (...scalers: readonly Scaler[]): Promise<void> => {
    clock.after(EVERY_MS, () => undefined);
    await clock.run(() => false, clock.now_ms() + EVERY_MS);
    for (const one of scalers) await one.round();
  };
  return { clock, away, scaler, round, written: () => written };
}

const desiredOf = (standing: Standing | undefined, service = "inference"): number | undefined =>
  standing?.targets.find((one) => one.service === service)?.desired;

describe("the scaler that leads", () => {
  test("decides from its second look on", async () => {
    const { scaler, round, written } = world();
    const { scaler: leader, rounds } = scaler(() => true);
    await round(leader);
    assert.equal(desiredOf(leader.standing), undefined);
    await round(leader);
    assert.equal(desiredOf(leader.standing), 1 + settings.scaling.step_up_max);
    assert.deepEqual(desiredOf(written()), desiredOf(leader.standing));
    assert.equal(rounds.length, 1);
    assert.deepEqual(leader.standing?.members, { [GROUP]: 1 });
    assert.equal(desiredOf(leader.standing, "ingest"), 1);
  });

  test("holds what was desired while a part is away, says which, and goes on", async () => {
    const { away, scaler, round, written } = world();
    const { scaler: leader } = scaler(() => true);
    await round(leader);
    await round(leader);
    away.kafka = true;
    await round(leader);
    assert.equal(desiredOf(leader.standing), 3);
    assert.match(leader.standing?.held ?? "", /kafka/);
    assert.match(written()?.held ?? "", /kafka/);
    away.kafka = false;
    away.redis = true;
    await round(leader);
    assert.match(leader.standing?.held ?? "", /redis/);
    away.redis = false;
    await round(leader);
    assert.equal(leader.standing?.held, undefined);
  });
});

test("brokers that do not answer cost a round, and not all that come after", async () => {
  const { clock, away, scaler, round } = world();
  const { scaler: leader } = scaler(() => true);
  await round(leader);
  await round(leader);
  away.silent = true;
  let ended = false;
  const stuck = leader.round().then(() => {
    ended = true;
  });
  await clock.run(() => ended, clock.now_ms() + 60_000);
  await stuck;
  assert.match(leader.standing?.held ?? "", /no answer in 10 s/);
  away.silent = false;
  await round(leader);
  assert.equal(leader.standing?.held, undefined);
});

describe("a scaler that stands by", () => {
  test("tells what the leader decided, and goes on from there when it leads", async () => {
    const { scaler, round } = world();
    let second_leads = false;
    const first = scaler(() => !second_leads).scaler;
    const { scaler: second, rounds } = scaler(() => second_leads);
    await round(first, second);
    await round(first, second);
    assert.deepEqual(second.standing, JSON.parse(JSON.stringify(first.standing)));
    assert.equal(second.leads, false);
    second_leads = true;
    await round(second, first);
    // Its first look decides nothing; what stood before is told on.
    assert.equal(second.leads, true);
    assert.equal(first.leads, false);
    assert.equal(desiredOf(second.standing), 3);
    await round(second, first);
    // The cool-down of the first leader's step goes on.
    assert.equal(desiredOf(second.standing), 3);
    assert.equal(rounds[0]?.decisions.find(({ target }) => target.service === "inference")?.reason, "cool_down");
  });
});

test("a decision that no other follows in time is said to hold", () => {
  const standing: Standing = { at_ms: 1_000, targets: [], groups: [], members: {}, states: {}, asked: {} };
  assert.equal(toldOf(standing, 20_000, 20_000).held, undefined);
  assert.match(toldOf(standing, 31_000, 20_000).held ?? "", /30 s old/);
  assert.equal(toldOf({ ...standing, held: "kafka is unavailable" }, 31_000, 20_000).held, "kafka is unavailable");
});
