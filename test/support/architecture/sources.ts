/** The tree's own source files, with what they import: material for the rules in `rules.ts`. */
import { globSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

export type Import = {
  readonly specifier: string;
  /** The path from the root, for a relative specifier. */
  readonly path: string | undefined;
  /** Gone at run time. */
  readonly type_only: boolean;
};

export type Source = {
  /** From the root, with slashes. */
  readonly path: string;
  /** The comment that the file starts with; undefined when it starts otherwise. */
  readonly docstring: string | undefined;
  /** The text without whole-line comments. */
  readonly code: string;
  readonly lines: number;
  readonly imports: readonly Import[];
};

/** Every TypeScript file in the given folders. */
export function readSources(root: string, folders: readonly string[]): Source[] {
  return globSync(`{${folders.join(",")}}/**/*.{ts,tsx}`, { cwd: root })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => !path.includes("node_modules/"))
    .toSorted()
    .map((path) => sourceOf(path, readFileSync(join(root, path), "utf8")));
}

export function sourceOf(path: string, text: string): Source {
  const code = withoutComments(text);
  return {
    path,
    docstring: /^(?:#!.*\n)?\/\*\*[\s\S]*?\*\//.exec(text)?.[0],
    code,
    lines: text.split("\n").length - 1,
    imports: importsOf(path, code),
  };
}

/** Comments on lines of their own, which is where the formatter and our habits put them. */
function withoutComments(text: string): string {
  return text.replace(/^[ \t]*\/\*[\s\S]*?\*\/[ \t]*$/gm, "").replace(/^[ \t]*\/\/.*$/gm, "");
}

const STATIC =
  /^(?:import|export)\s+(type\s+)?(?:[\w$]+\s*,?\s*)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?)?\s*(?:from\s+)?"([^"]+)"/gm;
const DYNAMIC = /\b(?:import|require|createRequire\(import\.meta\.url\))\(\s*"([^"]+)"/g;

function importsOf(path: string, code: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, type_only: boolean): void => {
    const relative = specifier.startsWith(".");
    found.push({ specifier, path: relative ? posix.join(posix.dirname(path), specifier) : undefined, type_only });
  };
  for (const [, type, specifier = ""] of code.matchAll(STATIC)) add(specifier, type !== undefined);
  for (const match of code.matchAll(DYNAMIC)) {
    // `typeof import("x")` is a type.
    add(match[1] ?? "", /\btypeof\s+$/.test(code.slice(0, match.index)));
  }
  return found;
}
