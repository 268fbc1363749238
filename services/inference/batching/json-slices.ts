/**
 * Where the values of a JSON text stand in its bytes, so that long ones are copied and not printed anew. Strict (RFC 8259): what
 * passes is JSON. Every function takes the place where a value begins, gives the place behind it, and throws SyntaxError on what is
 * not JSON. Pure.
 */

/** Nesting deeper than this is refused. */
const LEVELS_MAX = 128;

const code = (character: string): number => character.charCodeAt(0);
const QUOTE = code('"');
const BACKSLASH = code("\\");
const COMMA = code(",");
const COLON = code(":");
const OPEN_ARRAY = code("[");
const CLOSE_ARRAY = code("]");
const OPEN_OBJECT = code("{");
const CLOSE_OBJECT = code("}");
const MINUS = code("-");
const PLUS = code("+");
const POINT = code(".");
const ZERO = code("0");
const NINE = code("9");
const SMALL_E = code("e");
const LARGE_E = code("E");
const ESCAPED = new Set([...'"\\/bfnrt'].map(code));

/** The first place from `at` on that is not white space. */
export function skipSpace(json: Buffer, at: number): number {
  let here = at;
  for (;;) {
    const byte = json[here];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return here;
    here += 1;
  }
}

/**
 * Reads an object. For each field in turn, `onField` is told its name and where its value begins, and returns the place behind the
 * value.
 */
export function readObject(json: Buffer, at: number, onField: (name: string, at: number) => number): number {
  let here = skipSpace(json, expect(json, at, OPEN_OBJECT));
  if (json[here] === CLOSE_OBJECT) return here + 1;
  for (;;) {
    const after = skipString(json, here);
    const name = JSON.parse(json.toString("utf8", here, after)) as string;
    here = skipSpace(json, expect(json, skipSpace(json, after), COLON));
    here = skipSpace(json, onField(name, here));
    if (json[here] === CLOSE_OBJECT) return here + 1;
    here = skipSpace(json, expect(json, here, COMMA));
  }
}

/** Reads an array. `onElement` is told where each element begins and returns the place behind it. */
export function readArray(json: Buffer, at: number, onElement: (at: number) => number): number {
  let here = skipSpace(json, expect(json, at, OPEN_ARRAY));
  if (json[here] === CLOSE_ARRAY) return here + 1;
  for (;;) {
    here = skipSpace(json, onElement(here));
    if (json[here] === CLOSE_ARRAY) return here + 1;
    here = skipSpace(json, expect(json, here, COMMA));
  }
}

/** Passes over any value. */
export function skipValue(json: Buffer, at: number, levels: number = LEVELS_MAX): number {
  const first = json[at];
  if (first === QUOTE) return skipString(json, at);
  if (first === OPEN_ARRAY || first === OPEN_OBJECT) {
    if (levels === 0) throw new SyntaxError(`nests deeper than ${LEVELS_MAX} levels`);
    const skipInner = (inner: number): number => skipValue(json, inner, levels - 1);
    return first === OPEN_ARRAY ? readArray(json, at, skipInner) : readObject(json, at, (_, inner) => skipInner(inner));
  }
  for (const word of ["null", "true", "false"]) {
    if (first === code(word) && json.toString("latin1", at, at + word.length) === word) return at + word.length;
  }
  return skipNumber(json, at);
}

function skipString(json: Buffer, at: number): number {
  let here = expect(json, at, QUOTE);
  for (;;) {
    const byte = json[here];
    if (byte === QUOTE) return here + 1;
    if (byte === undefined || byte < 0x20) throw unexpected(json, here);
    here += byte === BACKSLASH ? escapeBytes(json, here) : 1;
  }
}

function escapeBytes(json: Buffer, at: number): number {
  if (ESCAPED.has(json[at + 1] ?? 0)) return 2;
  if (/^\\u[0-9a-fA-F]{4}$/.test(json.toString("latin1", at, at + 6))) return 6;
  throw unexpected(json, at);
}

function skipNumber(json: Buffer, at: number): number {
  let here = json[at] === MINUS ? at + 1 : at;
  here = json[here] === ZERO ? here + 1 : skipDigits(json, here);
  if (json[here] === POINT) here = skipDigits(json, here + 1);
  if (json[here] === SMALL_E || json[here] === LARGE_E) {
    here += 1;
    here = skipDigits(json, json[here] === MINUS || json[here] === PLUS ? here + 1 : here);
  }
  return here;
}

/** At least one digit. */
function skipDigits(json: Buffer, at: number): number {
  let here = at;
  for (;;) {
    const byte = json[here];
    if (byte === undefined || byte < ZERO || byte > NINE) break;
    here += 1;
  }
  if (here === at) throw unexpected(json, at);
  return here;
}

function expect(json: Buffer, at: number, byte: number): number {
  if (json[at] !== byte) throw unexpected(json, at);
  return at + 1;
}

function unexpected(json: Buffer, at: number): SyntaxError {
  return new SyntaxError(at < json.length ? `unexpected byte at ${at}` : "it ends too early");
}
