/** Requests that mean harm, as JSON text for a topic and for HTTP alike: every one must be refused with a reason. Pure. */

export type Hostile = { readonly kind: string; readonly text: string };

const messages = [{ role: "user", content: "fine" }];
const body = { messages };
/** Fields of the envelope beside a good body, as JSON text: what JSON.stringify cannot write. */
const raw = (fields: string): string => `{"body":${JSON.stringify(body)},${fields}}`;
const rawBody = (fields: string): string => `{"body":{"messages":${JSON.stringify(messages)},${fields}}}`;
const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;

/** Wrong whatever else the request says. A producer's `tenant` and mark come on top (`withTenant`). */
const TEXTS: Readonly<Record<string, string>> = {
  "a number for an id": raw('"id":5'),
  "a list for an id": raw('"id":["a"]'),
  "an id of control characters": raw('"id":"a\\u0000b\\r\\nX-Evil: 1"'),
  "an id of escapes": raw('"id":"\\u001b[2J\\u0007"'),
  "an id that is a path": raw('"id":"../../etc/passwd"'),
  "an id that is a prototype": raw('"id":"__proto__"'),
  "an id that is too long": raw(`"id":"${"i".repeat(201)}"`),
  "an id with a right-to-left mark": raw('"id":"abc\\u202edef"'),
  "control characters in a user": raw('"user":"ann\\u0000\\n"'),
  "control characters in a session": raw('"session":"chat\\r\\n7"'),
  "control characters in an idempotency key": raw('"idempotency_key":"key\\u0001"'),
  "a user that is too long": raw(`"user":"${"u".repeat(257)}"`),
  "a number for a session": raw('"session":7'),
  "a boolean for a user": raw('"user":true'),
  "an empty idempotency key": raw('"idempotency_key":""'),
  "a text for a body": '{"body":"hello"}',
  "a list for a body": '{"body":[]}',
  "null for a body": '{"body":null}',
  "no body": "{}",
  "an object for messages": '{"body":{"messages":{"length":1}}}',
  "a null for a message": '{"body":{"messages":[null]}}',
  "a number for a role": '{"body":{"messages":[{"role":1,"content":"x"}]}}',
  "a number for content": '{"body":{"messages":[{"role":"user","content":1}]}}',
  "a message and an input": '{"body":{"messages":[{"role":"user","content":"x"}],"input":"x"}}',
  "an input of nothing": '{"body":{"input":[]}}',
  "an input of fractions": '{"body":{"input":[1.5]}}',
  "an input below zero": '{"body":{"input":[-1]}}',
  "dimensions below zero": '{"body":{"input":"x","dimensions":-1}}',
  "a cost limit below zero": raw('"limits":{"max_cost_usd":-1}'),
  "a cost limit of nought": raw('"limits":{"max_cost_usd":0}'),
  "a cost limit beyond all money": raw('"limits":{"max_cost_usd":1e308}'),
  "a cost limit beyond numbers": raw('"limits":{"max_cost_usd":1e999}'),
  "a cost limit of NaN": raw('"limits":{"max_cost_usd":NaN}'),
  "a cost limit of Infinity": raw('"limits":{"max_cost_usd":Infinity}'),
  "a text for a cost limit": raw('"limits":{"max_cost_usd":"NaN"}'),
  "a null for a cost limit": raw('"limits":{"max_cost_usd":null}'),
  "an output limit below zero": raw('"limits":{"max_output_tokens":-5}'),
  "an output limit of halves": raw('"limits":{"max_output_tokens":0.5}'),
  "an output limit beyond whole numbers": raw('"limits":{"max_output_tokens":1e300}'),
  "limits that are a list": raw('"limits":[]'),
  "limits that nobody knows": raw('"limits":{"max_cost_eur":1}'),
  "output tokens below zero": rawBody('"max_tokens":-1'),
  "output tokens beyond whole numbers": rawBody('"max_completion_tokens":1e30'),
  "a text for output tokens": rawBody('"max_tokens":"many"'),
  "answers without number": rawBody('"n":1e9'),
  "answers below zero": rawBody('"n":-1'),
  "a temperature beyond numbers": rawBody('"temperature":1e999'),
  "a temperature below zero": rawBody('"temperature":-1'),
  "a text for stream": rawBody('"stream":"yes"'),
  "a number for a model": rawBody('"model":5'),
  "a threshold beyond one": raw('"cache":{"threshold":2}'),
  "a time to live below zero": raw('"cache":{"ttl_seconds":-1}'),
  "a lane that is not there": raw('"lane":"fast"'),
  "a deadline that is a number": raw('"deadline":1e308'),
  "a callback to a file": raw('"callback":{"url":"file:///etc/passwd"}'),
  "a callback of script": raw('"callback":{"url":"javascript:alert(1)"}'),
  "too much metadata": raw(`"metadata":{${Array.from({ length: 17 }, (_, at) => `"k${at}":"v"`).join(",")}}`),
  "numbers for metadata": raw('"metadata":{"a":1}'),
  "metadata that is too long": raw(`"metadata":{"a":"${"m".repeat(513)}"}`),
  "a polluting envelope": raw('"__proto__":{"tenant":"other"}'),
  "a polluting body": rawBody('"__proto__":{"model":"gpt-4.1"}'),
  "polluting limits": raw('"limits":{"__proto__":{"max_cost_usd":1}}'),
  "polluting metadata": raw('"metadata":{"__proto__":"x"}'),
  "a polluting message": '{"body":{"messages":[{"role":"user","content":"x","__proto__":{"role":"system"}}]}}',
  "a hidden pollution": rawBody('"\\u005f_proto__":{}'),
  "a polluting constructor": rawBody('"tools":{"constructor":{"prototype":{"admin":true}}}'),
  "an unknown field": raw('"admin":true'),
  "ten thousand levels": rawBody(`"deep":${deep(10_000)}`),
  "ten thousand levels of metadata": raw(`"metadata":${deep(10_000)}`),
  "a hundred and thirty levels": rawBody(`"deep":${deep(130)}`),
  "ten megabytes": rawBody(`"padding":"${"x".repeat(10_000_000)}"`),
  "JSON that ends too soon": '{"body":{"messages":[',
  "two values": '{"body":{}} {}',
};

export const HOSTILE: readonly Hostile[] = Object.entries(TEXTS).map(([kind, text]) => ({ kind, text }));

/** For a producer, who names the tenant. */
export function withTenant(text: string, tenant: string): string {
  return text === "{}" ? `{"tenant":"${tenant}"}` : text.replace("{", `{"tenant":"${tenant}",`);
}
