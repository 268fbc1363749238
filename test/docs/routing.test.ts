/** docs/routing.md and docs/cache.md name every setting of their sections with its default, and show what the settings take. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { cacheSchema } from "../../libs/shared/config/cache.ts";
import { parseSettings } from "../../libs/shared/config/parse.ts";
import { routingSchema } from "../../libs/shared/config/routing.ts";
import { decisionField } from "../../libs/shared/events/fields.ts";
import { complexityOf } from "../../libs/shared/routing/complexity.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const ROUTING = read("docs/routing.md");
const CACHE = read("docs/cache.md");

const KIB = 1024;
const REQUIRED = { default_tier: "small", embeddings_tier: "embedding" };

/** Every setting of a section by its path, with its default where it has one. */
function settingsOf(schema: z.ZodType, value: unknown, prefix = ""): [path: string, value: unknown][] {
  const inner = unwrapped(schema);
  if (!(inner instanceof z.ZodObject)) return [[prefix, value]];
  return Object.entries(inner.shape).flatMap(([name, of]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    return settingsOf(of as z.ZodType, (value as Record<string, unknown> | undefined)?.[name], path);
  });
}

function unwrapped(schema: z.ZodType): z.ZodType {
  const wraps = schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional;
  return wraps ? unwrapped(schema.unwrap() as z.ZodType) : schema;
}

/** As the pages show a default; undefined where nothing is set and words say what holds. */
function shown(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(", ");
  if (typeof value === "object") return "none";
  if (typeof value !== "number") return `\`${value}\``;
  if (value > 0 && value % (KIB * KIB) === 0) return `${value / KIB / KIB} MiB`;
  return value > 0 && value % KIB === 0 ? `${value / KIB} KiB` : value.toLocaleString("en-GB");
}

/** Settings without a line, or with another default in it. */
function missing(text: string, settings: readonly [path: string, value: unknown][]): string[] {
  const lines = settings.map(([path, value]) => `\n| \`${path}\` | ${shown(value) ?? ""}`);
  return lines.filter((line) => !text.includes(line)).map((line) => line.trim());
}

describe("docs/cache.md", () => {
  test("names every setting of the cache with its default", () => {
    const settings = settingsOf(cacheSchema, cacheSchema.parse({}));
    assert.ok(settings.length > 25);
    assert.deepEqual(missing(CACHE, settings), [], "correct its line in docs/cache.md");
  });
});

describe("docs/routing.md", () => {
  test("names every setting of routing with its default", () => {
    const { default_tier: _, embeddings_tier: __, ...defaults } = routingSchema.parse(REQUIRED);
    const settings = settingsOf(routingSchema, defaults);
    assert.ok(settings.length > 15);
    assert.deepEqual(missing(ROUTING, settings), [], "correct its line in docs/routing.md");
  });

  test("names every condition of a rule", () => {
    const { when } = routingSchema.shape.rules.unwrap().element.shape;
    const unnamed = Object.keys(when.shape).filter((name) => !new RegExp(`^\\|.*\`${name}\`.*\\|`, "m").test(ROUTING));
    assert.deepEqual(unnamed, []);
  });

  test("names everything that a tier may be decided by", () => {
    assert.deepEqual(
      decisionField.shape.by.options.filter((by) => !ROUTING.includes(`\`${by}\``)),
      [],
    );
  });

  test("shows rules and shadows that the settings take", () => {
    const examples = [...ROUTING.matchAll(/```yaml\nrouting:\n([\s\S]*?)```/g)].map(([, example = ""]) => example);
    assert.equal(examples.length, 2);
    for (const example of examples) {
      const text = read("sluice.yaml")
        .replace("\nrouting:\n", `\nrouting:\n${example}`)
        .replace("\ntenants:\n", "\ntenants:\n  acme: { plan: default }\n");
      assert.doesNotThrow(() => parseSettings(text, "example"), example);
    }
  });

  test("tells the score of its example rightly", () => {
    const text = /"(Prove that [^"]+)" has (\d\.\d+):/.exec(ROUTING);
    const [, prompt = "", score] = text ?? [];
    const judged = complexityOf({ text: prompt, chars: prompt.length, turns: 1, features: ["chat"] });
    assert.equal(String(judged.score), score);
    assert.ok(ROUTING.includes(`"chars": ${prompt.length}, "turns": 1`));
    for (const [part, value] of Object.entries(judged.parts)) assert.ok(ROUTING.includes(`"${part}": ${value}`), part);
  });
});
