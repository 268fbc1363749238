/** Draft and verify: the first tier answers, the next one judges, and answers itself only if it must. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answered } from "./fixture.ts";
import { bodyOf, HopsWorld, hopSettings, REFUSAL, type Script, says, VERIFIES } from "./hops-fixture.ts";

const DRAFT = says("Four.");
const ON = hopSettings(VERIFIES);
const reservation = (reserved_nusd: number) => ({ hold_id: "h", reserved_nusd, tokens: 0, counters: [], at_ms: 0 });
const script = (judge: readonly Script["m2"][number][]): Script => ({
  m1: [DRAFT],
  m2: [...judge, says("4, says m2.")],
});

describe("a draft", () => {
  test("that the judge accepts is the answer, of its own tier, at the cost of both calls", async () => {
    const world = new HopsWorld(script([says("yes")]), ON);
    const { response, route, usage } = await world.through();
    assert.equal(response?.choices[0]?.message.content, "Four.");
    assert.deepEqual([route.tier, route.model, route.attempts, route.escalated_from], ["small", "m1", 2, undefined]);
    assert.deepEqual([route.decision?.by, route.decision?.detail], ["judge", "accepted by large"]);
    assert.deepEqual([usage?.cost_usd, usage?.completion_tokens], [30e-6, 10]);
    assert.deepEqual(world.ends, ["passed_on", "published"]);
    assert.deepEqual(world.hops, ["draft", "accepted"]);
    const judge = bodyOf(world.model.calls[1] as never);
    assert.deepEqual([judge.messages.length, judge["max_completion_tokens"], judge["temperature"]], [2, 4, 0]);
  });

  for (const [what, answer, detail] of [
    ["rejects", says("no"), /^rejected by large/],
    ["is unclear about", says("Well."), /^unclear by large/],
    ["refuses to look at", answered(400, "{}"), /^unclear \(provider_rejected\) by large/],
  ] as const) {
    test(`that the judge ${what} is answered by its tier, with the original request`, async () => {
      const world = new HopsWorld(script(what === "refuses to look at" ? [answer, answer] : [answer]), ON);
      const { response, route, usage } = await world.through();
      assert.equal(response?.choices[0]?.message.content, "4, says m2.");
      assert.deepEqual([route.tier, route.escalated_from, route.decision?.by], ["large", "small", "judge"]);
      assert.match(route.decision?.detail ?? "", detail);
      assert.deepEqual(world.hops, ["draft", what === "rejects" ? "rejected" : "unclear", "bettered"]);
      const last = bodyOf(world.model.calls.at(-1) as never);
      assert.deepEqual(last.messages, [{ role: "user", content: "2 + 2?" }]);
      assert.equal(usage?.cost_usd, what === "refuses to look at" ? 30e-6 : 45e-6);
    });
  }

  test("stands when the judge cannot be reached, and when its tier then fails", async () => {
    const away = await new HopsWorld({ m1: [DRAFT], m2: [answered(500, "{}")] }, ON).through();
    assert.deepEqual([away.status, away.route.tier], ["succeeded", "small"]);
    const fails = await new HopsWorld({ m1: [DRAFT], m2: [says("no"), answered(500, "{}")] }, ON).through();
    assert.deepEqual([fails.status, fails.response?.choices[0]?.message.content], ["succeeded", "Four."]);
    assert.deepEqual([fails.route.attempts, fails.usage?.cost_usd], [4, 30e-6]);
  });

  test("is not judged where what is held does not suffice, and stands where it suffices for no answer", async () => {
    // The draft has cost 15 µ$; the judge reads 15 + 416 tokens and writes 4; its own answer takes 110 at the most.
    const judge = 435 * 10_000;
    const none = new HopsWorld(script([says("no")]), ON);
    await none.through({ job: { reservation: reservation(15_000 + judge - 1) } });
    assert.equal(none.model.calls.length, 1);
    const dear = hopSettings(VERIFIES, { prices: { version: "v1", models: {} } });
    const models = { ...ON.prices.models };
    (models["m2"] as { output_tokens_max: number }).output_tokens_max = 1_000;
    const judged = new HopsWorld(script([says("no")]), { ...dear, prices: { version: "v1", models } });
    const { route } = await judged.through({ job: { reservation: reservation(15_000 + judge) } });
    assert.equal(judged.model.calls.length, 2);
    assert.equal(route.tier, "small");
    assert.match(route.decision?.detail ?? "", /what is held does not suffice/);
  });

  test("of several choices, of a caller who asked for the tier, and at the top is not judged", async () => {
    const two = answered(200, { ...JSON.parse((DRAFT as { body: Buffer }).body.toString()) });
    const many = JSON.parse((two as { body: Buffer }).body.toString()) as { choices: unknown[] };
    many.choices.push(many.choices[0]);
    const several = new HopsWorld({ m1: [answered(200, many)] }, ON);
    await several.through();
    const asked = new HopsWorld(script([]), ON);
    const decision = { by: "asked" } as const;
    const route = { tier: "small", model: "m1", reason: "", cache: "miss", attempts: 0, decision } as const;
    await asked.through({ job: { route } });
    const top = new HopsWorld({ m3: [DRAFT] }, ON);
    await top.through({ job: { route: { ...route, tier: "huge", model: "m3", decision: { by: "rule" } } } });
    assert.deepEqual(
      [several, asked, top].map(({ model }) => model.calls.length),
      [1, 1, 1],
    );
  });

  test("that is plainly weak goes to the next tier without a judge, where escalation is on", async () => {
    const both = hopSettings({ ...VERIFIES, escalation: { enabled: true } });
    const world = new HopsWorld({ m1: [says(REFUSAL)], m2: [says("4")] }, both);
    const { route } = await world.through();
    assert.deepEqual([route.tier, route.decision?.by, world.model.calls.length], ["large", "escalation", 2]);
    const fine = new HopsWorld(script([says("yes")]), both);
    assert.equal((await fine.through()).route.decision?.by, "judge");
  });

  test("is kept in the cache when it is accepted and whole", async () => {
    const fill = { entry_id: "e", namespace: "n", ttl_ms: 1, store: true };
    assert.equal((await new HopsWorld(script([says("yes")]), ON).through({ job: { fill } })).complete, true);
  });
});
