/**
 * Whether a value fits a JSON Schema, as far as models are held to one (OpenAI's "structured outputs" subset and some more): what is not
 * known here is passed over. `pattern` is among that on purpose: a caller's regular expression may take for ever. Pure.
 */

type Schema = Readonly<Record<string, unknown>>;

/** Deeper, or by references that come back to themselves, nothing more is looked at. */
const LEVELS_MAX = 64;
/** Of one value: a schema with many alternatives on many levels must not take for ever. */
const STEPS_MAX = 100_000;

/** @returns where it does not fit, as a path, and why; undefined where it fits. */
export function misfit(value: unknown, schema: unknown): string | undefined {
  const check = { root: schema, steps: 0 };
  return visit(check, value, schema, "answer", 0);
}

type Check = { readonly root: unknown; steps: number };

function visit(check: Check, value: unknown, schema: unknown, path: string, level: number): string | undefined {
  check.steps += 1;
  if (schema === false) return `${path} must not be there`;
  if (!isObject(schema) || level > LEVELS_MAX || check.steps > STEPS_MAX) return undefined;
  const again = (inner: unknown, innerSchema: unknown, at: string): string | undefined =>
    visit(check, inner, innerSchema, at, level + 1);
  if (typeof schema["$ref"] === "string") {
    const found = again(value, referred(check.root, schema["$ref"]), path);
    if (found !== undefined) return found;
  }
  return (
    typeProblem(value, schema, path) ??
    valueProblem(value, schema, path) ??
    boundProblem(value, schema, path) ??
    partsProblem(value, schema, path, again) ??
    alternativesProblem(value, schema, path, again)
  );
}

function typeProblem(value: unknown, { type }: Schema, path: string): string | undefined {
  const types = typeof type === "string" ? [type] : Array.isArray(type) ? type : [];
  if (types.length === 0 || types.some((one) => isOfType(value, one))) return undefined;
  return `${path} must be ${types.join(" or ")}`;
}

function isOfType(value: unknown, type: unknown): boolean {
  switch (type) {
    case "object":
      return isObject(value);
    case "array":
      return Array.isArray(value);
    case "null":
      return value === null;
    case "integer":
      return Number.isInteger(value);
    case "number":
    case "string":
    case "boolean":
      return typeof value === type;
    default:
      return true;
  }
}

function valueProblem(value: unknown, schema: Schema, path: string): string | undefined {
  const allowed = "const" in schema ? [schema["const"]] : schema["enum"];
  if (!Array.isArray(allowed) || allowed.some((one) => isEqual(one, value))) return undefined;
  return `${path} must be one of the values given`;
}

/** The keyword, what of a value it bounds, and whether it is a least. */
const BOUNDS: readonly (readonly [keyword: string, of: (value: unknown) => number | undefined, least: boolean])[] = [
  ["minimum", numberOf, true],
  ["maximum", numberOf, false],
  ["minLength", (value) => (typeof value === "string" ? [...value].length : undefined), true],
  ["maxLength", (value) => (typeof value === "string" ? [...value].length : undefined), false],
  ["minItems", (value) => (Array.isArray(value) ? value.length : undefined), true],
  ["maxItems", (value) => (Array.isArray(value) ? value.length : undefined), false],
];

function boundProblem(value: unknown, schema: Schema, path: string): string | undefined {
  for (const [keyword, of, least] of BOUNDS) {
    const bound = schema[keyword];
    const size = typeof bound === "number" ? of(value) : undefined;
    if (size === undefined) continue;
    if (least ? size < (bound as number) : size > (bound as number)) return `${path} breaks ${keyword}`;
  }
  return undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

type Again = (value: unknown, schema: unknown, path: string) => string | undefined;

function partsProblem(value: unknown, schema: Schema, path: string, again: Again): string | undefined {
  if (Array.isArray(value)) {
    if (!("items" in schema)) return undefined;
    return firstOf(value, (item, at) => again(item, schema["items"], `${path}[${at}]`));
  }
  if (!isObject(value)) return undefined;
  const required = Array.isArray(schema["required"]) ? (schema["required"] as unknown[]) : [];
  const missing = required.find((name) => typeof name === "string" && !Object.hasOwn(value, name));
  if (missing !== undefined) return `${path}.${missing} is missing`;
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  return firstOf(Object.entries(value), ([name, inner]) => {
    if (Object.hasOwn(properties, name)) return again(inner, properties[name], `${path}.${name}`);
    return "additionalProperties" in schema
      ? again(inner, schema["additionalProperties"], `${path}.${name}`)
      : undefined;
  });
}

function alternativesProblem(value: unknown, schema: Schema, path: string, again: Again): string | undefined {
  for (const keyword of ["anyOf", "oneOf"]) {
    const list = schema[keyword];
    if (!Array.isArray(list) || list.length === 0) continue;
    if (list.every((one) => again(value, one, path) !== undefined)) return `${path} fits none of ${keyword}`;
  }
  return Array.isArray(schema["allOf"]) ? firstOf(schema["allOf"], (one) => again(value, one, path)) : undefined;
}

/** Within the same schema: `#`, `#/$defs/name`. What is not there says nothing. */
function referred(root: unknown, ref: string): unknown {
  if (!ref.startsWith("#")) return undefined;
  let found: unknown = root;
  for (const part of ref.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  }
  return found;
}

function firstOf<T>(list: readonly T[], problem: (item: T, at: number) => string | undefined): string | undefined {
  for (const [at, item] of list.entries()) {
    const found = problem(item, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isEqual(one: unknown, other: unknown): boolean {
  return one === other || (typeof one === "object" && JSON.stringify(one) === JSON.stringify(other));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
