/** A weak answer goes to the next tier: when it does, what it may cost, and what is left when the next tier fails. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { afterAnswer } from "../../../services/inference/onward.ts";
import { NAMES } from "../../support/memory-ports.ts";
import { answered, jobOf, LATENCY_MS } from "./fixture.ts";
import { bodyOf, CHOSEN, ESCALATES, HopsWorld, hopSettings, REFUSAL, type Script, says } from "./hops-fixture.ts";

const GOOD = says("Four.");
const WEAK = says(REFUSAL);
const SCRIPT: Script = { m1: [WEAK], m2: [GOOD], m3: [says("Four, surely.")] };
const ON = hopSettings(ESCALATES);
const routeOf = (route: object) => ({ tier: "small", model: "m1", reason: "", cache: "miss", attempts: 0, ...route });
const reservation = (reserved_nusd: number) => ({ hold_id: "h", reserved_nusd, tokens: 0, counters: [], at_ms: 0 });
const models = (world: HopsWorld): string[] => world.model.calls.map((call) => bodyOf(call).model);

describe("a weak answer", () => {
  test("is asked for again of the next tier: the last answer counts, the cost of both", async () => {
    const world = new HopsWorld(SCRIPT, ON);
    const { status, response, route, usage } = await world.through();
    assert.deepEqual([status, response?.choices[0]?.message.content], ["succeeded", "Four."]);
    assert.deepEqual([route.tier, route.model, route.escalated_from, route.attempts], ["large", "m2", "small", 2]);
    assert.equal(route.decision?.by, "escalation");
    assert.match(route.decision?.detail ?? "", /^refusal/);
    assert.deepEqual(route.decision?.features, CHOSEN.features, "what was looked at first is kept");
    assert.deepEqual([usage?.prompt_tokens, usage?.completion_tokens], [20, 10]);
    assert.equal(usage?.cost_usd, 30e-6);
    assert.deepEqual(models(world), ["m1", "m2"]);
    assert.deepEqual(world.ends, ["passed_on", "published"]);
    assert.deepEqual(world.hops, ["refusal", "bettered"]);
  });

  test("goes on under the same key, with the same headers, in the same lane", async () => {
    const world = new HopsWorld(SCRIPT, ON);
    await world.through({ job: { lane: "batch" }, headers: { "sluice-origin": "llm.requests 0 1 2" } });
    const [next] = world.publisher.records;
    assert.equal(next?.topic, `${NAMES.jobs("large")}.batch`);
    assert.equal(next?.key?.toString(), "k");
    assert.deepEqual([next?.headers?.["sluice-origin"], next?.headers?.["traceparent"]], ["llm.requests 0 1 2", "t"]);
  });

  test("goes no further than hops_max, and to the top", async () => {
    const weak: Script = { m1: [WEAK], m2: [WEAK], m3: [WEAK] };
    const one = await new HopsWorld(weak, ON).through();
    assert.equal(one.route.tier, "large");
    const world = new HopsWorld(weak, hopSettings({ escalation: { enabled: true, hops_max: 4 } }));
    const { route, usage } = await world.through();
    assert.deepEqual([route.tier, route.escalated_from, route.attempts], ["huge", "large", 3]);
    assert.equal(usage?.cost_usd, 45e-6);
  });

  for (const [what, options] of [
    ["asked for its tier", { job: { route: routeOf({ decision: { by: "asked" } }) } }],
    ["is a comparison", { job: { route: routeOf({ decision: { by: "shadow" } }) } }],
    ["named its tier, and nobody says who decided", { job: { tier: "small", route: routeOf({}) } }],
    ["was admitted for the weakest tier alone", { job: { tiers: ["small"] } }],
    ["is at the top", { job: { route: routeOf({ tier: "huge", decision: CHOSEN }) } }],
    ["is on no ladder", { job: { route: routeOf({ tier: "other", decision: CHOSEN }) } }],
    ["has less held than both may cost", { job: { reservation: reservation(15_000 + 10_000) } }],
  ] as const) {
    test(`stands where the request ${what}`, async () => {
      const world = new HopsWorld(SCRIPT, ON);
      const { response, route } = await world.through(options as never);
      assert.equal(response?.choices[0]?.message.content, REFUSAL);
      assert.equal(route.escalated_from, undefined);
      assert.equal(world.model.calls.length, 1);
    });
  }

  test("goes on where what is held suffices for both, to the nano-dollar", async () => {
    // 15 tokens were paid for 15 µ$; the next call has 10 tokens in and 100 out at the most.
    const enough = 15_000 + 110 * 10_000;
    for (const [held, tier] of [
      [enough, "large"],
      [enough - 1, "small"],
    ] as const) {
      const { route } = await new HopsWorld(SCRIPT, ON).through({ job: { reservation: reservation(held) } });
      assert.equal(route.tier, tier);
    }
  });

  test("skips tiers that it was not admitted for", async () => {
    const settings = hopSettings({ escalation: { enabled: true, hops_max: 1 } });
    const { route } = await new HopsWorld(SCRIPT, settings).through({ job: { tiers: ["small", "huge"] } });
    assert.equal(route.tier, "huge");
  });

  test("stands where the next tier costs more than cost_factor_max allows", async () => {
    for (const [cost_factor_max, tier] of [
      [10.9, "small"],
      [11, "large"],
    ] as const) {
      const settings = hopSettings({ escalation: { enabled: true, cost_factor_max } });
      assert.equal((await new HopsWorld(SCRIPT, settings).through()).route.tier, tier);
    }
  });

  test("stands in a stream, whose tokens are given already, and where escalation is off", async () => {
    const [answer, usage] = [WEAK as never, { prompt_tokens: 1, completion_tokens: 1, cost_usd: 1 } as never];
    const { body } = answer as { body: Buffer };
    const own = { ending: { status: "succeeded", timing: {} }, response: body } as const;
    const job = jobOf({ route: routeOf({ decision: CHOSEN }) as never });
    const after = (stream: boolean) =>
      afterAnswer(ON, job, Buffer.from(JSON.stringify({ body: { messages: [], stream } })), own, usage);
    assert.equal(after(true), own);
    assert.notEqual(after(false).onward, undefined);
    const off = new HopsWorld(SCRIPT, hopSettings({}));
    assert.equal((await off.through()).route.tier, "small");
  });

  test("that is too long to travel stands", async () => {
    const world = new HopsWorld({ m1: [says(`${REFUSAL}${"x".repeat(300_000)}`)] }, ON);
    assert.equal((await world.through()).route.tier, "small");
  });
});

describe("when the stronger tier fails", () => {
  const failing = (answer: Script["m2"]): Script => ({ m1: [WEAK], m2: answer ?? [] });

  test("the weaker answer is the result, with the reason and its cost, without a round or a dead letter", async () => {
    const world = new HopsWorld(failing([answered(500, "{}")]), ON, { rounds_max: 3 });
    const { status, response, route, usage, unknown_calls } = await world.through();
    assert.deepEqual([status, response?.choices[0]?.message.content], ["succeeded", REFUSAL]);
    assert.deepEqual([route.tier, route.model, route.attempts], ["small", "m1", 3]);
    assert.match(route.reason, /large ended provider_error/);
    assert.deepEqual(world.hops, ["refusal", "stood"]);
    assert.deepEqual([usage?.cost_usd, unknown_calls], [15e-6, undefined]);
    assert.deepEqual(world.to(NAMES.dlq), []);
  });

  test("and may have been paid, that is told: what is held is not given back", async () => {
    const { status, unknown_calls, usage } = await new HopsWorld(failing([{ kind: "timeout" }]), ON).through();
    assert.deepEqual([status, unknown_calls, usage?.cost_usd], ["succeeded", 2, 15e-6]);
  });

  test("the deadline gives the weaker answer too; a cancelled request is cancelled, with what it has cost", async () => {
    const late = new HopsWorld(failing([answered(500, "{}")]), ON, { random: 1 });
    const { status } = await late.through({ job: { deadline_ms: 2 * LATENCY_MS + 10 } });
    assert.equal(status, "succeeded");
    const world = new HopsWorld(failing([GOOD]), ON);
    await world.handle(world.first());
    world.cancellations.apply({ kind: "cancel", tenant: "demo", id: "r1", at_ms: world.clock.now_ms() });
    for (const job of world.jobs()) await world.handle(job);
    const [cancelled] = world.outcomes();
    assert.deepEqual([cancelled?.status, cancelled?.usage?.cost_usd], ["cancelled", 15e-6]);
  });

  test("is not kept in the cache", async () => {
    const fill = { entry_id: "e", namespace: "n", ttl_ms: 1, store: true };
    const { complete } = await new HopsWorld(failing([answered(500, "{}")]), ON).through({ job: { fill } });
    assert.equal(complete, false);
  });
});

describe("log-probabilities", () => {
  const lp = (logprob: number) => ({ logprobs: { content: [{ token: "a", logprob }] } });
  const UNSURE = says("Five?", lp(-3));
  const plain = { messages: [{ role: "user", content: "2 + 2?" }] };

  test("are asked for where they decide, and not given to a caller who did not ask", async () => {
    const world = new HopsWorld({ m1: [says("Four.", lp(-0.1))] }, ON);
    const { response } = await world.through();
    assert.equal(bodyOf(world.model.calls[0] as never)["logprobs"], true);
    assert.equal(response?.choices[0]?.logprobs, null);
  });

  test("are given to a caller who did", async () => {
    const world = new HopsWorld({ m1: [says("Four.", lp(-0.1))] }, ON);
    const { response } = await world.through({ request: { tenant: "demo", body: { ...plain, logprobs: true } } });
    assert.notEqual(response?.choices[0]?.logprobs, null);
  });

  test("lead to the next tier when they are low, and are left out of the last answer", async () => {
    const world = new HopsWorld({ m1: [UNSURE], m2: [says("Four.", lp(-3))] }, ON);
    const { response, route } = await world.through();
    assert.match(route.decision?.detail ?? "", /^low_confidence: mean log-probability -3.00/);
    assert.equal(bodyOf(world.model.calls[1] as never)["logprobs"], undefined, "there is no tier beyond");
    assert.equal(response?.choices[0]?.message.content, "Four.");
  });

  test("are not asked for where the tier was asked for, where nothing depends on them, and at the top", async () => {
    const asked = { job: { route: routeOf({ decision: { by: "asked" } }) } };
    const others = hopSettings({ escalation: { enabled: true, on: ["refusal"] } });
    for (const [settings, options] of [
      [ON, asked],
      [others, {}],
      [hopSettings({}), {}],
    ] as const) {
      const world = new HopsWorld({ m1: [GOOD] }, settings);
      await world.through(options as never);
      assert.equal(bodyOf(world.model.calls[0] as never)["logprobs"], undefined);
    }
  });

  test("that a model refuses are left out at once, and from then on", async () => {
    const world = new HopsWorld({ m1: [answered(400, "{}"), GOOD] }, ON, { attempts_max: 1 });
    const handler = world.handler();
    const context = { isAssigned: () => true, stopping: new AbortController().signal };
    await world.settled(handler([world.first()], context));
    await world.settled(handler([world.first({ job: { id: "r2" } })], context));
    assert.deepEqual(
      world.model.calls.map((call) => bodyOf(call)["logprobs"]),
      [true, undefined, undefined],
    );
    assert.deepEqual(
      world.outcomes().map(({ status }) => status),
      ["succeeded", "succeeded"],
    );
  });

  test("are asked for again when it was the request that was refused", async () => {
    const world = new HopsWorld({ m1: [answered(400, "{}"), answered(400, "{}"), GOOD] }, ON);
    const handler = world.handler();
    const context = { isAssigned: () => true, stopping: new AbortController().signal };
    await world.settled(handler([world.first()], context));
    await world.settled(handler([world.first({ job: { id: "r2" } })], context));
    assert.deepEqual(
      world.model.calls.map((call) => bodyOf(call)["logprobs"]),
      [true, undefined, true],
    );
    assert.deepEqual(
      world.outcomes().map(({ status }) => status),
      ["failed", "succeeded"],
    );
  });
});
