/** Reads text line by line, however long it is: a line over the limit is told of and passed over, never held. */

export type Line =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly problem: string };

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = "\uFEFF";

/** Yields every line that is not blank, numbered from 1, without its line end. */
export async function* readLines(chunks: AsyncIterable<Buffer>, line_bytes_max: number): AsyncGenerator<Line> {
  let number = 1;
  let parts: Buffer[] = [];
  let bytes = 0;
  const take = (): Line | undefined => {
    const line = lineOf(number, parts, bytes, line_bytes_max);
    number += 1;
    parts = [];
    bytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      bytes += end - from;
      if (bytes <= line_bytes_max) parts.push(chunk.subarray(from, end));
      from = end + 1;
      const line = take();
      if (line !== undefined) yield line;
    }
    bytes += chunk.length - from;
    if (bytes <= line_bytes_max) parts.push(chunk.subarray(from));
    else parts = [];
  }
  const last = take();
  if (last !== undefined) yield last;
}

function lineOf(number: number, parts: readonly Buffer[], bytes: number, line_bytes_max: number): Line | undefined {
  if (bytes > line_bytes_max) return { number, problem: `holds ${bytes} bytes; the limit is ${line_bytes_max}` };
  const whole = Buffer.concat(parts);
  const end = whole.at(-1) === CARRIAGE_RETURN ? whole.length - 1 : whole.length;
  const raw = whole.toString("utf8", 0, end);
  const text = number === 1 && raw.startsWith(BYTE_ORDER_MARK) ? raw.slice(1) : raw;
  return text.trim() === "" ? undefined : { number, text };
}
