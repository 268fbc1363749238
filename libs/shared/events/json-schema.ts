/** JSON Schemas from the zod schemas, and the check that an old reader survives a new writer. Pure. */
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { EVENT_SCHEMAS, type EventName } from "./topics.ts";

export type JsonSchema = { readonly [keyword: string]: unknown };

/** The JSON Schema (draft 7, which every registry and validator knows) of an event. */
export function jsonSchemaOf(event: EventName): JsonSchema {
  const schema = z.toJSONSchema(EVENT_SCHEMAS[event], { target: "draft-7", io: "input", unrepresentable: "any" });
  return { title: `sluice.${event}`, ...schema } as JsonSchema;
}

/**
 * What in `next` could write a value that a reader of `last` refuses or misreads: a field it needs is gone or optional, a type, an
 * enum or a bound is wider, a field it forbids is new. An empty list means forward compatible. What cannot be compared (another
 * pattern, a keyword not known here) counts as a break: better a false alarm in a test than a reader that stops.
 *
 * One liberty: an optional field that `next` no longer names is taken as no longer written, unless `next` passes on what
 * strangers write (an explicit `additionalProperties`).
 */
export function breaksReaderOf(last: JsonSchema, next: JsonSchema, path = "$"): string[] {
  const known = alternatives(last);
  const found: string[] = [];
  for (const possible of alternatives(next).flatMap(byValue)) {
    const breaks = known.map((one) => alternativeBreaks(one, possible, path));
    if (breaks.some((list) => list.length === 0)) continue;
    const closest = breaks.reduce((best, list) => (list.length < best.length ? list : best));
    if (known.length === 1) found.push(...closest);
    else found.push(`${path}: ${describe(possible)} fits no alternative of an old reader (${closest.join("; ")})`);
  }
  return found;
}

/** One alternative of `last` against one of `next`: neither has unions. */
function alternativeBreaks(last: JsonSchema, next: JsonSchema, path: string): string[] {
  return [
    ...typeBreaks(last, next, path),
    ...valueBreaks(last, next, path),
    ...boundBreaks(last, next, path),
    ...objectBreaks(last, next, path),
    ...itemBreaks(last, next, path),
    ...opaqueBreaks(last, next, path),
  ];
}

function typeBreaks(last: JsonSchema, next: JsonSchema, path: string): string[] {
  const lastType = typeOf(last);
  if (lastType === undefined) return [];
  const nextType = typeOf(next);
  if (nextType === lastType || (nextType === "integer" && lastType === "number")) return [];
  return [`${path}: may now be ${nextType ?? "anything"}, was ${lastType}`];
}

function valueBreaks(last: JsonSchema, next: JsonSchema, path: string): string[] {
  const known = valuesOf(last);
  if (known === undefined) return [];
  const values = valuesOf(next);
  if (values === undefined) return [`${path}: may now be any value, was one of ${known.map(print).join(", ")}`];
  const unknown = values.filter((value) => !known.some((one) => isDeepStrictEqual(one, value)));
  return unknown.length === 0 ? [] : [`${path}: new value ${unknown.map(print).join(", ")}`];
}

/** Bounds by what they measure: the keyword of the lowest, its exclusive form, the keyword of the highest, its exclusive form. */
const BOUNDS = [
  { low: "minimum", above: "exclusiveMinimum", high: "maximum", below: "exclusiveMaximum" },
  { low: "minLength", high: "maxLength" },
  { low: "minItems", high: "maxItems" },
  { low: "minProperties", high: "maxProperties" },
] as const;

function boundBreaks(last: JsonSchema, next: JsonSchema, path: string): string[] {
  const found: string[] = [];
  const bounded = withImpliedBounds(next);
  const step = typeOf(next) === "integer" ? () => 1 : smallestStep;
  for (const bound of BOUNDS) {
    const low = lowest(last, bound, step);
    const high = highest(last, bound, step);
    if (low !== undefined && (lowest(bounded, bound, step) ?? Number.NEGATIVE_INFINITY) < low) {
      found.push(`${path}: ${bound.low} is lower than an old reader takes`);
    }
    if (high !== undefined && (highest(bounded, bound, step) ?? Number.POSITIVE_INFINITY) > high) {
      found.push(`${path}: ${bound.high} is higher than an old reader takes`);
    }
  }
  return found;
}

