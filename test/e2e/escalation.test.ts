/** Answers that are not good enough, as users meet them: asked for again of the next tier, judged by it, or appealed against. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Result } from "../../libs/shared/events/flow.ts";
import { sluice } from "../support/budgets.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";

const WEAK = "gpt-4.1-mini";
const STRONG = "gpt-4.1";
/** What the mock is told, for calls of one model. */
const told = (model: string, what: string): string => `[[mock model=${model} ${what}]]`;
const textOf = ({ response }: Result): string =>
  (response as { choices: { message: { content: string } }[] } | undefined)?.choices[0]?.message.content ?? "";

type Ask = { readonly name: string; readonly prompt: string; readonly more?: object; readonly body?: object };

async function answersOf(pipeline: Pipeline, asks: readonly Ask[]): Promise<Result[]> {
  const ids = asks.map(({ name }) => pipeline.id(name));
  await pipeline.produce(
    asks.map(({ prompt, more, body }, index) => ({
      key: ids[index] as string,
      value: { id: ids[index], tenant: "demo", body: chat(prompt, body), ...more },
    })),
  );
  const results = await pipeline.resultsOf(ids);
  return ids.map((id) => only(results, id));
}

describe("escalation", () => {
  let pipeline: Pipeline;
  before(async () => {
    const settings = {
      routing: { escalation: { enabled: true } },
      tiers: { large: { prompts: { brief: "Be brief." }, prompt: "brief" } },
      inference: { attempts_max: 2, retry: { base_ms: 10, cap_ms: 20 } },
    };
    pipeline = await startPipeline({ name: "escalation", settings });
  });
  after(() => pipeline.stop());

  test("asks the next tier where an answer is weak, and charges for both; else it leaves it as it is", async () => {
    const [good, unsure, refused, invalid, asked] = (await answersOf(pipeline, [
      { name: "good", prompt: `say it ${told(WEAK, "logprob=-0.1")}` },
      { name: "unsure", prompt: `guess it ${told(WEAK, "logprob=-3")}` },
      { name: "refused", prompt: `do it ${told(WEAK, "answer=I+cannot+assist+with+that.")}` },
      {
        name: "invalid",
        prompt: `list it ${told(WEAK, "answer=none")}`,
        body: { response_format: { type: "json_object" } },
      },
      { name: "asked", prompt: `guess it ${told(WEAK, "logprob=-3")}`, more: { tier: "small" } },
    ])) as [Result, Result, Result, Result, Result];

    assert.deepEqual([good.route?.tier, good.route?.attempts], ["small", 1]);
    const choice = (good.response as { choices: { logprobs: unknown }[] }).choices[0];
    assert.equal(choice?.logprobs, null, "nobody asked for them");
    for (const [result, why] of [
      [unsure, /^low_confidence/],
      [refused, /^refusal/],
      [invalid, /^invalid_output/],
    ] as const) {
      assert.deepEqual(
        [result.status, result.route?.tier, result.route?.escalated_from, result.route?.attempts],
        ["succeeded", "large", "small", 2],
      );
      assert.match(result.route?.decision?.detail ?? "", why);
      assert.equal(result.route?.prompt_version, "brief");
    }
    assert.doesNotThrow(() => JSON.parse(textOf(invalid)));
    assert.deepEqual([asked.route?.tier, asked.route?.escalated_from], ["small", undefined]);
    const { by_model } = await pipeline.mockStats();
    assert.deepEqual([by_model[WEAK]?.calls, by_model[STRONG]?.calls], [5, 3]);
  });

  test("ends at hops_max: the last answer counts, weak as it is", async () => {
    const refusal = "I cannot assist with that.";
    const prompt = `no [[mock answer=${refusal.replaceAll(" ", "+")}]]`;
    const [result] = (await answersOf(pipeline, [{ name: "both", prompt }])) as [Result];
    assert.deepEqual([result.route?.tier, result.route?.attempts, textOf(result)], ["large", 2, refusal]);
  });

  test("an appeal asks the next tier the same; once at the top there is no other", async () => {
    const [first] = (await answersOf(pipeline, [
      { name: "appealed", prompt: "what is it", more: { metadata: { a: "b" } } },
    ])) as [Result];
    const post = async (id: string, key = pipeline.api_key) => {
      const reply = await fetch(`${pipeline.gateway_url}/v1/requests/${id}/appeal`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
      });
      return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
    };
    const made = await post(first.id);
    const id = `${first.id}.appeal`;
    assert.deepEqual([made.status, made.body["id"], made.body["tier"]], [202, id, "large"]);
    const again = await post(first.id);
    assert.deepEqual([again.status, again.body["id"]], [202, id]);
    const appealed = only(await pipeline.resultsOf([id]), id);
    assert.deepEqual([appealed.status, appealed.route?.tier, appealed.route?.cache], ["succeeded", "large", "bypass"]);
    assert.deepEqual(appealed.metadata, { a: "b", appeal_of: first.id });
    assert.notEqual(textOf(appealed), textOf(first));

    const top = await post(id);
    assert.deepEqual([top.status, (top.body["error"] as { code: string }).code], [409, "no_stronger_tier"]);
    assert.equal((await post(first.id, await pipeline.createKey("other"))).status, 404, "only the tenant's own");
    assert.equal((await post("nobody")).status, 404);
    const by_cli = await sluice(pipeline, "appeal", first.id, "--tenant", "demo", "--json");
    assert.equal(by_cli.code, 0, by_cli.err);
    assert.deepEqual(JSON.parse(by_cli.out), { id, appeal_of: first.id, tenant: "demo", tier: "large" });
    await pipeline.settled();
    only(await pipeline.resultsOf([id]), id);
    assert.deepEqual(pipeline.dlq.records.length, 0);
  });
});

describe("draft and verify", () => {
  let pipeline: Pipeline;
  before(async () => {
    const settings = { routing: { strategy: "draft_and_verify" } };
    pipeline = await startPipeline({ name: "drafts", settings, scale: { gateway: 0 } });
  });
  after(() => pipeline.stop());

  test("gives the draft that the judge accepts, and the judge's own answer where it does not", async () => {
    const [accepted, rejected] = (await answersOf(pipeline, [
      { name: "accepted", prompt: `is it so ${told(STRONG, "answer=yes")}` },
      { name: "rejected", prompt: `is it not ${told(STRONG, "answer=no")}` },
    ])) as [Result, Result];
    assert.deepEqual(
      [accepted.route?.tier, accepted.route?.attempts, accepted.route?.decision?.by],
      ["small", 2, "judge"],
    );
    assert.match(textOf(accepted), new RegExp(`^\\[${WEAK}\\]`));
    assert.deepEqual(
      [rejected.route?.tier, rejected.route?.escalated_from, rejected.route?.attempts, textOf(rejected)],
      ["large", "small", 3, "no"],
    );
    const { by_model } = await pipeline.mockStats();
    assert.deepEqual([by_model[WEAK]?.calls, by_model[STRONG]?.calls], [2, 3]);
    const tokens = [accepted, rejected].reduce((sum, { usage }) => sum + (usage?.completion_tokens ?? 0), 0);
    const billed = Object.values(by_model).reduce((sum, { completion_tokens }) => sum + completion_tokens, 0);
    assert.equal(tokens, billed, "every call is in the results");
    assert.ok((accepted.usage?.cost_usd ?? 0) > 0);
  });
});
