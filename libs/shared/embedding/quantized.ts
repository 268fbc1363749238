/** Vectors as one signed byte per dimension, scaled by their largest component: their direction, which is all that a cosine needs. Pure. */

export function quantize(vector: Float32Array): Int8Array {
  let largest = 0;
  for (const value of vector) largest = Math.max(largest, Math.abs(value));
  const scale = largest === 0 ? 0 : 127 / largest;
  return Int8Array.from(vector, (value) => Math.round(value * scale));
}

/** @returns undefined for text that is no vector of so many dimensions. */
export function decodeVector(text: string, dimensions: number): Int8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === dimensions ? new Int8Array(bytes) : undefined;
}

export function encodeVector(vector: Int8Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64");
}

export function cosine(left: ArrayLike<number>, right: ArrayLike<number>): number {
  let dot = 0;
  let of_left = 0;
  let of_right = 0;
  for (let at = 0; at < left.length; at += 1) {
    const a = left[at] as number;
    const b = right[at] as number;
    dot += a * b;
    of_left += a * a;
    of_right += b * b;
  }
  const norm = Math.sqrt(of_left * of_right);
  return norm === 0 ? 0 : dot / norm;
}
