/** What is looked for, by request: equal for equal requests of a tenant, different for all others. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { cacheSchema } from "../../../../libs/shared/config/cache.ts";
import type { AdmittedHead } from "../../../../libs/shared/events/flow.ts";
import { factsOf } from "../../../../libs/shared/routing/facts.ts";
import { type AskContext, cacheAskOf } from "../../../../services/router/cache/ask.ts";
import type { CacheAsk } from "../../../../services/router/cache/contract.ts";

type Body = Record<string, unknown>;

const CONTEXT: AskContext = {
  settings: cacheSchema.parse({}),
  models: ["m1", "m2"],
  output_tokens_max: undefined,
  sensitive: () => undefined,
};
const BODY: Body = {
  model: "auto",
  messages: [
    { role: "system", content: "be brief" },
    { role: "user", content: "what is 2+2?" },
  ],
  temperature: 0.2,
  tools: [{ type: "function", function: { name: "f" } }],
  response_format: { type: "json_object" },
};
const headOf = (more: Partial<AdmittedHead> = {}): AdmittedHead => ({
  ...{ id: "r1", tenant: "demo", content_hash: "h", kind: "chat", lane: "interactive", model: "auto", timing: {} },
  ...more,
});

function asked(body: Body = BODY, head: Partial<AdmittedHead> = {}, context: Partial<AskContext> = {}) {
  const full = headOf(head);
  const facts = full.kind === "chat" ? factsOf(body) : undefined;
  return cacheAskOf(full, body, facts, { ...CONTEXT, ...context });
}

function ask(...parameters: Parameters<typeof asked>): CacheAsk {
  const found = asked(...parameters);
  assert.ok(!("bypass" in found), JSON.stringify(found));
  return found;
}

const messages = (...contents: unknown[]): Body => ({
  messages: contents.map((content) => ({ role: "user", content })),
});

describe("an entry's name", () => {
  const base = ask();

  test("is the same whatever the spelling, and whoever asks how", () => {
    const reordered = Object.fromEntries(Object.entries(BODY).reverse());
    assert.equal(ask(reordered).entry_id, base.entry_id);
    const spelt = JSON.stringify(BODY, undefined, 3).replaceAll("w", "\\u0077").replace("0.2", "2e-1");
    assert.equal(ask(JSON.parse(spelt) as Body).entry_id, base.entry_id);
    const idle = {
      ...{ stream: true, stream_options: { include_usage: true }, user: "u", metadata: { a: "b" }, store: true },
      ...{ service_tier: "flex", safety_identifier: "s", prompt_cache_key: "k" },
    };
    assert.deepEqual(ask({ ...BODY, ...idle }), base);
    const other = { session: "s", user: "u", metadata: { a: "b" }, content_hash: "g" } as const;
    assert.deepEqual(ask(BODY, other), base);
    assert.deepEqual(ask(BODY, { lane: "batch" }), { ...base, lane: "batch" });
  });

  test("is another for any other content", () => {
    const last = { role: "user", content: "what is 2+3?" };
    const bodies: Body[] = [
      { ...BODY, messages: [(BODY["messages"] as object[])[0], last] },
      { ...BODY, messages: [{ role: "system", content: "be long" }, (BODY["messages"] as object[])[1]] },
      { ...BODY, temperature: 0.3 },
      { ...BODY, max_tokens: 5 },
      { ...BODY, seed: 1 },
      { ...BODY, n: 2 },
      { ...BODY, tools: [{ type: "function", function: { name: "g" } }] },
      { ...BODY, response_format: { type: "text" } },
      { ...BODY, whatever: null },
    ];
    const version: AskContext["settings"] = cacheSchema.parse({ version: "2" });
    const all = [
      ...bodies.map((body) => ask(body)),
      ask(BODY, { tenant: "other" }),
      ask(BODY, { tier: "large" }),
      ask(BODY, { model: "small" }),
      ask(BODY, {}, { output_tokens_max: 9 }),
      ask(BODY, { metadata: { cache_namespace: "a" } }),
      ask(BODY, {}, { models: ["m1", "m3"] }),
      ask(BODY, {}, { settings: version }),
    ];
    assert.equal(new Set([base, ...all].map(({ entry_id }) => entry_id)).size, all.length + 1);
  });

  test("is the same for equal JSON alone", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (left, right) => {
        const same = JSON.stringify(sorted(left)) === JSON.stringify(sorted(right));
        assert.equal(ask({ ...BODY, x: left }).entry_id === ask({ ...BODY, x: right }).entry_id, same);
      }),
    );
  });
});

/** Written apart from `canonicalJson`, to compare with. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? 0 : value;
  const members = Object.keys(value).toSorted();
  return { members: members.map((key) => [key, sorted((value as Body)[key])]) };
}

describe("a namespace", () => {
  const base = ask();

  test("is shared by requests that differ in the last user turn's text alone", () => {
    const turns = BODY["messages"] as object[];
    const other = ask({ ...BODY, messages: [turns[0], { role: "user", content: "and 3+3?" }] });
    assert.equal(other.namespace, base.namespace);
    assert.notEqual(other.entry_id, base.entry_id);
    assert.equal(other.text, "and 3+3?");
    const named = ask({ ...BODY, messages: [turns[0], { role: "user", name: "x", content: "and 3+3?" }] });
    assert.notEqual(named.namespace, base.namespace);
    const longer = ask({ ...BODY, messages: [...turns, { role: "user", content: "and 3+3?" }] });
    assert.notEqual(longer.namespace, base.namespace);
  });

  test("holds all of a part but its text: an image cannot hide behind one", () => {
    const part = (url: string) => [{ type: "image_url", text: "what is it?", image_url: { url } }];
    assert.notEqual(ask(messages(part("a"))).namespace, ask(messages(part("b"))).namespace);
  });

  test("is another for another label, embedding model or version", () => {
    const settings = cacheSchema.parse({ semantic: { embedding: { model: "other" } } });
    const names = [
      base,
      ask(BODY, { metadata: { cache_namespace: "a" } }),
      ask(BODY, { tenant: "other" }),
      ask(BODY, { tier: "large" }),
      ask(BODY, {}, { settings }),
      ask(BODY, {}, { settings: cacheSchema.parse({ version: "2" }) }),
    ];
    assert.equal(new Set(names.map(({ namespace }) => namespace)).size, names.length);
    assert.equal(ask(BODY, {}, { settings }).entry_id, base.entry_id);
    assert.equal(names[1]?.label, "a");
  });

  test("of embeddings is shared whatever is embedded, and nothing of them is found by meaning", () => {
    const one = ask({ input: "a" }, { kind: "embeddings" });
    const other = ask({ input: ["b"] }, { kind: "embeddings" });
    assert.equal(one.namespace, other.namespace);
    assert.notEqual(one.entry_id, other.entry_id);
    assert.equal(one.text, undefined);
  });
});

describe("another tenant's entries", () => {
  const names = (found: CacheAsk): string[] => [found.entry_id, found.namespace];

  test("have no name that a request could ask for: 10,000 probes", () => {
    const victims = Array.from({ length: 100 }, (_, index) => ask(messages(`secret ${index}`), { tenant: "victim" }));
    const known = new Set(victims.flatMap(names));
    let probes = 0;
    for (const [index, victim] of victims.entries()) {
      for (let way = 0; way < 100; way += 1) {
        const forged = [victim.entry_id, victim.namespace, `${victim.namespace}:${victim.entry_id}`, "victim"][way % 4];
        const text = `secret ${index}`;
        const bodies: Body[] = [
          messages(text),
          { ...messages(text), tenant: "victim" },
          { ...messages(text), entry_id: forged, namespace: forged },
          { ...messages(text), metadata: { tenant: "victim", cache_namespace: forged ?? "" } },
          messages(`${text}"],"tenant":"victim","x":["`),
        ];
        const metadata = { cache_namespace: forged ?? "", tenant: "victim", entry_id: victim.entry_id };
        const head = { tenant: `attacker${way % 7}`, id: victim.entry_id, ...(way % 2 === 0 ? { metadata } : {}) };
        const probe = ask(bodies[way % bodies.length], head);
        for (const name of names(probe)) assert.ok(!known.has(name));
        probes += 1;
      }
    }
    assert.equal(probes, 10_000);
  });

  test("have no name of its own, whatever it says", () => {
    const said = fc.record({
      tier: fc.option(fc.string(), { nil: undefined }),
      label: fc.string(),
      content: fc.string(),
      more: fc.dictionary(
        fc.string().filter((name) => name !== "messages"),
        fc.jsonValue(),
      ),
    });
    const of = (
      tenant: string,
      { tier, label, content, more }: typeof said extends fc.Arbitrary<infer T> ? T : never,
    ) =>
      names(
        ask(
          { ...more, ...messages(content) },
          { tenant, metadata: { cache_namespace: label }, ...(tier === undefined ? {} : { tier }) },
        ),
      );
    fc.assert(
      fc.property(said, said, (left, right) => {
        const theirs = new Set(of("a", left));
        assert.ok(of("b", right).every((name) => !theirs.has(name)));
        assert.ok(of("b", left).every((name) => !theirs.has(name)));
      }),
    );
  });
});

describe("a request", () => {
  const text = (body: Body, context: Partial<AskContext> = {}) => ask(body, {}, context).text;

  test("is answered by meaning only where the last user turn is short text, asked once, with nothing personal in it", () => {
    assert.equal(text(BODY), "what is 2+2?");
    assert.equal(
      text(
        messages([
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ]),
      ),
      "a\nb",
    );
    assert.equal(text({ ...BODY, n: 1 }), "what is 2+2?");
    assert.equal(text({ ...BODY, n: 2 }), undefined);
    assert.equal(text(messages("  ")), undefined);
    assert.equal(text(messages("x".repeat(2_001))), undefined);
    assert.equal(text(messages([{ type: "image_url", image_url: { url: "x" } }])), undefined);
    assert.equal(text({ messages: [{ role: "assistant", content: "hi" }] }), undefined);
    assert.equal(text(BODY, { settings: cacheSchema.parse({ semantic: { enabled: false } }) }), undefined);
  });

  test("with something personal anywhere in its messages is not", () => {
    const sensitive = (all: string): string | undefined => (all.includes("secret") ? "secret" : undefined);
    assert.equal(text(BODY, { sensitive }), "what is 2+2?");
    const call = { id: "c", type: "function", function: { name: "f", arguments: '{"a":"secret"}' } };
    const places: object[] = [
      { role: "system", content: "the secret" },
      { role: "user", content: [{ type: "text", text: "a secret" }] },
      { role: "assistant", content: null, tool_calls: [call] },
    ];
    for (const place of places) {
      const body = { messages: [place, { role: "user", content: "hi" }] };
      assert.equal(text(body, { sensitive }), undefined);
      assert.match(ask(body, {}, { sensitive }).entry_id, /^[0-9a-f]{64}$/);
    }
  });

  test("says how long its answer lives, what is near enough, and whether it reads and writes", () => {
    const cache = { ttl_seconds: 5, threshold: 0.97 };
    const { ttl_ms, threshold, deadline_ms, reads, writes } = ask(BODY, { cache, deadline_ms: 7 });
    assert.deepEqual([ttl_ms, threshold, deadline_ms, reads, writes], [5_000, 0.97, 7, true, true]);
    assert.equal(ask().ttl_ms, 24 * 3_600_000);
    for (const mode of ["no-store", "only"] as const) {
      const found = ask(BODY, { cache: { mode } });
      assert.deepEqual([found.reads, found.writes, found.entry_id], [true, false, ask().entry_id]);
    }
  });

  test("passes the cache by where it or the settings say so, and where it is too long to be read", () => {
    const off = cacheSchema.parse({ exact: { enabled: false }, semantic: { enabled: false } });
    assert.ok("bypass" in asked(BODY, { cache: { mode: "bypass" } }));
    assert.ok("bypass" in asked(BODY, {}, { settings: off }));
    assert.ok("bypass" in cacheAskOf(headOf(), undefined, undefined, CONTEXT));
  });
});
