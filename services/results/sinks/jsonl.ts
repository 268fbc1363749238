/**
 * Results as JSONL files, one line each. A partition's records are gathered; a full or old file is written, and then the group's offset is
 * moved past it. A file is named by its first offset, so that after a crash in between the same name is written again, with what is read
 * then: no result stands in two files, and none is missing.
 *
 * - **S1** The offset moves past a record only after its file is whole in the storage (I2).
 * - **S2** Before its first file of a partition a member takes the partition's transactional id: from then on nobody else moves the
 *   offset, and what the offset is past is dropped.
 * - **S3** A file without lines is no file. Where one of that name may be left of an earlier member, it is removed.
 * - **S4** Whoever lost a partition stops writing: the write rejects and leaves nothing.
 */
import type { Clock, Timer } from "../../../libs/shared/clock.ts";
import type { SinkSettings } from "../../../libs/shared/config/outputs.ts";
import { isRetryable, SluiceError, unavailable } from "../../../libs/shared/errors.ts";
import type { FileStorage } from "../../../libs/shared/files/storage.ts";
import type { HandlerContext } from "../../../libs/shared/kafka/handler.ts";
import {
  type InRecord,
  type OffsetHolder,
  partitionId,
  type TopicPartition,
} from "../../../libs/shared/kafka/ports.ts";
import type { Log } from "../../../libs/shared/log.ts";
import { FILE_BYTES_MAX, OpenFile } from "./open-file.ts";
import type { ReadRecord, Sink } from "./sink.ts";

export type JsonlSinkOptions = {
  readonly name: string;
  readonly settings: Pick<Extract<SinkSettings, { type: "jsonl" }>, "records_max" | "wait_ms">;
  readonly storage: Pick<FileStorage, "write" | "remove">;
  readonly read: ReadRecord;
  readonly offsets: OffsetHolder;
  readonly clock: Clock;
  readonly log: Log;
};

/** Lines of all partitions in memory; beyond, whoever adds closes its file. */
const ALL_BYTES_MAX = 4 * FILE_BYTES_MAX;

type Held = {
  readonly source: TopicPartition;
  file: OpenFile;
  /** Offsets before it were read in this assignment. */
  next: number;
  /** S2. After a fencing it is asked for again. */
  taken: boolean;
  /** No file was closed since it was taken: one of the same name may be there. */
  first: boolean;
  timer: Timer | undefined;
  /** One writes at a time. */
  busy: Promise<void>;
};

export class JsonlSink implements Sink {
  readonly #options: JsonlSinkOptions;
  readonly #held = new Map<string, Held>();
  #closed = false;

  constructor(options: JsonlSinkOptions) {
    this.#options = options;
  }

  async take(source: TopicPartition, records: readonly InRecord[], context: HandlerContext): Promise<void> {
    if (this.#closed) throw new SluiceError("stopping", "the sink is closed", { retryable: true });
    if (!context.isAssigned(source)) return;
    // Before anything is waited for: these records follow those of this assignment, and of no later one.
    const held = this.#heldOf(source);
    const { read, clock } = this.#options;
    const known = await Promise.all(records.map(read));
    await this.#alone(held, async () => {
      await this.#own(held);
      for (const one of known) {
        if (one.record.offset < held.next) continue;
        // Also what an earlier try has left full.
        if (this.#isFull(held.file)) await this.#closeFile(held);
        held.file.add(one, clock.now_ms());
        held.next = one.record.offset + 1;
      }
      if (this.#isFull(held.file)) await this.#closeFile(held);
    });
    this.#closeLater(held);
  }

  lost(partitions: readonly TopicPartition[]): void {
    for (const tp of partitions) {
      this.#held.get(partitionId(tp))?.timer?.cancel();
      this.#held.delete(partitionId(tp));
    }
    this.#options.offsets.forget(partitions);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#held.values()];
    for (const { timer } of all) timer?.cancel();
    // What cannot be written now is delivered again.
    await Promise.allSettled(all.map((held) => this.#alone(held, () => this.#closeFile(held))));
  }

  #heldOf(source: TopicPartition): Held {
    const id = partitionId(source);
    const known = this.#held.get(id);
    if (known !== undefined) return known;
    const held: Held = {
      source,
      file: new OpenFile(),
      next: 0,
      taken: false,
      first: true,
      timer: undefined,
      busy: Promise.resolve(),
    };
    this.#held.set(id, held);
    return held;
  }

  #isFull({ records, bytes }: OpenFile): boolean {
    if (records >= this.#options.settings.records_max || bytes >= FILE_BYTES_MAX) return true;
    return records > 0 && this.#bytes() > ALL_BYTES_MAX;
  }

  #bytes(): number {
    return this.#held.values().reduce((sum, { file }) => sum + file.bytes, 0);
  }

  #isHeld(held: Held): boolean {
    return this.#held.get(partitionId(held.source)) === held;
  }

