/** The names of entries: equal for what is the same question, and for nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { entryNames, type Fingerprinted, questionOf, textsOf } from "../../../../libs/shared/cache/fingerprint.ts";
import { factsOf } from "../../../../libs/shared/routing/facts.ts";

const SETTINGS = { version: "1", semantic: { embedding: { model: "minilm" } } };

type Own = Partial<Omit<Fingerprinted, "body" | "facts">> & { readonly body?: Readonly<Record<string, unknown>> };

const ask = (text: string, more: object = {}) => ({ messages: [{ role: "user", content: text }], ...more });

function fingerprinted({ body = ask("Hi"), ...own }: Own): Fingerprinted {
  const nothing = { label: undefined, tier: undefined, model: undefined, output_tokens_max: undefined };
  return { tenant: "demo", ...nothing, models: ["small/m"], ...own, body, facts: factsOf(body) };
}

const namesOf = (own: Own, settings = SETTINGS) => entryNames(fingerprinted(own), settings);

const same: readonly (readonly [string, Own, Own])[] = [
  ["how the answer comes", { body: ask("Hi") }, { body: ask("Hi", { stream: true, user: "u", store: true }) }],
  ["the order of members", { body: { n: 1, ...ask("Hi") } }, { body: ask("Hi", { n: 1 }) }],
  ["auto and no model", {}, { model: "auto", body: ask("Hi", { model: "auto" }) }],
  ["a tier by either field", { tier: "small" }, { model: "small", body: ask("Hi", { model: "small" }) }],
];
for (const [name, left, right] of same)
  test(`no difference: ${name}`, () => assert.deepEqual(namesOf(left), namesOf(right)));

const others: readonly (readonly [string, Own])[] = [
  ["the tenant", { tenant: "demo2" }],
  ["the label", { label: "faq" }],
  ["the tier", { tier: "small" }],
  ["the model", { model: "m" }],
  ["the bound on the answer", { output_tokens_max: 10 }],
  ["what may answer", { models: ["small/m2"] }],
  ["a parameter", { body: ask("Hi", { temperature: 0 }) }],
  [
    "the system prompt",
    {
      body: {
        messages: [
          { role: "system", content: "x" },
          { role: "user", content: "Hi" },
        ],
      },
    },
  ],
  ["the last turn's other members", { body: { messages: [{ role: "user", content: "Hi", name: "x" }] } }],
  [
    "an image beside the text",
    { body: { messages: [{ role: "user", content: [{ type: "text", text: "Hi", image: "y" }] }] } },
  ],
];
for (const [name, own] of others) {
  test(`another entry and namespace: ${name}`, () => {
    assert.notEqual(namesOf(own).entry_id, namesOf({}).entry_id);
    assert.notEqual(namesOf(own).namespace, namesOf({}).namespace);
  });
}

test("another question is another entry of the same namespace", () => {
  const [one, other] = [namesOf({}), namesOf({ body: ask("Hello") })];
  assert.notEqual(one.entry_id, other.entry_id);
  assert.equal(one.namespace, other.namespace);
});

test("the version is part of both names, the embedding model of the namespace", () => {
  const version = namesOf({}, { ...SETTINGS, version: "2" });
  assert.notEqual(version.entry_id, namesOf({}).entry_id);
  const model = namesOf({}, { ...SETTINGS, semantic: { embedding: { model: "other" } } });
  assert.equal(model.entry_id, namesOf({}).entry_id);
  assert.notEqual(model.namespace, namesOf({}).namespace);
});

test("whatever a tenant writes, its names are no other tenant's", () => {
  const text = fc.string({ unit: "binary" });
  const own = fc.record({ label: text, tier: text, model: text, models: fc.array(text), words: text });
  fc.assert(
    fc.property(own, own, ({ words, ...left }, { words: other, ...right }) => {
      const mine = namesOf({ ...left, tenant: "a", body: ask(words) });
      const theirs = namesOf({ ...right, tenant: "b", body: ask(other) });
      return mine.entry_id !== theirs.entry_id && mine.namespace !== theirs.namespace;
    }),
  );
});

test("a question is looked for where one answer to it would do", () => {
  const settings = { enabled: true, text_chars_max: 10 };
  const find = (text: string) => (text.includes("secret") ? "secret" : undefined);
  const question = (body: Readonly<Record<string, unknown>>, more = {}) =>
    questionOf({ body, facts: factsOf(body) }, { ...settings, ...more }, find);
  assert.equal(question(ask("Hi")), "Hi");
  assert.equal(question(ask("Hi", { n: 1 })), "Hi");
  assert.equal(question(ask("Hi", { n: 2 })), undefined);
  assert.equal(question(ask("longer than it may be")), undefined);
  assert.equal(question(ask("  ")), undefined);
  assert.equal(question(ask("Hi"), { enabled: false }), undefined);
  assert.equal(question({ input: "Hi" }), undefined);
  const call = { role: "assistant", tool_calls: [{ function: { arguments: '{"key":"secret"}' } }] };
  assert.equal(question({ messages: [call, { role: "user", content: "Hi" }] }), undefined);
  assert.match(textsOf({ messages: [call] }), /"key":"secret"/);
});
