/** The kafkajs client, its codecs and its log, made once per process. kafkajs is imported in this folder only. */
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import kafkajs, { type Kafka, type SASLOptions } from "kafkajs";
import type { KafkaAccess } from "../config/access.ts";
import { SluiceError, unavailable } from "../errors.ts";
import type { Log } from "../log.ts";
import { hideAbortedRecords } from "./aborted-transactions.ts";
import { decodeLz4, decodeSnappy, encodeSnappy } from "./codecs.ts";
import { cacheCoordinators } from "./coordinator-cache.ts";
import { outliveBrokers } from "./moving-brokers.ts";
import { encodeProduceRequests } from "./produce-encoding.ts";
import { quietRequestTimers } from "./request-timers.ts";

// CommonJS: not all of its exports are named for an ES module.
const { CompressionCodecs, CompressionTypes, logLevel } = kafkajs;

export type KafkaOptions = KafkaAccess & {
  readonly client_id: string;
  readonly log: Log;
};

/** kafkajs divides its waits; on Node 24 a wait that is due already prints one harmless warning (tulios/kafkajs#1751). */
function silenceNegativeTimeouts(): void {
  const emit = process.emitWarning.bind(process);
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
    const name = warning instanceof Error ? warning.name : (rest[0] as { type?: string } | string | undefined);
    if (name === "TimeoutNegativeWarning" || (typeof name === "object" && name?.type === "TimeoutNegativeWarning"))
      return;
    (emit as (...args: unknown[]) => void)(warning, ...rest);
  }) as typeof process.emitWarning;
}

let prepared = false;

/** Other producers choose their own compression: every codec that Kafka knows must be readable (I9). */
function prepareOnce(): void {
  if (prepared) return;
  prepared = true;
  silenceNegativeTimeouts();
  cacheCoordinators(() => performance.now());
  quietRequestTimers(() => Date.now());
  outliveBrokers(() => performance.now());
  hideAbortedRecords();
  encodeProduceRequests(() => Date.now());
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async (encoder: { buffer: Buffer }) => compressZstd(encoder.buffer),
    decompress: async (buffer: Buffer) => zstdDecompressSync(buffer),
  });
  CompressionCodecs[CompressionTypes.Snappy] = () => ({
    compress: async (encoder: { buffer: Buffer }) => encodeSnappy(encoder.buffer),
    decompress: async (buffer: Buffer) => decodeSnappy(buffer),
  });
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: async () => {
      throw new SluiceError("internal_error", "LZ4 is read and never written");
    },
    decompress: async (buffer: Buffer) => decodeLz4(buffer),
  });
}

/** Level 1, with tables for what there is to compress: a quarter of the CPU of the default, and as small for JSON. */
function compressZstd(buffer: Buffer): Buffer {
  return zstdCompressSync(buffer, {
    pledgedSrcSize: buffer.length,
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });
}

/** A client whose own retries are short: the callers wait, and say so. */
export function createKafka(options: KafkaOptions): Kafka {
  prepareOnce();
  const { ssl, sasl } = options;
  return new kafkajs.Kafka({
    clientId: options.client_id,
    brokers: [...options.brokers],
    ...(ssl === undefined ? {} : { ssl: { ...ssl, ...(ssl.ca === undefined ? {} : { ca: [ssl.ca] }) } }),
    ...(sasl === undefined ? {} : { sasl: sasl as SASLOptions }),
    connectionTimeout: 3_000,
    requestTimeout: 30_000,
    // A transaction meets CONCURRENT_TRANSACTIONS while the one before is being finished: with 5 ms it takes 15 ms in all.
    retry: { initialRetryTime: 5, factor: 0.2, multiplier: 2, maxRetryTime: 2_000, retries: 10 },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => {
      const { message, ...rest } = entry.log;
      const error = rest["error"];
      // kafkajs repeats a line per connection attempt; what matters is said by whoever waits.
      options.log.debug({ namespace: entry.namespace, error }, `kafkajs: ${message}`);
    },
  });
}

/** Turns what kafkajs throws into our errors. Everything of its own that is not said to be final may pass. */
export function kafkaError(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  const type = errorType(error);
  if (type === "MESSAGE_TOO_LARGE" || type === "RECORD_LIST_TOO_LARGE") {
    return new SluiceError("message_too_large", "a record is larger than its topic allows", {
      cause: error,
      fix: "Raise topics.record_bytes_max and run `npx sluice topics`.",
    });
  }
  return unavailable("kafka", error);
}

/** The protocol's name of an error (`MESSAGE_TOO_LARGE`), looked for behind kafkajs's wrappers. */
export function errorType(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; depth += 1) {
    if ("type" in at && typeof at.type === "string") return at.type;
    at = "originalError" in at ? at.originalError : at.cause;
  }
  return undefined;
}