  async #alone(held: Held, work: () => Promise<void>): Promise<void> {
    const turn = held.busy.then(work);
    held.busy = turn.catch(() => undefined);
    await turn;
  }

  /** S2. */
  async #own(held: Held): Promise<void> {
    if (held.taken) return;
    const position = await this.#options.offsets.take(held.source);
    if (position === "fenced") throw fenced();
    held.taken = true;
    held.first = true;
    held.next = Math.max(held.next, position);
    held.file.startAt(position);
  }

  /** Throws retryable errors alone; the file stays as it is then, and is closed by the next try. */
  async #closeFile(held: Held): Promise<void> {
    await this.#own(held);
    const { last } = held.file;
    if (last === undefined || !this.#isHeld(held)) return;
    await this.#store(held);
    // S4: what was written meanwhile by a member without the partition does not count.
    if (this.#isHeld(held)) await this.#moveOffset(held, last);
  }

  /** Until it is known how that ended, nothing may be added to the file: the next member might begin behind it (S2). */
  async #moveOffset(held: Held, last: number): Promise<void> {
    held.taken = false;
    const ended = await this.#options.offsets.publishOnce(held.source, [{ offset: last, records: [] }]);
    if (ended === "fenced") throw fenced();
    held.taken = true;
    held.first = false;
    held.file = new OpenFile();
  }

  async #store(held: Held): Promise<void> {
    const { name, storage } = this.#options;
    const { file, source, first } = held;
    const key = file.keyFor(name, source);
    try {
      if (file.lines.length > 0) await storage.write(key, this.#content(held, file.lines));
      else if (first) await storage.remove(key);
    } catch (error) {
      // No result is to blame, whatever the storage says.
      throw isRetryable(error) ? error : unavailable("file_storage", error);
    }
  }

  async *#content(held: Held, lines: readonly Buffer[]): AsyncGenerator<Buffer> {
    for (const line of lines) {
      if (!this.#isHeld(held)) throw new Error("the partition is another's");
      yield line;
    }
    if (!this.#isHeld(held)) throw new Error("the partition is another's");
  }

  #closeLater(held: Held): void {
    held.timer?.cancel();
    held.timer = undefined;
    if (this.#closed || held.file.records === 0 || !this.#isHeld(held)) return;
    const { clock, settings, log } = this.#options;
    // A file that could not be closed is tried again after as long a wait.
    const left_ms = (held.file.opened_ms ?? 0) + settings.wait_ms - clock.now_ms();
    held.timer = clock.after(left_ms > 0 ? left_ms : settings.wait_ms, () => {
      this.#alone(held, () => this.#closeFile(held))
        .catch((error: unknown) => log.warn({ error, sink: this.#options.name }, "a file of results waits"))
        .finally(() => this.#closeLater(held));
    });
  }
}

function fenced(): SluiceError {
  return new SluiceError("producer_fenced", "another member took a transactional id of ours", { retryable: true });
}
