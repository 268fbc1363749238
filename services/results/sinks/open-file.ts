/** The lines that one partition's next file will have, and when it is full. Decides, and does no IO. */
import { partitionId, type TopicPartition } from "../../../libs/shared/kafka/ports.ts";
import type { SinkRecord } from "./sink.ts";

/** Lines in memory before a file is closed whatever the settings say. */
export const FILE_BYTES_MAX = 8 * 1024 * 1024;

type Held = { readonly offset: number; readonly timestamp_ms: number; readonly line: Buffer | undefined };

export class OpenFile {
  #held: Held[] = [];
  #bytes = 0;
  #opened_ms: number | undefined;

  /** When its first record came; undefined while there is none. */
  get opened_ms(): number | undefined {
    return this.#opened_ms;
  }

  /** Records that were read, those without a line included. */
  get records(): number {
    return this.#held.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get lines(): readonly Buffer[] {
    return this.#held.flatMap(({ line }) => line ?? []);
  }

  /** The offset of the last record; undefined while there is none. */
  get last(): number | undefined {
    return this.#held.at(-1)?.offset;
  }

  add({ record, result }: SinkRecord, now_ms: number): void {
    this.#opened_ms ??= now_ms;
    const line = result === undefined ? undefined : lineOf(result.json);
    this.#held.push({ offset: record.offset, timestamp_ms: record.timestamp_ms, line });
    this.#bytes += line?.length ?? 0;
  }

  /** Drops what is before the offset: it was made durable by whoever had the partition before. */
  startAt(offset: number): void {
    this.#held = this.#held.filter((held) => held.offset >= offset);
    this.#bytes = this.lines.reduce((sum, line) => sum + line.length, 0);
    if (this.#held.length === 0) this.#opened_ms = undefined;
  }

  /** `<sink>/<UTC day>/<topic>-<partition>/<offset>.jsonl` of the first record: the same whenever it is read again. */
  keyFor(sink: string, source: TopicPartition): string {
    const first = this.#held[0] as Held;
    const day = new Date(Math.max(0, first.timestamp_ms)).toISOString().slice(0, 10);
    const folder = partitionId(source).replace("/", "-");
    return `${sink}/${day}/${folder}/${String(first.offset).padStart(16, "0")}.jsonl`;
  }
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

/** One line: in JSON, line ends stand between tokens alone, where a space says the same. */
function lineOf(json: Buffer): Buffer {
  const line = Buffer.allocUnsafe(json.length + 1);
  json.copy(line);
  for (let at = 0; at < json.length; at += 1) if (line[at] === LF || line[at] === CR) line[at] = SPACE;
  line[json.length] = LF;
  return line;
}
