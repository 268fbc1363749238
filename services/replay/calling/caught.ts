/** What a handler publishes stays in this process: records by their key, and values without a schema's frame. */
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import type { OutRecord, Publisher } from "../../../libs/shared/kafka/ports.ts";

/** JSON as it is, written and read by this process alone. */
export const PLAIN_CODEC: EventCodec = {
  encode: (_topic, ...json) => Buffer.concat([...json]),
  async decode({ value }) {
    if (value === null) return { kind: "unreadable", code: "value_missing", message: "the record has no value" };
    return { kind: "json", payload: value, trusted: true };
  },
};

/** Every job that is under way has a key of its own. */
export class CatchingPublisher implements Publisher {
  readonly #caught = new Map<string, OutRecord[]>();

  async publish(records: readonly OutRecord[]): Promise<void> {
    for (const record of records) this.#caught.get(String(record.key))?.push(record);
  }

  /** Runs the work. @returns what was published under the key meanwhile. */
  async during(key: string, work: () => Promise<void>): Promise<readonly OutRecord[]> {
    const caught: OutRecord[] = [];
    this.#caught.set(key, caught);
    try {
      await work();
      return caught;
    } finally {
      this.#caught.delete(key);
    }
  }
}
