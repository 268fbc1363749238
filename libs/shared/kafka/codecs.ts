/** Snappy and LZ4 as Kafka's producers write them, on top of the block codecs of snappyjs and lz4js. */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const snappy = require("snappyjs") as {
  compress(input: Buffer): Buffer;
  uncompress(input: Buffer): Buffer;
};
const lz4 = require("lz4js") as { decompress(input: Uint8Array): Uint8Array };

/** snappy-java's stream: 8 bytes of magic, version and compatible version, then blocks with a length each. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

/** Reads both of snappy's framings: one raw block (librdkafka) or snappy-java's stream of blocks. */
export function decodeSnappy(buffer: Buffer): Buffer {
  if (!buffer.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return snappy.uncompress(buffer);
  const blocks: Buffer[] = [];
  let at = XERIAL_HEADER_BYTES;
  while (at < buffer.length) {
    const length = buffer.readUInt32BE(at);
    at += 4;
    blocks.push(snappy.uncompress(buffer.subarray(at, at + length)));
    at += length;
  }
  return Buffer.concat(blocks);
}

/** One raw block, which every client reads. */
export function encodeSnappy(buffer: Buffer): Buffer {
  return snappy.compress(buffer);
}

/** LZ4 frames (KIP-57). */
export function decodeLz4(buffer: Buffer): Buffer {
  return Buffer.from(lz4.decompress(buffer));
}
