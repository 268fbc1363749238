/** The schema registry: registers our schemas, frames values with their ids, and reads what other writers framed. */
import { Agent } from "node:https";
import { createRequire } from "node:module";
import type { SchemaRegistry as Client } from "@kafkajs/confluent-schema-registry";
import type { RegistryAccess } from "../config/access.ts";
import { SluiceError, unavailable } from "../errors.ts";
import type { InRecord } from "../kafka/ports.ts";
import { timed } from "../metrics/dependencies.ts";
import type { Decoded, EventCodec } from "./codec.ts";
import { type JsonSchema, jsonSchemaOf } from "./json-schema.ts";
import type { EventName } from "./topics.ts";
import { frame, unframe } from "./wire.ts";

// The package is CommonJS whose named exports Node cannot see from an ES module.
const { SchemaRegistry, SchemaType, COMPATIBILITY } = createRequire(import.meta.url)(
  "@kafkajs/confluent-schema-registry",
) as typeof import("@kafkajs/confluent-schema-registry");

export type Compatibility = keyof typeof COMPATIBILITY;

/** Schema ids that no registry knew, remembered so that a flood of garbage is not a flood of look-ups. */
const UNKNOWN_IDS_MAX = 1_000;
const UNKNOWN_FOR_MS = 60_000;

/**
 * The client would compile every JSON schema that it meets: a second of CPU at each start for ours, and code made from schemas of
 * strangers. Nobody needs it: our own values are written to fit, those of others are checked by who reads them. Only JSON that is no
 * object comes as far as a validator, and no event is anything else.
 */
const NO_COMPILER = {
  addSchema: () => NO_COMPILER as never,
  compile: () => {
    const errors = [{ instancePath: "", message: "must be object" }];
    return Object.assign(() => false, { errors }) as never;
  },
};

export class RegistryCodec implements EventCodec {
  readonly #client: Client;
  readonly #record_bytes_max: number;
  readonly #now_ms: () => number;
  readonly #ids = new Map<string, number>();
  readonly #ours = new Map<string, Set<number>>();
  readonly #unknown = new Map<number, number>();

  constructor(options: RegistryAccess & { record_bytes_max: number; now_ms: () => number }) {
    this.#record_bytes_max = options.record_bytes_max;
    this.#now_ms = options.now_ms;
    this.#client = new SchemaRegistry(
      {
        host: options.url,
        retry: { retries: 0 },
        ...(options.auth === undefined ? {} : { auth: options.auth }),
        ...(options.ca === undefined ? {} : { agent: new Agent({ ca: options.ca, keepAlive: true }) }),
      },
      { [SchemaType.JSON]: { ajvInstance: NO_COMPILER } },
    );
  }

  /**
   * Registers the event's schema under `<topic>-value` for every topic given, or finds it there.
   * @throws `settings_invalid` when the registry holds another compatibility level or refuses the schema; retryable when away.
   */
  async register(topics: ReadonlyMap<string, EventName>, compatibility: Compatibility): Promise<void> {
    for (const [topic, event] of topics) {
      const id = await this.#register(`${topic}-value`, jsonSchemaOf(event), compatibility);
      this.#ids.set(topic, id);
      this.#ours.set(topic, new Set([id]));
    }
  }

  encode(topic: string, ...json: readonly Buffer[]): Buffer {
    const id = this.#ids.get(topic);
    if (id === undefined) throw new SluiceError("internal_error", `no schema is registered for ${topic}`);
    return frame(id, ...json);
  }

  async decode(record: InRecord): Promise<Decoded> {
    const { value, topic } = record;
    if (value === null) return unreadable("value_missing", "the record has no value");
    if (value.length > this.#record_bytes_max) {
      const limit = `topics.record_bytes_max is ${this.#record_bytes_max}`;
      return unreadable("record_too_large", `the value holds ${value.length} bytes; ${limit}`);
    }
    const framed = unframe(value);
    if (framed.kind === "plain") return { kind: "json", payload: framed.payload, trusted: false };
    if (framed.kind === "unreadable") {
      return unreadable("not_json", "the value is neither a JSON object nor in Confluent's wire format");
    }
    if (this.#ours.get(topic)?.has(framed.schema_id)) return { kind: "json", payload: framed.payload, trusted: true };
    return this.#decodeForeign(value, framed.schema_id, framed.payload);
  }

  /** A value under a schema of someone else's: JSON as it is, Avro and Protobuf by the registry's client. */
  async #decodeForeign(value: Buffer, id: number, payload: Buffer): Promise<Decoded> {
    const until_ms = this.#unknown.get(id);
    if (until_ms !== undefined && until_ms > this.#now_ms()) return unknownSchema(id);
    try {
      await timed("registry", "schema", () => this.#client.getSchema(id));
    } catch (error) {
      if (!isNotFound(error)) throw unavailable("schema_registry", error);
      if (this.#unknown.size >= UNKNOWN_IDS_MAX) this.#unknown.clear();
      this.#unknown.set(id, this.#now_ms() + UNKNOWN_FOR_MS);
      return unknownSchema(id);
    }
    if (unframe(payload).kind === "plain") return { kind: "json", payload, trusted: false };
    try {
      const decoded: unknown = await this.#client.decode(value);
      return { kind: "json", payload: Buffer.from(JSON.stringify(decoded)), trusted: false };
    } catch (error) {
      return unreadable("value_undecodable", `the value does not fit its schema ${id}: ${(error as Error).message}`);
    }
  }

  async #register(subject: string, schema: JsonSchema, compatibility: Compatibility): Promise<number> {
    try {
      const json = { type: SchemaType.JSON, schema: JSON.stringify(schema) } as const;
      const options = { subject, compatibility: COMPATIBILITY[compatibility] };
      const registered = await timed("registry", "register", () => this.#client.register(json, options));
      return registered.id;
    } catch (error) {
      const status = statusOf(error);
      if (status === 409 || status === 422) {
        throw new SluiceError("settings_invalid", `the registry refuses the schema of ${subject} as incompatible`, {
          cause: error,
          fix: "Run the version that wrote the last schema, or lower schema_registry.compatibility for this change.",
        });
      }
      if (error instanceof Error && error.name === "ConfluentSchemaRegistryCompatibilityError") {
        throw new SluiceError("settings_invalid", `${subject}: ${error.message}`, {
          cause: error,
          fix: "Set schema_registry.compatibility to the subject's level, or change the subject's level in the registry.",
        });
      }
      throw unavailable("schema_registry", error);
    }
  }
}

function unreadable(code: Extract<Decoded, { kind: "unreadable" }>["code"], message: string): Decoded {
  return { kind: "unreadable", code, message };
}

function unknownSchema(id: number): Decoded {
  return unreadable("schema_unknown", `the registry knows no schema ${id}`);
}

function statusOf(error: unknown): number | undefined {
  return typeof error === "object" && error !== null && "status" in error ? Number(error.status) : undefined;
}

function isNotFound(error: unknown): boolean {
  return statusOf(error) === 404;
}
