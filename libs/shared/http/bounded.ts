/** Reads a body whole, up to a bound. */

/** @returns undefined when the stream holds more; the rest is not read. */
export async function readBounded(stream: AsyncIterable<Buffer>, bytes_max: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > bytes_max) return undefined;
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}