function objectBreaks(last: JsonSchema, next: JsonSchema, path: string): string[] {
  const found: string[] = [];
  const lastFields = fields(last);
  const nextFields = fields(next);
  const nextRequired = new Set(list(next["required"]));
  for (const name of list(last["required"])) {
    if (!nextRequired.has(name)) found.push(`${path}.${name}: an old reader needs it, and it may now be missing`);
  }
  const others = last["additionalProperties"];
  for (const [name, schema] of Object.entries(nextFields)) {
    const known = lastFields[name];
    if (known !== undefined) found.push(...breaksReaderOf(known, schema, `${path}.${name}`));
    else if (others === false) found.push(`${path}.${name}: an old reader refuses unknown fields`);
    else if (others !== undefined) found.push(...breaksReaderOf(asSchema(others), schema, `${path}.${name}`));
  }
  const mayBeObject = [undefined, "object"].includes(typeOf(next));
  const passedOn = next["additionalProperties"];
  if (!mayBeObject || passedOn === false) return found;
  if (passedOn !== undefined) {
    for (const [name, known] of Object.entries(lastFields)) {
      if (nextFields[name] === undefined) found.push(...breaksReaderOf(known, asSchema(passedOn), `${path}.${name}`));
    }
  }
  if (others === false) found.push(`${path}: unknown fields are now allowed, and an old reader refuses them`);
  else if (others !== undefined) found.push(...breaksReaderOf(asSchema(others), asSchema(passedOn), `${path}.*`));
  if (isSchema(last["propertyNames"])) {
    found.push(...breaksReaderOf(last["propertyNames"], asSchema(next["propertyNames"]), `${path} (names)`));
  }
  return found;
}

function itemBreaks(last: JsonSchema, next: JsonSchema, path: string): string[] {
  const known = last["items"];
  const mayBeArray = [undefined, "array"].includes(typeOf(next));
  if (known === undefined || !mayBeArray) return [];
  if (Array.isArray(known) || Array.isArray(next["items"])) {
    return isDeepStrictEqual(known, next["items"]) ? [] : [`${path}[]: a tuple changed`];
  }
  return breaksReaderOf(asSchema(known), asSchema(next["items"]), `${path}[]`);
}

/** Say nothing about what is valid. */
const ANNOTATIONS = ["$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated"];
/** Compared above. */
const COMPARED = [
  ...["type", "enum", "const", "anyOf", "oneOf", "items"],
  ...["properties", "required", "additionalProperties", "propertyNames"],
  ...BOUNDS.flatMap((bound) => Object.values(bound)),
];
const UNDERSTOOD = new Set([...ANNOTATIONS, ...COMPARED]);

/** Keywords that are only the same or not the same: `pattern`, `format`, `$ref`, `allOf`, `not`… */
function opaqueBreaks(last: JsonSchema, next: JsonSchema, path: string): string[] {
  const changed = Object.keys(last)
    .filter((keyword) => !UNDERSTOOD.has(keyword))
    .filter((keyword) => !isDeepStrictEqual(last[keyword], next[keyword]))
    .filter((keyword) => !(keyword === "pattern" && valuesMatch(String(last[keyword]), next)));
  // A reference stands for a schema that is not seen here; every other keyword that is only in `next` makes it narrower.
  if ("$ref" in next && !("$ref" in last)) changed.push("$ref");
  return changed.map((keyword) => `${path}: ${keyword} changed, and whether an old reader still fits cannot be told`);
}

