/** A replay's calls: what they are made with, what they cost, and that nothing is paid twice whatever dies. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ReplayedChunk } from "../../../../services/replay/contract.ts";
import { NAMES } from "../../../support/memory-ports.ts";
import { CallingWorld, ESCALATES, recorded, SMALL_NUSD, says, YAML } from "./calling-fixture.ts";

const REFUSAL = "I'm sorry, but I can't help with that.";

function fates({ done }: ReplayedChunk): string[] {
  return done.map(
    ({ recorded: { id }, fate, result }) => `${id} ${fate} ${result?.head.status} ${result?.head.route?.tier}`,
  );
}

describe("a recompute", () => {
  test("calls what was recorded, past the cache, not streamed and without its deadline", async () => {
    const world = new CallingWorld();
    const request = {
      deadline: "2020-01-01T00:00:00Z",
      body: { messages: [{ role: "user", content: "hello" }], stream: true, max_tokens: 7 },
    };
    const chunk = await world.through([recorded(0, { request, route: { tier: "large", model: "m2" } })]);
    assert.deepEqual(fates(chunk), ["r0 called succeeded large"]);
    const [done] = chunk.done;
    assert.deepEqual(done?.result?.head.replay, { id: "rp1", mode: "recompute" });
    assert.equal(done?.result?.head.route?.cache, "bypass");
    assert.match(done?.result?.response?.toString() ?? "", /"fine"/);
    assert.deepEqual([done?.calls, done?.cost_nusd, done?.beside], [1, 10 * SMALL_NUSD, undefined]);
    const [call] = world.calls;
    assert.deepEqual([call?.model, call?.body["stream"], call?.body["max_tokens"]], ["m2", undefined, 7]);
    assert.deepEqual(world.store.totals, { unknown_calls: 0, duplicate_nusd: 0 });
  });

  test("routes anew what came from the cache or was never routed", async () => {
    const world = new CallingWorld();
    const chunk = await world.through([
      recorded(0, { route: { tier: "large", model: "m2", cache: "exact", attempts: 0 } }),
      recorded(1, { route: null }),
    ]);
    assert.deepEqual(fates(chunk), ["r0 called succeeded small", "r1 called succeeded small"]);
  });

  test("refuses what it cannot call, and says that nothing is recorded where that is so", async () => {
    const world = new CallingWorld();
    const chunk = await world.through([
      recorded(0, { route: { tier: "gone" } }),
      recorded(1, { request: { body: {} } }),
      recorded(2, { request: null }),
      recorded(3, { route: { model: "m9" } }),
      recorded(4, { request: { tenant: "nobody" } }),
    ]);
    const codes = chunk.done.map(({ fate, result }) => `${fate} ${result?.head.error?.code}`);
    assert.deepEqual(codes, [
      "refused model_unknown",
      "refused invalid_request",
      "without_record replay_no_record",
      "refused model_unknown",
      "refused tenant_unknown",
    ]);
    assert.equal(world.calls.length, 0);
    assert.equal(world.rows.rows.size, 0);
  });

  test("goes on to the next tier as inference would, and counts both", async () => {
    const world = new CallingWorld({ yaml: ESCALATES });
    world.reply = (model) => says(model === "m1" ? REFUSAL : "fine");
    const chunk = await world.through([recorded(0)]);
    assert.deepEqual(fates(chunk), ["r0 called succeeded large"]);
    assert.deepEqual(
      world.calls.map(({ model }) => model),
      ["m1", "m2"],
    );
    assert.deepEqual([chunk.done[0]?.calls, chunk.done[0]?.cost_nusd], [2, 11 * SMALL_NUSD]);
  });

  test("waits for another round in process, and settles a failure that cost nothing at nought", async () => {
    const world = new CallingWorld();
    world.reply = (_, text, nth) =>
      text === "question 0" && nth >= 2 ? says("at last") : { kind: "answered", status: 500, body: Buffer.from("{}") };
    const chunk = await world.through([recorded(0), recorded(1)]);
    assert.deepEqual(fates(chunk), ["r0 called succeeded small", "r1 called failed small"]);
    assert.deepEqual(
      chunk.done.map(({ calls, cost_nusd }) => [calls, cost_nusd]),
      [
        [3, SMALL_NUSD],
        [4, 0],
      ],
    );
    assert.equal(await world.spent_nusd(), SMALL_NUSD);
  });

  test("counts a call whose answer is lost as the most it may have cost", async () => {
    const world = new CallingWorld();
    world.reply = (_model, _text, nth) => (nth === 0 ? { kind: "timeout" } : says("fine"));
    const chunk = await world.through([recorded(0)]);
    const most = world.rows.rows.get(`${NAMES.requests}/0/0`)?.reserved_nusd ?? 0;
    assert.deepEqual([chunk.done[0]?.calls, chunk.done[0]?.cost_nusd], [2, SMALL_NUSD + most / 2]);
    assert.deepEqual(world.store.totals, { unknown_calls: 0, duplicate_nusd: 0 }, "a tenant's figures are its own");
  });
});

describe("a shadow", () => {
  test("goes to the tier that it names, whatever was asked, and to no other one", async () => {
    const world = new CallingWorld({ yaml: ESCALATES, spec: { mode: "shadow", model: "m1" } });
    world.reply = () => says(REFUSAL);
    const chunk = await world.through([
      recorded(0, { request: { tier: "large" }, route: { tier: "large", model: "m2" } }),
    ]);
    assert.deepEqual(fates(chunk), ["r0 called succeeded small"]);
    assert.equal(world.calls.length, 1);
    assert.equal(chunk.done[0]?.result?.head.replay?.mode, "shadow");
  });

  test("of a settings file goes by its routing, prompts and prices", async () => {
    const yaml = YAML.replace("default_tier: small", "default_tier: large").replace(
      "models: [m2],",
      "models: [m2], prompts: { v2: Be brief. }, prompt: v2,",
    );
    const world = new CallingWorld({ spec: { mode: "shadow", settings: { name: "new.yaml", yaml } } });
    const chunk = await world.through([recorded(0)]);
    assert.deepEqual(fates(chunk), ["r0 called succeeded large"]);
    assert.match(JSON.stringify(world.calls[0]?.body), /Be brief/);
    assert.equal(chunk.done[0]?.result?.head.route?.prompt_version, "v2");
  });

  test("of what is not there is refused before anything is called", async () => {
    for (const spec of [{ tier: "huge" }, { model: "m9" }, { tier: "small", model: "m2" }, {}]) {
      await assert.rejects(new CallingWorld().worker({ spec: { mode: "shadow", ...spec } }), { code: "usage" });
    }
  });
});

describe("the budget of a replay", () => {
  const MANY = Array.from({ length: 12 }, (_, offset) => recorded(offset));

  test("stops it before it is passed and within a record of it; a higher one goes on where it stood", async () => {
    const world = new CallingWorld();
    await world.through([recorded(100)], {});
    const most = world.rows.rows.get(`${NAMES.requests}/0/100`)?.reserved_nusd ?? 0;
    const fresh = new CallingWorld();
    const budget_nusd = 6 * SMALL_NUSD + most;
    const half = await fresh.through(MANY, { budget_nusd });
    assert.equal(half.stopped?.code, "replay_budget_used");
    assert.ok((await fresh.spent_nusd()) <= budget_nusd && budget_nusd - (await fresh.spent_nusd()) < most);
    assert.equal(fresh.calls.length, half.done.length);
    const rest = await fresh.through(MANY.slice(half.done.length), { budget_nusd: 1e9 });
    assert.equal(rest.stopped, undefined);
    assert.deepEqual([half.done.length + rest.done.length, fresh.calls.length], [12, 12]);
    assert.equal(await fresh.spent_nusd(), 12 * SMALL_NUSD);
  });

  test("one that is nothing calls nothing", async () => {
    const world = new CallingWorld({ budget_nusd: 0 });
    const chunk = await world.through(MANY);
    assert.deepEqual([chunk.done.length, chunk.stopped?.code, world.calls.length], [0, "replay_budget_used", 0]);
  });

  test("is not passed by calls whose answers are lost: a record that cannot pay for another one is left", async () => {
    const world = new CallingWorld();
    world.reply = () => ({ kind: "timeout" });
    const chunk = await world.through(MANY, { budget_nusd: 300_000, in_flight_max: 3 });
    assert.equal(chunk.stopped?.code, "replay_budget_used");
    const { spent_nusd, held_nusd } = await world.rows.totals();
    assert.ok(spent_nusd + held_nusd <= 300_000);
    const most = [...world.rows.rows.values()].map(({ reserved_nusd }) => reserved_nusd);
    assert.ok(most.length > 0 && world.calls.length <= 300_000 / Math.min(...most));
  });

  test("a replay that is stopped gives back what is done, and goes on later", async () => {
    const world = new CallingWorld();
    const stopping = new AbortController();
    world.reply = () => {
      stopping.abort();
      return says("fine");
    };
    const chunk = await world.run(await world.worker({ in_flight_max: 2 }), MANY, stopping.signal);
    assert.deepEqual([chunk.done.length, chunk.stopped?.code], [2, "stopping"]);
    const rest = await world.through(MANY.slice(2));
    assert.deepEqual([rest.done.length, world.calls.length], [10, 12]);
  });
});

describe("a process that dies", () => {
  for (const [what, yaml] of [
    ["one tier", YAML],
    ["an escalation", ESCALATES],
  ] as const) {
    test(`at any step of ${what} pays for no answer again that it had, and never passes its budget`, async () => {
      const records = [recorded(0), recorded(1), recorded(2)];
      const prepare = (): CallingWorld => {
        const world = new CallingWorld({ yaml, in_flight_max: 2 });
        world.reply = (model, text) => says(model === "m1" && text === "question 1" ? REFUSAL : "fine");
        return world;
      };
      const whole = prepare();
      const expected = await whole.through(records);
      const { steps } = whole;
      assert.ok(steps > 10);
      for (let at = 1; at <= steps; at += 1) {
        for (const after of [true, false]) {
          const world = prepare();
          world.dieAt(at, after);
          const chunk = await world.through(records);
          const where = `step ${at}, ${after ? "done" : "not done"}`;
          assert.deepEqual(fates(chunk), fates(expected), where);
          const { held_nusd, spent_nusd } = await world.rows.totals();
          assert.equal(held_nusd, 0, where);
          // A call that died with its process is made again, and counted as lost: no more than were under way.
          const again = world.calls.length - whole.calls.length;
          assert.ok(again <= 2, `${where}: ${again} calls more`);
          const least = world.calls.reduce((sum, { model }) => sum + (model === "m1" ? 1 : 10) * SMALL_NUSD, 0);
          assert.ok(spent_nusd >= least, `${where}: ${spent_nusd} are known of ${least}`);
        }
      }
    });
  }

  test("never lets its calls cost more than its budget, whatever was known when it died", async () => {
    const records = Array.from({ length: 5 }, (_, offset) => recorded(offset));
    const prepare = (): CallingWorld => {
      const world = new CallingWorld({ in_flight_max: 3 });
      // The first call of each second record is never answered.
      world.reply = (_model, text, nth) => (nth === 0 && /[13]$/.test(text) ? { kind: "timeout" } : says("fine"));
      return world;
    };
    const whole = prepare();
    await whole.through(records);
    const most = Math.min(...[...whole.rows.rows.values()].map(({ reserved_nusd }) => reserved_nusd));
    const budget_nusd = 4 * most;
    for (let at = 1; at <= whole.steps; at += 1) {
      for (const after of [true, false]) {
        const world = prepare();
        world.dieAt(at, after);
        const chunk = await world.through(records, { budget_nusd });
        const where = `step ${at}, ${after ? "done" : "not done"}`;
        const { spent_nusd, held_nusd } = await world.rows.totals();
        assert.ok(spent_nusd + held_nusd <= budget_nusd, where);
        const answered = world.calls.length * SMALL_NUSD;
        assert.ok(answered <= spent_nusd + held_nusd, `${where}: all calls are counted`);
        if (chunk.stopped !== undefined) {
          const rest = await world.through(records.slice(chunk.done.length), { budget_nusd: 1e9 });
          assert.equal(chunk.done.length + rest.done.length, records.length, where);
        }
      }
    }
  });

  test("after all answers were there: nothing is called again, though the budget is used", async () => {
    const world = new CallingWorld();
    const records = [recorded(0), recorded(1)];
    const first = await world.through(records);
    const again = await world.through(records, { budget_nusd: 2 * SMALL_NUSD });
    assert.deepEqual(fates(again), fates(first));
    assert.deepEqual([world.calls.length, await world.spent_nusd()], [2, 2 * SMALL_NUSD]);
  });

  test("answers are given up once the next chunk comes", async () => {
    const world = new CallingWorld();
    const worker = await world.worker();
    await world.run(worker, [recorded(0)]);
    assert.match([...world.store.entries.values()][0] ?? "", /^A /);
    await world.run(worker, [recorded(1)]);
    assert.deepEqual(
      [...world.store.entries.values()].map((entry) => entry[0]),
      ["P", "A"],
    );
  });

  test("with the ledger lost as well: what may have been spent stays counted", async () => {
    const world = new CallingWorld();
    await world.through([recorded(0)]);
    world.store.entries.clear();
    const chunk = await world.through([recorded(0)]);
    assert.deepEqual([chunk.done[0]?.cost_nusd, await world.spent_nusd()], [SMALL_NUSD, 2 * SMALL_NUSD]);
  });
});

describe("beside its Results", () => {
  test("a replay does nothing unless it is told to", async () => {
    const world = new CallingWorld();
    const chunk = await world.through([recorded(0, { request: { callback: { url: "https://example.com/" } } })]);
    assert.equal(chunk.done[0]?.beside, undefined);
  });

  test("it charges what its calls cost, under one id, and tells of its Results", async () => {
    const spec = { charge: true, webhooks: true };
    const world = new CallingWorld({ spec });
    const [one] = (await world.through([recorded(0)])).done;
    const [again] = (await world.through([recorded(0)])).done;
    const entry = JSON.parse(one?.beside?.[0]?.value?.toString() ?? "{}");
    assert.deepEqual(
      [one?.beside?.[0]?.topic, entry.kind, entry.tenant, entry.settled_nusd, entry.hold_id],
      [NAMES.usage, "adjusted", "demo", SMALL_NUSD, "none"],
    );
    assert.equal(JSON.parse(again?.beside?.[0]?.value?.toString() ?? "{}").id, entry.id);
    assert.deepEqual(
      world.told.map(({ type, subject }) => `${type} ${subject}`),
      ["request.completed r0", "request.completed r0"],
    );
  });

  test("it fills the cache with what an equal request would have been answered with, and with nothing else", async () => {
    const spec = { fill_cache: true } as const;
    const filled = async (world: CallingWorld, ...given: Parameters<typeof recorded>) =>
      (await world.through([recorded(...given)])).done[0]?.beside?.map(({ topic }) => topic);
    assert.deepEqual(await filled(new CallingWorld({ spec }), 0), [NAMES.cache]);
    assert.equal(await filled(new CallingWorld({ spec }), 0, { request: { cache: { mode: "no-store" } } }), undefined);
    assert.equal(await filled(new CallingWorld({ spec: { ...spec, mode: "shadow", tier: "large" } }), 0), undefined);
    const cut = new CallingWorld({ spec });
    cut.reply = () => {
      const answer = says("fine") as { body: Buffer };
      return { kind: "answered", status: 200, body: Buffer.from(answer.body.toString().replace("stop", "length")) };
    };
    assert.equal(await filled(cut, 0), undefined);
  });
});
