/** The schema registry as the handlers know it: real framing, one schema id a topic, and a registry that is away at times. */
import { unavailable } from "../../libs/shared/errors.ts";
import type { Decoded, EventCodec } from "../../libs/shared/events/codec.ts";
import { frame, unframe } from "../../libs/shared/events/wire.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import type { SimulatedProcess } from "./process.ts";

/** A schema id that the registry has and no topic of ours uses: another team's. */
export const FOREIGN_SCHEMA_ID = 9_000;

/** The registry's contents: one id per topic. */
export class SimulatedSchemas {
  readonly #ids = new Map<string, number>();

  constructor(topics: readonly string[]) {
    for (const [index, topic] of topics.entries()) this.#ids.set(topic, index + 1);
  }

  idOf(topic: string): number {
    const id = this.#ids.get(topic);
    if (id === undefined) throw new Error(`no schema is registered for ${topic}`);
    return id;
  }

  has(id: number): boolean {
    return id === FOREIGN_SCHEMA_ID || (id >= 1 && id <= this.#ids.size);
  }
}

export class SimulatedCodec implements EventCodec {
  readonly #process: SimulatedProcess;
  readonly #schemas: SimulatedSchemas;
  readonly #record_bytes_max: number;
  /** Ids that this process looked up already. */
  readonly #known = new Set<number>();

  constructor(process: SimulatedProcess, schemas: SimulatedSchemas, record_bytes_max: number) {
    this.#process = process;
    this.#schemas = schemas;
    this.#record_bytes_max = record_bytes_max;
  }

  encode(topic: string, ...json: readonly Buffer[]): Buffer {
    return frame(this.#schemas.idOf(topic), ...json);
  }

  async decode({ topic, value }: InRecord): Promise<Decoded> {
    if (value === null) return { kind: "unreadable", code: "value_missing", message: "the record has no value" };
    if (value.length > this.#record_bytes_max) {
      return { kind: "unreadable", code: "record_too_large", message: `the value holds ${value.length} bytes` };
    }
    const framed = unframe(value);
    if (framed.kind === "plain") return { kind: "json", payload: framed.payload, trusted: false };
    if (framed.kind === "unreadable")
      return { kind: "unreadable", code: "not_json", message: "neither JSON nor framed" };
    const { schema_id, payload } = framed;
    if (schema_id === this.#schemas.idOf(topic)) return { kind: "json", payload, trusted: true };
    if (!this.#known.has(schema_id)) await this.#lookUp(schema_id);
    if (this.#schemas.has(schema_id)) return { kind: "json", payload, trusted: false };
    return { kind: "unreadable", code: "schema_unknown", message: `the registry knows no schema ${schema_id}` };
  }

  async #lookUp(schema_id: number): Promise<void> {
    await this.#process.call("look up a schema", () => this.#known.add(schema_id), {
      lost: () => unavailable("schema_registry", new Error("timed out")),
    });
  }
}