/** A schema as the list of its alternatives: unions and lists of types taken apart, all the way down. */
function alternatives(schema: JsonSchema): JsonSchema[] {
  for (const union of ["anyOf", "oneOf"]) {
    const { [union]: branches, ...rest } = schema;
    if (!Array.isArray(branches)) continue;
    return branches.flatMap((branch) => alternatives(both(rest, asSchema(branch))));
  }
  const types = schema["type"];
  return Array.isArray(types) ? types.map((type) => ({ ...schema, type })) : [schema];
}

/** What holds beside a union holds for each of its branches. */
function both(rest: JsonSchema, branch: JsonSchema): JsonSchema {
  const clash = Object.keys(rest)
    .filter((keyword) => keyword in branch && !ANNOTATIONS.includes(keyword))
    .some((keyword) => !isDeepStrictEqual(rest[keyword], branch[keyword]));
  return clash ? { ...branch, allOf: [rest] } : { ...rest, ...branch };
}

/** An enum as one alternative per value, since each may fit another alternative of the reader. */
function byValue(schema: JsonSchema): JsonSchema[] {
  const { enum: values, ...rest } = schema;
  return Array.isArray(values) ? values.map((value) => ({ ...rest, const: value })) : [schema];
}

function typeOf(schema: JsonSchema): string | undefined {
  if (typeof schema["type"] === "string") return schema["type"];
  const [first, ...others] = (valuesOf(schema) ?? []).map(typeOfValue);
  return others.every((type) => type === first) ? first : undefined;
}

function typeOfValue(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

function valuesOf(schema: JsonSchema): readonly unknown[] | undefined {
  if ("const" in schema) return [schema["const"]];
  return Array.isArray(schema["enum"]) ? schema["enum"] : undefined;
}

function valuesMatch(pattern: string, schema: JsonSchema): boolean {
  const values = valuesOf(schema);
  return values?.every((value) => typeof value === "string" && new RegExp(pattern, "u").test(value)) ?? false;
}

/** A constant is as long, or as large, as it is. */
function withImpliedBounds(schema: JsonSchema): JsonSchema {
  const value = schema["const"];
  if (typeof value === "number") return { minimum: value, maximum: value, ...schema };
  if (typeof value === "string") return { minLength: [...value].length, maxLength: [...value].length, ...schema };
  return schema;
}

type Bound = (typeof BOUNDS)[number];
/** How far the next value that counts is from an exclusive bound. */
type Step = (from: number) => number;

function smallestStep(from: number): number {
  return Math.abs(from) * Number.EPSILON + Number.MIN_VALUE;
}

function lowest(schema: JsonSchema, bound: Bound, step: Step): number | undefined {
  const above = "above" in bound ? schema[bound.above] : undefined;
  return largest([schema[bound.low], typeof above === "number" ? above + step(above) : undefined]);
}

function highest(schema: JsonSchema, bound: Bound, step: Step): number | undefined {
  const below = "below" in bound ? schema[bound.below] : undefined;
  const negated = [schema[bound.high], typeof below === "number" ? below - step(below) : undefined].map((value) =>
    typeof value === "number" ? -value : undefined,
  );
  const most = largest(negated);
  return most === undefined ? undefined : -most;
}

function largest(values: readonly unknown[]): number | undefined {
  const numbers = values.filter((value) => typeof value === "number");
  return numbers.length === 0 ? undefined : Math.max(...numbers);
}

function describe(schema: JsonSchema): string {
  const values = valuesOf(schema);
  return values === undefined ? (typeOf(schema) ?? "an alternative") : `the value ${values.map(print).join(", ")}`;
}

function print(value: unknown): string {
  return JSON.stringify(value);
}

function list(value: unknown): string[] {
  return Array.isArray(value) ? (value as string[]) : [];
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `true` and nothing at all allow anything, `false` nothing. */
function asSchema(value: unknown): JsonSchema {
  if (isSchema(value)) return value;
  return value === false ? { not: {} } : {};
}

function fields(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  return isSchema(schema["properties"]) ? (schema["properties"] as Record<string, JsonSchema>) : {};
}
