/** JSON Schemas from the zod schemas, and the check that an old reader survives a new writer. Pure. */
import { z } from "zod";
import { EVENT_SCHEMAS, type EventName } from "./topics.ts";

export type JsonSchema = { readonly [keyword: string]: unknown };

/** The JSON Schema (draft 7, which every registry and validator knows) of an event. */
export function jsonSchemaOf(event: EventName): JsonSchema {
  const schema = z.toJSONSchema(EVENT_SCHEMAS[event], { target: "draft-7", io: "input", unrepresentable: "any" });
  return { title: `sluice.${event}`, ...schema } as JsonSchema;
}

/**
 * What in `next` could write a value that a reader of `last` refuses or misreads: a field it needs is gone or optional, a type or
 * an enum is wider, a field it forbids is new. An empty list means forward compatible.
 */
export function breaksReaderOf(last: JsonSchema, next: JsonSchema, path = "$"): string[] {
  const found: string[] = [];
  const lastTypes = list(last["type"]);
  const nextTypes = list(next["type"]);
  if (lastTypes.length > 0) {
    const wider = nextTypes.length === 0 ? ["any"] : nextTypes.filter((type) => !accepts(lastTypes, type));
    if (wider.length > 0) found.push(`${path}: may now be ${wider.join(", ")}, was ${lastTypes.join(", ")}`);
  }
  if (Array.isArray(last["enum"])) {
    const known = last["enum"] as unknown[];
    const values = Array.isArray(next["enum"]) ? (next["enum"] as unknown[]) : ["anything"];
    const unknown = values.filter((value) => !known.includes(value));
    if (unknown.length > 0) found.push(`${path}: new values ${unknown.join(", ")}`);
  }
  found.push(...objectBreaks(last, next, path));
  if (isSchema(last["items"]) && isSchema(next["items"])) {
    found.push(...breaksReaderOf(last["items"], next["items"], `${path}[]`));
  }
  const lastAny = schemas(last["anyOf"]);
  if (lastAny.length > 0) {
    const nextAny = schemas(next["anyOf"]);
    const branches = nextAny.length > 0 ? nextAny : [next];
    for (const [index, branch] of branches.entries()) {
      if (!lastAny.some((known) => breaksReaderOf(known, branch, path).length === 0)) {
        found.push(`${path}: alternative ${index + 1} is new to an old reader`);
      }
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
  for (const [name, schema] of Object.entries(nextFields)) {
    const known = lastFields[name];
    if (known !== undefined) found.push(...breaksReaderOf(known, schema, `${path}.${name}`));
    else if (last["additionalProperties"] === false)
      found.push(`${path}.${name}: an old reader refuses unknown fields`);
  }
  if (last["additionalProperties"] === false && next["additionalProperties"] !== false) {
    found.push(`${path}: unknown fields are now allowed, and an old reader refuses them`);
  }
  return found;
}

function accepts(types: readonly string[], type: string): boolean {
  return types.includes(type) || (type === "integer" && types.includes("number"));
}

function list(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? (value as string[]) : [];
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function schemas(value: unknown): JsonSchema[] {
  return Array.isArray(value) ? value.filter(isSchema) : [];
}

function fields(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  return isSchema(schema["properties"]) ? (schema["properties"] as Record<string, JsonSchema>) : {};
}
