/** Records that no one should write, by kind, with what must become of each. Pure. */
import type { Random } from "../../tools/simulate/random.ts";

export type Spoiled = {
  readonly value: Buffer | null;
  /** The codes a dead letter may have, or the field that a rejected Result names. */
  readonly fate: { readonly codes: readonly string[] } | { readonly param: string };
};

export type GarbageContext = {
  readonly random: Random;
  /** An id that no other record has. */
  readonly id: string;
  readonly record_bytes_max: number;
  /** Frames bytes under our own schema of `llm.requests`. */
  readonly frame: (json: Buffer) => Buffer;
};

const body = { messages: [{ role: "user", content: "fine" }] };
const text = (value: string): Buffer => Buffer.from(value);
const json = (value: unknown): Buffer => text(JSON.stringify(value));
const dead = (value: Buffer | null, ...codes: string[]): Spoiled => ({ value, fate: { codes } });
const rejected = (value: object, param: string): Spoiled => ({ value: json(value), fate: { param } });

/** What one kind makes of a context. */
export const GARBAGE: Readonly<Record<string, (context: GarbageContext) => Spoiled>> = {
  "no value": () => dead(null, "value_missing"),
  "an empty value": () => dead(Buffer.alloc(0), "not_json"),
  "random bytes": ({ random }) =>
    dead(noise(random, random.int(1, 300)), "not_json", "schema_unknown", "value_undecodable"),
  "JSON cut short": ({ id, random }) => {
    const whole = json({ tenant: "demo", id, body });
    return dead(whole.subarray(0, random.int(1, whole.length - 1)), "not_json");
  },
  "a JSON array": ({ id }) => dead(json([{ tenant: "demo", id, body }]), "not_json"),
  "a JSON scalar": ({ random }) => dead(text(random.pick(["1", '"text"', "true", "null", "-0.5e3"])), "not_json"),
  "a byte-order mark": ({ id }) =>
    dead(Buffer.concat([text("\ufeff"), json({ tenant: "demo", id, body })]), "not_json"),
  "an unknown schema id": ({ id, random }) =>
    dead(wire(random.int(900_000, 900_100), json({ tenant: "demo", id, body })), "schema_unknown"),
  "the largest schema id": ({ id }) => dead(wire(0xffff_ffff, json({ tenant: "demo", id, body })), "schema_unknown"),
  "schema id zero": ({ id }) => dead(wire(0, json({ tenant: "demo", id, body })), "schema_unknown"),
  "half a wire header": () => dead(Buffer.from([0, 0, 0, 0]), "not_json"),
  "broken JSON in our wire format": ({ id, frame }) =>
    dead(frame(text(`{"tenant":"demo","id":"${id}","body":`)), "not_json"),
  "no object in our wire format": ({ random, frame }) =>
    dead(frame(text(random.pick(["null", "[]", "7", '"x"']))), "not_json"),
  "NaN for a number": ({ id }) =>
    dead(
      text(`{"tenant":"demo","id":"${id}","body":${JSON.stringify(body)},"limits":{"max_cost_usd":NaN}}`),
      "not_json",
    ),
  "more bytes than allowed": ({ id, record_bytes_max }) =>
    dead(json({ tenant: "demo", id, body, padding: "x".repeat(record_bytes_max) }), "record_too_large"),
  "a number for a tenant": ({ id }) => rejected({ tenant: 5, id, body }, "tenant"),
  "no tenant": ({ id }) => rejected({ id, body }, "tenant"),
  "a text for a body": ({ id }) => rejected({ tenant: "demo", id, body: "hello" }, "body"),
  "no messages": ({ id }) => rejected({ tenant: "demo", id, body: { messages: [] } }, "body.messages"),
  "an object for messages": ({ id }) => rejected({ tenant: "demo", id, body: { messages: {} } }, "body.messages"),
  "a wrong role": ({ id }) =>
    rejected({ tenant: "demo", id, body: { messages: [{ role: "root", content: "x" }] } }, "body.messages[0].role"),
  "an unknown field": ({ id }) => rejected({ tenant: "demo", id, body, priority: 1 }, ""),
  "a polluting field": ({ id }) => ({
    value: text(`{"__proto__":{"tenant":"other"},"tenant":"demo","id":"${id}","body":${JSON.stringify(body)}}`),
    fate: { param: "" },
  }),
  "control characters in an id": ({ id }) => rejected({ tenant: "demo", id: `${id}\n\u0000\u001b[2J`, body }, "id"),
  "a path for a tenant": ({ id }) => rejected({ tenant: "../demo", id, body }, "tenant"),
  "a limit below zero": ({ id }) =>
    rejected({ tenant: "demo", id, body, limits: { max_output_tokens: -1 } }, "limits.max_output_tokens"),
  "a deadline that is no time": ({ id }) => rejected({ tenant: "demo", id, body, deadline: "soon" }, "deadline"),
  "a callback that is no URL": ({ id }) =>
    rejected({ tenant: "demo", id, body, callback: { url: "file:///etc/passwd" } }, "callback.url"),
  "a temperature beyond bounds": ({ id }) =>
    rejected({ tenant: "demo", id, body: { ...body, temperature: 1e308 } }, "body.temperature"),
  "ten thousand levels": ({ id }) => ({ value: deep(id, 10_000), fate: { param: "" } }),
  "one level too many": ({ id }) => ({ value: deep(id, 127), fate: { param: "" } }),
};

/** Lists within lists, two levels down in the request. */
function deep(id: string, levels: number): Buffer {
  const lists = `${"[".repeat(levels)}${"]".repeat(levels)}`;
  return text(`{"tenant":"demo","id":"${id}","body":{"messages":[{"role":"user","content":"x"}],"deep":${lists}}}`);
}

function wire(schema_id: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(schema_id, 1);
  return Buffer.concat([header, payload]);
}

function noise(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.int(0, 255)));
}
