/** What the pages point at is there: files behind links, and settings by their name. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseSettings } from "../../libs/shared/config/parse.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const PAGES = ["README.md", ...globSync("docs/**/*.md", { cwd: ROOT })].map((path) => ({
  path,
  text: readFileSync(join(ROOT, path), "utf8"),
}));
const SETTINGS = parseSettings(readFileSync(join(ROOT, "sluice.yaml"), "utf8"), "sluice.yaml");

/** True when the settings have a value at the path; `<tier>` stands for any name. */
function isSetting(path: string): boolean {
  let at: unknown = SETTINGS;
  for (const step of path.split(".")) {
    if (typeof at !== "object" || at === null) return false;
    at = /^<\w+>$/.test(step) ? Object.values(at)[0] : (at as Record<string, unknown>)[step];
  }
  return at !== undefined;
}

describe("the pages", () => {
  test("were found", () => assert.ok(PAGES.length > 15));

  test("every decision is listed", () => {
    const listed = PAGES.find(({ path }) => path === "docs/decisions/README.md")?.text ?? "";
    const pages = globSync("*.md", { cwd: join(ROOT, "docs", "decisions") }).filter((page) => page !== "README.md");
    assert.deepEqual(
      pages.filter((page) => !listed.includes(`](${page})`)),
      [],
    );
  });

  for (const { path, text } of PAGES) {
    test(`${path}: every link leads to a file`, () => {
      const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link = ""]) => link);
      const broken = links.filter((link) => !existsSync(join(ROOT, dirname(path), link)));
      assert.deepEqual(broken, []);
    });

    test(`${path}: every setting that it names is one`, () => {
      const named = [...text.matchAll(/`([a-z_]+(?:\.(?:[a-z_]+|<\w+>))+)`/g)].map(([, name = ""]) => name);
      const settings = named.filter(
        (name) => Object.hasOwn(SETTINGS, name.split(".")[0] ?? "") && !name.endsWith(".ts"),
      );
      assert.deepEqual(
        settings.filter((name) => !isSetting(name)),
        [],
      );
    });

    test(`${path}: the source files that it names in passing are there`, () => {
      const named = [...text.matchAll(/`((?:libs|services|cli|tools|test|deploy|examples)\/[\w./-]+\.\w+)`/g)];
      const missing = named.map(([, file = ""]) => file).filter((file) => !existsSync(join(ROOT, file)));
      assert.deepEqual(missing, []);
    });
  }
});
