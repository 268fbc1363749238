/**
 * A small value that fits a JSON Schema: required properties only, shortest arrays, smallest numbers. Covers what
 * structured outputs and tools use (types, enum, const, anyOf/oneOf/allOf, $ref within the schema, limits, common
 * formats); `pattern`, `not` and conditions are not looked at.
 */

type Schema = Readonly<Record<string, unknown>>;

/** Deeper than this a schema gets null: it refers to itself with no way out. */
const DEPTH_MAX = 24;
const ARRAY_ITEMS_MAX = 100;
const STRING_CHARS_MAX = 10_000;

const FORMATS: Readonly<Record<string, string>> = {
  "date-time": "2026-01-01T00:00:00Z",
  date: "2026-01-01",
  time: "00:00:00Z",
  duration: "PT1S",
  email: "someone@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

/** A value that fits `schema`; free strings are `text`, cut or padded to the schema's limits. */
export function minimalValue(schema: unknown, text: string): unknown {
  return build(schema, { root: schema, text }, 0);
}

type Context = { readonly root: unknown; readonly text: string };

function build(schema: unknown, context: Context, depth: number): unknown {
  if (schema === true) return context.text;
  if (!isSchema(schema) || depth > DEPTH_MAX) return null;
  const whole = resolve(schema, context, depth);
  if ("const" in whole) return whole["const"];
  const options = whole["enum"];
  if (Array.isArray(options)) return options[0];
  const branches = whole["anyOf"] ?? whole["oneOf"];
  if (Array.isArray(branches)) {
    const { anyOf: _any, oneOf: _one, ...rest } = whole;
    return build(merge(rest, simplest(branches)), context, depth + 1);
  }
  return ofType(typeOf(whole), whole, context, depth);
}

function ofType(type: string, schema: Schema, context: Context, depth: number): unknown {
  switch (type) {
    case "object":
      return objectOf(schema, context, depth);
    case "array":
      return arrayOf(schema, context, depth);
    case "string":
      return stringOf(schema, context.text);
    case "integer":
      return numberOf(schema, 1);
    case "number":
      return numberOf(schema, 0.5);
    case "boolean":
      return true;
    default:
      return null;
  }
}

/** Follows `$ref` and folds `allOf` in. */
function resolve(schema: Schema, context: Context, depth: number): Schema {
  let whole = schema;
  for (let hops = 0; typeof whole["$ref"] === "string" && hops <= DEPTH_MAX; hops += 1) {
    const { $ref, ...rest } = whole;
    whole = merge(rest, lookUp(context.root, String($ref)));
  }
  const parts = whole["allOf"];
  if (!Array.isArray(parts) || depth > DEPTH_MAX) return whole;
  const { allOf: _all, ...rest } = whole;
  return parts.reduce<Schema>(
    (sum, part) => (isSchema(part) ? merge(sum, resolve(part, context, depth + 1)) : sum),
    rest,
  );
}

/** A JSON pointer (RFC 6901) within the schema: `#/$defs/name`. */
function lookUp(root: unknown, ref: string): unknown {
  if (!ref.startsWith("#")) return {};
  let at = root;
  for (const step of ref.split("/").slice(1)) {
    const key = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    at = isSchema(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }
  return at ?? {};
}

function merge(a: Schema, b: unknown): Schema {
  if (!isSchema(b)) return a;
  const properties = { ...(a["properties"] as Schema | undefined), ...(b["properties"] as Schema | undefined) };
  const required = [...new Set([...namesOf(a["required"]), ...namesOf(b["required"])])];
  return {
    ...a,
    ...b,
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(required.length > 0 ? { required } : {}),
  };
}

/** A branch that ends soonest: null, else one that refers to nothing, else the first. */
function simplest(branches: readonly unknown[]): unknown {
  const plain = branches.filter((branch) => isSchema(branch) && branch["type"] !== "null");
  return plain.find((branch) => isSchema(branch) && !("$ref" in branch)) ?? plain[0] ?? branches[0];
}

function typeOf(schema: Schema): string {
  const type = schema["type"];
  if (typeof type === "string") return type;
  if (Array.isArray(type)) return String(type.find((name) => name !== "null") ?? "null");
  if ("properties" in schema || "required" in schema) return "object";
  if ("items" in schema || "prefixItems" in schema) return "array";
  return "minimum" in schema || "maximum" in schema ? "number" : "string";
}

function objectOf(schema: Schema, context: Context, depth: number): Record<string, unknown> {
  const properties = isSchema(schema["properties"]) ? schema["properties"] : {};
  const entries = namesOf(schema["required"]).map((name) => {
    const property = Object.hasOwn(properties, name) ? properties[name] : {};
    return [name, build(property, context, depth + 1)] as const;
  });
  return Object.fromEntries(entries);
}

function arrayOf(schema: Schema, context: Context, depth: number): unknown[] {
  const first = Array.isArray(schema["prefixItems"]) ? schema["prefixItems"] : [];
  const length = Math.min(ARRAY_ITEMS_MAX, numberIn(schema, "minItems") ?? 0);
  return Array.from({ length }, (_, at) => build(first[at] ?? schema["items"] ?? {}, context, depth + 1));
}

function stringOf(schema: Schema, text: string): string {
  const format = FORMATS[String(schema["format"])];
  if (format !== undefined) return format;
  const min = Math.min(numberIn(schema, "minLength") ?? 0, STRING_CHARS_MAX);
  const characters = [...text.padEnd(min, ".")];
  return characters.slice(0, numberIn(schema, "maxLength") ?? characters.length).join("");
}

function numberOf(schema: Schema, step: number): number {
  const multiple = numberIn(schema, "multipleOf");
  const over = numberIn(schema, "exclusiveMinimum");
  const under = numberIn(schema, "exclusiveMaximum");
  const max = numberIn(schema, "maximum") ?? (under === undefined ? undefined : under - step);
  let value = numberIn(schema, "minimum") ?? (over === undefined ? undefined : over + step) ?? Math.min(1, max ?? 1);
  if (step === 1) value = Math.ceil(value);
  if (multiple !== undefined && multiple > 0) value = Math.ceil(value / multiple) * multiple;
  if (over !== undefined && under !== undefined && value >= under) return (over + under) / 2;
  return value;
}

function numberIn(schema: Schema, name: string): number | undefined {
  const value = schema[name];
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function namesOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === "string") : [];
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
