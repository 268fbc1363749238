/**
 * Produce requests (version 3 and later), written into one buffer. kafkajs makes a buffer for every header, every record and every level
 * of the request and copies each into the next: some eight copies, most of a producer's CPU and garbage.
 * The format is Kafka's record batch with magic 2 (KIP-98). Tests hold the bytes against those of kafkajs.
 */
import { createRequire } from "node:module";
import { ByteWriter, fieldBytes, varintBytes } from "./byte-writer.ts";

export type ProduceHeader = string | Buffer | null | readonly (string | Buffer | null)[];

export type ProduceMessage = {
  readonly key?: Buffer | string | null | undefined;
  readonly value: Buffer | string | null;
  /** Epoch ms; now where it is not given. */
  readonly timestamp?: string | undefined;
  readonly headers?: Readonly<Record<string, ProduceHeader>> | undefined;
};

export type ProducePartition = {
  readonly partition: number;
  readonly firstSequence?: number | undefined;
  readonly messages: readonly ProduceMessage[];
};

export type ProduceArguments = {
  readonly acks: number;
  readonly timeout: number;
  /** Kafka's number of the codec. */
  readonly compression?: number | undefined;
  readonly topicData: readonly { readonly topic: string; readonly partitions: readonly ProducePartition[] }[];
  readonly transactionalId?: string | null | undefined;
  readonly producerId?: unknown;
  readonly producerEpoch?: number | undefined;
};

/** What kafkajs takes for a request's body. */
export type Encoded = { readonly buf: Buffer; readonly buffer: Buffer };

type ProduceRequest = { readonly request: { encode(): Promise<unknown> }; readonly response: unknown };
type ProduceProtocol = { protocol(options: { version: number }): (wanted: ProduceArguments) => ProduceRequest };

const MAGIC = 2;
const VERSION_MIN = 3;
const TRANSACTIONAL = 16;
const NO_PRODUCER = -1n;
/** Of a batch before what its checksum covers, without offset and length. */
const UNCHECKED_BYTES = 9;

const require = createRequire(import.meta.url);
const crc32C = require("kafkajs/src/protocol/recordBatch/crc32C") as (bytes: Buffer) => number;
const { lookupCodec } = require("kafkajs/src/protocol/message/compression") as {
  lookupCodec(codec: number): { compress(encoder: { readonly buffer: Buffer }): Promise<Buffer> };
};

/** Patches the produce protocol once. `now_ms` is epoch ms, whole. */
export function encodeProduceRequests(now_ms: () => number): void {
  const produce = require("kafkajs/src/protocol/requests/produce") as ProduceProtocol;
  const { protocol } = produce;
  produce.protocol = ({ version }) => {
    const requestOf = protocol({ version });
    if (version < VERSION_MIN) return requestOf;
    return (wanted) => {
      const made = requestOf(wanted);
      return { ...made, request: { ...made.request, encode: () => encodeProduce(wanted, now_ms()) } };
    };
  };
}

export async function encodeProduce(wanted: ProduceArguments, now_ms: number): Promise<Encoded> {
  const out = new ByteWriter(estimate(wanted));
  out.string(wanted.transactionalId ?? null);
  out.int16(wanted.acks);
  out.int32(wanted.timeout);
  out.int32(wanted.topicData.length);
  for (const { topic, partitions } of wanted.topicData) {
    out.string(topic);
    out.int32(partitions.length);
    for (const partition of partitions) await writePartition(out, wanted, partition, now_ms);
  }
  const buffer = out.written();
  return { buf: buffer, buffer };
}

/** Enough for all that is uncompressed, or nearly. */
function estimate({ topicData }: ProduceArguments): number {
  let bytes = 64;
  for (const { topic, partitions } of topicData) {
    bytes += topic.length + 8;
    for (const { messages } of partitions) {
      bytes += 80;
      for (const { key, value } of messages) bytes += (value?.length ?? 0) + (key?.length ?? 0) + 512;
    }
  }
  return bytes;
}

async function writePartition(
  out: ByteWriter,
  wanted: ProduceArguments,
  { partition, messages, firstSequence }: ProducePartition,
  now_ms: number,
): Promise<void> {
  const codec = wanted.compression ?? 0;
  const times = messages.flatMap(({ timestamp }) => (timestamp == null ? [] : [Number(timestamp)])).sort(ascending);
  const [first_ms, last_ms] = [times[0] ?? now_ms, times.at(-1) ?? now_ms];
  out.int32(partition);
  const size_at = out.hole(4);
  out.int64(0n);
  const length_at = out.hole(4);
  out.int32(0);
  out.int8(MAGIC);
  const crc_at = out.hole(4);
  out.int16(codec | (wanted.transactionalId ? TRANSACTIONAL : 0));
  out.int32(messages.length - 1);
  out.int64(BigInt(first_ms));
  out.int64(BigInt(last_ms));
  out.int64(wanted.producerId == null ? NO_PRODUCER : BigInt(String(wanted.producerId)));
  out.int16(wanted.producerEpoch ?? 0);
  out.int32(firstSequence ?? 0);
  out.int32(messages.length);
  if (codec === 0) writeRecords(out, messages, first_ms, now_ms);
  else out.bytes(await compressed(messages, first_ms, now_ms, codec));
  const length = out.length - length_at - 4;
  out.setInt32(size_at, out.length - size_at - 4);
  out.setInt32(length_at, length);
  out.setUint32(crc_at, crc32C(out.slice(length_at + 4 + UNCHECKED_BYTES, out.length)));
}

function compressed(
  messages: readonly ProduceMessage[],
  first_ms: number,
  now_ms: number,
  codec: number,
): Promise<Buffer> {
  const plain = new ByteWriter(messages.reduce((bytes, { value }) => bytes + (value?.length ?? 0) + 512, 0));
  writeRecords(plain, messages, first_ms, now_ms);
  return lookupCodec(codec).compress({ buffer: plain.written() });
}

function writeRecords(out: ByteWriter, messages: readonly ProduceMessage[], first_ms: number, now_ms: number): void {
  for (const [at, message] of messages.entries()) {
    writeRecord(out, message, at, Number(message.timestamp ?? now_ms) - first_ms);
  }
}

function writeRecord(out: ByteWriter, message: ProduceMessage, offset_delta: number, time_delta_ms: number): void {
  const [key, value] = [own(message.key), own(message.value)];
  const headers = headersOf(message);
  let size = 1 + varintBytes(time_delta_ms) + varintBytes(offset_delta) + fieldBytes(key) + fieldBytes(value);
  size += varintBytes(headers.length);
  for (const [name, content] of headers) size += fieldBytes(name) + fieldBytes(content);
  out.varint(size);
  out.int8(0);
  out.varint(time_delta_ms);
  out.varint(offset_delta);
  out.field(key);
  out.field(value);
  out.varint(headers.length);
  for (const [name, content] of headers) {
    out.field(name);
    out.field(content);
  }
}

function headersOf({ headers = {} }: ProduceMessage): [string, Buffer | string | null][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    Array.isArray(value)
      ? value.map((one): [string, Buffer | string | null] => [name, own(one)])
      : [[name, own(value)]],
  );
}

function own(value: unknown): Buffer | string | null {
  if (value == null) return null;
  return Buffer.isBuffer(value) ? value : String(value);
}

function ascending(one: number, other: number): number {
  return one - other;
}
