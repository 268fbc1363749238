/**
 * The inner loop of a search: Hamming distances of one sketch to a page of them, as a WebAssembly function, since JavaScript has no
 * instruction that counts bits. Its code is written here for as many 64-bit words as a sketch has. Pure.
 */

/**
 * Writes to `out_at` an unsigned 16-bit distance for each of `count` sketches from `page_at` on. All are byte addresses in the memory.
 * `count` is at least 1.
 */
export type BitScan = (query_at: number, page_at: number, count: number, out_at: number) => void;

const I32 = 0x7f;
const I64 = 0x7e;
const LOOP = [0x03, 0x40];
const END = 0x0b;
const BRANCH_IF = [0x0d, 0x00];
const GET = 0x20;
const SET = 0x21;
const TEE = 0x22;
const I64_LOAD = 0x29;
const I32_STORE_16 = 0x3b;
const I32_CONST = 0x41;
const I32_LESS_UNSIGNED = 0x49;
const I32_ADD = 0x6a;
const I32_MULTIPLY = 0x6c;
const I64_POPCOUNT = 0x7b;
const I64_ADD = 0x7c;
const I64_XOR = 0x85;
const I32_WRAP = 0xa7;

/** Parameters and locals, by their numbers. */
const QUERY_AT = 0;
const PAGE_AT = 1;
const COUNT = 2;
const OUT_AT = 3;
const PAGE_END = 4;
const QUERY = 5;

/** What the function reads and writes. */
export type ScanMemory = {
  /** Another one after every growth. */
  readonly buffer: ArrayBuffer;
  /** By so many pages of 64 KiB. */
  grow(pages: number): number;
};

/** The few that are used here: the types of Node do not have them. */
declare namespace WebAssembly {
  const Memory: new (limits: { readonly initial: number; readonly maximum: number }) => ScanMemory;
  const Module: new (code: Uint8Array) => object;
  const Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
}

/** In pages: the most that 32-bit addresses reach. */
const MEMORY_MAX = 65_536;

/** @param words 64-bit words of a sketch. */
export function compileBitScan(words: number): { readonly scan: BitScan; readonly memory: ScanMemory } {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: MEMORY_MAX });
  const module = new WebAssembly.Module(Uint8Array.from(moduleCode(words)));
  const { exports } = new WebAssembly.Instance(module, { in: { memory } });
  return { scan: exports["scan"] as BitScan, memory };
}

/** WebAssembly Core Specification 1.0, section 5.5: one function, one memory that it is given. */
function moduleCode(words: number): number[] {
  const types = [1, 0x60, 4, I32, I32, I32, I32, 0];
  const imports = [1, ...name("in"), ...name("memory"), 0x02, 0x00, 1];
  const body = [2, 1, I32, ...unsigned(words), I64, ...functionCode(words), END];
  return [
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, types),
    ...section(2, imports),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name("scan"), 0x00, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ];
}

function functionCode(words: number): number[] {
  const each = Array.from({ length: words }, (_, word) => word);
  const bytes = words * 8;
  return [
    ...each.flatMap((word) => [GET, QUERY_AT, ...load(word), SET, ...unsigned(QUERY + word)]),
    ...[GET, PAGE_AT, GET, COUNT, I32_CONST, ...signed(bytes), I32_MULTIPLY, I32_ADD, SET, PAGE_END],
    ...LOOP,
    ...[GET, OUT_AT],
    ...each.flatMap((word) => [
      ...[GET, PAGE_AT, ...load(word), GET, ...unsigned(QUERY + word), I64_XOR, I64_POPCOUNT],
      ...(word === 0 ? [] : [I64_ADD]),
    ]),
    ...[I32_WRAP, I32_STORE_16, 1, 0],
    ...[GET, OUT_AT, I32_CONST, 2, I32_ADD, SET, OUT_AT],
    ...[GET, PAGE_AT, I32_CONST, ...signed(bytes), I32_ADD, TEE, PAGE_AT],
    ...[GET, PAGE_END, I32_LESS_UNSIGNED],
    ...BRANCH_IF,
    END,
  ];
}

const load = (word: number): number[] => [I64_LOAD, 3, ...unsigned(word * 8)];
const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}
